import Cryptography
import LISP

/// An object of the set, with what is worth computing once: an evaluation looks at every object many
/// times.
final class Entry: Sendable {
    let object: TrustObject
    let id: ObjectID
    let form: Form
    /// The key that it is about.
    let subject: Ed25519.PublicKey?
    /// What a grant or an invite gives.
    let roles: Roles
    let ranges: [EID]
    /// By which invite an admission is.
    let invite: ObjectID?
    /// Of a claim.
    let claimed: Claimed?

    /// The type alone: to look at a statement's kind is to copy all that it says.
    enum Form {
        case genesis, grant, invite, admission, nodeRecord, claim, revocation, rotation, salt, time
    }

    enum Claimed {
        case name(MeshName, skeleton: String)
        /// The number chooses an address of the pool.
        case address(index: UInt8, number: UInt32)
    }

    var rank: Rank { Rank(stamp: object.statement.stamp, id: id) }
    var stamp: UInt64 { object.statement.stamp }
    var signer: Ed25519.PublicKey { object.signer }
    var kind: Statement.Kind { object.statement.kind }

    init(_ object: TrustObject, id: ObjectID, in mesh: MeshID) {
        self.object = object
        self.id = id
        var subject: Ed25519.PublicKey?
        var given: (roles: Roles, ranges: [EID]) = ([], [])
        var invite: ObjectID?
        var claimed: Claimed?
        switch object.statement.kind {
        case .genesis: form = .genesis
        case .grant(let grant):
            form = .grant
            subject = grant.subject
            given = (grant.roles, grant.ranges)
        case .invite(let invite):
            form = .invite
            given = (invite.roles, invite.ranges)
        case .admission(let admission):
            form = .admission
            subject = admission.node
            invite = admission.invite
        case .nodeRecord: form = .nodeRecord
        case .claim(let claim):
            form = .claim
            subject = claim.subject
            switch claim.what {
            case .name(let name): claimed = .name(name, skeleton: name.skeleton)
            case .address(let index):
                let number = mesh.addressNumber(of: claim.subject, index: index)
                claimed = .address(index: index, number: number)
            }
        case .revocation(let revocation):
            form = .revocation
            if case .key(let key) = revocation.subject { subject = key }
        case .rotation: form = .rotation
        case .salt: form = .salt
        case .time: form = .time
        }
        self.subject = subject
        (roles, ranges) = given
        self.invite = invite
        self.claimed = claimed
    }
}
