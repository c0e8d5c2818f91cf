import LISP
import MappingSystem
import Testing

@Suite("Map-Server sets of pull mode (RFC 9962 §5)")
struct PullHashTests {
    /// A text; its indexes under SHA-256 modulo 4, 8 and 13; and under HMAC-SHA-256-48.
    /// SHA-256 modulo 4 of the first 17 kinds is what the slides for IETF 104 print.
    static let rows: [(text: String, sha256: [UInt32], hmac: [UInt32])] = [
        ("[0]1.1.1.1/32", [1, 5, 9], [1, 5, 2]),
        ("[0]2.2.2.2/32", [0, 0, 3], [0, 4, 4]),
        ("[0]3.3.3.3/32", [3, 7, 9], [1, 1, 11]),
        ("[0]4.4.4.4/32", [0, 4, 0], [3, 3, 4]),
        ("[0]44.44.44.44/32", [2, 2, 5], [0, 0, 0]),
        ("[0]128.1.1.1/32", [2, 2, 0], [3, 3, 9]),
        ("[0]240.1.1.1/32", [3, 7, 7], [1, 5, 6]),
        ("[0]2001::1/128", [2, 2, 10], [1, 5, 7]),
        ("[0]2001::2/128", [3, 7, 2], [2, 2, 10]),
        ("[0]dfdf::2/128", [0, 0, 5], [1, 1, 9]),
        ("[0]ff02::1:ff00:2/128", [3, 7, 9], [2, 6, 12]),
        ("[0]'dino'", [1, 1, 6], [3, 7, 7]),
        ("[0]48-51-12-N-2-20-55-E/100", [3, 3, 7], [1, 1, 2]),
        ("[0]+1223344556677880/64", [3, 7, 11], [1, 1, 6]),
        ("[0]+000140871820010/64", [0, 4, 4], [0, 0, 10]),
        ("[0]+000000000000000/8", [3, 7, 2], [2, 6, 6]),
        ("[0](1.1.1.1/32, 224.1.1.1/32)", [1, 1, 8], [0, 0, 1]),
        ("[0]0000-1111-2222/48", [1, 5, 3], [0, 4, 10]),
        ("[0]240.0.1.0/24", [2, 2, 4], [3, 7, 6]),
        ("[11]1.1.1.1/32", [0, 0, 9], [2, 6, 9]),
        ("[1000]fd::2222/128", [0, 0, 0], [0, 4, 10]),
        ("[1000]fd00::2222/128", [3, 3, 1], [1, 1, 12]),
        ("[1]'nexus-n1'", [1, 1, 10], [1, 5, 6]),
        ("[0]224.1.1.1/32", [2, 6, 8], [2, 6, 4]),
        ("[0]224.1.1.1/32-1.1.1.1/32", [0, 0, 2], [2, 2, 11]),
        ("[0]224.1.1.1/32-0.0.0.0/0", [0, 0, 5], [3, 7, 1]),
        ("[0]224.1.1.1", [1, 5, 6], [0, 0, 8]),
        ("[0]233.252.1.1", [2, 2, 11], [3, 7, 10]),
        ("[0]240.0", [0, 0, 9], [2, 2, 4]),
        ("[0]240.11.1.0/24", [1, 1, 3], [3, 3, 3]),
        ("[0]240.12.2.4/30", [3, 3, 12], [2, 6, 11]),
        ("[0]240.13.3.0/25", [1, 5, 9], [1, 1, 7]),
        ("[0]240.14.1.1/32", [1, 1, 5], [0, 4, 7]),
        ("[1000]", [3, 7, 4], [1, 5, 5]),
    ]

    @Test("each text has its index under both profiles", arguments: rows)
    func texts(text: String, sha256: [UInt32], hmac: [UInt32]) throws {
        for (modulus, (left, right)) in zip([4, 8, 13] as [UInt32], zip(sha256, hmac)) {
            #expect(try hash(modulus).index(ofText: text) == left)
            #expect(try hash(modulus, .hmacSHA256First48).index(ofText: text) == right)
        }
    }

    @Test("every row that is a unicast EID hashes as it is printed")
    func eids() throws {
        var count = 0
        for row in Self.rows {
            guard let eid = try? EID(row.text), eid.description == row.text else { continue }
            if case .multicast = eid.kind { continue }
            #expect(try hash(4).text(of: eid) == row.text)
            #expect(try hash(13).index(of: eid) == row.sha256[2])
            #expect(try hash(13, .hmacSHA256First48).index(of: eid) == row.hmac[2])
            count += 1
        }
        #expect(count == 28)
    }

    @Test("the indexes on the slides for IETF 104")
    func slides() throws {
        let slides: [(String, UInt32)] = [
            ("[0]240.1.1.1/32", 3), ("[0]1.1.1.1/32", 1), ("[0]2.2.2.2/32", 0),
            ("[0]2001::1/128", 2), ("[0]2001::2/128", 3), ("[0]'dino'", 1),
            ("[0]48-51-12-N-2-20-55-E/100", 3), ("[0]+1223344556677880/64", 3),
            ("[0]+000140871820010/64", 0), ("[0]+000000000000000/8", 3), ("[0]3.3.3.3/32", 3),
            ("[0]4.4.4.4/32", 0), ("[0]44.44.44.44/32", 2), ("[0]128.1.1.1/32", 2),
            ("[0]dfdf::2/128", 0), ("[0]ff02::1:ff00:2/128", 3),
        ]
        for (text, index) in slides { #expect(try hash(4).index(of: EID(text)) == index) }
        // The (S,G) line logs the hash of the source's own record, as lispers.net did it then.
        let eid = try EID("[0](1.1.1.1/32, 224.1.1.1/32)")
        guard case .multicast(let source, _) = eid.kind else { return #expect(Bool(false)) }
        #expect(try hash(4).index(of: EID(source.kind)) == 1)
    }

    @Test("(S,G): all sources of a group are in one set, unless the mask says otherwise")
    func multicast() throws {
        let eid = try EID("[0](1.1.1.1/32, 224.1.1.1/32)")
        #expect(try hash(13).text(of: eid) == "[0]224.1.1.1")
        #expect(try hash(13).text(of: EID("(*, 224.1.1.1)")) == "[0]224.1.1.1")
        #expect(try hash(13, mask: 255).text(of: eid) == "[0]224.1.1.1/32-1.1.1.1/32")
        #expect(
            try hash(13, mask: 255).text(of: EID("(*, 224.1.1.1)")) == "[0]224.1.1.1/32-0.0.0.0/0")
        #expect(try hash(13, mask: 15).text(of: eid) == "[0]224.1.1.1/32")
        #expect(try hash(13, .hmacSHA256First48).text(of: eid) == "[0]224.1.1.1/32")
        #expect(try hash(13).text(of: EID("[7](*, ff0e::1)")) == "[7]ff0e::1")
    }

    @Test("the hash mask keeps the first octets (RFC 9962 §5.1)")
    func hashMask() throws {
        for text in ["[0]240.0.1.0/24", "[0]240.0.1.1/32"] {
            #expect(try hash(8, mask: 8).text(of: EID(text)) == "[0]240.0")
            #expect(try hash(8, mask: 8).index(of: EID(text)) == 0)
        }
        #expect(try hash(8, mask: 8).text(of: EID("1.1.1.1")) == "[0]1.1.1")
    }

    @Test(
        "lookup lengths mask the EID before it is hashed (RFC 9962 §5.2)",
        arguments: [
            ("[0]240.11.1.1", 24, "[0]240.11.1.0/24"), ("[0]240.12.2.5", 30, "[0]240.12.2.4/30"),
            ("[0]240.13.3.7", 25, "[0]240.13.3.0/25"), ("[0]240.14.1.1", 32, "[0]240.14.1.1/32"),
        ])
    func lookupLengths(eid: String, length: Int, text: String) throws {
        let shortened = try #require(try EID(eid).shortened(to: length))
        #expect(try hash(4).text(of: shortened) == text)
    }

    @Test("the remainder is that of the whole number, whatever the modulus")
    func moduli() throws {
        // SHA-256 of this text is 0x2575841b…2b2bf5; its remainders were computed with Python.
        let remainders: [(UInt32, UInt32)] = [
            (1, 0), (2, 1), (255, 240), (65537, 63831), (4_294_967_295, 1_985_638_320),
        ]
        for (modulus, remainder) in remainders {
            #expect(try hash(modulus).index(ofText: "[0]1.1.1.1/32") == remainder)
        }
        #expect(PullHash(modulus: 0) == nil && PullHash(modulus: 4, hashMask: 0) == nil)
    }

    private func hash(
        _ modulus: UInt32, _ profile: PullHash.Profile = .sha256, mask: Int? = nil
    ) throws -> PullHash {
        try #require(PullHash(modulus: modulus, profile: profile, hashMask: mask))
    }
}
