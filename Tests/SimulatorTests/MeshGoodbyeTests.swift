import Clocks
import LISPNode
import MappingSystem
import Sessions
import Simulator
import Testing

@Suite("Meshes: a node that stops says so")
struct MeshGoodbyeTests {
    private func stop(_ machine: Int, of run: MeshRun) {
        run.world.act(on: machine) { node, now, random in
            node.handle(.stopping, at: now, using: &random)
        }
        run.world.crash(machine, unsynced: .kept)
    }

    private func formed() throws -> MeshRun {
        let run = try MeshRun.formed(3)
        run.checkReachable(within: .seconds(20))
        return run
    }

    @Test("the others know within a trip, and have it back when it is back")
    func othersKnowAtOnce() throws {
        let run = try formed()
        let notices = run.watchNotices()
        let node = try run.inside(2).id
        try #require(try run.inside(0).sessions.isEstablished(with: node))
        stop(2, of: run)
        run.world.run(for: .milliseconds(50))
        for machine in 0..<2 {
            #expect(notices.have(.memberStopped(node), of: machine))
            let core = try run.inside(machine)
            #expect(!core.sessions.isEstablished(with: node) && core.stopped == [node])
        }
        // At once: no harm.
        run.world.restart(2, .sameDisk)
        run.world.run(for: .seconds(15))
        for machine in 0..<2 {
            let core = try run.inside(machine)
            #expect(core.sessions.isEstablished(with: node) && core.stopped.isEmpty)
        }
        run.checkReachable(within: .seconds(20))
        #expect(run.converge(within: .minutes(1)), "\(run.failure)")
    }

    @Test("a goodbye of a former process, or in another's name, ends nothing")
    func lateAndForeignGoodbyes() throws {
        let run = try formed()
        let (node, old) = (try run.inside(2).id, try run.inside(2).bootID)
        run.world.restart(2, .sameDisk)
        run.world.run(for: .seconds(15))
        let present = try run.inside(2).bootID
        try #require(present != old)
        for (sender, bootID) in [(2, old), (1, present), (1, old)] {
            try run.say(
                .control(MeshMessage.goodbye(bootID: bootID).octets), from: sender, to: 0)
            run.world.run(for: .milliseconds(50))
            let core = try run.inside(0)
            #expect(core.sessions.isEstablished(with: node) && core.stopped.isEmpty)
            #expect(core.sessions.isEstablished(with: try run.inside(1).id))
        }
    }

    @Test("a goodbye that is lost is no worse than a crash")
    func lostGoodbye() throws {
        let run = try formed()
        let node = try run.inside(2).id
        let cut = run.world.partition([[0, 1], [2]])
        stop(2, of: run)
        run.world.run(for: .seconds(5))
        run.world.mend(cut)
        #expect(try run.inside(0).sessions.isEstablished(with: node))
        run.world.restart(2, .sameDisk)
        run.checkReachable(within: .seconds(40))
        #expect(run.converge(within: .minutes(1)), "\(run.failure)")
    }

    @Test("a node that said goodbye says and does nothing more")
    func nothingAfterGoodbye() throws {
        let run = try formed()
        var node = run.world.members[2]
        var random = SystemRandomNumberGenerator()
        let now = run.world.now(of: 2)
        let last = node.handle(.stopping, at: now, using: &random)
        #expect(last.count == 2 && node.nextDeadline == .never)
        #expect(node.handle(.deadline, at: now, using: &random).isEmpty)
        #expect(node.handle(.command(.leave, 1), at: now, using: &random).isEmpty)
    }
}
