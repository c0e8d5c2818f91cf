import Cryptography
import LISP

/// What a trust object says. Times are milliseconds of mesh time since 1970.
package struct Statement: Hashable, Sendable {
    /// When it was signed, as its signer says.
    package var stamp: UInt64
    package var kind: Kind
    /// Fields of tag 128 and above, from a later version: signed, kept and ignored.
    private var ignored = Fields()

    package init(_ kind: Kind, stamp: UInt64) {
        self.kind = kind
        self.stamp = stamp
    }

    package enum Kind: Hashable, Sendable {
        case genesis(Genesis)
        case grant(Grant)
        case invite(Invite)
        case admission(Admission)
        case nodeRecord(NodeRecord)
        case claim(Claim)
        case revocation(Revocation)
        case rotation(Rotation)
        case salt(Salt)
        /// A steward's word for what time it is: the stamp.
        case time
    }

    package var type: UInt8 {
        switch kind {
        case .genesis: return 0
        case .grant: return 1
        case .invite: return 2
        case .admission: return 3
        case .nodeRecord: return 4
        case .claim: return 5
        case .revocation: return 6
        case .rotation: return 7
        case .salt: return 8
        case .time: return 9
        }
    }
}

extension Statement {
    init(type: UInt8, fields: Fields) throws(WireError) {
        var fields = fields
        stamp = try fields.need(.stamp)
        switch type {
        case 0: kind = .genesis(try Genesis(from: &fields))
        case 1: kind = .grant(try Grant(from: &fields))
        case 2: kind = .invite(try Invite(from: &fields))
        case 3: kind = .admission(try Admission(from: &fields))
        case 4: kind = .nodeRecord(try NodeRecord(from: &fields))
        case 5: kind = .claim(try Claim(from: &fields))
        case 6: kind = .revocation(try Revocation(from: &fields))
        case 7: kind = .rotation(try Rotation(from: &fields))
        case 8: kind = .salt(try Salt(from: &fields))
        case 9: kind = .time
        default: throw .unsupported("type of object", value: Int(type), at: 3)
        }
        try fields.finish()
        ignored = fields
    }

    var fields: Fields {
        var fields = ignored
        fields.set(.stamp, stamp)
        switch kind {
        case .genesis(let value): value.write(to: &fields)
        case .grant(let value): value.write(to: &fields)
        case .invite(let value): value.write(to: &fields)
        case .admission(let value): value.write(to: &fields)
        case .nodeRecord(let value): value.write(to: &fields)
        case .claim(let value): value.write(to: &fields)
        case .revocation(let value): value.write(to: &fields)
        case .rotation(let value): value.write(to: &fields)
        case .salt(let value): value.write(to: &fields)
        case .time: break
        }
        return fields
    }
}

extension Fields {
    mutating func needKey(_ tag: FieldTag) throws(WireError) -> Ed25519.PublicKey {
        guard let key = try takeKey(tag) else { throw missing(tag) }
        return key
    }

    mutating func takeKey(_ tag: FieldTag) throws(WireError) -> Ed25519.PublicKey? {
        try take(tag, size: Ed25519.publicKeySize).flatMap(Ed25519.PublicKey.init(octets:))
    }
}
