import Clocks
import MappingSystem
import Simulator
import Testing
import Trust

@testable import LISPNode

@Suite("Meshes: who goes, and who comes back")
struct MeshReturnTests {
    @Test("a node that is out keeps its identity through a restart, and is in again with a grant")
    func outsiderKeepsItself() throws {
        let run = try MeshRun.formed(3) { $0.roles = Roles.admin.union(.member) }
        let guest = run.world.addMachine()
        run.world.start()
        let text = try run.invite(by: 1, seeds: [1])
        guard case .joined(let node) = run.ask(guest, .join(text, name: nil)) else {
            Issue.record("nobody lets it in: \(run.failure)")
            return
        }
        run.world.run(for: .seconds(5))
        let key = try run.inside(1).key.publicKey
        let guestKey = try run.inside(guest).key.publicKey
        _ = run.ask(0, .revoke(.key(key), reason: "", keeping: []))
        run.world.run(for: .seconds(10))
        #expect(try run.inside(0).standing.member(node) == nil)
        run.world.restart(guest, .sameDisk)
        run.world.run(for: .seconds(5))
        #expect(try run.inside(guest).key.publicKey == guestKey)
        let grant = try run.signed(.grant(Grant(to: guestKey, roles: .member)), by: run.root())
        _ = run.ask(0, .publish([grant]))
        _ = run.ask(guest, .publish([grant]))
        run.world.restart(guest, .sameDisk)
        let isBack = run.world.run(
            until: { _ in
                run.core(guest)?.member != nil && run.core(0)?.standing.member(node) != nil
            },
            within: .minutes(2))
        #expect(isBack, "\(run.failure)")
    }

    @Test("who has gone is called at once also after days, when all node records are other ones")
    func reachedAfterADay() throws {
        let run = try MeshRun.formed(3)
        run.checkReachable(within: .seconds(30))
        run.world.run(for: .hours(13))
        let nodes = try (0..<3).map { try run.inside($0).id }
        for machine in 0..<3 {
            let core = try run.inside(machine)
            for node in nodes where node != core.id {
                #expect(core.reached[node] == core.standing.member(node)?.nodeRecordStamp)
            }
        }
        let split = run.world.partition([[0], [1, 2]])
        run.world.run(for: .minutes(30))
        run.world.mend(split)
        let isMet = run.world.run(
            until: { _ in run.core(0)?.sessions.isEstablished(with: nodes[1]) == true },
            within: .seconds(12))
        #expect(isMet, "\(run.failure)")
    }

    @Test("who leaves says so twice: the first word may be lost")
    func leavesTwice() throws {
        let run = try MeshRun.formed(2)
        run.checkReachable(within: .seconds(30))
        let key = try run.inside(1).key.publicKey
        let split = run.world.partition([[0], [1]])
        _ = run.world.tell(1, .leave)
        run.world.run(for: .milliseconds(1))
        run.world.mend(split)
        run.world.run(for: .seconds(1))
        #expect(try run.inside(0).standing.isRevoked(key), "\(run.failure)")
    }

    @Test("a stated time counts, whether it comes before its steward or after")
    func timeBeforeItsSteward() throws {
        let run = try MeshRun.formed(2)
        let other = try run.inside(1).key.publicKey
        let now = try run.inside(0).clock.time(at: run.world.now(of: 0))
        let stamp = now + 60_000
        let root = try run.root()
        var first = Grant(to: other, roles: .steward)
        first.notAfter = now + 1
        let mesh = try run.inside(0).mesh
        let early = try TrustObject(
            signing: Statement(.grant(first), stamp: now - 1000), by: root, in: mesh)
        let time = try run.inside(1).stated(at: stamp)
        let steward = try run.signed(.grant(Grant(to: other, roles: .steward)), by: root)
        for object in [early, time] { _ = run.ask(0, .publish([object])) }
        run.world.run(for: .seconds(2))
        // It waits in the set, and with the node's clock.
        #expect(try run.inside(0).times == [other: stamp])
        _ = run.ask(0, .publish([steward]))
        run.world.run(for: .seconds(2))
        #expect(try run.inside(0).times == [:])
    }
}

extension Core {
    /// A time by this node's key.
    fileprivate func stated(at stamp: UInt64) throws -> TrustObject {
        try TrustObject(signing: Statement(.time, stamp: stamp), by: key, in: mesh)
    }
}
