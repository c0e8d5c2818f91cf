import Clocks
import LISPNode
import MappingSystem
import Mappings
import Sessions

/// What no peer may make grow, looked at from outside.
enum MeshBounds {
    static func check(_ world: World<Node>) {
        for machine in 0..<world.machineCount where world.isRunning(machine) {
            guard world.members[machine].core != nil else { continue }
            check(world, machine, of: &world.members[machine])
            checkUnanswered(world, machine)
        }
    }

    /// By reference: a copy of a node retains all its parts.
    private static func check(_ world: World<Node>, _ machine: Int, of node: inout Node) {
        func bound(_ what: String, _ value: Int?, _ limit: Int) {
            if let value, value > limit {
                world.fail("node \(machine) has \(value) \(what), and \(limit) are allowed")
            }
        }
        // What a node's own people and records wait for is not counted by it.
        bound("turns waiting for the disk", node.waiting, Node.maximumWaiting + 256)
        bound("parked records", node.core?.records.parkedCount, 4096)
        bound("parked objects", node.core?.trust.parkedCount, 4096)
        bound("trust objects", node.core?.trust.count, 65_536)
        bound(
            "changes waiting", node.core?.spread.waiting,
            Spread.maximumWaiting * max(node.core?.targets.count ?? 0, 1))
        bound("half-open sessions", node.core?.sessions.halfOpen, SessionLimit.halfOpen)
        bound("sessions", node.core?.sessions.establishedCount, SessionLimit.sessions)
    }

    /// To an address that never answered go openers, or three times what came from there.
    private static func checkUnanswered(_ world: World<Node>, _ machine: Int) {
        let minutes = world.elapsed.microseconds / 60_000_000 + 1
        // Openers at 0, 1, 3, 7 s, then at most two a minute; of each member that says it is there,
        // and again by each process.
        let parties = Int64(world.machineCount) + Int64(clamping: world.incarnation(of: machine))
        let openers = (8 + 2 * minutes) * parties
        for (path, contact) in world.unanswered(of: machine) {
            let allowed =
                Int64(contact.octetsIn) * Int64(SessionLimit.amplification)
                + openers * Int64(SessionLimit.openerSize)
            if Int64(contact.octetsOut) > allowed {
                world.fail(
                    "node \(machine) sent \(contact.octetsOut) octets to \(path), which never answered"
                )
            }
        }
    }
}
