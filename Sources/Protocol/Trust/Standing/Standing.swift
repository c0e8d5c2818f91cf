package import Cryptography
package import LISP

/// What a set of trust objects means at a time. Two nodes with equal sets and equal times have equal
/// standings. Cheap to copy.
package struct Standing: Sendable {
    /// Mesh time, milliseconds since 1970.
    package let time: UInt64
    let storage: Storage

    /// Shared by all copies, and by standings of other times up to ``changesAt``.
    final class Storage: Sendable {
        let effect: Effect
        let members: [Member]

        init(effect: Effect, members: [Member]) {
            self.effect = effect
            self.members = members
        }
    }

    private var effect: Effect { storage.effect }
    private var evaluation: Evaluation { storage.effect.evaluation }

    /// The first later time at which the same set means something else; `nil`: never.
    package var changesAt: UInt64? { effect.changesAt }

    package var genesis: Genesis? { evaluation.genesis }
    /// The present root.
    package var root: Ed25519.PublicKey? { evaluation.roots.last }
    /// Sorted by node id.
    package var members: [Member] { storage.members }

    package func member(_ id: NodeID) -> Member? {
        effect.index(of: id).map { storage.members[$0] }
    }

    package func member(key: Ed25519.PublicKey) -> Member? {
        effect.index(of: key).map { storage.members[$0] }
    }

    package func member(named name: MeshName) -> Member? {
        guard let key = effect.nameHolders[name.skeleton], let member = member(key: key),
            member.names.contains(name)
        else { return nil }
        return member
    }

    /// Out for ever in every role; old roots are too.
    package func isRevoked(_ key: Ed25519.PublicKey) -> Bool {
        evaluation.number(of: key).map { evaluation.rulings[$0] != nil } ?? false
    }

    /// How many revocations are in the set.
    package var revocationCount: Int { evaluation.revocationCount }

    /// Whether something was ever rightly given to it, so that its chain is here.
    package func isKnown(_ key: Ed25519.PublicKey) -> Bool {
        evaluation.number(of: key).map { !evaluation.facts[$0].isEmpty } ?? false
    }

    /// Whether it joined by an invite that others had used up before.
    package func isSuspended(_ key: Ed25519.PublicKey) -> Bool {
        guard member(key: key) == nil, let number = evaluation.number(of: key) else { return false }
        return evaluation.suspendedNodes.contains(number)
    }
}

// Who may speak for an EID
extension Standing {
    /// Whether the key has an effective range, name or address that contains the EID, or the EID is its
    /// own crypto-EID, in any instance. A multicast EID is shared: every member may join it.
    package func covers(_ eid: EID, by key: Ed25519.PublicKey) -> Bool {
        guard let actor = effect.actor(key) else { return false }
        if case .multicast = eid.kind { return actor.roles.contains(.member) }
        return evaluation.mesh.isCryptoEID(eid, of: key)
            || actor.ranges.contains { $0.contains(eid) }
            || effect.claimed[eid] == key
    }

    /// Whether some key covers less in a later standing than in this one, so that records may have
    /// lost what they stood on.
    package func hasLostCoverage(in later: Standing) -> Bool {
        let (old, new) = (effect, later.effect)
        if old === new { return false }
        for (number, actor) in old.actors.enumerated() {
            guard let actor else { continue }
            guard let now = new.actor(old.evaluation.keys[number].key),
                now.roles.contains(.member) || !actor.roles.contains(.member),
                now.ranges == actor.ranges
                    || actor.ranges.allSatisfy({ range in
                        now.ranges.contains { $0.contains(range) }
                    })
            else { return true }
        }
        // Whether there is one does not depend on the order.
        return old.claimed.contains { new.claimed[$0.key] != $0.value }
    }

    /// Whether an effective registrar's range contains the EID.
    package func isRegistrar(_ key: Ed25519.PublicKey, of eid: EID) -> Bool {
        guard let actor = effect.actor(key), actor.roles.contains(.registrar) else { return false }
        return actor.ranges.contains { $0.contains(eid) }
    }

    /// Whose records of the EID count: the subjects of the longest range that contains it, of those the
    /// deepest, in the order of their stamps. Empty: nobody's, or the EID is shared.
    package func holders(of eid: EID) -> [Ed25519.PublicKey] { effect.holders(of: eid) }
}
