package import Clocks
package import LISP
package import MappingSystem
import Mappings
package import Sessions
package import Trust

// What those who look after a node may read of it. Nothing here changes anything.

extension Node {
    /// Whether it asks to be let into a mesh.
    package var isJoining: Bool { core?.joining != nil }
}

extension Core {
    /// Addresses of this host in the underlay, as the routing socket last said.
    package var rlocs: [Address] { locators }
    /// The disk takes too little to take more in from others.
    package var leavesRecordsToOthers: Bool { isDiskBehind }
    /// Milliseconds since 1970.
    package func meshTime(at now: Now) -> UInt64 { clock.time(at: now) }
    /// Beside what follows from being a member, in the order in which it was.
    package var registered: [(eid: EID, ttl: UInt32)] { wishes.map { ($0.eid, $0.wish.ttl) } }
    /// UDP ports that its node record names.
    package var ports: (data: UInt16, control: UInt16) {
        (settings.dataPort, settings.controlPort)
    }
    /// Where a member was before, as far as that is remembered.
    package func formerPaths(of node: NodeID) -> [Path] { knownPaths[node] }

    /// How far a node that has just joined is from having seen everything.
    package struct Doubt: Hashable, Sendable {
        /// Members of distinct admitters that agreed, and how many must.
        package var witnesses: Int
        package var neededWitnesses: Int
        package var revocations: Int
        package var neededRevocations: Int
    }

    /// `nil`: this node is not partly joined.
    package var doubt: Doubt? {
        guard let partlyJoined else { return nil }
        let others = standing.members.filter { $0.id != id }
        let agreed = reconciler.agreed.compactMap { standing.member($0) }
        let admitters = Set(others.map { $0.admitter ?? $0.key })
        return Doubt(
            witnesses: Set(agreed.map { $0.admitter ?? $0.key }).count,
            neededWitnesses: min(PartlyJoined.witnesses, admitters.count),
            revocations: standing.revocationCount,
            neededRevocations: Int(clamping: partlyJoined.revocations))
    }
}

/// One question of a node that wants in, and what came of it.
package struct JoinAttempt: Hashable, Sendable {
    package var path: Path
    package var outcome = Outcome.noAnswer

    package enum Outcome: Hashable, Sendable {
        case noAnswer
        /// A session opened, and then nothing more came.
        case fellSilent
        /// What it showed does not reach the mesh id of the invite.
        case falseSeed
        case refused(JoinRefusal)
    }

    package init(_ path: Path, _ outcome: Outcome = .noAnswer) {
        self.path = path
        self.outcome = outcome
    }
}
