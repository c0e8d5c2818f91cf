import Cryptography
import LISP
import TestKit
import Testing
import Trust

/// A mesh to try things on: root, next root, and numbered nodes, whose objects are signed on demand.
struct TrustWorld {
    static let start: UInt64 = 1_763_718_000_000
    static let hour: UInt64 = 3_600_000

    let roots: [Ed25519.SecretKey]
    let mesh: MeshID
    let genesis: TrustObject
    var set: TrustSet

    static func key(_ number: Int) -> Ed25519.SecretKey {
        let seed = SHA256.hash([UInt8]("key \(number)".utf8))
        guard let key = Ed25519.SecretKey(seed: seed) else {
            preconditionFailure("a seed has 32 octets")
        }
        return key
    }

    var root: Ed25519.SecretKey { roots[0] }

    init(policy: UInt32 = 0) throws {
        roots = (1000..<1004).map(Self.key)
        let commitment = RootCommitment(to: roots[1].publicKey)
        mesh = MeshID(firstRoot: roots[0].publicKey, commitment: commitment)
        var genesis = Genesis(
            name: try #require(MeshName("relief")), commitment: commitment,
            pool: try #require(Prefix(IPv4Address(rawValue: 0x0A4D_0000), length: 16)))
        genesis.policy = policy
        self.genesis = try TrustObject(
            signing: Statement(.genesis(genesis), stamp: Self.start), by: roots[0], in: mesh)
        set = TrustSet(mesh: mesh)
        set.insert(self.genesis)
    }

    func sign(
        _ kind: Statement.Kind, by key: Ed25519.SecretKey, at hours: Double = 0
    ) throws -> TrustObject {
        let stamp = UInt64(Int64(Self.start) + Int64(hours * Double(Self.hour)))
        return try TrustObject(signing: Statement(kind, stamp: stamp), by: key, in: mesh)
    }

    /// Signs and inserts.
    @discardableResult
    mutating func add(
        _ kind: Statement.Kind, by key: Ed25519.SecretKey, at hours: Double = 0
    ) throws -> ObjectID {
        let object = try sign(kind, by: key, at: hours)
        set.insert(object)
        return object.id(in: mesh)
    }

    @discardableResult
    mutating func grant(
        _ subject: Ed25519.SecretKey, _ roles: Roles, by key: Ed25519.SecretKey? = nil,
        ranges: [String] = [], names: [String] = [], until: Double? = nil, depth: UInt8 = 3,
        at hours: Double = 0
    ) throws -> ObjectID {
        var grant = Grant(to: subject.publicKey, roles: roles)
        grant.ranges = try ranges.map { try EID($0) }
        grant.names = try names.map { try #require(MeshName($0)) }
        grant.notAfter = until.map { Self.time($0) } ?? 0
        grant.depth = depth
        return try add(.grant(grant), by: key ?? root, at: hours)
    }

    static func time(_ hours: Double) -> UInt64 {
        UInt64(Int64(start) + Int64(hours * Double(hour)))
    }

    static func secret(_ number: Int) -> [UInt8] {
        [UInt8](SHA256.hash([UInt8]("secret \(number)".utf8)).prefix(16))
    }

    func inviteKey(_ number: Int) throws -> Ed25519.SecretKey {
        try #require(InviteString.key(secret: Self.secret(number), mesh: mesh))
    }

    func invite(
        _ number: Int, roles: Roles = .member, uses: UInt16 = 1, until: Double? = nil,
        bound: Ed25519.SecretKey? = nil, ranges: [String] = []
    ) throws -> Invite {
        var invite = Invite(key: try inviteKey(number).publicKey, roles: roles)
        invite.uses = uses
        invite.notAfter = until.map(Self.time) ?? 0
        invite.boundKey = bound?.publicKey
        invite.ranges = try ranges.map { try EID($0) }
        return invite
    }

    func admission(
        of node: Ed25519.SecretKey, invite: ObjectID, _ number: Int, nonce: UInt8 = 0
    ) throws -> Admission {
        let proof = Redemption.proof(
            by: try inviteKey(number), invite: invite, node: node.publicKey, in: mesh)
        return try #require(
            Admission(
                of: node.publicKey, by: invite, proof: proof,
                nonce: [UInt8](repeating: nonce, count: 16)))
    }

    @discardableResult
    mutating func admit(
        _ node: Ed25519.SecretKey, invite: ObjectID, _ number: Int, by key: Ed25519.SecretKey,
        at hours: Double = 0
    ) throws -> ObjectID {
        try add(.admission(try admission(of: node, invite: invite, number)), by: key, at: hours)
    }

    @discardableResult
    mutating func revoke(
        _ key: Ed25519.SecretKey, by signer: Ed25519.SecretKey, keep: [ObjectID]? = nil,
        at hours: Double = 0
    ) throws -> ObjectID {
        var revocation = Revocation(of: .key(key.publicKey))
        let list = keep?.sorted()
        revocation.keepList = list.map { SHA256.hash($0.flatMap(\.octets)) }
        let id = try add(.revocation(revocation), by: signer, at: hours)
        if let list, !list.isEmpty {
            let inserted = set.insert(keepList: list)
            #expect(inserted)
        }
        return id
    }

    func standing(at hours: Double = 1) -> Standing { set.standing(at: Self.time(hours)) }

    func isMember(_ key: Ed25519.SecretKey, at hours: Double = 1) -> Bool {
        standing(at: hours).member(key: key.publicKey) != nil
    }

    /// All objects of the set, by id.
    var objects: [TrustObject] {
        (0..<TrustSet.buckets).flatMap { set.ids(inBucket: UInt8($0)) }.compactMap(set.object)
    }

    /// Another set with the same objects, in another order.
    func shuffled(_ random: inout SeededRandom, lists: [[ObjectID]] = []) -> TrustSet {
        var other = TrustSet(mesh: mesh)
        for object in objects.shuffled(using: &random) { other.insert(object) }
        for list in lists { _ = other.insert(keepList: list) }
        return other
    }
}
