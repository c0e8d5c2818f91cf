import Clocks
import LISP
import LISPNode

extension Scenario {
    /// How many events of real nodes one core handles.
    static let throughput = Scenario(
        "throughput", "a mesh under load: how many events of real nodes a second", nodes: 32,
        minutes: 1
    ) { options in
        var plan = MeshRun.Plan(seed: options.seed)
        plan.nodes = options.nodes
        let run = MeshRun(plan)
        run.world.hooks.line = options.line
        return run.bear(Load(), for: .minutes(options.minutes))
    }
}

/// What everybody does all the time in a mesh under load.
struct Load {
    /// Every node sends one packet, to each of the others in turn.
    var packets = Span.milliseconds(1)
    /// Somebody registers one more EID, and everybody must learn it.
    var changes = Span.milliseconds(200)
}

extension MeshRun {
    /// Forms a mesh and lets it bear a load. Only the time under load is measured, with nobody
    /// watching; the checker looks at everything again behind it.
    func bear(_ load: Load, for span: Span) -> Scenario.Outcome {
        guard form(), converge(within: .minutes(5)) else { return Scenario.Outcome(world) }
        // Everybody has a session with everybody.
        checkReachable(within: .minutes(1))
        checker.isWatching = false
        var delivered = 0
        world.hooks.deliver = { _, _, _, _ in delivered += 1 }
        var registered = 0
        world.hooks.answer = { _, _, answer, _ in
            if case .registered(_, others: 1...) = answer { registered += 1 }
        }
        let (sent, isOver) = beginLoad(load)
        let (before, begin) = (world.events, ProcessCost.seconds)
        world.run(for: span)
        let seconds = ProcessCost.seconds - begin
        let events = world.events - before
        isOver.value = true
        checker.isWatching = true
        world.run(for: .seconds(5))
        if delivered != sent.value {
            world.fail("\(delivered) of \(sent.value) packets came out")
        }
        if converge(within: .minutes(2)) { checker.checkEqual(members) }
        var outcome = Scenario.Outcome(world)
        outcome.figures = [
            "under load: \(events) events, of them \(2 * sent.value) are packets in and out;"
                + " \(registered) registrations",
            "            \(Int(Double(events) / seconds)) events/s of one core",
            "peak resident memory: \(ProcessCost.peakMemory >> 20) MiB",
        ]
        return outcome
    }

    private func beginLoad(_ load: Load) -> (sent: Box<Int>, isOver: Box<Bool>) {
        let (sent, isOver) = (Box(0), Box(false))
        let members = members
        let packets = members.map { from in
            members.filter { $0 != from }.compactMap { packet(from: from, to: $0) }
        }
        world.every(load.packets) { world in
            guard !isOver.value else { return }
            for (place, machine) in members.enumerated() where !packets[place].isEmpty {
                let packet = packets[place][sent.value / members.count % packets[place].count]
                world.inject(packet: packet, instance: 0, at: machine)
                sent.value += 1
            }
        }
        var instance: UInt32 = 0
        world.every(load.changes) { [unowned self] world in
            guard !isOver.value else { return }
            let machine = chance.pick(members)
            guard let core = core(machine) else { return }
            instance += 1
            let eid = core.mesh.cryptoEID(of: core.key.publicKey, instance: instance)
            world.tell(machine, .register(eid, ttl: 60))
        }
        return (sent, isOver)
    }

    private func packet(from machine: Int, to other: Int) -> [UInt8]? {
        guard let source = core(machine)?.cryptoAddress,
            let destination = core(other)?.cryptoAddress
        else { return nil }
        return TestPacket(from: source, to: destination, number: 0).octets
    }
}

/// What two closures share.
private final class Box<Value> {
    var value: Value
    init(_ value: Value) { self.value = value }
}
