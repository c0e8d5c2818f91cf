import Clocks
import LISP
import LISPNode
import Trust

extension Scenario {
    /// A large mesh in one process.
    static let thousand = Scenario(
        "thousand", "a large mesh from its quiet on: touches, reconciling, a few changes",
        nodes: 1000, minutes: 2
    ) { options in
        if let mesh = LargeMesh(options) { return mesh.run() }
        let world = World<Node>(seed: options.seed, machines: 0) { _, _, _ in
            Node(Settings(), disk: [:])
        }
        world.fail("the mesh did not come about")
        return Outcome(world)
    }
}

/// A world in which a mesh is large from the beginning.
final class LargeMesh {
    private let world: World<Node>
    private let options: Scenario.Options
    private let sharing = TrustSharing()

    init?(_ options: Scenario.Options) {
        self.options = options
        var settings = Settings()
        settings.sessions.ciphers = [.chaCha20Poly1305]
        let epoch: Int64 = 1_763_718_000_000
        guard
            let mesh = GrownMesh(
                nodes: options.nodes, seed: options.seed, epoch: UInt64(epoch), settings: settings)
        else { return nil }
        world = World(seed: options.seed, machines: options.nodes, epoch: epoch) { machine, _, _ in
            mesh.node(machine)
        }
        world.link.jitter = .milliseconds(20)
        world.hooks.answer = { [unowned self] _, _, answer, _ in
            if case .registered(_, others: 1...) = answer { changes += 1 }
        }
        world.hooks.line = options.line
        world.hooks.afterEvent = { [sharing] world, machine, _, _, _ in
            sharing.look(at: &world.members[machine], machine)
        }
    }

    func run() -> Scenario.Outcome {
        let atStart = ProcessCost.peakMemory
        let begin = ProcessCost.seconds
        for machine in 0..<options.nodes {
            // Not all in one instant, but within one round of reconciling.
            world.after(.milliseconds(machine * 10_000 / options.nodes)) { $0.start(machine) }
        }
        scheduleChanges()
        world.run(for: .minutes(options.minutes))
        let (events, seconds) = (world.events, ProcessCost.seconds - begin)
        if !world.run(until: { [unowned self] _ in areEqual }, within: .minutes(2)) {
            world.fail("not all nodes hold the same")
        }
        var outcome = Scenario.Outcome(world)
        outcome.figures = [
            "\(options.nodes) nodes, \(changes) changes: \(events) events in \(Int(seconds)) s",
            "            \(Int(Double(events) / seconds)) events/s of one core",
            "resident memory: \(atStart >> 20) MiB before the first event,"
                + " \(ProcessCost.peakMemory >> 20) MiB at its peak",
        ]
        return outcome
    }

    private var changes = 0
    private var revoked: Int?

    /// New registrations, moves, and in the second half one revocation.
    private func scheduleChanges() {
        let half = options.minutes * 30
        for number in 0..<10 {
            let machine = number * 97 % options.nodes
            world.after(.seconds(20 + number * 2)) { world in
                guard let core = world.members[machine].core else { return }
                let eid = core.mesh.cryptoEID(of: core.key.publicKey, instance: 7)
                world.tell(machine, .register(eid, ttl: 60))
            }
        }
        for number in 0..<3 {
            let machine = (number * 89 + 5) % options.nodes
            world.after(.seconds(25 + number * 5)) { [unowned self] world in
                let address = IPv4Address(rawValue: 0xAC10_0001 + UInt32(number) << 8)
                world.setAddresses([.ipv4(address)], of: machine)
                changes += 1
            }
        }
        world.after(.seconds(half)) { [unowned self] world in
            let victim = options.nodes - 1
            guard victim > 0, let key = world.members[victim].core?.key.publicKey else { return }
            world.tell(0, .revoke(.key(key), reason: "lost", keeping: []))
            revoked = victim
            changes += 1
        }
    }

    /// All that are members still hold the same, and see the same members.
    private var areEqual: Bool {
        guard let first = world.members[0].core else { return false }
        let (trust, records) = (first.trust.digest, first.records.digest)
        let members = first.standing.members.map(\.id)
        return (0..<options.nodes).allSatisfy { machine in
            guard machine != revoked else { return true }
            guard let core = world.members[machine].core else { return false }
            return core.trust.digest == trust && core.records.digest == records
                && core.standing.members.map(\.id) == members
        }
    }
}

/// Nodes whose sets of trust objects are equal share the memory of one. Each has taken the objects in
/// and worked out what they mean itself before that.
private final class TrustSharing {
    /// Newest last.
    private var known: [TrustSet] = []
    /// By machine, at the last look.
    private var digests: [Int: [UInt8]] = [:]

    /// Sets that are about at one time, while a few changes spread.
    private static let limit = 16

    func look(at node: inout Node, _ machine: Int) {
        guard let digest = node.core?.trust.digest, digest != digests[machine] else { return }
        digests[machine] = digest
        if let equal = known.last(where: { $0.digest == digest }) {
            node.shareTrust(with: equal)
        } else if let new = node.core?.trust {
            if known.count == Self.limit { known.removeFirst() }
            known.append(new)
        }
    }
}
