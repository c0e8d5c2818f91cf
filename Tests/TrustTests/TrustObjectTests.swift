import Cryptography
import Foundation
import LISP
import TestKit
import Testing
import Trust

@Suite("Trust objects")
struct TrustObjectTests {
    static let mesh = IdentifierTests.mesh
    static let stamp: UInt64 = 1_763_718_000_000
    static let keys = (1...3).map { IdentifierTests.key($0) }

    struct Vector: Sendable {
        let octets: [UInt8]
        let id: String
    }

    /// By name; Tests/Vectors/README.md says who wrote them.
    static let vectors: [String: Vector] = {
        let path = Checkout.vector("trust-objects.txt")
        let text = (try? String(contentsOfFile: path, encoding: .utf8)) ?? ""
        var vectors: [String: Vector] = [:]
        for line in text.split(separator: "\n") {
            let words = line.split(separator: " ").map(String.init)
            vectors[words[0]] = Vector(octets: [UInt8](hex: words[1]), id: words[2])
        }
        return vectors
    }()

    /// What each vector says, and which key signed it.
    static func statements() throws -> [(name: String, signer: Int, kind: Statement.Kind)] {
        let (root, node, next) = (keys[0].publicKey, keys[1].publicKey, keys[2].publicKey)
        let pool = try #require(Prefix(IPv4Address(rawValue: 0x0A4D_0000), length: 16))
        var genesis = Genesis(
            name: try #require(MeshName("relief")), commitment: RootCommitment(to: next), pool: pool
        )
        genesis.policy = 1
        var grant = Grant(to: node, roles: [.member, .admin])
        grant.ranges = [try EID("10.0.0.0/8"), try EID("[7]fd00::/16")]
        grant.names = [try #require(MeshName("base-1")), try #require(MeshName("clinic"))]
        (grant.notAfter, grant.depth) = (1_763_804_400_000, 3)
        var invite = Invite(key: next, roles: .member)
        (invite.uses, invite.boundKey) = (2, node)
        (invite.membersSeen, invite.revocationsSeen) = (5, 1)
        let inviteID = try #require(ObjectID(octets: [UInt8](hex: vectors["invite"]?.id ?? "")))
        let admission = try #require(
            Admission(
                of: node, by: inviteID, proof: [UInt8](repeating: 0x5A, count: 64),
                nonce: [UInt8](0..<16)))
        let dataKey = try #require(
            X25519.PublicKey(octets: [9] + [UInt8](repeating: 0, count: 31)))
        var nodeRecord = NodeRecord(dataKey: dataKey, incarnation: 3)
        nodeRecord.locators = [
            .init(
                .ipv4(IPv4Address(rawValue: 0xC000_0201)),
                preference: .init(priority: 1, weight: 100)),
            .init(
                .ipv6(IPv6Address(high: 0x2001_0DB8 << 32, low: 1)), dataPort: 50000,
                controlPort: 50001, preference: .init(priority: 2, weight: 50)),
        ]
        (nodeRecord.activePartitions, nodeRecord.pendingPartitions) = (5, 2)
        var revocation = Revocation(of: .key(node))
        (revocation.reason, revocation.keepList) = ("lost", SHA256.hash([]))
        let commitment = try #require(RootCommitment(octets: SHA256.hash([UInt8]("x".utf8))))
        var rotation = Rotation(commitment: commitment)
        rotation.keepList = SHA256.hash([UInt8]("y".utf8))
        let salt = try #require(Salt(epoch: 4, random: [UInt8](0..<32)))
        let name = try #require(MeshName("rover-2"))
        #expect(root != node)
        return [
            ("genesis", 0, .genesis(genesis)), ("grant", 0, .grant(grant)),
            ("invite", 1, .invite(invite)), ("admission", 0, .admission(admission)),
            ("nodeRecord", 1, .nodeRecord(nodeRecord)),
            ("claimName", 0, .claim(Claim(.name(name), for: node))),
            ("claimIndex", 0, .claim(Claim(.address(index: 15), for: node))),
            ("revokeKey", 0, .revocation(revocation)),
            ("revokeObject", 0, .revocation(Revocation(of: .object(inviteID)))),
            ("rotation", 2, .rotation(rotation)), ("salt", 0, .salt(salt)), ("time", 0, .time),
        ]
    }

    @Test("octets, value, signature and id agree with another implementation, both ways")
    func golden() throws {
        let statements = try Self.statements()
        #expect(statements.count == Self.vectors.count - 1)
        for (name, signer, kind) in statements {
            let vector = try #require(Self.vectors[name])
            let read = try TrustObject(octets: vector.octets)
            #expect(read.statement.kind == kind && read.statement.stamp == Self.stamp, "\(name)")
            #expect(read.signer == Self.keys[signer].publicKey && read.isSigned(in: Self.mesh))
            #expect(read.id(in: Self.mesh).octets.hex == vector.id)
            let written = try TrustObject(
                signing: Statement(kind, stamp: Self.stamp), by: Self.keys[signer], in: Self.mesh)
            #expect(written.octets.hex == vector.octets.hex, "\(name)")
            #expect(written == read)
        }
    }

    @Test("each proper prefix, and each octet more, is refused")
    func prefixes() {
        for (name, vector) in Self.vectors {
            for length in 0..<vector.octets.count {
                #expect(throws: TrustObjectError.self, "\(name), \(length)") {
                    try TrustObject(octets: [UInt8](vector.octets.prefix(length)))
                }
            }
            #expect(throws: TrustObjectError.self) {
                try TrustObject(octets: vector.octets + [0])
            }
        }
    }

    @Test("every changed bit is refused or does not verify")
    func everyBitIsSigned() {
        for (name, vector) in Self.vectors {
            for bit in 0..<vector.octets.count * 8 {
                var changed = vector.octets
                changed[bit / 8] ^= 0x80 >> UInt8(bit % 8)
                let read = try? TrustObject(octets: changed)
                #expect(read?.isSigned(in: Self.mesh) != true, "\(name), bit \(bit)")
            }
        }
    }

    @Test("a field from 128 on is signed, kept and ignored; below it refuses the object")
    func unknownFields() throws {
        let later = try #require(Self.vectors["later"])
        let read = try TrustObject(octets: later.octets)
        #expect(read.isSigned(in: Self.mesh) && read.id(in: Self.mesh).octets.hex == later.id)
        #expect(read.statement.kind == .time)
        let again = try TrustObject(signing: read.statement, by: Self.keys[0], in: Self.mesh)
        #expect(again.octets == later.octets)
        var unknown = later.octets
        unknown[17] = 127
        #expect(throws: TrustObjectError.wire(.unsupported("field", value: 127, at: 17))) {
            try TrustObject(octets: unknown)
        }
    }

    @Test("a field of another type of object, a missing one and one out of order are refused")
    func wrongFields() throws {
        let time = try #require(Self.vectors["time"]).octets
        func object(_ type: UInt8, _ fields: String) -> [UInt8] {
            let fields = [UInt8](hex: fields)
            return [0x57, 0x54, 1, type, 0, UInt8(fields.count)] + fields
                + [UInt8](time.suffix(96))
        }
        let stamp = "08 0008 0000019aa5f15b80"
        #expect(throws: Never.self) { try TrustObject(octets: object(9, stamp)) }
        for (type, fields) in [
            (9, ""), (9, "08 0007 00000000000000"), (9, "08 0000"), (10, stamp),
            (9, "02 0002 0001 \(stamp)"), (9, "\(stamp) 02 0002 0001"), (9, "\(stamp) \(stamp)"),
            (8, stamp), (5, "01 0020 \(String(repeating: "00", count: 32)) \(stamp)"),
            (5, "01 0020 \(String(repeating: "00", count: 32)) \(stamp) 14 0001 10"),
            (5, "01 0020 \(String(repeating: "00", count: 32)) 04 0004 03 612d2d \(stamp)"),
            (5, "01 0020 \(String(repeating: "00", count: 32)) 04 0004 0161 0162 \(stamp)"),
            (
                6,
                "01 0020 \(String(repeating: "00", count: 32)) \(stamp) 12 0010 \(String(repeating: "00", count: 16))"
            ),
            (6, "\(stamp) 12 0010 \(String(repeating: "00", count: 16)) 13 0001 ff"),
        ] as [(UInt8, String)] {
            #expect(throws: TrustObjectError.self, "\(type): \(fields)") {
                try TrustObject(octets: object(type, fields))
            }
        }
    }

    @Test("ranges have zero host bits and a family that we know")
    func ranges() throws {
        let grant = try #require(Self.vectors["grant"]).octets
        let start = try #require(grant.firstRange(of: [UInt8](hex: "00000000 0001 08 0a000000")))
        for (offset, value) in [(10, 1), (6, 33), (5, 17), (5, 99)] as [(Int, UInt8)] {
            var changed = grant
            changed[start.lowerBound + offset] = value
            #expect(throws: TrustObjectError.self, "\(offset)") { try TrustObject(octets: changed) }
        }
    }

    @Test("a pool has 8 to 29 bits: no genesis takes all of IPv4 from those who join")
    func pools() throws {
        let genesis = try #require(Self.vectors["genesis"]).octets
        let start = try #require(genesis.firstRange(of: [UInt8](hex: "0a4d0000 10"))).lowerBound
        for length in 0...33 {
            var changed = genesis
            let pool = Prefix(host: IPv4Address(rawValue: 0x0A4D_0000)).shortened(
                to: min(length, 32))
            changed.replaceSubrange(
                start..<start + 5,
                with: withUnsafeBytes(of: pool.address.rawValue.bigEndian) { [UInt8]($0) }
                    + [UInt8(length)])
            if 8...29 ~= length {
                let kind = try TrustObject(octets: changed).statement.kind
                guard case .genesis(let read) = kind else { preconditionFailure("\(kind)") }
                #expect(read.pool == pool)
            } else {
                #expect(
                    throws: TrustObjectError.wire(
                        .invalid("mask length of pool", value: length, at: start + 4))
                ) { try TrustObject(octets: changed) }
            }
        }
    }

    @Test("an error says where in the object")
    func places() throws {
        let grant = try #require(Self.vectors["grant"]).octets
        let range = try #require(grant.firstRange(of: [UInt8](hex: "00000000 0001 08 0a000000")))
        var changed = grant
        changed[range.lowerBound + 5] = 99
        let place = range.lowerBound + 4
        #expect(throws: TrustObjectError.wire(.unsupported("AFI of range", value: 99, at: place))) {
            try TrustObject(octets: changed)
        }
        changed = grant
        changed[range.lowerBound + 6] = 33
        #expect(
            throws: TrustObjectError.wire(
                .invalid("mask length of range", value: 33, at: place + 2))
        ) { try TrustObject(octets: changed) }
        let time = try #require(Self.vectors["time"]).octets
        // Without its only field, the stamp.
        let empty = time.prefix(4) + [0, 0] + time.suffix(96)
        #expect(throws: TrustObjectError.wire(.truncated("field 8", at: 6))) {
            try TrustObject(octets: [UInt8](empty))
        }
    }

    @Test("no object is longer than the bound")
    func size() throws {
        var grant = Grant(to: Self.keys[1].publicKey, roles: .member)
        grant.ranges = (0..<100).map { number in
            EID(.ipv4(Prefix(host: IPv4Address(rawValue: number))))
        }
        #expect(throws: TrustObjectError.tooLong(1271)) {
            try TrustObject(
                signing: Statement(.grant(grant), stamp: 1), by: Self.keys[0], in: Self.mesh)
        }
        #expect(throws: TrustObjectError.tooLong(1101)) {
            try TrustObject(octets: [UInt8](repeating: 0, count: 1101))
        }
    }

    @Test("a statement that no reader takes is not signed")
    func unsignable() throws {
        let node = Self.keys[1].publicKey
        var grant = Grant(to: node, roles: .member)
        grant.ranges = [try EID("'dino'")]
        var invite = Invite(key: node, roles: .member)
        invite.uses = 0
        var revocation = Revocation(of: .key(node))
        revocation.reason = String(repeating: "x", count: 129)
        var endless = revocation
        endless.reason = String(repeating: "x", count: 70_000)
        for kind in [
            .grant(grant), .invite(invite), .revocation(revocation), .revocation(endless),
            .claim(Claim(.address(index: 16), for: node)),
        ] as [Statement.Kind] {
            #expect(throws: TrustObjectError.self) {
                try TrustObject(
                    signing: Statement(kind, stamp: 1), by: Self.keys[0], in: Self.mesh)
            }
        }
    }

    @Test(
        "names",
        arguments: [
            ("a", true), ("base-1", true), ("0", true), (String(repeating: "x", count: 29), true),
            ("", false), (String(repeating: "x", count: 30), false), ("-a", false), ("a-", false),
            ("a--b", false), ("xn--a", false), ("k-a", false), ("Base", false), ("a_b", false),
            ("é", false), ("a b", false), ("a.b", false), ("k", true), ("kk-a", true),
        ])
    func names(text: String, isRight: Bool) {
        #expect((MeshName(text) != nil) == isRight)
    }
}

extension [UInt8] {
    /// Where a piece stands first.
    fileprivate func firstRange(of piece: [UInt8]) -> Range<Int>? {
        indices.first { self[$0...].starts(with: piece) }.map { $0..<$0 + piece.count }
    }
}
