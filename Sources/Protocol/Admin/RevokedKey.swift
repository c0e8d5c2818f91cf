package import Cryptography
import LISP
package import LISPNode
package import Trust

/// A key that the mesh has revoked, with what is still known of whose it was.
package struct RevokedKey: Hashable, Sendable {
    package let key: Ed25519.PublicKey
    /// The first claim of a name for it; `nil`: it had none.
    package let name: MeshName?
    /// Who signed the earliest revocation of it.
    package let by: Ed25519.PublicKey
    package let reason: String
    /// The stamp of that.
    package let at: UInt64

    package var displayName: String { name?.description ?? KeyText.name(key) }

    /// By name. It goes through all trust objects: for people.
    package static func all(in core: Core) -> [RevokedKey] {
        guard core.standing.revocationCount > 0 else { return [] }
        var found: [Ed25519.PublicKey: RevokedKey] = [:]
        var names: [Ed25519.PublicKey: (stamp: UInt64, name: MeshName)] = [:]
        for object in core.trustObjects {
            let stamp = object.statement.stamp
            switch object.statement.kind {
            case .revocation(let revocation):
                guard case .key(let key) = revocation.subject, core.standing.isRevoked(key),
                    stamp < found[key]?.at ?? .max
                else { continue }
                found[key] = RevokedKey(
                    key: key, name: nil, by: object.signer, reason: revocation.reason, at: stamp)
            case .claim(let claim):
                guard case .name(let name) = claim.what,
                    stamp < names[claim.subject]?.stamp ?? .max
                else { continue }
                names[claim.subject] = (stamp, name)
            default: continue
            }
        }
        return found.values.map { revoked in
            RevokedKey(
                key: revoked.key, name: names[revoked.key]?.name, by: revoked.by,
                reason: revoked.reason, at: revoked.at)
        }.sorted {
            ($0.displayName, KeyText.text($0.key)) < ($1.displayName, KeyText.text($1.key))
        }
    }
}

extension Core {
    /// What a node was called that is no member any more, by its first claim. It goes through all trust
    /// objects: for people.
    package func formerName(of node: NodeID) -> String? {
        var found: (stamp: UInt64, name: MeshName)?
        for object in trustObjects {
            guard case .claim(let claim) = object.statement.kind, case .name(let name) = claim.what,
                object.statement.stamp < found?.stamp ?? .max,
                NodeID(of: claim.subject, in: mesh) == node
            else { continue }
            found = (object.statement.stamp, name)
        }
        return found?.name.description
    }

    /// In the order of their ids.
    var trustObjects: [TrustObject] {
        (UInt8.min ... .max).flatMap { trust.ids(inBucket: $0) }.compactMap { trust.object($0) }
    }
}
