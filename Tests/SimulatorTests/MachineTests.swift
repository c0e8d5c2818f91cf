import Clocks
import LISPNode
import Sessions
import Simulator
import Testing

@Suite("Simulated machines")
struct MachineTests {
    // MARK: - Clocks

    @Test("a clock can be off, step, freeze and drift")
    func clocks() {
        let world = World.ofProbes(2)
        let begin = world.milliseconds
        world.stepClock(of: 1, by: .minutes(-10))
        world.setDrift(of: 0, partsPerMillion: 500)
        world.run(for: .hours(1))
        #expect(world.now(of: 1).clock.milliseconds == begin + 3_000_000)
        #expect(world.now(of: 0).clock.milliseconds == begin + 3_601_800)
        #expect(world.now(of: 0).moment == Moment(microseconds: 3_601_800_000))
        #expect(world.now(of: 1).moment == Moment(microseconds: 3_600_000_000))
        world.freezeClock(of: 1)
        world.run(for: .hours(1))
        #expect(world.now(of: 1).clock.milliseconds == begin + 3_000_000)
        world.freezeClock(of: 1, false)
        world.run(for: .seconds(1))
        #expect(world.now(of: 1).clock.milliseconds == begin + 3_001_000)
        #expect(world.milliseconds == begin + 7_201_000)
    }

    @Test("without a battery each loss of power begins in 1970; crashes of the process do not")
    func battery() {
        let world = World.ofProbes(1)
        world.setClock(of: 0, .withoutBattery())
        world.run(for: .minutes(1))
        world.crash(0)
        world.run(for: .minutes(1))
        world.start(0)
        #expect(world.now(of: 0).clock == ClockReading(milliseconds: 120_000, quality: .none))
        world.losePower(0)
        world.run(for: .seconds(5))
        #expect(world.now(of: 0).clock.milliseconds == 5000)
        world.losePower(0)
        world.start(0)
        #expect(world.now(of: 0).moment == .start && world.now(of: 0).clock.quality == .none)
    }

    @Test(
        "deadlines come when the node's own clock says, never before",
        arguments: [-500, -1, 0, 3, 500])
    func deadlines(partsPerMillion: Int) {
        let world = World.ofProbes(1, interval: .seconds(1))
        world.setDrift(of: 0, partsPerMillion: partsPerMillion)
        var moments: [Moment] = []
        world.hooks.beforeEvent = { _, _, _, now in moments.append(now.moment) }
        world.run(for: .seconds(100))
        #expect((99...100).contains(moments.count))
        for (number, moment) in moments.enumerated() {
            let exact = Int64(number + 1) * 1_000_000
            #expect((exact...exact + 2 * Int64(number + 1)).contains(moment.microseconds))
        }
    }

    @Test("a node that wants its deadline for ever at one moment is a failure")
    func standstill() {
        let world = World.ofProbes(2, interval: .zero)
        world.run(for: .seconds(1))
        #expect(
            world.failure?.reason.hasPrefix("node 0 wants its deadline again and again") == true)
    }

    // MARK: - Processes

    @Test("a pause delays everything and then there is a burst, in order")
    func pause() {
        let world = World.ofProbes(2, interval: .seconds(1))
        world.pause(1, for: .seconds(20))
        for number in 0..<10 {
            world.send(number)
            world.run(for: .seconds(1))
        }
        #expect(world.members[1].received.isEmpty)
        world.run(for: .milliseconds(10_500))
        #expect(world.numbers() == Array(0..<10))
        #expect(
            world.members[1].received.allSatisfy { $0.moment == Moment(microseconds: 20_000_000) })
        #expect(world.members[1].kinds.filter { $0 == "deadline" }.count == 1)
        #expect(world.peaks.backlog == 10)
    }

    @Test("a sleeping machine hears nothing, and its monotone clock stands still")
    func sleep() {
        let world = World.ofProbes(2, interval: .seconds(10))
        world.run(for: .seconds(5))
        let before = world.now(of: 1).clock.milliseconds
        world.sleep(1, for: .minutes(1))
        world.stream(10)
        world.run(for: .seconds(54))
        #expect(world.members[1].received.isEmpty && world.drops(.down) == 10)
        world.run(for: .seconds(2))
        #expect(world.now(of: 1).clock.milliseconds - before == 61_010)
        #expect(world.now(of: 1).moment.microseconds == 6_010_000)
        #expect(!world.members[1].kinds.contains("deadline"))
        world.run(for: .seconds(4))
        #expect(world.members[1].kinds.contains("deadline"))

        world.sleep(1, for: .minutes(1))
        world.run(for: .milliseconds(500))
        world.sleep(1, for: .hours(1))
        world.setDrift(of: 1, partsPerMillion: 0)
        world.run(for: .milliseconds(500))
        world.heal()
        world.send(7)
        world.run(for: .seconds(1))
        #expect(world.numbers() == [7])
        #expect(world.now(of: 1).moment.microseconds == 11_010_000)
        let deadlines = world.members[1].kinds.filter { $0 == "deadline" }.count
        world.run(for: .seconds(10))
        #expect(world.members[1].kinds.filter { $0 == "deadline" }.count == deadlines + 1)
    }

    @Test("the socket's buffer is finite")
    func fullBuffer() {
        let world = World.ofProbes(2)
        world.pause(1, for: .seconds(60))
        world.stream(3000)
        world.run(for: .minutes(1))
        #expect(
            world.drops(.backlog) == 3000 - world.numbers().count && world.numbers().count == 1024)
    }

    @Test("a slow machine takes its time for each event")
    func slow() {
        let world = World.ofProbes(2)
        world.slow(1, .milliseconds(100))
        for number in 0..<5 { world.send(number) }
        world.run(for: .seconds(1))
        let moments = world.members[1].received.map(\.moment.microseconds)
        #expect(moments == [10_000, 110_000, 210_000, 310_000, 410_000])
    }

    @Test("a restart begins at moment 0 with what the disk holds")
    func restart() {
        let world = World.ofProbes(1, interval: .seconds(1))
        world.run(for: .seconds(10))
        write([1: 1], world)
        world.run(for: .seconds(1))
        world.crash(0)
        world.run(for: .seconds(10))
        let events = world.events
        world.start(0)
        #expect(world.now(of: 0).moment == .start && world.members[0].restart == .sameDisk)
        #expect(world.members[0].disk == [[1]: [1]])
        world.run(for: .milliseconds(1500))
        #expect(world.events == events + 3)
        #expect(world.members[0].kinds == ["start", "deadline"])
    }

    @Test("a crash can come between any two effects of an event")
    func effectBoundaries() {
        var seen: Set<Int> = []
        for seed in UInt64(1)...60 {
            let world = World.ofProbes(2, seed: seed)
            let peer = world.members[0].peers[1]
            let effects = (0..<4).map {
                Effect.send(Datagram(World.numbered($0), on: .control, remote: peer))
            }
            prepare(effects, world)
            world.crashAtNextEvent(0)
            #expect(world.isRunning(0))
            world.inject(packet: [], instance: 99, at: 0)
            #expect(!world.isRunning(0))
            world.run(for: .seconds(1))
            #expect(world.numbers() == Array(0..<world.numbers().count))
            seen.insert(world.numbers().count)
        }
        #expect(seen == [0, 1, 2, 3, 4])
    }

    // MARK: - Disks

    /// Hands the node effects which its next packet to nobody makes it return.
    private func prepare(_ effects: [Effect], _ world: World<Probe>) {
        world.withMember(0) { $0.effects = effects }
    }

    private func write(_ values: [(UInt8, UInt8)], batch: UInt64 = 1, _ world: World<Probe>) {
        prepare([.write(values.map { DiskWrite([$0.0], [$0.1]) }, batch: batch)], world)
        world.inject(packet: [], instance: 99, at: 0)
    }

    private func write(_ values: KeyValuePairs<UInt8, UInt8>, _ world: World<Probe>) {
        write(values.map { ($0.key, $0.value) }, world)
    }

    @Test("writes are durable after a while, in order, and only then is the node told")
    func durable() {
        let world = World.ofProbes(1)
        world.setDiskDelay(of: 0, .seconds(1))
        for batch in UInt64(1)...3 {
            write([(UInt8(batch), 7)], batch: batch, world)
            world.setDiskDelay(of: 0, .milliseconds(1))
        }
        world.run(for: .milliseconds(900))
        #expect(world.members[0].written.isEmpty && world.disk(of: 0).durable.isEmpty)
        world.run(for: .milliseconds(101))
        #expect(world.members[0].written == [1, 2, 3] && world.disk(of: 0).durable.count == 3)
    }

    @Test(
        "at a crash unsynced writes are lost, torn or kept",
        arguments: SimulatedDisk.CrashOutcome.allCases)
    func unsynced(outcome: SimulatedDisk.CrashOutcome) {
        var seen: Set<[UInt8]> = []
        for seed in UInt64(1)...60 {
            let world = World.ofProbes(1, seed: seed)
            write([(9, 9)], batch: 1, world)
            world.run(for: .seconds(1))
            write([(1, 1), (2, 1), (3, 1)], batch: 2, world)
            write([(4, 1)], batch: 3, world)
            world.crash(0, unsynced: outcome)
            world.run(for: .seconds(1))
            world.start(0)
            world.run(for: .seconds(1))
            #expect(world.members[0].disk[[9]] == [9] && world.members[0].written.isEmpty)
            seen.insert(world.members[0].disk.keys.map { $0[0] }.filter { $0 != 9 }.sorted())
        }
        switch outcome {
        case .lost: #expect(seen == [[]])
        case .torn: #expect(seen == [[], [1], [1, 2], [1, 2, 3]])
        case .kept: #expect(seen == [[1, 2, 3, 4]])
        }
    }

    @Test("a restart can have an old disk or none")
    func oldDisks() {
        let world = World.ofProbes(1)
        for value in UInt8(1)...3 {
            write([(1, value)], batch: UInt64(value), world)
            world.run(for: .minutes(1))
            if value < 3 { world.takeSnapshot(of: 0) }
        }
        world.restart(0, .sameDisk)
        #expect(world.members[0].disk == [[1]: [3]])
        world.restart(0, .oldDisk, snapshot: 1)
        #expect(world.members[0].disk == [[1]: [2]] && world.members[0].restart == .oldDisk)
        world.restart(0, .oldDisk)
        #expect(world.members[0].disk == [[1]: [1]])
        world.restart(0, .noDisk)
        #expect(world.members[0].disk.isEmpty && world.incarnation(of: 0) == 5)
    }

    @Test("a full disk finishes nothing until there is room")
    func fullDisk() {
        let world = World.ofProbes(1)
        world.fillDisk(of: 0)
        for batch in UInt64(1)...3 { write([(UInt8(batch), 1)], batch: batch, world) }
        world.run(for: .hours(1))
        #expect(world.members[0].written.isEmpty && world.disk(of: 0).durable.isEmpty)
        world.freeDisk(of: 0)
        world.run(for: .seconds(1))
        #expect(world.members[0].written == [1, 2, 3] && world.disk(of: 0).durable.count == 3)
    }
}
