package import Cryptography
package import LISP

/// A member as a ``Standing`` sees it. Never changed: a standing that differs has another one.
package final class Member: Sendable {
    package let key: Ed25519.PublicKey
    package let id: NodeID
    /// Of all effective grants and admissions together.
    package let roles: Roles
    /// Delegated to it; its own crypto-EID is not listed.
    package let ranges: [EID]
    /// Sorted; given by a grant or claimed.
    package let names: [MeshName]
    /// Of the mesh's pool, in the order of their index.
    package let addresses: [IPv4Address]
    /// How many links from the root: 1 is a grant of the root.
    package let depth: UInt8
    /// Who signed the grant or admission that makes it a member; `nil`: the root, by a grant.
    package let admitter: Ed25519.PublicKey?
    /// Who signed the invite; `nil` if there was none.
    package let inviter: Ed25519.PublicKey?
    /// What makes it a member.
    package let admission: ObjectID
    /// The stamp of that: when it was signed, as its signer says.
    package let admittedAt: UInt64
    /// Which the admitter chose; `nil`: by a grant.
    package let nonce: [UInt8]?
    package let nodeRecord: NodeRecord?
    /// 0 if there is no record.
    package let nodeRecordStamp: UInt64
    /// The whole object.
    package let nodeRecordOctets: [UInt8]?

    init(_ profile: Profile, record: Entry?) {
        key = profile.key
        id = profile.id
        roles = profile.roles
        ranges = profile.ranges
        names = profile.names
        addresses = profile.addresses
        depth = profile.depth
        admitter = profile.admitter
        inviter = profile.inviter
        admission = profile.admission
        admittedAt = profile.admittedAt
        nonce = profile.nonce
        guard let record, case .nodeRecord(let value) = record.kind else {
            nodeRecord = nil
            nodeRecordStamp = 0
            nodeRecordOctets = nil
            return
        }
        nodeRecord = value
        nodeRecordStamp = record.stamp
        nodeRecordOctets = record.object.octets
    }
}

/// A member without its node record, which changes far more often.
struct Profile: Sendable {
    /// Of its key, in the evaluation that it follows from.
    let number: Int
    let key: Ed25519.PublicKey
    let id: NodeID
    var roles: Roles
    var ranges: [EID]
    var names: [MeshName] = []
    var addresses: [IPv4Address] = []
    let depth: UInt8
    let admitter: Ed25519.PublicKey?
    let inviter: Ed25519.PublicKey?
    let admission: ObjectID
    let admittedAt: UInt64
    let nonce: [UInt8]?
}
