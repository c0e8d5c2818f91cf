import LISP
import TestKit
import Testing

@Suite("Control messages")
struct MessageTests {
    static let record = EIDRecord(
        eid: .ip("10.0.1.0"), maskLength: 24, ttl: 1440, flags: .init(isAuthoritative: true),
        locators: [
            LocatorRecord(
                .ip("192.0.2.1"), unicast: .init(priority: 1, weight: 100),
                flags: [.local, .reachable])
        ])
    static let recordHex = "000005a0011810000000 0001 0a000100 0164ff00 0005 0001 c0000201"

    static let requestHex = """
        1000 0001 8e090d5488990ab9 0001 f0020202 0001 ac110007 00 20 0001 01010101
        """
    static let request = MapRequest(
        nonce: 0x8E09_0D54_8899_0AB9, sourceEID: .ip("240.2.2.2"), itrRLOCs: [.ip("172.17.0.7")],
        records: [.init(eid: .ip("1.1.1.1"), maskLength: 32)])

    static let vectors: [Golden<ControlPacket>] = [
        Golden("Map-Request", requestHex, ControlPacket(.mapRequest(request)), validFrom: 38),
        Golden(
            "RLOC-probe with padding",
            "1200 0001 0000000000000001 0000 0001 c0000201 00 18 0001 0a000100 000000",
            ControlPacket(
                .mapRequest(
                    with(
                        MapRequest(
                            flags: .probe, nonce: 1, sourceEID: .none, itrRLOCs: [.ip("192.0.2.1")],
                            records: [.init(eid: .ip("10.0.1.0"), maskLength: 24)])
                    ) { $0.trailing = [0, 0, 0] })), validFrom: 28),
        Golden(
            "Map-Request with N and I (RFC 9437), all its reserved bits set",
            """
            103f 9f01 0000000000000002 0000 \(String(repeating: "0001 c0000201 ", count: 32))
            ff 20 0001 01010101 00010203 04050607 08090a0b 0c0d0e0f 00000000 00000007
            """,
            ControlPacket(
                .mapRequest(
                    with(
                        MapRequest(
                            flags: .init(rawValue: 0x002F_8000), nonce: 2, sourceEID: .none,
                            itrRLOCs: Few((0..<32).map { _ in .ip("192.0.2.1") }),
                            records: [.init(eid: .ip("1.1.1.1"), maskLength: 32, flags: 0xFF)])
                    ) {
                        $0.identity = XTRIdentity(
                            xtrHigh: 0x0001_0203_0405_0607, xtrLow: 0x0809_0A0B_0C0D_0E0F, site: 7)
                    })), validFrom: 238),
        Golden(
            "Map-Request with a Map-Reply record (M)",
            "1400 0000 0000000000000003 0001 0a000101 0001 c0000201 \(recordHex)",
            ControlPacket(
                .mapRequest(
                    with(
                        MapRequest(
                            nonce: 3, sourceEID: .ip("10.0.1.1"), itrRLOCs: [.ip("192.0.2.1")],
                            records: [])
                    ) { $0.mapReplyRecord = record })), validFrom: 52),
        Golden(
            "Map-Reply, negative, all reserved bits set",
            "2dff ff01 0000000000000004 0000000f 00 08 2fff ffff 0001 0b000000",
            ControlPacket(
                .mapReply(
                    MapReply(
                        flags: .init(rawValue: 0x0DFF_FF00), nonce: 4,
                        records: [
                            EIDRecord(
                                eid: .ip("11.0.0.0"), maskLength: 8, ttl: 15,
                                flags: .init(rawValue: 0x2FFF), versionWord: 0xFFFF)
                        ]))), validFrom: 28),
        Golden(
            "Map-Reply with LISP-SEC data (S)", "2200 0001 0000000000000005 \(recordHex) 01000000",
            ControlPacket(
                .mapReply(
                    MapReply(
                        flags: .security, nonce: 5, records: [record], trailing: [1, 0, 0, 0]))),
            validFrom: 40),
        Golden(
            "Map-Register with xTR-ID and Site-ID",
            """
            3a00 0101 0000000000000001 01 00 0000 \(recordHex)
            00010203 04050607 08090a0b 0c0d0e0f 00000000 00000007
            """,
            ControlPacket(
                .mapRegister(
                    MapRegister(
                        flags: [.proxyReply, .wantMapNotify], nonce: 1,
                        authentication: .init(keyID: 1), records: [record],
                        identity: XTRIdentity(
                            xtrHigh: 0x0001_0203_0405_0607, xtrLow: 0x0809_0A0B_0C0D_0E0F, site: 7))
                ))),
        Golden(
            "Map-Register with every reserved bit",
            "3dff ff00 0000000000000001 00 00 0000",
            ControlPacket(
                .mapRegister(
                    MapRegister(flags: .init(rawValue: 0x0DFF_FF00), nonce: 1, records: [])))),
        Golden(
            "Map-Notify for an RTR",
            """
            4c00 0000 0000000000000001 00 01 0002 aabb
            00000000 00000001 00000000 00000002 00000000 00000003 0001 0002 ccdd
            """,
            ControlPacket(
                .mapNotify(
                    MapNotify(
                        nonce: 1,
                        authentication: .init(keyID: 0, algorithmID: 1, data: [0xAA, 0xBB]),
                        records: [], identity: XTRIdentity(xtrHigh: 1, xtrLow: 2, site: 3),
                        rtrAuthentication: .init(keyID: 1, data: [0xCC, 0xDD]))))),
        Golden(
            "Map-Notify-Ack", "5000 0001 0000000000000001 00 00 0000 \(recordHex)",
            ControlPacket(.mapNotify(MapNotify(.acknowledgement, nonce: 1, records: [record])))),
        Golden(
            "Info-Request", "70000000 0102030405060708 00000000 00000000 00000000 0000",
            ControlPacket(.info(InfoMessage(nonce: 0x0102_0304_0506_0708)))),
        Golden(
            "Info-Request of lispers.net, host name dino-mac",
            "70000000 0102030405060708 00000000 00000000 00000000 0011 64696e6f2d6d616300",
            ControlPacket(
                .info(InfoMessage(nonce: 0x0102_0304_0506_0708, subject: .name("dino-mac"))))),
        Golden(
            "Info-Reply",
            """
            78000000 0102030405060708 00000000 00000000 00000000 4003 0000 0700 0018 10f6 c350
            0001 c6336407 0001 c000020a 0000 0001 cb007101
            """,
            ControlPacket(
                .info(
                    InfoMessage(
                        flags: .reply, nonce: 0x0102_0304_0506_0708,
                        subject: .lcaf(
                            LCAF(
                                .natTraversal(
                                    NATTraversal(
                                        mapServerPort: 4342, etrPort: 50000,
                                        globalETR: .ip("198.51.100.7"),
                                        mapServer: .ip("192.0.2.10"),
                                        privateETR: .none, rtrs: [.ip("203.0.113.1")])))))))),
        Golden(
            "shared extension, sub-type 0xabc", "fabc 0102",
            ControlPacket(.sharedExtension(SharedExtension(subtype: 0xABC, content: [1, 2]))),
            validFrom: 2),
        Golden(
            "Map-Referral, carried", "6000 0000 0000000000000001",
            opaque("600000000000000000000001"),
            validFrom: 1),
        Golden("LISP-Trace, carried", "9000 0000 01", opaque("9000000001"), validFrom: 1),
        Golden("a type that nobody has, carried", "b0", opaque("b0"), validFrom: 1),
    ]

    static let ecms: [Golden<ControlPacket>] = [
        Golden(
            "ECM with every flag and reserved bit but S",
            "87ffffff 4500003c00004000401126a70a0600010a030009 10f610f6 00280000 \(requestHex)",
            encapsulated(flags: 0x07FF_FFFF)),
        Golden(
            "ECM with MS-RTR authentication (S)",
            """
            88400000 02000000 0001 0004 01020304
            4500003c00004000401126a70a0600010a030009 10f610f6 00280000 \(requestHex)
            """,
            encapsulated(
                flags: 0x0040_0000,
                authentication: [2, 0, 0, 0, 0, 1, 0, 4, 1, 2, 3, 4])),
        Golden(
            "ECM with LISP-SEC data (S, D)",
            """
            8c000000 01000002 001c 01 02 0000000000000000 000102030405060708090a0b0c0d0e0f 0004 0002
            4500003c00004000401126a70a0600010a030009 10f610f6 00280000 \(requestHex)
            """,
            encapsulated(
                flags: 0x0400_0000,
                authentication: [UInt8](
                    hex: """
                        01000002 001c 01 02 0000000000000000 000102030405060708090a0b0c0d0e0f
                        0004 0002
                        """))),
    ]

    @Test("octets and value agree in both directions", arguments: vectors + ecms)
    func golden(_ vector: Golden<ControlPacket>) throws { try expectBothWays(vector) }

    @Test(
        "each proper prefix is refused, but where what follows is carried",
        arguments: vectors + ecms)
    func prefixes(_ vector: Golden<ControlPacket>) {
        expectPrefixesRefused(
            vector.octets, as: ControlPacket.self, validFrom: vector.validFrom, vector.name)
    }

    @Test("lispers.net's Info-Reply states a constant Length")
    func constantLength() throws {
        let octets = [UInt8](
            hex: """
                78000000 0102030405060708 00000000 00000000 00000000 4003 0000 0700 0010 0000 c350
                0001 c6336407 0000 0011 64696e6f2d6d616300 0001 cb007101
                """)
        #expect(throws: WireError.self) { try ControlPacket(octets: octets) }
        let packet = try ControlPacket(octets: octets, compatibility: .constantLCAFLength)
        #expect(packet.octets(compatibility: .constantLCAFLength) == octets)
        guard case .info(let info) = packet.message, case .lcaf(let lcaf) = info.subject,
            case .natTraversal(let nat) = lcaf.payload
        else { return #expect(Bool(false), "no NAT Traversal") }
        #expect(nat.privateETR == .name("dino-mac") && nat.rtrs == [.ip("203.0.113.1")])
    }

    @Test("an ECM around what we cannot read is carried whole")
    func unreadableECM() throws {
        for hex in [
            "88000000 63 aabbcc",  // authentication data of an unknown type
            "80000000 50000000 00000000",  // neither IPv4 nor IPv6
            "80000000 4500001800000000400100000a0000010a00000201020304",  // ICMP
            "80000000 4500001c00002000401100000a0000010a0000020001000200080000",  // a fragment
        ] {
            let octets = [UInt8](hex: hex)
            let packet = try ControlPacket(octets: octets)
            #expect(packet.encapsulation == nil && packet.message.type == Encapsulation.type)
            #expect(packet.octets() == octets)
        }
    }

    @Test(
        "an ECM whose lengths disagree is refused",
        arguments: [
            (
                "UDP Length",
                "80000000 45000020 00000000 40110000 0a000001 0a000002 00010002 00090000 b0000000"
            ),
            (
                "IP payload length",
                "80000000 4500001b0000000040110000 0a000001 0a000002 00010002 00080000"
            ),
        ])
    func wrongLengths(field: String, hex: String) {
        #expect {
            try ControlPacket(octets: [UInt8](hex: hex))
        } throws: {
            ($0 as? WireError)?.field == field
        }
    }

    @Test(
        "octets behind the inner packet of an ECM, and behind authenticated messages, are refused")
    func leftOver() throws {
        for vector in Self.ecms {
            #expect {
                try ControlPacket(octets: vector.octets + [0, 0])
            } throws: {
                ($0 as? WireError)?.field == "inner packet"
            }
        }
        for vector in Self.vectors where [3, 4, 5, 7].contains(vector.value.message.type) {
            #expect {
                try ControlPacket(octets: vector.octets + [0, 0])
            } throws: { error in
                guard case .leftOver(_, 2, vector.octets.count) = error as? WireError else {
                    return false
                }
                return true
            }
        }
    }

    @Test("more octets than a datagram carries are refused")
    func tooLong() throws {
        let longest = [0xB0] + [UInt8](repeating: 0, count: UDPHeader.maximumPayload - 1)
        #expect(try ControlPacket(octets: longest).octets() == longest)
        let error = WireError.leftOver("the longest datagram", count: 1, at: 65527)
        #expect(throws: error) { try ControlPacket(octets: longest + [0]) }
        #expect(throws: error) { try DataPacket(octets: longest + [0]) }
    }

    @Test("no octets are no message")
    func empty() {
        #expect(throws: WireError.truncated("Type", at: 0)) { try ControlPacket(octets: []) }
    }

    @Test("an ECM made by us has right lengths and checksums")
    func encapsulating() throws {
        for (source, destination) in [("10.0.0.1", "10.0.0.2"), ("fd00::1", "fd00::2")] {
            let packet = ControlPacket(
                encapsulating: .mapRequest(Self.request), from: .ip(source), to: .ip(destination),
                sourcePort: 50000)
            let read = try ControlPacket(octets: try #require(packet).octets())
            #expect(read == packet)
            #expect(read.innerChecksumIsRight() == true)
            guard case .ipv4(let header) = read.encapsulation?.ip else { continue }
            #expect(header.checksum == header.expectedChecksum)
        }
        #expect(
            ControlPacket(
                encapsulating: .mapRequest(Self.request), from: .ip("10.0.0.1"), to: .ip("fd00::2"),
                sourcePort: 1) == nil)
    }

    @Test("flags stand where the RFCs put them")
    func flagPositions() {
        let request: [(MapRequest.Flags, UInt32)] = [
            (.authoritative, 0x0800_0000), (.mapData, 0x0400_0000), (.probe, 0x0200_0000),
            (.solicit, 0x0100_0000), (.proxyITR, 0x0080_0000), (.solicited, 0x0040_0000),
            (.mobileNode, 0x0020_0000), (.identity, 0x0010_0000), (.localXTR, 0x0000_4000),
            (.dontReply, 0x0000_2000),
        ]
        for (flag, mask) in request { #expect(flag.rawValue == mask) }
        let reply: [(MapReply.Flags, UInt32)] = [
            (.probe, 0x0800_0000), (.echoNonce, 0x0400_0000), (.security, 0x0200_0000),
        ]
        for (flag, mask) in reply { #expect(flag.rawValue == mask) }
        let register: [(MapRegister.Flags, UInt32)] = [
            (.proxyReply, 0x0800_0000), (.security, 0x0400_0000), (.identity, 0x0200_0000),
            (.throughRTR, 0x0100_0000), (.eidNotify, 0x1000), (.useTTL, 0x0800), (.merge, 0x0400),
            (.mobileNode, 0x0200), (.wantMapNotify, 0x0100),
        ]
        for (flag, mask) in register { #expect(flag.rawValue == mask) }
        let encapsulation: [(Encapsulation.Flags, UInt32)] = [
            (.security, 0x0800_0000), (.ddt, 0x0400_0000), (.toETR, 0x0200_0000),
            (.toMapServer, 0x0100_0000), (.toRTR, 0x0040_0000), (.fromRTR, 0x0020_0000),
        ]
        for (flag, mask) in encapsulation { #expect(flag.rawValue == mask) }
        #expect(MapNotify.Flags.identity.rawValue == 0x0800_0000)
        #expect(MapNotify.Flags.rtrAuthentication.rawValue == 0x0400_0000)
        #expect(InfoMessage.Flags.reply.rawValue == 0x0800_0000)
        #expect(LocatorRecord.Flags.local.rawValue == 4)
        #expect(LocatorRecord.Flags.probed.rawValue == 2)
        #expect(LocatorRecord.Flags.reachable.rawValue == 1)
        #expect(ExplicitHop.Flags([.lookup, .probe]).rawValue == 6)
        #expect(ExplicitHop.Flags.strict.rawValue == 1)
    }

    @Test("the second and third word of an EID-record, field by field")
    func recordFields() throws {
        let record = try EIDRecord(octets: [UInt8](hex: "00000001 0018 9abc 7def 0001 0a000100"))
        #expect(record.ttl == 1 && record.maskLength == 24)
        #expect(record.flags.action == .dropPolicyDenied)
        #expect(record.flags.isAuthoritative && record.flags.reserved == 0xABC)
        #expect(record.mapVersion == 0xDEF && record.versionWord >> 12 == 7)
        #expect(!EIDRecord.Flags(rawValue: 0xEFFF).isAuthoritative)
    }

    @Test("ACT has a case for each of its values")
    func actions() {
        for value in UInt8(0)..<8 {
            let flags = EIDRecord.Flags(rawValue: UInt16(value) << 13)
            #expect(flags.action.rawValue == value)
            #expect(EIDRecord.Flags(action: flags.action) == flags)
        }
    }

    static func with(_ request: MapRequest, _ change: (inout MapRequest) -> Void) -> MapRequest {
        var request = request
        change(&request)
        return request
    }

    static func opaque(_ hex: String) -> ControlPacket {
        guard let message = OpaqueMessage(octets: [UInt8](hex: hex)) else {
            preconditionFailure("an opaque message has octets")
        }
        return ControlPacket(.opaque(message))
    }

    static func encapsulated(
        flags: UInt32, authentication: [UInt8] = []
    ) -> ControlPacket {
        ControlPacket(
            .mapRequest(request),
            in: Encapsulation(
                flags: .init(rawValue: flags), authentication: authentication,
                ip: .ipv4(
                    IPv4Header(
                        trafficClass: 0, totalLength: 60, identification: 0, fragment: 0x4000,
                        ttl: 64,
                        protocol: 17, checksum: 0x26A7, source: IPv4Address(rawValue: 0x0A06_0001),
                        destination: IPv4Address(rawValue: 0x0A03_0009))),
                udp: UDPHeader(sourcePort: 4342, destinationPort: 4342, length: 40, checksum: 0)))
    }
}
