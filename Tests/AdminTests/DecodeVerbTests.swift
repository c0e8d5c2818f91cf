import Admin
import Foundation
import LISP
import MappingSystem
import TestKit
import Testing

@Suite("whither decode, as values")
struct DecodeVerbTests {
    @Test("a message of the 2019 slides, for people")
    func text() throws {
        let first = try #require(try CapturedDatagram.all(in: "decent-2019.pcap").first)
        let reporter = MessageReporter(pull: PullHash(modulus: 4))
        let report = try DecodeVerb(reporter: reporter).report(first.payload, as: .control)
        #expect(
            report.plainText == """
                Encapsulated Control Message
                  Flags: none
                  Inner IP: 240.2.2.2 -> 1.1.1.1, protocol 17, TTL 128
                  Inner UDP: 59893 -> 4342, checksum none
                Map-Request
                  Flags: none
                  Nonce: 0x8e090d5488990ab9
                  Source EID: [0]240.2.2.2/32
                  ITR-RLOCs: 172.17.0.7, fe00::2:2:2
                  Record 1
                    EID-Prefix: [0]1.1.1.1/32
                    Map-Server set: 1
                    Hashed text: [0]1.1.1.1/32
                """)
    }

    @Test("the same, for programs")
    func json() throws {
        let first = try #require(try CapturedDatagram.all(in: "decent-2019.pcap").first)
        let report = try DecodeVerb().report(first.payload, as: .control)
        #expect(
            Report.packets([report]).json == """
                {"schema":1,"packets":[{"encapsulated_control_message":{"flags":[],"inner_ip":\
                {"source":"240.2.2.2","destination":"1.1.1.1","protocol":17,"ttl":128,\
                "traffic_class":0},"inner_udp":{"source_port":59893,"destination_port":4342,\
                "length":58,"checksum":"none"}},"map_request":{"flags":[],\
                "nonce":"0x8e090d5488990ab9","source_eid":"[0]240.2.2.2/32",\
                "itr_rlocs":["172.17.0.7","fe00::2:2:2"],"record":[{"eid_prefix":"[0]1.1.1.1/32"}]}}]}
                """)
    }

    @Test("flags are shown by letter, unknown bits by number")
    func flags() throws {
        let octets = [UInt8](
            hex: "3b800101 0000000000000001 00000000 00000001 00 20 0000 0000 0001 0a000001"
                + "0000000000000000 0000000000000000 0000000000000000")
        let text = try DecodeVerb().report(octets, as: .control).plainText
        #expect(text.contains("Flags: P, I, R, M, reserved 0x800000"))
    }

    @Test(
        "each flag of a Map-Request is shown by its letter",
        arguments: [
            (0x0800_0000, "A"), (0x0200_0000, "P"), (0x0100_0000, "S"), (0x0080_0000, "p"),
            (0x0040_0000, "s"), (0x0020_0000, "R"), (0x4000, "L"), (0x2000, "D"),
            (0x8000, "reserved 0x8000"), (0x6000, "L, D"),
        ])
    func requestFlags(bits: UInt32, letters: String) throws {
        let head = 0x1000_0000 | bits
        let octets = [UInt8](hex: String(head, radix: 16) + "0000000000000001 0000 0001 0a000001")
        let text = try DecodeVerb().report(octets, as: .control).plainText
        #expect(text.contains("  Flags: \(letters)\n"))
    }

    @Test("every captured message is valid JSON and some text; the MACs are right")
    func captures() throws {
        let key = MessageAuthentication(key: [UInt8]("password".utf8))
        var verb = DecodeVerb(
            reporter: MessageReporter(pull: PullHash(modulus: 8), authentication: key))
        var right = 0
        let all = try CapturedDatagram.ofOpenOverlayRouter()
        for captured in all {
            let found = verb.report(captured.datagram, frame: captured.frame)
            let report = try #require(found)
            let object = try JSONSerialization.jsonObject(with: Data(report.json.utf8))
            #expect(object is [String: Any])
            if report.plainText.contains("MAC: right") { right += 1 }
        }
        #expect(verb.decoded == all.count && verb.failed == 2)
        #expect(right == 135)
    }

    @Test("what peers put into texts steers no terminal and breaks no JSON")
    func hostileText() throws {
        let json = [UInt8]("{\"a\":\"\u{1B}[2J\n\u{9B}31m\u{7F}\"}".utf8)
        let locator = Address.lcaf(LCAF(.json(JSONData(json: json))))
        let message = ControlMessage.mapReply(
            MapReply(
                nonce: 1,
                records: [
                    EIDRecord(
                        eid: .distinguishedName(
                            try #require(OctetName(octets: [0x1B, 0x5B, 0x27]))),
                        maskLength: 32, ttl: 1,
                        locators: [LocatorRecord(locator, unicast: .never)])
                ]))
        let report = try DecodeVerb().report(message.octets(), as: .control)
        for text in [report.plainText, report.json] {
            #expect(
                text.unicodeScalars.allSatisfy {
                    $0 == "\n" || $0.value >= 0x20 && !(0x7F..<0xA0 ~= $0.value)
                })
        }
        #expect(throws: Never.self) {
            try JSONSerialization.jsonObject(with: Data(report.json.utf8))
        }
    }

    @Test("an inner checksum is checked over the octets as they were spelled")
    func checksumInAnotherSpelling() throws {
        let mac = MapRequest.Record(
            eid: .mac(MACAddress(rawValue: 0x0102_0304_0506)), maskLength: 48)
        let request = MapRequest(
            nonce: 1, sourceEID: .none, itrRLOCs: [.ipv4(IPv4Address(rawValue: 1))], records: [mac])
        let address = Address.ipv4(IPv4Address(rawValue: 2))
        let plain = try #require(
            ControlPacket(
                encapsulating: .mapRequest(request), from: address, to: address, sourcePort: 1))
        // The same octets, read as lispers.net's: another MAC, and the checksum is still right.
        let reporter = MessageReporter(compatibility: .lispersNet)
        let text = try DecodeVerb(reporter: reporter).report(plain.octets(), as: .control).plainText
        #expect(text.contains("0201-0403-0605/48") && text.contains("checksum right"))
    }

    @Test("data packets, and the control messages inside them")
    func data() throws {
        let notify = try #require(
            try CapturedDatagram.all(in: "oor/nat-old.pcap").first { $0.frame == 11 })
        #expect(notify.datagram.content == .data)
        let text = try DecodeVerb().report(notify.payload, as: .data).plainText
        #expect(text.contains("Instance-ID: 16777215") && text.contains("Map-Notify"))
        let encrypted = try DecodeVerb().report([UInt8](hex: "89abcdef0003e800 aabb"), as: .data)
        #expect(encrypted.plainText.contains("KK: 1") && encrypted.plainText.contains("0xaabb"))
    }

    @Test(
        "digits are read as people write them",
        arguments: [
            "b0 01", "0xb001", "B0:01", "b0\n01", " b001 ", "b0-01", "b0.01",
        ])
    func hex(text: String) throws { #expect(try HexText.octets(of: text) == [0xB0, 0x01]) }

    @Test(
        "wrong digits say what and where",
        arguments: [
            ("", "there are no octets"),
            ("b", "an odd number of hexadecimal digits: the last octet is half"),
            ("b0 0g", "column 5: \"g\" is not a hexadecimal digit"),
            ("b 0", "column 2: a pair of hexadecimal digits is split"),
            ("0xb0é", "column 5: \"é\" is not a hexadecimal digit"),
        ])
    func wrongHex(text: String, reason: String) {
        #expect { try HexText.octets(of: text) } throws: { "\($0)" == reason }
    }
}

@Suite("whither index, as values")
struct IndexVerbTests {
    @Test("an EID, shortened or not")
    func index() throws {
        let pull = try #require(PullHash(modulus: 4))
        #expect(
            try IndexVerb(pull: pull).report(EID("1.1.1.1")).plainText == """
                EID: [0]1.1.1.1/32
                Hashed text: [0]1.1.1.1/32
                Profile: sha256
                Modulus: 4
                Map-Server set: 1
                """)
        let lookup = IndexVerb(pull: pull, lookupLength: 24)
        #expect(try lookup.report(EID("240.11.1.1")).plainText.contains("[0]240.11.1.0/24"))
    }

    @Test("an EID that cannot be shortened says so")
    func refused() throws {
        let verb = IndexVerb(pull: try #require(PullHash(modulus: 4)), lookupLength: 24)
        for text in ["'dino'", "(*, 224.1.1.1)", "10.0.0.0/8", "[1000]"] {
            #expect(throws: IndexVerb.Failure.self) { try verb.report(EID(text)) }
        }
    }
}

@Suite("The nearest right word")
struct NearestWordTests {
    @Test(
        "a slip of the finger is recognised, another word is not",
        arguments: [
            ("decod", "decode"), ("dceode", "decode"), ("indx", "index"), ("INDEX", nil),
            ("status", nil), ("", nil), ("dekode", "decode"),
        ])
    func nearest(text: String, expected: String?) {
        #expect(NearestWord.nearest(to: text, among: ["decode", "index", "help"]) == expected)
    }
}
