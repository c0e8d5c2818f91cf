import Clocks
import LISPNode
import MappingSystem
import Mappings
import Sessions

/// What no peer may make grow, looked at from outside.
enum MeshBounds {
    static func check(_ world: World<Node>) {
        for machine in 0..<world.machineCount where world.isRunning(machine) {
            let node = world.members[machine]
            func bound(_ what: String, _ value: Int, _ limit: Int) {
                if value > limit {
                    world.fail("node \(machine) has \(value) \(what), and \(limit) are allowed")
                }
            }
            guard let core = node.core else { continue }
            bound(
                "turns waiting for the disk", node.waiting, Int(clamping: Node.maximumBehind) + 512)
            bound("parked records", core.records.parkedCount, 4096)
            bound("parked objects", core.trust.parkedCount, 4096)
            bound("trust objects", core.trust.count, 65_536)
            bound(
                "changes waiting", core.spread.waiting,
                Spread.maximumWaiting * max(core.targets.count, 1))
            bound("half-open sessions", core.sessions.halfOpen, SessionLimit.halfOpen)
            bound("sessions", core.sessions.established.count, SessionLimit.sessions)
            checkUnanswered(world, machine)
        }
    }

    /// To an address that never answered go openers, or three times what came from there.
    private static func checkUnanswered(_ world: World<Node>, _ machine: Int) {
        let minutes = world.elapsed.microseconds / 60_000_000 + 1
        // Openers at 0, 1, 3, 7 s, then at most two a minute; of each member that says it is there,
        // and again by each process.
        let parties = Int64(world.machineCount) + Int64(clamping: world.incarnation(of: machine))
        let openers = (8 + 2 * minutes) * parties
        for (path, contact) in world.contacts(of: machine) where !contact.hasAnswered {
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
