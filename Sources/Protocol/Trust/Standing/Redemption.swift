package import Cryptography

/// Whether an invite can be used by a node.
package enum Redemption: Hashable, Sendable {
    case possible
    /// This node has used it already and is a member by it.
    case redeemed
    /// Not effective any more since this time.
    case expired(at: UInt64)
    /// By so many as it was made for.
    case used
    /// It, or who signed it.
    case revoked
    case boundToAnother
    /// No such invite is in the set.
    case unknown
    /// Who signed it may not invite so.
    case notEffective
}

extension Redemption {
    /// What the invite's key signs to let a node in: the invite's id and the node's key.
    package static func proof(
        by key: Ed25519.SecretKey, invite: ObjectID, node: Ed25519.PublicKey, in mesh: MeshID
    ) -> [UInt8] {
        Tag.redeem.signature(by: key, of: invite.octets + node.octets, in: mesh)
    }

    package static func isProved(
        _ proof: [UInt8], invite: ObjectID, key: Ed25519.PublicKey, node: Ed25519.PublicKey,
        in mesh: MeshID
    ) -> Bool {
        Tag.redeem.verifies(proof, by: key, of: invite.octets + node.octets, in: mesh)
    }
}

extension Standing {
    /// Whether the node could be admitted by this invite now. What is wrong first: expired, used,
    /// revoked, bound to another.
    package func redemption(of id: ObjectID, by node: Ed25519.PublicKey) -> Redemption {
        let evaluation = storage.effect.evaluation
        guard let place = evaluation.place(ofInvite: id),
            case .invite(let invite) = evaluation.entries[place].kind
        else { return .unknown }
        if invite.notAfter != 0, time > invite.notAfter { return .expired(at: invite.notAfter) }
        let isRevoked =
            evaluation.objectRulings[place] != nil || evaluation.isVoidBySigner(place) != nil
        let counted = evaluation.counted[place] ?? []
        if !isRevoked, counted.contains(where: { evaluation.entries[$0].subject == node }) {
            return .redeemed
        }
        if counted.count >= Int(invite.uses) { return .used }
        if isRevoked { return .revoked }
        guard (invite.boundKey ?? node) == node else { return .boundToAnother }
        guard let terms = evaluation.terms[place], terms.level != nil else { return .notEffective }
        // It ends with what its inviter has, which may end before the invite itself is looked at.
        let end = terms.carriers.map(\.until).max() ?? 0
        return time <= end ? .possible : .expired(at: end)
    }

    /// The nodes that were let in by an invite, those that count first.
    package func admissions(
        of invite: ObjectID
    ) -> [(node: Ed25519.PublicKey, admission: ObjectID, counts: Bool)] {
        let evaluation = storage.effect.evaluation
        guard let place = evaluation.place(ofInvite: invite) else { return [] }
        let all =
            (evaluation.counted[place] ?? []).map { ($0, true) }
            + (evaluation.suspended[place] ?? []).map { ($0, false) }
        return all.compactMap { admission, counts in
            let entry = evaluation.entries[admission]
            return entry.subject.map { ($0, entry.id, counts) }
        }
    }
}
