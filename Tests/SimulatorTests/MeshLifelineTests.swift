import LISPNode
import Simulator
import Testing

@Suite("Meshes: a node whose database is lost")
struct MeshLifelineTests {
    /// In small meshes all trust objects are kept, in great ones those of this node and some friends.
    @Test(
        "comes back by its lifeline as the same node, registrations included",
        arguments: [Lifeline.fewOctets, 0])
    func comesBack(few: Int) throws {
        let run = try MeshRun.formed(8)
        let eid = try run.grantRange(to: 3)
        guard case .registered = run.ask(3, .register(eid, ttl: 10)) else {
            Issue.record("not registered: \(run.failure)")
            return
        }
        let out = try run.inside(5).key.publicKey
        guard case .signed = run.ask(0, .revoke(.key(out), reason: "lost", keeping: [])) else {
            Issue.record("not revoked: \(run.failure)")
            return
        }
        run.world.run(for: .seconds(30))
        let before = try run.inside(3)
        run.world.crash(3)
        let disk = run.world.disk(of: 3).durable
        let lifeline = Lifeline.of(disk, few: few, friends: 2)
        #expect(lifeline.count < disk.count && !lifeline.isEmpty)
        #expect(lifeline == Lifeline.of(lifeline, few: few, friends: 2), "it is its own lifeline")
        run.world.replaceDisk(of: 3, by: lifeline)
        run.world.restart(3, .sameDisk)
        // From the first moment on: the same, and nobody who is out is in again.
        let after = try run.inside(3)
        #expect(after.id == before.id && after.mesh == before.mesh)
        #expect(after.standing.isRevoked(out))
        #expect(after.partlyJoined != nil && !after.isReconciled)
        if few == 0 { #expect(after.standing.members.count < before.standing.members.count) }
        #expect(run.converge(within: .minutes(1)), "\(run.failure)")
        let end = try run.inside(3)
        #expect(end.partlyJoined == nil && end.isReconciled && !end.isSecondCopy)
        #expect(end.records.digest == (try run.inside(0).records.digest))
        #expect(end.standing.members.count == before.standing.members.count)
        for machine in [0, 3, 7] {
            #expect(try run.signer(of: eid, at: machine) == before.key.publicKey)
        }
        // What it registers after that is not older than what it said in its former life.
        guard case .registered = run.ask(3, .register(eid, ttl: 20)) else {
            Issue.record("not registered: \(run.failure)")
            return
        }
        run.world.run(for: .seconds(5))
        guard case .mapping(let served) = try run.found(eid, at: 0) else {
            Issue.record("not found")
            return
        }
        #expect(served.record.ttl == 20)
    }
}
