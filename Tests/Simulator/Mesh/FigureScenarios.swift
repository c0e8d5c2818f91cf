import Clocks
import LISP
import LISPNode
import Mappings

// What the mesh is measured by. Each fails if its bound is not kept, and prints what it measured.
extension Scenario {
    static let split = Scenario(
        "split", "20 % loss, an hour in two halves, changes in both: equal within 60 s of the heal",
        nodes: 50, minutes: 60
    ) { options in
        let run = MeshRun(options, formation: .minutes(10))
        let world = run.world
        guard run.form() else { return Outcome(world) }
        world.run(for: .minutes(1))
        world.link.loss = .percent(20)
        world.link.jitter = .milliseconds(40)
        let middle = options.nodes / 2
        let split = world.partition([
            [Int](0..<middle), [Int](middle..<options.nodes),
        ])
        var work = MeshWork()
        work.pause = .seconds(20)
        work.revocations = 0
        run.beginWork(work)
        world.run(for: .minutes(options.minutes))
        run.endWork()
        let differed = !run.checker.areEqual(run.members)
        let healed = world.elapsed
        world.mend(split)
        let isEqual = run.converge(within: .seconds(60))
        let took = (world.elapsed - healed).milliseconds / 1000
        if isEqual { run.checkServed() }
        return Outcome(
            world,
            figures: [
                "split: \(options.nodes) nodes, \(differed ? "different" : "equal") before the heal, "
                    + (isEqual ? "equal \(took) s after it" : "not equal 60 s after it")
            ])
    }

    static let spread = Scenario(
        "spread",
        "a change reaches 99 % of the members within 1.5 times the one-way delay at 1 % loss",
        nodes: 32, minutes: 10
    ) { options in
        let run = MeshRun(options, formation: .minutes(5))
        let world = run.world
        guard run.form() else { return Outcome(world) }
        world.run(for: .minutes(2))
        let delay = Span.milliseconds(50)
        world.link.delay = delay
        world.link.loss = .percent(1)
        var reached = 0
        var expected = 0
        var machine = 0
        let end = world.elapsed + .minutes(options.minutes)
        while world.elapsed < end, world.failure == nil {
            machine = (machine + 1) % options.nodes
            let core = run.core(machine)
            let before = core.flatMap { $0.records.record($0.cryptoEID, by: $0.key.publicKey) }
            guard let core, let before else { break }
            // Its address changes, and so its records. The disk takes up to 5 ms.
            let moved = IPv4Address(
                rawValue: 0x6440_0000 + UInt32(machine) << 8 + UInt32(expected & 0x7F) + 1)
            world.setAddresses([.ipv4(moved)], of: machine)
            world.run(
                until: { _ in
                    run.core(machine)?.records.record(core.cryptoEID, by: core.key.publicKey)
                        != before
                }, within: .seconds(1), every: .milliseconds(1))
            world.run(for: delay * 3 / 2)
            for other in run.members where other != machine {
                expected += 1
                let there = run.core(other)?.records.record(core.cryptoEID, by: core.key.publicKey)
                if let there, there.signature.sequence > before.signature.sequence { reached += 1 }
            }
            world.run(for: .seconds(5))
        }
        let share = expected == 0 ? 0 : reached * 10_000 / expected
        if share < 9_900 { world.fail("only \(share / 100) % of the members were reached in time") }
        return Outcome(
            world,
            figures: [
                "spread: \(reached) of \(expected) (member, change) pairs within 75 ms at 50 ms one way: "
                    + "\(share / 100).\(share % 100 < 10 ? "0" : "")\(share % 100) %"
            ])
    }

    static let quiet = Scenario(
        "quiet", "a quiet mesh of 32 members costs each under 2 kbit/s in each direction",
        nodes: 32, minutes: 30
    ) { options in
        let run = MeshRun(options, formation: .minutes(5))
        let world = run.world
        guard run.form() else { return Outcome(world) }
        world.run(for: .minutes(3))
        let before = (0..<options.nodes).map { world.traffic(of: $0) }
        world.run(for: .minutes(options.minutes))
        let seconds = UInt64(options.minutes) * 60
        let rates = (0..<options.nodes).map { machine -> (UInt64, UInt64) in
            let now = world.traffic(of: machine)
            return (
                (now.wireOctetsIn - before[machine].wireOctetsIn) * 8 / seconds,
                (now.wireOctetsOut - before[machine].wireOctetsOut) * 8 / seconds
            )
        }
        let worst = max(rates.map(\.0).max() ?? 0, rates.map(\.1).max() ?? 0)
        let sum = rates.reduce(0) { $0 + $1.0 + $1.1 } / UInt64(2 * max(rates.count, 1))
        if worst > 2_000 { world.fail("a member needs \(worst) bit/s") }
        return Outcome(
            world,
            figures: [
                "quiet: \(options.nodes) members, bit/s of each in one direction, with UDP and IPv4 "
                    + "headers: mean \(sum), worst \(worst)"
            ])
    }
}

extension MeshRun {
    convenience init(_ options: Scenario.Options, formation: Span) {
        var plan = Plan(seed: options.seed)
        plan.nodes = options.nodes
        plan.formation = formation
        self.init(plan)
        world.hooks.line = options.line
    }
}
