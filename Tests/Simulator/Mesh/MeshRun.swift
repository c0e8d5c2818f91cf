package import Clocks
import Cryptography
import LISP
package import LISPNode
import MappingSystem
import Mappings
import Sessions
package import TestKit
package import Trust

/// A mesh in a world, from its creation to the end of the run: it forms, works, suffers, heals and
/// must be whole.
package final class MeshRun {
    package let world: World<Node>
    package let checker: MeshChecker
    package let plan: Plan
    /// Draws what members do; apart from the world's chance, so that one changes without the other.
    package var chance: SeededRandom
    /// Answers that came, by command.
    private var answers: [UInt64: Answer] = [:]
    private var packetNumber: UInt64 = 0
    /// Numbers of the packets that came out, and where they were meant to.
    package private(set) var arrived: Set<UInt64> = []
    package private(set) var sent: UInt64 = 0
    /// Root keys of the mesh: seed of the present one and of the next.
    package private(set) var roots: (root: [UInt8], next: [UInt8])?
    /// Machines whose keys were revoked.
    package private(set) var revoked: Set<Int> = []
    /// The invite that everybody joined with.
    package private(set) var inviteText: String?
    package var work = MeshWork()
    var isWorking = false
    package private(set) var liars: Liars?

    package struct Plan: Sendable {
        package var seed: UInt64
        package var nodes = 5
        /// How long everybody has to join.
        package var formation = Span.minutes(3)
        package var settings = Settings()
        /// Of all but the creator.
        package var roles: Roles = [.member, .admitter]
        /// Nobody but the creator lets others in.
        package var onlyAdminsAdmit = false
        /// How often everything that nodes hold is looked at.
        package var sweeps = Span.seconds(1)
        /// Machines whose nodes lie once the mesh stands; not 0, which creates it.
        package var liars: Set<Int> = []

        package init(seed: UInt64) { self.seed = seed }
    }

    package init(_ plan: Plan) {
        self.plan = plan
        var settings = plan.settings
        // The best that this processor has would make other traces on another.
        settings.sessions.ciphers = [.chaCha20Poly1305]
        world = World(seed: plan.seed, machines: plan.nodes) { _, disk, _ in
            Node(settings, disk: disk)
        }
        chance = SeededRandom(seed: plan.seed ^ 0x4D45_5348)
        checker = MeshChecker(world, liars: plan.liars)
        checker.watch(every: plan.sweeps)
        world.every(.seconds(5)) { MeshBounds.check($0) }
        if !plan.liars.isEmpty { liars = Liars(plan.liars, in: self, seed: plan.seed) }
        checker.restarted = { [unowned self] machine, restart in
            // A backup knows nothing of what came after it.
            guard restart != .sameDisk else { return }
            work.forget(where: { $0.machine == machine })
        }
        world.hooks.answer = { [unowned self] _, _, answer, number in
            answers[number] = answer
            work.finish(number, answer)
        }
        world.hooks.deliver = { [unowned self] _, machine, packet, _ in
            guard let packet = TestPacket(packet) else { return }
            arrived.insert(packet.number)
        }
    }

    /// The cores of all machines that are in the mesh.
    package var cores: [Core] { world.members.compactMap(\.core) }
    package func core(_ machine: Int) -> Core? { world.members[machine].core }

    /// Machines that are members, run, and were not revoked.
    package var members: [Int] {
        (0..<world.machineCount).filter {
            world.isRunning($0) && !revoked.contains($0) && core($0)?.member != nil
        }
    }

    /// Tells a machine something and waits for the answer.
    package func ask(
        _ machine: Int, _ command: Command, within span: Span = .minutes(1)
    ) -> Answer? {
        let number = world.tell(machine, command)
        _ = world.run(until: { [unowned self] _ in answers[number] != nil }, within: span)
        return answers.removeValue(forKey: number)
    }

    /// Takes the answer to a command, if it has come.
    package func answer(to number: UInt64) -> Answer? { answers.removeValue(forKey: number) }
}

// What happens in a mesh's life.
extension MeshRun {
    /// The first machine creates a mesh.
    /// - Returns: whether it answered.
    @discardableResult
    package func create() -> Bool {
        world.start()
        guard let name = MeshName("relief"), let nodeName = MeshName("n0"),
            let pool = Prefix(IPv4Address(rawValue: 0x0A80_0000), length: 16)
        else { return false }
        var mesh = MeshPlan(name: name, nodeName: nodeName, pool: pool)
        mesh.onlyAdminsAdmit = plan.onlyAdminsAdmit
        guard case .created(_, let root, let next) = ask(0, .create(mesh)) else {
            world.fail("the creator did not answer")
            return false
        }
        roots = (root, next)
        return true
    }

    /// - Returns: an invite string of a machine.
    package func invite(by machine: Int, _ wish: InviteWish) -> String? {
        guard case .invite(let text) = ask(machine, .invite(wish)) else { return nil }
        return text
    }

    /// A mesh of all machines.
    /// - Returns: whether everybody is in.
    @discardableResult
    package func form() -> Bool {
        guard create() else { return false }
        var wish = InviteWish()
        wish.uses = 1000
        wish.roles = plan.roles
        guard let text = invite(by: 0, wish) else {
            world.fail("no invite")
            return false
        }
        inviteText = text
        for machine in 1..<max(plan.nodes, 1) {
            let delay = Span.milliseconds(chance.below(2000))
            world.after(delay) { world in
                _ = world.tell(machine, .join(text, name: MeshName("n\(machine)")))
            }
        }
        let isFormed = world.run(
            until: { [unowned self] _ in members.count == plan.nodes }, within: plan.formation)
        if !isFormed { world.fail("only \(members.count) of \(plan.nodes) joined") }
        return isFormed
    }

    /// Everybody sends a packet to somebody.
    package func exchangePackets() {
        for machine in members { sendPacket(from: machine) }
    }

    package func sendPacket(from machine: Int) {
        let others = members.filter { $0 != machine }
        guard !others.isEmpty else { return }
        sendPacket(from: machine, to: chance.pick(others))
    }

    /// - Returns: the number inside.
    @discardableResult
    package func sendPacket(from machine: Int, to other: Int) -> UInt64? {
        guard let source = core(machine)?.cryptoAddress,
            let destination = core(other)?.cryptoAddress
        else { return nil }
        packetNumber += 1
        sent += 1
        let packet = TestPacket(from: source, to: destination, number: packetNumber)
        world.inject(packet: packet.octets, instance: 0, at: machine)
        return packetNumber
    }

    /// - Returns: the number that its answer will have.
    @discardableResult
    package func revoke(_ victim: Int, by machine: Int) -> UInt64? {
        guard let key = core(victim)?.key.publicKey else { return nil }
        revoked.insert(victim)
        return world.tell(machine, .revoke(.key(key), reason: "lost", keeping: []))
    }

    /// Runs until all honest members hold the same.
    package func converge(within span: Span) -> Bool {
        let isEqual = world.run(
            until: { [unowned self] _ in
                checker.areEqual(honest) && honest.count > 0
            }, within: span)
        if !isEqual {
            for machine in honest { world.note(state(of: machine), machine: machine) }
            checker.checkEqual(honest)
        }
        return isEqual
    }

    /// For the lines of a run that failed.
    func state(of machine: Int) -> String {
        guard let core = core(machine) else { return "in no mesh" }
        let sessions = core.sessions.established.compactMap { id in
            members.first { self.core($0)?.id == id }
        }
        return """
            \(core.standing.members.count) members, sessions with \(sessions), \
            \(core.records.count) records, \(core.trust.count) objects, \
            \(core.spread.waiting) changes waiting, \(core.counters)
            """
    }
}
