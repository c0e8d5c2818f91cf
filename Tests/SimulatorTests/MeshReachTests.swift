import Clocks
import LISPNode
import Simulator
import Testing

@Suite("Meshes: who has applied a revocation")
struct MeshReachTests {
    @Test("a member that has not heard of it is not counted, whatever it says of what it holds")
    func summaryOfBefore() throws {
        let run = try MeshRun.formed(4)
        // It is heard, and hears nothing.
        for machine in [0, 1, 3] { run.world.clog(from: machine, to: 2) }
        run.revoke(3, by: 0)
        let member = try run.inside(2).id
        // Several rounds of its summaries, before its sessions end.
        for second in 1...40 {
            run.world.run(for: .seconds(1))
            let missing = try run.inside(0).withoutRevocations().map(\.id)
            #expect(missing == [member], "after \(second) s")
        }
        for machine in [0, 1, 3] { run.world.unclog(from: machine, to: 2) }
        let hears = run.world.run(
            until: { _ in (try? run.inside(0).withoutRevocations().isEmpty) ?? false },
            within: .minutes(2))
        #expect(hears, "\(run.failure)")
    }
}
