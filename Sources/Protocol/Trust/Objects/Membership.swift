package import Cryptography
package import LISP

/// Delegates roles, ranges and names to a key; signed by the root, a grantor, or the holder of the
/// ranges.
package struct Grant: Hashable, Sendable {
    package var subject: Ed25519.PublicKey
    package var roles: Roles
    package var ranges: [EID] = []
    package var names: [MeshName] = []
    /// 0: no end.
    package var notAfter: UInt64 = 0
    /// How many links may hang below.
    package var depth: UInt8 = 0

    package init(to subject: Ed25519.PublicKey, roles: Roles) {
        self.subject = subject
        self.roles = roles
    }

    init(from fields: inout Fields) throws(WireError) {
        subject = try fields.needKey(.key)
        roles = Roles(rawValue: try fields.need(.roles))
        ranges = try fields.takeRanges()
        names = try fields.takeNames()
        notAfter = try fields.need(.notAfter)
        depth = try fields.need(.depth)
    }

    func write(to fields: inout Fields) {
        fields.set(.key, subject.octets)
        fields.set(.roles, roles.rawValue)
        fields.set(ranges: ranges)
        fields.set(names: names)
        fields.set(.notAfter, notAfter)
        fields.set(.depth, depth)
    }
}

/// Lets whoever has a secret join; signed by a holder of inviter.
package struct Invite: Hashable, Sendable {
    /// Its private half is made from the secret.
    package var key: Ed25519.PublicKey
    package var roles: Roles
    package var ranges: [EID] = []
    /// 0: no end.
    package var notAfter: UInt64 = 0
    /// How many may join, 1 or more.
    package var uses: UInt16 = 1
    /// The only node that may.
    package var boundKey: Ed25519.PublicKey?
    /// How many members and revocations the inviter knew: a joiner that is shown fewer is deceived.
    package var membersSeen: UInt32 = 0
    package var revocationsSeen: UInt32 = 0

    package init(key: Ed25519.PublicKey, roles: Roles) {
        self.key = key
        self.roles = roles
    }

    init(from fields: inout Fields) throws(WireError) {
        key = try fields.needKey(.key)
        roles = Roles(rawValue: try fields.need(.roles))
        ranges = try fields.takeRanges()
        notAfter = try fields.need(.notAfter)
        uses = try fields.need(.uses) { reader throws(WireError) in
            let uses: UInt16 = try reader.read("uses")
            guard uses > 0 else { throw .invalid("uses", value: 0, at: 0) }
            return uses
        }
        boundKey = try fields.takeKey(.boundKey)
        let seen: UInt64 = try fields.need(.seen)
        membersSeen = UInt32(truncatingIfNeeded: seen >> 32)
        revocationsSeen = UInt32(truncatingIfNeeded: seen)
    }

    func write(to fields: inout Fields) {
        fields.set(.key, key.octets)
        fields.set(.roles, roles.rawValue)
        fields.set(ranges: ranges)
        fields.set(.notAfter, notAfter)
        fields.set(.uses, uses)
        fields.set(.boundKey, boundKey?.octets)
        fields.set(.seen, UInt64(membersSeen) << 32 | UInt64(revocationsSeen))
    }
}

/// Makes a node a member; signed by an admitter.
package struct Admission: Hashable, Sendable {
    package var node: Ed25519.PublicKey
    package var invite: ObjectID
    /// The invite key's signature over this use of it.
    package var proof: [UInt8]
    /// 16 octets of the admitter's choice.
    package var nonce: [UInt8]

    package static let nonceSize = 16

    /// - Returns: `nil` if `proof` has not 64 octets or `nonce` not 16.
    package init?(
        of node: Ed25519.PublicKey, by invite: ObjectID, proof: [UInt8], nonce: [UInt8]
    ) {
        guard proof.count == Ed25519.signatureSize, nonce.count == Self.nonceSize else {
            return nil
        }
        self.node = node
        self.invite = invite
        self.proof = proof
        self.nonce = nonce
    }

    init(from fields: inout Fields) throws(WireError) {
        node = try fields.needKey(.key)
        invite = try fields.needObjectID(.invite)
        proof = try fields.need(.proof, size: Ed25519.signatureSize)
        nonce = try fields.need(.nonce, size: Self.nonceSize)
    }

    func write(to fields: inout Fields) {
        fields.set(.key, node.octets)
        fields.set(.invite, invite.octets)
        fields.set(.proof, proof)
        fields.set(.nonce, nonce)
    }
}

/// Takes a name or an address of the mesh's pool for a node; signed by an admitter.
package struct Claim: Hashable, Sendable {
    package var subject: Ed25519.PublicKey
    package var what: What

    package enum What: Hashable, Sendable {
        case name(MeshName)
        /// 0 to 15: which of the addresses that its key gives a node.
        case address(index: UInt8)
    }

    package static let maximumIndex: UInt8 = 15

    package init(_ what: What, for subject: Ed25519.PublicKey) {
        self.subject = subject
        self.what = what
    }

    init(from fields: inout Fields) throws(WireError) {
        subject = try fields.needKey(.key)
        if let name = try fields.takeName() {
            what = .name(name)
        } else {
            let index = try fields.need(.index) { reader throws(WireError) in
                let index: UInt8 = try reader.read("address index")
                guard index <= Self.maximumIndex else {
                    throw .invalid("address index", value: Int(index), at: 0)
                }
                return index
            }
            what = .address(index: index)
        }
    }

    func write(to fields: inout Fields) {
        fields.set(.key, subject.octets)
        switch what {
        case .name(let name): fields.set(names: [name])
        case .address(let index): fields.set(.index, index)
        }
    }
}

/// Ends a key or an object for ever.
package struct Revocation: Hashable, Sendable {
    package var subject: Subject
    /// For people; at most 128 octets.
    package var reason = ""
    /// H of the sorted ids of the objects that stay; none: nothing stays, but of one's own key all.
    package var keepList: [UInt8]?

    package enum Subject: Hashable, Sendable {
        case key(Ed25519.PublicKey)
        case object(ObjectID)
    }

    package static let maximumReason = 128

    package init(of subject: Subject) { self.subject = subject }

    init(from fields: inout Fields) throws(WireError) {
        if let key = try fields.takeKey(.key) {
            subject = .key(key)
        } else {
            subject = .object(try fields.needObjectID(.object))
        }
        let text = try fields.take(.reason) { reader throws(WireError) in
            let octets = reader.readRest()
            guard octets.count <= Self.maximumReason,
                let text = String(validating: octets, as: UTF8.self)
            else { throw .invalid("reason of length", value: octets.count, at: 0) }
            return text
        }
        reason = text ?? ""
        keepList = try fields.take(.keepList, size: SHA256.size)
    }

    func write(to fields: inout Fields) {
        switch subject {
        case .key(let key): fields.set(.key, key.octets)
        case .object(let id): fields.set(.object, id.octets)
        }
        fields.set(.reason, [UInt8](reason.utf8))
        fields.set(.keepList, keepList)
    }
}

extension Fields {
    mutating func needObjectID(_ tag: FieldTag) throws(WireError) -> ObjectID {
        guard let id = ObjectID(octets: try need(tag, size: ObjectID.size)) else {
            throw missing(tag)
        }
        return id
    }
}
