import LISP
import TestKit
import Testing

@Suite("LISP Canonical Address Format")
struct LCAFTests {
    static let vectors: [Golden<Address>] = [
        Golden(
            "1 AFI list", "4003 0000 0100 000d 0001 c0000201 0011 7874723100",
            .lcaf(LCAF(.afiList([.ip("192.0.2.1"), .name("xtr1")])))),
        Golden("1 empty AFI list", "4003 0000 0100 0000", .lcaf(LCAF(.afiList([])))),
        Golden(
            "2 Instance-ID 1000", "4003 0000 0200 000a 000003e8 0001 0a010101",
            .lcaf(LCAF(.instanceID(InstanceIDAddress(instance: 1000, address: .ip("10.1.1.1")))))),
        Golden(
            "2 as OpenOverlayRouter sends it: mask length 32",
            "4003 0000 0220 000a 000004d2 0001 0a010000",
            .lcaf(
                LCAF(
                    .instanceID(InstanceIDAddress(instance: 1234, address: .ip("10.1.0.0"))),
                    reserved2: 32))),
        Golden(
            "3 AS number", "4003 0000 0300 000a 0000fde8 0001 c0000201",
            .lcaf(LCAF(.asNumber(ASNumberAddress(number: 65000, address: .ip("192.0.2.1")))))),
        Golden(
            "4 application data", "4003 0000 0400 0012 00002e06 0400 ffff 0050 0050 0001 c0000201",
            .lcaf(
                LCAF(
                    .applicationData(
                        ApplicationData(
                            trafficAndProtocol: 0x2E06, localPorts: 0x0400_FFFF,
                            remotePorts: 0x0050_0050, address: .ip("192.0.2.1")))))),
        Golden(
            "5 geo-coordinates", "4003 0000 0500 000e 8030330c 80021437 7fffffff 0000",
            .lcaf(
                LCAF(
                    .geoCoordinates(
                        GeoCoordinates(
                            latitude: 0x8030_330C, longitude: 0x8002_1437,
                            altitude: GeoCoordinates.noAltitude))))),
        Golden(
            "5 with a longitude out of range, as OpenOverlayRouter was sent",
            "4003 0000 0500 0012 8029 1e14 020a0500 0000001e 0001 0a62000b",
            .lcaf(
                LCAF(
                    .geoCoordinates(
                        GeoCoordinates(
                            latitude: 0x8029_1E14, longitude: 0x020A_0500, altitude: 30,
                            address: .ip("10.98.0.11")))))),
        Golden(
            "5 in another layout is kept unread",
            "4003 0000 0500 0016 6000 0000 30 2ee000 02 132658 00000000 0064 0000 0000",
            .lcaf(
                LCAF(
                    .opaque(
                        type: 5,
                        [UInt8](hex: "6000 0000 30 2ee000 02 132658 00000000 0064 0000 0000"))))),
        Golden(
            "6 opaque key", "4003 0000 0600 0006 02 0004 aabbcc",
            .lcaf(
                LCAF(
                    .opaqueKey(
                        OpaqueKey(fieldNumber: 2, wildcards: 4, key: [0xAA, 0xBB, 0xCC]))))),
        Golden(
            "7 NAT traversal, seen from 198.51.100.7:50000",
            "4003 0000 0700 0018 10f6 c350 0001 c6336407 0001 c000020a 0000 0001 cb007101",
            .lcaf(
                LCAF(
                    .natTraversal(
                        NATTraversal(
                            mapServerPort: 4342, etrPort: 50000, globalETR: .ip("198.51.100.7"),
                            mapServer: .ip("192.0.2.10"), privateETR: .none,
                            rtrs: [.ip("203.0.113.1")]))))),
        Golden(
            "8 nonce locator", "4003 0000 0800 000a 00123456 0001 c0000201",
            .lcaf(LCAF(.nonceLocator(NonceLocator(word: 0x12_3456, address: .ip("192.0.2.1")))))),
        Golden(
            "9 (0.0.0.0/0, 224.1.1.1/32) in instance 1",
            "4003 0000 0900 0014 00000001 0000 00 20 0001 00000000 0001 e0010101",
            .lcaf(
                LCAF(
                    .multicastInfo(
                        MulticastInfo(
                            instance: 1, source: .ip("0.0.0.0"), sourceMaskLength: 0,
                            group: .ip("224.1.1.1"), groupMaskLength: 32))))),
        Golden(
            "9 (fe00::2:2:2/128, ff02::1:ff00:2/128), as RFC 8060 spells what the slides of 2019 show",
            """
            4003 0000 0900 002c 00000000 0000 80 80 0002 fe000000000000000000000200020002
            0002 ff0200000000000000000001ff000002
            """,
            .lcaf(
                LCAF(
                    .multicastInfo(
                        MulticastInfo(
                            instance: 0, source: .ip("fe00::2:2:2"), sourceMaskLength: 128,
                            group: .ip("ff02::1:ff00:2"), groupMaskLength: 128))))),
        Golden(
            "10 explicit locator path, second hop strict",
            "4003 0000 0a00 0010 0000 0001 0a62000d 0001 0001 0a62000c",
            .lcaf(
                LCAF(
                    .explicitLocatorPath([
                        ExplicitHop(.ip("10.98.0.13")),
                        ExplicitHop(.ip("10.98.0.12"), flags: .strict),
                    ])))),
        Golden(
            "11 security key, one of 4 octets",
            "4003 0000 0b00 0010 01 00 01 00 0004 61626364 0001 0a62000b",
            .lcaf(
                LCAF(
                    .securityKey(
                        SecurityKey(
                            algorithm: 1, keys: [[UInt8]("abcd".utf8)], address: .ip("10.98.0.11")))
                ))),
        Golden(
            "11 one X25519 key of RFC 8061: Length 44",
            "4003 0000 0b00 002c 01 00 06 00 0020 \(String(repeating: "5a", count: 32)) 0001 c0000201",
            .lcaf(
                LCAF(
                    .securityKey(
                        SecurityKey(
                            algorithm: 6, keys: [[UInt8](repeating: 0x5A, count: 32)],
                            address: .ip("192.0.2.1")))))),
        Golden(
            "11 security key, four keys, one of them empty, every reserved bit",
            "4003 0000 0b00 0011 04 ff 06 ff 0001 aa 0000 0001 bb 0001 cc 0000",
            .lcaf(
                LCAF(
                    .securityKey(
                        SecurityKey(
                            algorithm: 6, keys: [[0xAA], [], [0xBB], [0xCC]], address: .none,
                            reserved3: 0xFF, flags: 0xFF))))),
        Golden(
            "12 source/destination key",
            "4003 0000 0c00 0010 0000 18 20 0001 0a010000 0001 0a020001",
            .lcaf(
                LCAF(
                    .sourceDestinationKey(
                        SourceDestinationKey(
                            source: .ip("10.1.0.0"), sourceMaskLength: 24,
                            destination: .ip("10.2.0.1"), destinationMaskLength: 32))))),
        Golden(
            "13 replication list, level 128", "4003 0000 0d00 000a 00000080 0001 c0000201",
            .lcaf(
                LCAF(.replicationList([ReplicationEntry(word: 128, address: .ip("192.0.2.1"))])))),
        Golden(
            "14 JSON {}", "4003 0000 0e00 0006 0002 7b7d 0000",
            .lcaf(LCAF(.json(JSONData(json: [UInt8]("{}".utf8)))))),
        Golden(
            "15 key/value", "4003 0000 0f00 000c 0001 0a010101 0001 c0000201",
            .lcaf(
                LCAF(.keyValue(KeyValue(key: .ip("10.1.1.1"), value: .ip("192.0.2.1")))))),
        Golden(
            "16 encapsulation format: LISP and VXLAN-GPE",
            "4003 0000 1000 000a 00000009 0001 c0000201",
            .lcaf(
                LCAF(
                    .encapsulationFormat(
                        EncapsulationFormat(
                            formats: [.lisp, .vxlanGPE], address: .ip("192.0.2.1")))))),
        Golden(
            "17 geo-location of RFC 10040, radius 100 km",
            "4003 0000 1100 0016 6600 0000 30 2ee000 02 132658 00000000 0064 0000 0000",
            .lcaf(
                LCAF(
                    .geoLocation(
                        GeoLocation(
                            flags: [.north, .east, .radius, .kilometres],
                            latitude: 48 << 24 | (51 * 60 + 12) * 1000,
                            longitude: 2 << 24 | (20 * 60 + 55) * 1000, radius: 100))))),
        Golden(
            "255 vendor", "4003 0000 ff00 0006 00 00000c 0102",
            .lcaf(LCAF(.vendor(VendorData(word: 12, octets: [1, 2]))))),
    ]

    @Test("octets and value agree in both directions", arguments: vectors)
    func golden(_ vector: Golden<Address>) throws { try expectBothWays(vector) }

    @Test("each proper prefix is refused", arguments: vectors)
    func prefixes(_ vector: Golden<Address>) {
        expectPrefixesRefused(vector.octets, as: Address.self, vector.name)
    }

    @Test("a Length that cuts the payload or leaves some over is refused", arguments: vectors)
    func wrongLength(_ vector: Golden<Address>) throws {
        var longer = vector.octets + [0]
        longer[7] += 1
        var damaged = [longer]
        if vector.octets[7] > 0 {
            var shorter = [UInt8](vector.octets.dropLast())
            shorter[7] -= 1
            damaged.append(shorter)
        }
        // These carry whatever Length spans.
        let carriesAll = [5, 6, 255].contains(vector.octets[4])
        for octets in damaged {
            if carriesAll {
                #expect(try Address(octets: octets).octets() == octets)
            } else {
                #expect(throws: WireError.self) { try Address(octets: octets) }
            }
        }
    }

    @Test("lispers.net's spellings are read when asked for and written back alike")
    func compatibility() throws {
        let padded = [UInt8](
            hex: "4003 0000 0900 0014 0000 00000001 0000 00 20 0001 00000000 0001 e0010101")
        let named = [UInt8](
            hex:
                "4003 0000 0d00 001e 00000080 0001 c0000201 0011 6f6e6500 00000080 0001 c0000202 0011 7800"
        )
        let draftGeo = [UInt8](
            hex: "4003 0000 0500 0016 6600 0000 30 2ee000 02 132658 00000000 0064 0000 0000")
        for octets in [padded, named, draftGeo] {
            let address = try Address(octets: octets, compatibility: .lispersNet)
            #expect(address.octets(compatibility: .lispersNet).hex == octets.hex)
            expectPrefixesRefused(octets, as: Address.self, compatibility: .lispersNet)
        }
        guard
            case .lcaf(let lcaf) = try Address(octets: padded, compatibility: .paddedMulticastInfo),
            case .multicastInfo(let info) = lcaf.payload
        else { return #expect(Bool(false), "no Multicast Info") }
        #expect(info.group == .ip("224.1.1.1") && info.padding == 0)
        guard case .lcaf(let list) = try Address(octets: named, compatibility: .lispersNet),
            case .replicationList(let entries) = list.payload
        else { return #expect(Bool(false), "no replication list") }
        #expect(entries.map { $0.name?.description } == ["one", "x"])
        #expect(throws: WireError.self) { try Address(octets: padded) }
        #expect(throws: WireError.self) { try Address(octets: named) }
    }

    @Test("an RLE entry with reserved bits is no name, also where names are allowed")
    func entryThatLooksLikeAName() throws {
        let octets = [UInt8](
            hex: "4003 0000 0d00 0014 00000080 0001 c0000201 01110080 0001 c0000202")
        let address = try Address(octets: octets, compatibility: .lispersNet)
        #expect(try address == Address(octets: octets))
        #expect(address.octets(compatibility: .lispersNet) == octets)
    }

    @Test("RFC 8060's Multicast Info is read as such also where padding is allowed")
    func unpaddedWherePaddingIsAllowed() throws {
        let octets = [UInt8](
            hex: "4003 0000 0900 0014 00000001 0000 00 20 0001 00000000 0001 e0010101")
        #expect(
            try Address(octets: octets, compatibility: .lispersNet) == Address(octets: octets))
    }

    @Test("what nests deeper than the bound is kept unread, and nothing is lost")
    func depth() throws {
        var octets: [UInt8] = [0, 1, 192, 0, 2, 1]
        for _ in 0..<1000 {
            octets =
                [UInt8](hex: "4003 0000 0100")
                + [UInt8(octets.count >> 8), UInt8(octets.count & 0xFF)] + octets
        }
        for compatibility in [[], Compatibility.lispersNet] {
            let address = try Address(octets: octets, compatibility: compatibility)
            #expect(address.octets(compatibility: compatibility) == octets)
            var depth = 0
            var inner = address
            while case .lcaf(let lcaf) = inner, case .afiList(let list) = lcaf.payload {
                depth += 1
                inner = list[0]
            }
            #expect(depth == LCAF.maximumDepth)
        }
    }
}
