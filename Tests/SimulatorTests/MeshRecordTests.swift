import Clocks
import Cryptography
import LISP
import LISPNode
import MappingSystem
import Mappings
import Sessions
import Simulator
import Testing
import Trust

@Suite("Meshes: records and time")
struct MeshRecordTests {
    @Test("whose disk is an old copy says again, louder, what it says now")
    func meshOwnerFightsBack() throws {
        let run = try MeshRun.formed(3)
        let eid = try run.grantRange(to: 1)
        func ttl(at machine: Int) throws -> UInt32? {
            guard case .mapping(let served) = try run.found(eid, at: machine) else { return nil }
            return served.record.ttl
        }
        guard case .registered = run.ask(1, .register(eid, ttl: 10)) else {
            Issue.record("not registered: \(run.failure)")
            return
        }
        run.world.run(for: .seconds(5))
        run.world.takeSnapshot(of: 1)
        _ = run.ask(1, .register(eid, ttl: 20))
        run.world.run(for: .seconds(5))
        #expect(try ttl(at: 0) == 20)
        run.world.restart(1, .oldDisk)
        #expect(run.converge(within: .minutes(1)), "\(run.failure)")
        for machine in 0..<3 { #expect(try ttl(at: machine) == 10, "machine \(machine)") }
    }

    @Test("two copies of one identity notice each other, and stop")
    func meshTwoCopiesOfAnIdentityStop() throws {
        let run = try MeshRun.formed(3)
        let copy = run.world.addMachine()
        let notices = run.watchNotices()
        run.world.copyDisk(of: 1, to: copy)
        run.world.restart(copy, .sameDisk)
        try #require(run.core(copy)?.id == run.core(1)?.id)
        let areTold = run.world.run(
            until: { _ in
                notices.have(.secondCopy, of: 1) && notices.have(.secondCopy, of: copy)
            }, within: .seconds(40))
        #expect(areTold, "both hear of it soon")
        let eid = try run.inside(1).cryptoEID
        for machine in [1, copy] {
            #expect(try run.inside(machine).isSecondCopy, "machine \(machine)")
            #expect(run.ask(machine, .register(eid, ttl: 5)) == .failed(.secondCopy))
        }
        // Peace: the others' stores do not change any more.
        run.world.run(for: .minutes(1))
        let before = try run.inside(0)
        run.world.run(for: .minutes(1))
        #expect(try run.inside(0).records.digest == before.records.digest)
        #expect(try run.inside(0).trust.digest == before.trust.digest)
    }

    @Test(
        "a clock a quarter of an hour ahead harms only its own node, and when its time has come all is well"
    )
    func meshClockRepairRecovers() throws {
        let run = try MeshRun.formed(3) { $0.sweeps = .minutes(10) }
        let eid = try run.grantRange(to: 1)
        // It starts with it: a clock that leaps under a running node is not believed.
        run.world.crash(1)
        run.world.stepClock(of: 1, by: .minutes(14))
        run.world.start(1)
        run.world.run(for: .seconds(5))
        _ = run.ask(1, .register(eid, ttl: 60))
        run.world.run(for: .seconds(30))
        for machine in [0, 2] {
            #expect(try run.signer(of: eid, at: machine) == nil, "machine \(machine)")
            let core = try run.inside(machine)
            let off =
                Int64(core.clock.time(at: run.world.now(of: machine)))
                - Int64(run.world.milliseconds)
            #expect(abs(off) < 1000, "machine \(machine)")
            let other = try run.inside(2 - machine)
            #expect(try run.signer(of: other.cryptoEID, at: machine) == other.key.publicKey)
        }
        run.world.stepClock(of: 1, by: .minutes(-14))
        run.world.run(for: .minutes(8))
        for machine in 0..<3 {
            #expect(
                try run.signer(of: eid, at: machine) == run.inside(1).key.publicKey,
                "machine \(machine)")
        }
        #expect(run.world.failure == nil, "\(run.failure)")
    }

    @Test(
        "a clock that leaps by a year under a running node is reported, and harms nobody",
        arguments: [365, -365])
    func leapingClock(days: Int) throws {
        let run = try MeshRun.formed(3) { $0.sweeps = .minutes(10) }
        let eid = try run.grantRange(to: 1)
        let notices = run.watchNotices()
        run.world.stepClock(of: 1, by: .hours(24 * days))
        run.world.run(for: .seconds(30))
        let isSaid = notices.all.contains {
            guard case .clockDisagrees(let off) = $0.notice else { return false }
            return $0.machine == 1 && off > 364 * 86_400_000
        }
        #expect(isSaid)
        _ = run.ask(1, .register(eid, ttl: 60))
        run.world.stepClock(of: 1, by: .hours(-24 * days))
        run.world.run(for: .seconds(30))
        run.world.crash(1)
        run.world.start(1)
        run.world.run(for: .seconds(30))
        for machine in 0..<3 {
            #expect(
                try run.signer(of: eid, at: machine) == run.inside(1).key.publicKey,
                "machine \(machine)")
            let time = try run.inside(machine).clock.time(at: run.world.now(of: machine))
            #expect(abs(Int64(time) - Int64(run.world.milliseconds)) < 1000, "machine \(machine)")
        }
        run.checkReachable(within: .seconds(30))
        #expect(run.world.failure == nil, "\(run.failure)")
    }

    @Test("a sequence from the far future is kept by nobody and stands in nobody's way")
    func meshFarFutureSeqHarmsOnlyItsSigner() throws {
        let run = try MeshRun.formed(3)
        let core = try run.inside(1)
        let now = core.clock.time(at: run.world.now(of: 1))
        for sequence in [now + 700_000, now + 1 << 40, RecordSignature.maximumSequence] {
            let record = try SignedRecord(
                signing: SignedRecord.Content(
                    eid: core.cryptoEID, ttl: 1, locators: [], sequence: sequence),
                by: core.key, in: core.mesh)
            try run.say(
                .control(MeshMessage.records([record.octets]).octets), from: 1, to: 0)
        }
        run.world.run(for: .minutes(1))
        #expect(run.checker.checks.records > 0 && run.world.failure == nil, "\(run.failure)")
        run.checkReachable(within: .seconds(20))
        #expect(run.world.failure == nil, "\(run.failure)")
    }

    @Test("touches of others' records count for nothing")
    func meshTouchByOthersIgnored() throws {
        let run = try MeshRun.formed(3)
        let ids = try run.inside(1).own.published.map(RecordID.init(of:))
        run.world.crash(1)
        for _ in 0..<20 {
            run.world.run(for: .seconds(10))
            try run.say(.control(MeshMessage.touch(ids).octets), from: 2, to: 0)
        }
        run.world.run(for: .seconds(1))
        let core = try run.inside(0)
        let now = run.world.now(of: 0).moment
        #expect(!ids.isEmpty && ids.allSatisfy { core.records.contains($0) })
        #expect(!ids.contains { core.records.isTouched($0, at: now) })
        #expect(core.counters.touchesIgnored >= ids.count * 20)
        let others = try run.inside(2).own.published.map(RecordID.init(of:))
        #expect(others.allSatisfy { core.records.isTouched($0, at: now) })
    }

    @Test("what was acknowledged survives its owner, and all but one of those who hold it")
    func acknowledgedRegistrationSurvivesCrashes() throws {
        let run = try MeshRun.formed(4)
        let eid = try run.grantRange(to: 1)
        // Only machine 3's disk is quick; what the others have not written is lost.
        for machine in [0, 2] { run.world.setDiskDelay(of: machine, .seconds(20)) }
        guard case .registered(eid, let others) = run.ask(1, .register(eid, ttl: 60)) else {
            Issue.record("not registered: \(run.failure)")
            return
        }
        #expect(others == 1)
        let key = try run.inside(1).key.publicKey
        for machine in [0, 1, 2] { run.world.crash(machine, unsynced: .lost) }
        #expect(try run.signer(of: eid, at: 3) == key)
        run.world.restart(3, .sameDisk)
        for machine in [0, 2] {
            run.world.setDiskDelay(of: machine, .milliseconds(1))
            run.world.start(machine)
        }
        run.world.run(for: .minutes(1))
        for machine in [0, 2, 3] {
            #expect(try run.signer(of: eid, at: machine) == key, "machine \(machine)")
        }
        #expect(run.checker.checks.registrations > 0 && run.world.failure == nil, "\(run.failure)")
    }

    @Test("nobody is told that something is held before it is on a disk")
    func acknowledgementsWaitForTheDisk() throws {
        let run = try MeshRun.formed(3)
        let eid = try run.grantRange(to: 1)
        for machine in [0, 2] { run.world.setDiskDelay(of: machine, .seconds(3)) }
        let begin = run.world.elapsed
        guard case .registered(_, let others) = run.ask(1, .register(eid, ttl: 60)) else {
            Issue.record("not registered: \(run.failure)")
            return
        }
        #expect(others > 0 && run.world.elapsed - begin >= .seconds(3))
        #expect(run.world.failure == nil, "\(run.failure)")
    }

    @Test("a process that ends with a signed record unwritten has told nobody of it")
    func sequencesAreDurableBeforeUse() throws {
        let run = try MeshRun.formed(3)
        let eid = try run.grantRange(to: 1)
        run.world.setDiskDelay(of: 1, .seconds(20))
        _ = run.world.tell(1, .register(eid, ttl: 60))
        run.world.run(for: .seconds(5))
        for machine in [0, 2] { #expect(try run.signer(of: eid, at: machine) == nil) }
        run.world.crash(1, unsynced: .lost)
        run.world.run(for: .minutes(1))
        for machine in [0, 2] { #expect(try run.signer(of: eid, at: machine) == nil) }
    }

    @Test("boards without any clock form a mesh")
    func aMeshWithoutAnyClockForms() throws {
        var plan = MeshRun.Plan(seed: 3)
        plan.nodes = 4
        let run = MeshRun(plan)
        // Switched on at different times, and each begins in 1970.
        for machine in 0..<4 {
            run.world.setClock(of: machine, .withoutBattery(showing: Int64(machine) * 3_600_000))
        }
        try #require(run.form(), "\(run.failure)")
        #expect(run.converge(within: .minutes(2)), "\(run.failure)")
        let times = try (0..<4).map {
            try run.inside($0).clock.time(at: run.world.now(of: $0))
        }
        let (least, most) = (try #require(times.min()), try #require(times.max()))
        #expect(most - least < RecordStore.tolerance, "\(times)")
        run.checkReachable(within: .seconds(30))
        #expect(run.world.failure == nil, "\(run.failure)")
    }

    @Test("one clock that lies, and calls itself stated, moves nobody")
    func aLyingClockMovesNoMesh() throws {
        let run = try MeshRun.formed(5) { $0.sweeps = .minutes(1) }
        for machine in 0..<4 { run.world.setQuality(of: machine, machine < 2 ? .chip : .none) }
        run.world.run(for: .minutes(1))
        run.world.stepClock(of: 4, by: .hours(24 * 365))
        run.world.setQuality(of: 4, .stated)
        run.world.run(for: .minutes(4))
        for machine in 0..<4 {
            let core = try run.inside(machine)
            let time = core.clock.time(at: run.world.now(of: machine))
            let off = Int64(time) - Int64(run.world.milliseconds)
            #expect(abs(off) < 60_000, "machine \(machine) is off by \(off) ms")
        }
    }

    @Test("a member that repeats itself while the disk is full does not fill the memory")
    func repetitionWhileTheDiskIsFull() throws {
        let run = try MeshRun.formed(2)
        let core = try run.inside(1)
        let octets = try #require(core.records.record(core.cryptoEID, by: core.key.publicKey))
            .octets
        run.world.fillDisk(of: 0)
        // Something must wait for the disk; then each repetition waits behind it.
        let number = run.world.tell(0, .register(try run.inside(0).cryptoEID, ttl: 5))
        for _ in 0..<4 * Node.maximumWaiting {
            try run.say(.control(MeshMessage.records([octets]).octets), from: 1, to: 0)
            run.world.run(for: .milliseconds(1))
        }
        run.world.run(for: .seconds(1))
        var most = 0
        run.world.withMember(0) { most = $0.waiting }
        #expect(most > Node.maximumWaiting / 2 && most <= Node.maximumWaiting + 16, "\(number)")
        run.world.freeDisk(of: 0)
        #expect(run.converge(within: .minutes(1)), "\(run.failure)")
    }
}
