import Clocks
import Foundation
import Simulator
import TestKit
import Testing

@Suite("World")
struct WorldTests {
    private static func options(_ seed: UInt64) -> Scenario.Options {
        Scenario.Options(seed: seed, nodes: 7, minutes: 2)
    }

    @Test("equal seeds, equal histories; other seeds, others", arguments: UInt64(1)...5)
    func deterministic(seed: UInt64) {
        let outcome = Scenario.gossip.run(Self.options(seed))
        #expect(Scenario.gossip.run(Self.options(seed)).traceHash == outcome.traceHash)
        #expect(Scenario.gossip.run(Self.options(seed + 1)).traceHash != outcome.traceHash)
        #expect(outcome.failure == nil, "\(outcome.failure.map { "\($0)" } ?? "")")
        #expect(outcome.events > 500)
    }

    @Test("what one node draws shifts nobody else's draws")
    func independentDraws() {
        func numbers(extra: Int) -> [Int?] {
            let world = World.ofProbes(4)
            world.link.loss = .percent(50)
            for number in 0..<100 {
                world.send(number)
                for _ in 0..<extra { world.send(number, from: 2, to: 3) }
            }
            world.run(for: .seconds(1))
            return world.numbers()
        }
        #expect(numbers(extra: 0) == numbers(extra: 3))
    }

    @Test("every event, datagram and end of a process is seen; the first failure ends the run")
    func hooks() {
        let world = World.ofProbes(2, interval: .seconds(1))
        var seen: [String: Int] = [:]
        world.hooks.beforeEvent = { _, _, _, _ in seen["before", default: 0] += 1 }
        world.hooks.afterEvent = { world, _, _, _, _ in
            seen["after", default: 0] += 1
            if world.time >= 3_000_000 { world.fail("three seconds") }
        }
        world.hooks.sent = { _, _ in seen["sent", default: 0] += 1 }
        world.hooks.delivered = { _, packet, to in
            seen["delivered", default: 0] += 1
            #expect(packet.sender == 0 && to == 1)
        }
        world.hooks.dropped = { _, _, reason in seen["dropped \(reason)", default: 0] += 1 }
        world.send(1)
        world.run(for: .milliseconds(500))
        world.partition([[0], [1]])
        world.send(2)
        world.run(for: .hours(1))
        #expect(world.elapsed == .seconds(3) && world.failure?.reason == "three seconds")
        #expect(seen["sent"] == 2 && seen["delivered"] == 1 && seen["dropped partition"] == 1)
        #expect(seen["before"] == seen["after"])
        let last = world.failure?.lastEvents.last ?? ""
        #expect(last == "3.000000 s  node 0: deadline")
        #expect(world.failure?.lastEvents.contains { $0.contains("lost (partition), to") } == true)
    }

    @Test("healing ends every fault", arguments: UInt64(1)...20)
    func heal(seed: UInt64) {
        let world = World.ofProbes(5, seed: seed, interval: .seconds(1))
        world.apply(.random(seed: seed))
        for number in 0..<300 {
            world.send(number, from: number % 5, to: (number + 1) % 5)
            world.run(for: .seconds(1))
        }
        world.heal()
        world.run(for: .seconds(1))
        let drops = world.drops
        let before = (0..<5).map { world.members[$0].received.count }
        for machine in 0..<5 {
            #expect(world.isRunning(machine), "seed \(seed)")
            let home = World<Probe>.defaultAddress(of: machine)
            world.setAddresses([home], of: machine)
            if world.now(of: machine).clock.quality != .none {
                let off =
                    Int64(world.now(of: machine).clock.milliseconds) - Int64(world.milliseconds)
                #expect(abs(off) <= 1, "seed \(seed)")
            }
        }
        for number in 0..<100 {
            world.send(number, from: number % 5, to: (number + 1) % 5)
            world.run(for: .seconds(1))
        }
        for machine in 0..<5 {
            #expect(world.members[machine].received.count - before[machine] == 20, "seed \(seed)")
        }
        #expect(
            zip(world.drops, drops).enumerated().allSatisfy {
                $0.element.0 == $0.element.1 || $0.offset == Int(DropReason.healed.rawValue)
            }, "seed \(seed)")
    }

    @Test("each kind of fault is off in some runs and on in others")
    func swarm() {
        let drawn = (UInt64(1)...64).map { Faults.random(seed: $0) }
        let isOn: [(Faults) -> Bool] = [
            { $0.link.loss != .never }, { $0.link.replay != .never }, { $0.link.flip != .never },
            { $0.link.mtu < 65_535 }, { $0.outsider != .absent }, { $0.crashes != nil },
            { $0.oldDisk != .never }, { $0.noDisk != .never }, { $0.pauses != nil },
            { $0.partitions != nil }, { $0.swizzles != nil }, { $0.clockSteps != nil },
            { $0.withoutBattery != .never }, { $0.moves != nil }, { $0.fullDisks != nil },
        ]
        for (number, isOn) in isOn.enumerated() {
            #expect((1..<64).contains(drawn.filter(isOn).count), "fault \(number)")
        }
        #expect(Faults.random(seed: 9) == drawn[8])
    }
}

/// The program, as a process.
@Suite("The whither-sim command")
struct SimulateCommandTests {
    /// Built beside the tests.
    private static let program = URL(filePath: CommandLine.arguments[0])
        .deletingLastPathComponent().appending(path: "whither-sim").path(percentEncoded: false)

    private func simulate(_ arguments: String...) throws -> RunningProgram {
        try RunningProgram.run(Self.program, arguments)
    }

    private func trace(_ run: RunningProgram) -> Substring? {
        run.output.split(separator: "trace ").last
    }

    @Test("equal seeds have equal trace hashes in two processes, and in this one")
    func twoProcesses() throws {
        let arguments = ["--seed", "11", "--nodes", "7", "--minutes", "2"]
        let runs = try (0..<2).map { _ in try RunningProgram.run(Self.program, arguments) }
        #expect(runs[0].status == 0 && runs[0].errors.isEmpty)
        #expect(trace(runs[0]) != nil && trace(runs[0]) == trace(runs[1]))
        let here = Scenario.gossip.run(Scenario.Options(seed: 11, nodes: 7, minutes: 2)).traceHash
        #expect(
            trace(runs[0]).map { $0.filter { !$0.isNewline } }.map { UInt64($0, radix: 16) } == here
        )
    }

    @Test("a wrong node is caught, printed with its last events and a command that replays it")
    func wrongToy() throws {
        let run = try simulate("--scenario", "gossip-wrong", "--seeds", "1..<9", "--jobs", "2")
        #expect(run.status == 1)
        let replay = try #require(
            run.output.split(separator: "\n").first { $0.hasPrefix("replay: ") })
        #expect(replay.contains(" whither-sim --scenario gossip-wrong --seed "))
        let words = replay.split(separator: " ").drop { $0 != "--scenario" }.map(String.init)
        let again = try RunningProgram.run(Self.program, words)
        #expect(again.status == 1 && again.output.contains(" believes that node "))
        #expect(again.output.contains(": datagram from 10."))
        let reason = try #require(
            again.output.split(separator: "\n").first { $0.contains(" believes that node ") })
        #expect(run.output.contains(reason))
    }

    @Test("many seeds on several processes are each run once")
    func jobs() throws {
        let run = try simulate("--seeds", "20", "--jobs", "3", "--minutes", "1", "--nodes", "3")
        #expect(run.status == 0)
        let seeds = run.output.split(separator: "\n").compactMap {
            Int($0.dropFirst(5).prefix { $0.isNumber })
        }
        #expect(seeds.sorted() == Array(1...20))
    }

    @Test("a trap ends one process alone, and its seed is told")
    func traps() throws {
        let run = try simulate(
            "--scenario", "trap", "--seeds", "1..<9", "--jobs", "2", "--keep-going")
        #expect(run.status == 1)
        let lines = run.output.split(separator: "\n")
        for seed in 1...8 {
            let word = seed % 4 == 3 ? "TRAPPED" : "fine"
            #expect(lines.contains { $0.hasPrefix("seed \(seed): \(word)") })
        }
        #expect(
            run.output.contains("planted trap")
                && run.output.contains("whither-sim --scenario trap --seed 7"))
    }

    @Test("a wrong word is refused")
    func wrongWords() throws {
        #expect(try simulate("--scenario", "nonsense").errors.contains("no scenario \"nonsense\""))
        #expect(try simulate("--seeds", "9..<3").status != 0)
        #expect(
            try simulate("--trace", "--seed", "1", "--minutes", "1").output.contains(
                "node 3: deadline"))
    }
}
