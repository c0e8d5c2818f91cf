package import Clocks
import LISPNode

extension Scenario {
    /// A whole mesh under all faults, then healed.
    static let mesh = Scenario(
        "mesh", "a mesh forms, works and suffers; healed, all hold the same", nodes: 6, minutes: 10
    ) { options in
        var plan = MeshRun.Plan(seed: options.seed)
        plan.nodes = options.nodes
        let run = MeshRun(plan)
        run.world.hooks.line = options.line
        run.suffer(.random(seed: options.seed), for: .minutes(options.minutes))
        return Outcome(run.world)
    }
}

extension MeshRun {
    /// The whole of a run: a mesh forms, works under faults, is healed, and must be whole again.
    package func suffer(_ faults: Faults, for span: Span) {
        guard form() else { return }
        beginWork()
        world.run(for: .seconds(20))
        world.apply(faults)
        world.run(for: span)
        endWork()
        world.heal()
        rejoinTheLost()
        world.run(for: .seconds(30))
        guard converge(within: .minutes(15)) else { return }
        checker.sweep()
        checkServed()
        checkReachable(within: .minutes(2))
        guard converge(within: .minutes(5)) else { return }
        checker.checkEqual(honest)
    }
}
