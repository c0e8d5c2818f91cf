package import Clocks
package import Cryptography
package import Trust

/// What a revocation of a key by this node would take along, and what would keep it: to be asked before
/// somebody ends a key for ever.
package struct RevocationPlan: Sendable {
    /// Whether the mesh would agree: who is farther from the root than a key may not revoke it.
    package fileprivate(set) var counts = false
    /// Other members that would be out, since the key let them in; in the order of their ids.
    package private(set) var leaving: [Member] = []
    /// Members that would lose roles, ranges, names or addresses that the key gave them; in the same order.
    package private(set) var losing: [Member] = []
    /// The keep list with which nobody but the key's holder loses anything; sorted.
    package private(set) var kept: [ObjectID] = []
    /// Invites of the key that are kept for who came in by them, and that more could use.
    package private(set) var openInvites: [OpenInvite] = []

    /// It is to be revoked, all but these admissions.
    package struct OpenInvite: Sendable {
        package let id: ObjectID
        package let admissions: [ObjectID]
    }

    package var isHarmless: Bool { leaving.isEmpty && losing.isEmpty }
}

extension Core {
    /// Goes through all trust objects and looks at them twice: for people.
    /// - Parameter root: the mesh's root key, if that signs instead of the node's own.
    package func planRevocation(
        of key: Ed25519.PublicKey, by root: Ed25519.SecretKey? = nil, at now: Now
    ) -> RevocationPlan {
        var plan = RevocationPlan()
        let meshTime = clock.time(at: now)
        var trial = trust
        let statement = Statement(.revocation(Revocation(of: .key(key))), stamp: meshTime)
        guard let object = try? TrustObject(signing: statement, by: root ?? self.key, in: mesh),
            case .new = trial.insert(object)
        else { return plan }
        let after = trial.standing(at: meshTime)
        plan.counts = after.isRevoked(key)
        plan.note(after.changes(since: standing), of: key)
        for bucket in UInt8.min...UInt8.max {
            for id in trust.ids(inBucket: bucket) {
                guard let object = trust.object(id), object.signer == key else { continue }
                switch object.statement.kind {
                case .nodeRecord: break
                case .invite: plan.note(invite: id, of: key, in: standing)
                default: plan.keep(id)
                }
            }
        }
        return plan
    }
}

extension RevocationPlan {
    fileprivate mutating func note(_ changes: MemberChanges, of key: Ed25519.PublicKey) {
        leaving = changes.left.filter { $0.key != key }
        losing = changes.renewed.filter { old, new in
            old.roles != new.roles || old.ranges != new.ranges || old.names != new.names
                || old.addresses != new.addresses
        }.map(\.old)
    }

    /// In the order of the sorted ids.
    fileprivate mutating func keep(_ id: ObjectID) { kept.append(id) }

    /// Without admissions by it nobody needs it.
    fileprivate mutating func note(
        invite id: ObjectID, of key: Ed25519.PublicKey, in standing: Standing
    ) {
        let admissions = standing.admissions(of: id).filter(\.counts).map(\.admission)
        guard !admissions.isEmpty else { return }
        keep(id)
        // Nobody comes in by an own invite, so this tells how it is for somebody new.
        switch standing.redemption(of: id, by: key) {
        case .possible, .boundToAnother:
            openInvites.append(OpenInvite(id: id, admissions: admissions))
        default: break
        }
    }
}
