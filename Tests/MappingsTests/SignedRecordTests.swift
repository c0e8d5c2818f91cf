import Cryptography
import LISP
import Mappings
import TestKit
import Testing
import Trust

/// Root, node and next root have the keys of RFC 8032's tests 1, 2 and 3.
@Suite("Signed records")
struct SignedRecordTests {
    static let root = key("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")
    static let node = key("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb")
    static let nextRoot = key("c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7")
    static let mesh = MeshID(
        firstRoot: root.publicKey, commitment: RootCommitment(to: nextRoot.publicKey))

    static let head = "000005a00280000000000002 fd42e3fd8d1e55ec653d1f87f3948f01"
    static let locator = "0164ff00 0001 0001 c0000201"
    static let json = """
        {"alg":"Ed25519","key":"PUAXw-hDiVqStwqnTRt-vJyYLM8uxJaMwM1V8Sr0Zgw","seq":1763718000000,\
        "signature":"ZejMAOQFQA2uTsuJ5Be5mLew_RrIIt-hYDcsDTp0VnhfBC8DzcHjSy_p5pOhQCA43YfWVjJwZz9CwDXEhliSBg"}
        """
    static let octets =
        [UInt8](
            hex: "\(head) \(locator) ff00ff00 0000 4003 0000 0e00 00c2 00be")
        + [UInt8](json.utf8) + [0, 0]

    static var content: SignedRecord.Content {
        SignedRecord.Content(
            eid: mesh.cryptoEID(of: node.publicKey), ttl: 1440,
            locators: [
                LocatorRecord(
                    .ipv4(IPv4Address(rawValue: 0xC000_0201)),
                    unicast: .init(priority: 1, weight: 100), flags: .reachable)
            ], sequence: 1_763_718_000_000)
    }

    @Test("the record is the known octets, signed and read")
    func recordVectorHolds() throws {
        #expect(Self.octets.count == 248)
        #expect(
            SHA256.hash(Self.octets).hex
                == "04be166009c65268c9c2ffc3bcc74b66348158784ae2e035540600fde08056a8")
        let read = try SignedRecord(octets: Self.octets)
        #expect(read.isSigned(in: Self.mesh))
        #expect(read.eid == Self.mesh.cryptoEID(of: Self.node.publicKey))
        #expect(read.signature.signer == Self.node.publicKey)
        #expect(read.signature.sequence == 1_763_718_000_000 && read.ttl == 1440)
        let signed = try SignedRecord(signing: Self.content, by: Self.node, in: Self.mesh)
        #expect(signed.octets.hex == Self.octets.hex)
    }

    @Test("each proper prefix, and each octet more, is refused")
    func prefixes() {
        for length in 0..<Self.octets.count {
            #expect(throws: SignedRecordError.self) {
                try SignedRecord(octets: [UInt8](Self.octets.prefix(length)))
            }
        }
        #expect(throws: SignedRecordError.self) { try SignedRecord(octets: Self.octets + [0]) }
    }

    @Test("every changed bit is refused or does not verify")
    func everyBitOfARecordIsSigned() {
        for bit in 0..<Self.octets.count * 8 {
            var changed = Self.octets
            changed[bit / 8] ^= 0x80 >> UInt8(bit % 8)
            let read = try? SignedRecord(octets: changed)
            #expect(read?.isSigned(in: Self.mesh) != true, "bit \(bit)")
        }
    }

    @Test("a signature beside other locators does not verify")
    func signatureBesideOtherLocatorsRefused() throws {
        var moved = Self.octets
        moved[39] = 9
        #expect(try !SignedRecord(octets: moved).isSigned(in: Self.mesh))
        // Last means last.
        var record = try EIDRecord(octets: Self.octets)
        record.locators.reverse()
        #expect(throws: SignedRecordError.noSignature) {
            try SignedRecord(octets: record.octets())
        }
        record.locators = [record.locators[0], record.locators[0]]
        #expect(throws: SignedRecordError.self) { try SignedRecord(octets: record.octets()) }
    }

    @Test(
        "other spellings of the same JSON are refused",
        arguments: [
            (#"{"alg""#, #"{ "alg""#), (#""seq":1763718000000"#, #""seq":01763718000000"#),
            (#""seq":1763718000000"#, #""seq":1.763718e12"#),
            (#""seq":1763718000000"#, #""seq":+1763718000000"#),
            (#""seq":1763718000000"#, #""seq":0"#),
            (#""seq":1763718000000"#, #""seq":281474976710656"#),
            (#""seq":1763718000000"#, #""seq":99999999999999999999"#),
            (#""seq":1763718000000"#, #""class":0,"seq":1763718000000,"class":0"#),
            (#","seq""#, #","class":1,"seq""#), (#","seq""#, #","nodes":"","seq""#),
            (#","seq""#, #","nodes":"AQ","seq""#), ("Ed25519", "ed25519"), ("Zgw\"", "Zgx\""),
            ("Zgw\"", "Zgw=\""), ("PUAXw-h", "PUAXw+h"), ("iSBg\"}", "iSBh\"}"),
            ("\"}", "\",\"x\":1}"),
            (#""key":"PUAXw"#, #""key":"PUAX"#), (#"{"alg":"Ed25519","#, "{"), ("\"}", "\"}\n"),
        ])
    func templateVariantsRefused(from: String, to: String) throws {
        #expect(Self.json.contains(from))
        let changed = Self.json.replacing(from, with: to)
        #expect(throws: SignedRecordError.noSignature) {
            try SignedRecord(octets: try Self.record(json: changed))
        }
    }

    @Test("the text is read back as the values that printed it")
    func texts() throws {
        let nodeID = NodeID(of: Self.node.publicKey, in: Self.mesh)
        let relay = NodeID(of: Self.root.publicKey, in: Self.mesh)
        for nodes in [
            [], [RecordSignature.Run(count: 1, node: nodeID)],
            [.init(count: 127, node: nodeID, relay: relay), .init(count: 2, node: relay)],
        ] {
            for isClass0 in [false, true] {
                for sequence in [1, RecordSignature.maximumSequence] {
                    let signature = RecordSignature(
                        signer: Self.node.publicKey, isClass0: isClass0, nodes: nodes,
                        sequence: sequence, signature: [UInt8](repeating: 0xFB, count: 64))
                    #expect(RecordSignature(text: [UInt8](signature.text.utf8)) == signature)
                }
            }
        }
    }

    @Test("a locator that we cannot read is signed and kept like others")
    func unknownLCAFStillVerifies() throws {
        var content = Self.content
        content.locators.append(
            LocatorRecord(
                .lcaf(LCAF(.opaque(type: 99, [1, 2, 3]), flags: 7)),
                unicast: .init(priority: 2, weight: 1)))
        let signed = try SignedRecord(signing: content, by: Self.node, in: Self.mesh)
        let read = try SignedRecord(octets: signed.octets)
        #expect(read.isSigned(in: Self.mesh) && read.locators.count == 2)
        #expect(read == signed)
    }

    @Test("without its signature locator it is a plain EID-record")
    func strippedRecordIsPlainLISP() throws {
        let plain = try SignedRecord(octets: Self.octets).plain
        #expect(
            plain.octets()
                == [UInt8](hex: "\(Self.head) \(Self.locator)".replacing("0280", with: "0180")))
        #expect(try EIDRecord(octets: plain.octets()) == plain)
    }

    @Test("another mesh or instance is refused")
    func otherMeshOrInstanceRefused() throws {
        let other = MeshID(
            firstRoot: Self.node.publicKey, commitment: RootCommitment(to: Self.node.publicKey))
        #expect(try !SignedRecord(octets: Self.octets).isSigned(in: other))
        var record = try EIDRecord(octets: Self.octets)
        record.eid = .lcaf(LCAF(.instanceID(InstanceIDAddress(instance: 1, address: record.eid))))
        let moved = try SignedRecord(octets: record.octets())
        #expect(moved.eid.instance == 1 && !moved.isSigned(in: Self.mesh))
    }

    @Test("the head has one form")
    func heads() throws {
        #expect(try failure { $0.ttl = 1441 } == .ttl(1441))
        #expect(try failure { $0.ttl = 0 } == .tombstoneWithLocators)
        #expect(try failure { $0.flags.rawValue = 0x1000 } == .reservedBits)
        #expect(try failure { $0.flags.rawValue = 1 } == .reservedBits)
        #expect(try failure { $0.versionWord = 1 } == .reservedBits)
        #expect(try failure { $0.flags = .init(action: .drop) } == .action)
        #expect(try failure { $0.locators[0].flags = [.reachable, .local] } == .locator(0))
        #expect(try failure { $0.locators[0].flags = .probed } == .locator(0))
        #expect(try failure { $0.locators[0].unicast.priority = 255 } == .locator(0))
        #expect(try failure { $0.locators.removeLast() } == .noSignature)
        #expect(try failure { $0.locators = [] } == .noSignature)
        #expect(
            try failure { record in
                var first = record.locators[0]
                first.locator = .ipv6(IPv6Address(high: 1, low: 1))
                record.locators.insert(first, at: 0)
            } == .unsorted)
    }

    @Test(
        "an EID has one spelling",
        arguments: [
            (24, "0001 0a010203"), (0, "0000"), (0, "0011 64696e6f 00"),
            (32, "4003 0000 0200 000a 00000000 0001 0a010203"),
            (32, "4003 0000 0220 000a 00000001 0001 0a010203"),
            (0, "4003 0000 0500 000e 8030330c 80021437 7fffffff 0000"),
            (32, "4003 0000 0900 0014 00000001 0001 20 20 0001 0a010101 0001 e0010101"),
            (16, "0010 78 00"), (0, "4003 0000 0200 0006 00000001 0000"),
            (0, "0011 \(String(repeating: "61", count: 31)) 00"),
        ] as [(UInt8, String)])
    func spellings(mask: UInt8, hex: String) throws {
        #expect(
            try failure {
                $0.maskLength = mask
                $0.eid = try Address(octets: [UInt8](hex: hex))
            } == .eid)
    }

    @Test(
        "canonical EIDs of every kind can be signed",
        arguments: [
            "10.0.0.0/8", "[7]fd00::/16", "0000-1111-2222/48", "+14087182001", "'dino'",
            "[3]'dino'",
            "48-51-12-N-2-20-55-E/100", "(*, 224.1.1.1)", "[9](10.0.0.1, 224.1.1.1)", "AS64512",
        ])
    func kinds(text: String) throws {
        var content = Self.content
        content.eid = try EID(text)
        let signed = try SignedRecord(signing: content, by: Self.node, in: Self.mesh)
        #expect(signed.isSigned(in: Self.mesh) && signed.eid == content.eid)
    }

    @Test("tombstones, negative mappings, nodes and size")
    func others() throws {
        var content = Self.content
        (content.ttl, content.locators) = (0, [])
        #expect(try SignedRecord(signing: content, by: Self.node, in: Self.mesh).isTombstone)
        (content.ttl, content.action) = (15, .drop)
        let negative = try SignedRecord(signing: content, by: Self.node, in: Self.mesh)
        #expect(negative.action == .drop && negative.locators.isEmpty)
        content = Self.content
        let nodeID = NodeID(of: Self.node.publicKey, in: Self.mesh)
        for count in [0, 128] {
            content.nodes = [.init(count: count, node: nodeID)]
            #expect(throws: SignedRecordError.nodesDoNotAddUp) {
                try SignedRecord(signing: content, by: Self.node, in: Self.mesh)
            }
        }
        content.nodes = [.init(count: 2, node: nodeID)]
        #expect(throws: SignedRecordError.nodesDoNotAddUp) {
            try SignedRecord(signing: content, by: Self.node, in: Self.mesh)
        }
        content.nodes = [.init(count: 1, node: nodeID)]
        #expect(
            try SignedRecord(signing: content, by: Self.node, in: Self.mesh).signature.nodes
                == content.nodes)
        content = Self.content
        content.locators = (0..<80).map {
            LocatorRecord(.ipv4(IPv4Address(rawValue: $0)), unicast: .init(priority: 1, weight: 1))
        }
        #expect(throws: SignedRecordError.tooLong(1196)) {
            try SignedRecord(signing: content, by: Self.node, in: Self.mesh)
        }
    }

    @Test("locators are sorted when they are signed: IPv4, IPv6, then LCAFs by type")
    func sorting() throws {
        var content = Self.content
        let path = Address.lcaf(LCAF(.explicitLocatorPath([])))
        let list = Address.lcaf(LCAF(.replicationList([]), reserved1: 0))
        let ipv6 = Address.ipv6(IPv6Address(high: 1, low: 1))
        content.locators += [list, path, ipv6].map {
            LocatorRecord($0, unicast: .init(priority: 1, weight: 1))
        }
        let signed = try SignedRecord(signing: content, by: Self.node, in: Self.mesh)
        #expect(signed.locators.map(\.locator).suffix(3) == [ipv6, path, list])
    }

    private func failure(_ change: (inout EIDRecord) throws -> Void) throws -> SignedRecordError? {
        var record = try EIDRecord(octets: Self.octets)
        try change(&record)
        do throws(SignedRecordError) {
            _ = try SignedRecord(octets: record.octets())
            return nil
        } catch {
            return error
        }
    }

    /// The vector with another text in its signature locator, and right lengths.
    private static func record(json: String) throws -> [UInt8] {
        var record = try EIDRecord(octets: octets)
        record.locators[1].locator = .lcaf(LCAF(.json(JSONData(json: [UInt8](json.utf8)))))
        return record.octets()
    }

    private static func key(_ seed: String) -> Ed25519.SecretKey {
        guard let key = Ed25519.SecretKey(seed: [UInt8](hex: seed)) else {
            preconditionFailure("a seed has 32 octets")
        }
        return key
    }
}
