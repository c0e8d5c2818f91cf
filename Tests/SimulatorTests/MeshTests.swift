import Clocks
import LISP
import LISPNode
import MappingSystem
import Simulator
import Testing

/// Whole meshes under everything that goes wrong at once. A seed that fails is replayed by
/// `swift run whither-sim --scenario mesh --nodes 5 --minutes 2 --seed N`.
@Suite("Meshes under faults")
struct MeshTests {
    @Test("A mesh works, suffers, heals and is whole", arguments: UInt64(1)...6)
    func suffers(seed: UInt64) {
        var plan = MeshRun.Plan(seed: seed)
        plan.nodes = 5
        let run = MeshRun(plan)
        run.suffer(.random(seed: seed), for: .minutes(2))
        #expect(run.world.failure == nil, "\(run.world.failure?.description ?? "")")
        // A run in which nothing happened proves nothing.
        #expect(run.checker.checks.records > 20 && run.checker.checks.sealed > 100)
        #expect(run.checker.checks.delivered > 10)
    }

    @Test("A fault script: what was answered holds, all are equal, everybody reaches everybody")
    func scripted() {
        var answered = (invites: 0, revocations: 0, joins: 0)
        for seed in [UInt64](1...11) + [21] {
            let script = FaultScript(seed: seed)
            let (run, deeds) = MeshRun.play(script)
            #expect(run.world.failure == nil, "\(script)\(run.failure)")
            answered.invites += deeds.invites.count
            answered.revocations += deeds.isRevoked ? 1 : 0
            answered.joins += deeds.hasJoined ? 1 : 0
        }
        // Where nothing was answered nothing could be lost.
        #expect(
            answered.invites > 30 && answered.revocations > 6 && answered.joins > 4,
            "\(answered)")
    }

    @Test("Equal seeds make equal histories")
    func repeats() {
        func hash(_ seed: UInt64) -> UInt64 {
            var plan = MeshRun.Plan(seed: seed)
            plan.nodes = 3
            let run = MeshRun(plan)
            run.suffer(.random(seed: seed), for: .seconds(20))
            return run.world.traceHash
        }
        #expect(hash(3) == hash(3))
        #expect(hash(3) != hash(4))
    }

    @Test("Two halves with changes in both are equal again soon after they meet")
    func split() throws {
        let scenario = try #require(Scenario.named("split"))
        let outcome = scenario.run(.init(seed: 2, nodes: 6, minutes: 8))
        #expect(outcome.failure == nil, "\(outcome.failure?.description ?? "")")
    }

    @Test("A change reaches everybody at once")
    func spread() throws {
        let scenario = try #require(Scenario.named("spread"))
        let outcome = scenario.run(.init(seed: 1, nodes: 6, minutes: 1))
        #expect(outcome.failure == nil, "\(outcome.failure?.description ?? "")")
    }

    /// A second layer (RFC 9962 §4.4): its members register its group in the mesh.
    @Test("A packet to a group reaches those who registered it, and nobody else")
    func groups() throws {
        var plan = MeshRun.Plan(seed: 9)
        plan.nodes = 4
        let run = MeshRun(plan)
        try #require(run.form())
        let group = try #require(IPv6Address("ff38:30:fd00::7"))
        let eid = try #require(PushGroup.eid(of: group))
        for machine in [1, 2] {
            guard case .registered(_, let others) = run.ask(machine, .register(eid, ttl: 60)) else {
                Issue.record("node \(machine) could not register the group")
                return
            }
            #expect(others > 0)
        }
        run.world.run(for: .seconds(2))
        guard case .found(.shared(let receivers)) = run.ask(3, .lookup(eid)) else {
            Issue.record("the group has no list")
            return
        }
        #expect(receivers.count == 2)
        var heard: Set<Int> = []
        run.world.hooks.deliver = { _, machine, _, _ in heard.insert(machine) }
        let source = try #require(run.core(3)?.cryptoAddress)
        let packet = TestPacket(from: source, to: group, number: 1)
        run.world.inject(packet: packet.octets, instance: 0, at: 3)
        run.world.run(for: .seconds(2))
        #expect(heard == [1, 2])
        #expect(run.world.failure == nil)
    }

    @Test("while a small mesh forms, what a signer tells everybody is passed on by nobody")
    func formingTraffic() throws {
        // Twice as much if whoever lacks a node record passes everything on.
        let run = try MeshRun.formed(20)
        run.world.run(for: .seconds(20) - run.world.elapsed)
        let sent = (0..<20).reduce(0) { $0 + run.world.traffic(of: $1).datagramsOut }
        #expect(sent > 5_000 && sent < 20_000, "\(sent)")
    }
}
