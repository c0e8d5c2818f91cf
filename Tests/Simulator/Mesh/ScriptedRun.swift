import Clocks
import LISP
import LISPNode
import Sessions
import Trust

extension MeshRun {
    /// What was answered while a script ran.
    package struct ScriptedDeeds: Hashable, Sendable {
        package var invites: [String] = []
        package var isRevoked = false
        package var hasJoined = false
    }

    /// Plays a script on a mesh of its size, heals the world, does what was not done, and fails the world
    /// unless all are equal, reach each other, and have what was answered.
    /// - Returns: what was answered before the end of the script.
    @discardableResult
    package static func play(_ script: FaultScript) -> (run: MeshRun, deeds: ScriptedDeeds) {
        var plan = Plan(seed: script.seed)
        plan.nodes = FaultScript.members
        plan.roles = [.member, .admitter, .inviter]
        let run = MeshRun(plan)
        guard run.form(), run.converge(within: .minutes(1)) else { return (run, ScriptedDeeds()) }
        while run.world.machineCount < FaultScript.machines {
            run.world.start(run.world.addMachine())
        }
        var scripted = ScriptedRun(run)
        return (run, scripted.play(script))
    }
}

/// A script in a world.
private struct ScriptedRun {
    let run: MeshRun
    private var world: World<Node> { run.world }
    private var open: [UInt64: FaultScript.Deed.Kind] = [:]
    private var partitions: [FaultScript.Fault: Int] = [:]
    private var deeds = MeshRun.ScriptedDeeds()

    init(_ run: MeshRun) { self.run = run }

    mutating func play(_ script: FaultScript) -> MeshRun.ScriptedDeeds {
        let start = world.elapsed
        for (time, step) in script.timeline {
            let moment = start + Span(microseconds: Int64(time * 1e6))
            if moment > world.elapsed { world.run(for: moment - world.elapsed) }
            switch step {
            case .begin(let fault): begin(fault)
            case .end(let fault): end(fault)
            case .deed(let deed): begin(deed)
            }
            collect()
        }
        world.run(for: .seconds(1))
        collect()
        let answered = deeds
        world.heal()
        finish()
        return answered
    }

    private mutating func begin(_ fault: FaultScript.Fault) {
        switch fault.kind {
        case .loss(let percent): world.link.loss = .percent(percent)
        case .split(let side, let isOneWay):
            let others = (0..<world.machineCount).filter { !side.contains($0) }
            partitions[fault] = world.partition([side, others], shape: isOneWay ? .oneWay : .full)
        case .killed(let node): world.crash(node, unsynced: .kept)
        case .powerless(let node): world.losePower(node)
        case .frozen(let node):
            world.pause(node, for: Span(microseconds: Int64((fault.end - fault.begin) * 1e6)))
        case .unplugged(let node):
            let others = (0..<world.machineCount).filter { $0 != node }
            partitions[fault] = world.partition([[node], others])
        case .moved(let node):
            world.setAddresses(
                [.ipv4(IPv4Address(rawValue: 0x0A01_0001 + UInt32(node) << 8))], of: node)
        }
    }

    private mutating func end(_ fault: FaultScript.Fault) {
        switch fault.kind {
        case .loss: world.link.loss = .never
        case .split, .unplugged: partitions.removeValue(forKey: fault).map(world.mend)
        case .killed(let node), .powerless(let node): world.start(node)
        case .frozen: break
        case .moved(let node):
            world.setAddresses([World<Node>.defaultAddress(of: node)], of: node)
        }
    }

    private mutating func begin(_ deed: FaultScript.Deed) {
        switch deed.kind {
        case .invite(let node):
            var wish = InviteWish()
            wish.uses = FaultScript.inviteUses
            open[world.tell(node, .invite(wish))] = deed.kind
        case .revoke:
            if let number = run.revoke(FaultScript.victim, by: 0) { open[number] = deed.kind }
        case .join:
            if let number = join(FaultScript.newcomer) { open[number] = deed.kind }
        }
    }

    private func join(_ node: Int) -> UInt64? {
        (deeds.invites.last ?? run.inviteText).map {
            world.tell(node, .join($0, name: MeshName("n\(node)")))
        }
    }

    /// Takes the answers that have come.
    private mutating func collect() {
        for (number, kind) in open.sorted(by: { $0.key < $1.key }) {
            guard let answer = run.answer(to: number) else { continue }
            open[number] = nil
            switch (kind, answer) {
            case (.invite, .invite(let text)): deeds.invites.append(text)
            case (.revoke, .signed): deeds.isRevoked = true
            case (.join, .joined): deeds.hasJoined = true
            case (.invite, _), (.revoke, _), (.join, _): break
            }
        }
    }

    private mutating func finish() {
        world.run(for: .seconds(5))
        forgetIsland()
        guard run.converge(within: .minutes(3)) else { return }
        expectAnswered()
        if !deeds.isRevoked, let number = run.revoke(FaultScript.victim, by: 0) {
            open[number] = .revoke
            _ = world.run(
                until: { _ in run.core(0).map { isRevoked(in: $0) } ?? false },
                within: .minutes(1))
        }
        // A join that is under way comes to its end first.
        _ = world.run(
            until: { _ in run.core(FaultScript.newcomer)?.joining == nil }, within: .minutes(2))
        for node in [FaultScript.newcomer, FaultScript.last] where run.core(node) == nil {
            if let number = join(node) { open[number] = .join }
            let isIn = world.run(
                until: { _ in run.core(node)?.member != nil }, within: .minutes(2))
            if !isIn { world.fail("node \(node) cannot join with an invite that was answered") }
        }
        guard run.converge(within: .minutes(3)) else { return }
        run.checkReachable(within: .minutes(1))
        guard run.converge(within: .minutes(3)) else { return }
        run.checker.checkEqual(run.honest)
        expectAnswered()
        for machine in run.honest {
            guard let core = run.core(machine) else { continue }
            if !isRevoked(in: core) { world.fail("node \(machine) knows of no revocation") }
            for other in 0..<FaultScript.machines where other != FaultScript.victim {
                guard let name = MeshName("n\(other)"),
                    core.standing.member(named: name) == nil
                else { continue }
                world.fail("node \(machine) knows nobody by the name \(name)")
            }
        }
    }

    /// Whom the revoked node let in, not having heard that it is, is a member to nobody else. People see it
    /// in `status`, and join with another invite.
    private mutating func forgetIsland() {
        guard let victim = run.core(FaultScript.victim)?.key.publicKey,
            let newcomer = run.core(FaultScript.newcomer), newcomer.member?.admitter == victim,
            run.core(0)?.standing.isRevoked(victim) == true,
            run.core(0)?.standing.member(newcomer.id) == nil
        else { return }
        deeds.hasJoined = false
        world.restart(FaultScript.newcomer, .noDisk)
    }

    private func isRevoked(in core: Core) -> Bool {
        run.core(FaultScript.victim).map { core.standing.isRevoked($0.key.publicKey) } ?? true
    }

    /// What was answered is there at everybody.
    private func expectAnswered() {
        for machine in run.honest {
            guard let core = run.core(machine) else { continue }
            if deeds.isRevoked, !isRevoked(in: core) {
                world.fail("node \(machine) lacks the revocation that was answered")
            }
            if deeds.hasJoined, let newcomer = run.core(FaultScript.newcomer),
                core.standing.member(newcomer.id) == nil
            {
                world.fail("node \(machine) lacks the member that was told it had joined")
            }
            for text in deeds.invites {
                guard let invite = try? InviteString(text),
                    core.trust.object(invite.object.id(in: core.mesh)) == nil
                else { continue }
                world.fail("node \(machine) lacks an invite that was answered")
            }
        }
    }
}
