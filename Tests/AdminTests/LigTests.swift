import Admin
import LISP
import Sessions
import TestKit
import Testing

@Suite("lig")
struct LigTests {
    static let local = Path(IPv4Address(rawValue: 0xC000_0207), port: 50_000)
    static let resolver = Path(IPv4Address(rawValue: 0xC000_0235), port: LISPPort.control)
    static let nonce: UInt64 = 0x0102_0304_0506_0708

    @Test("an IPv4 EID is asked for in an ECM, octet for octet")
    func ipv4() throws {
        let question = LigQuestion(try EID("10.1.0.1"), to: Self.resolver)
        let expected = [UInt8](
            hex: """
                80000000 450000380000400040116eacc00002070a010001 c35010f600247315
                10000001 0102030405060708 0000 0001c0000207 0020 0001 0a010001
                """)
        #expect(question.octets(nonce: Self.nonce, from: Self.local) == expected)
    }

    @Test("an IPv6 EID of an instance, in the name of another")
    func ipv6() throws {
        let question = LigQuestion(
            try EID("[1000]2001:db8::1"), source: try EID("[1000]fd00::7"), to: Self.resolver)
        let expected = [UInt8](
            hex: """
                80000000 6000000000581140fd00000000000000000000000000000720010db8000000000000000000000001
                c35010f6005866cf 10000001 0102030405060708
                4003000002000016000003e80002fd000000000000000000000000000007 0001c0000207
                0080 4003000002000016000003e8000220010db8000000000000000000000001
                """)
        #expect(question.octets(nonce: Self.nonce, from: Self.local) == expected)
    }

    @Test("whatever is asked for, and from wherever, the ECM is whole and its checksums are right")
    func allFamilies() throws {
        let ipv6 = Path(IPv6Address(high: 0x2001_0DB8 << 32, low: 7), port: 50_000)
        for text in ["10.1.0.1", "2001:db8::1", "'dino'", "[7]10.1.0.0/16", "0000-1111-2222"] {
            for local in [Self.local, ipv6] {
                for source in [nil, try EID("10.2.0.1"), try EID("fd00::1")] {
                    for resolver in [Self.resolver, Path(ipv6.host, port: 4342)] {
                        let eid = try EID(text)
                        let question = LigQuestion(eid, source: source, to: resolver)
                        let octets = try #require(question.octets(nonce: 1, from: local))
                        let packet = try ControlPacket(octets: octets)
                        #expect(packet.encapsulation?.udp.sourcePort == 50_000)
                        #expect(packet.encapsulation?.udp.destinationPort == LISPPort.control)
                        #expect(packet.innerChecksumIsRight() == true)
                        guard case .mapRequest(let request) = packet.message else {
                            Issue.record("no Map-Request")
                            return
                        }
                        #expect(try request.records.first?.prefix == eid)
                        #expect(request.itrRLOCs.first == local.address)
                    }
                }
            }
        }
    }

    private func reply(_ capture: String, _ number: Int = 0) throws -> (MapReply, Path) {
        let all = try CapturedDatagram.all(in: "oor/\(capture).pcap").compactMap {
            captured -> (MapReply, Path)? in
            guard captured.datagram.content == .control,
                case .mapReply(let reply) = try? ControlPacket(octets: captured.payload).message,
                let path = Path(captured.datagram.source, port: captured.datagram.sourcePort)
            else { return nil }
            return (reply, path)
        }
        return all[number]
    }

    @Test(
        "answers of OpenOverlayRouter, in lispers.net's shape",
        arguments: [
            (
                "xtr-ms-basic",
                """
                Received map-reply from 10.98.0.12:4342, rtt 12ms
                EID-prefix: [0]10.2.0.0/24, ttl: 10m, rloc-set:
                  RLOC: 10.98.0.12, up/uw/mp/mw: 1/100/255/0, flags: LpR
                """
            ),
            (
                "dual-rloc",
                """
                Received map-reply from 10.98.0.12:4342, rtt 12ms
                EID-prefix: [0]10.2.0.0/24, ttl: 10m, rloc-set:
                  RLOC: 10.98.0.12, up/uw/mp/mw: 1/100/255/0, flags: LpR
                  RLOC: 2001:db8:98::c, up/uw/mp/mw: 2/100/255/0, flags: LpR
                """
            ),
        ])
    func captured(capture: String, lines: String) throws {
        let question = LigQuestion(try EID("10.2.0.10"), to: Self.resolver)
        var report = LigReport(question)
        var result = LigReport.Question()
        let (reply, path) = try reply(capture)
        result.requests = 1
        result.replies.append(.init(reply, from: path, rttSeconds: 0.012))
        report.questions = [result]
        #expect(
            report.text == """
                Send map-request to 192.0.2.53:4342 for EID [0]10.2.0.10/32 ...
                \(lines)
                """)
        #expect(report.answered == 1)
        #expect(try AdminJSON.value(LigReport.self, from: report.json.utf8) == report)
    }

    @Test("a negative answer, a hop list, and nobody")
    func others() throws {
        let question = LigQuestion(try EID("10.2.0.10"), to: Self.resolver)
        var report = LigReport(question)
        var result = LigReport.Question()
        let (reply, path) = try reply("elp-rtr")
        result.replies.append(.init(reply, from: path, rttSeconds: 0.012))
        let record = EIDRecord(
            eid: .ipv4(IPv4Address(rawValue: 0x0A02_0000)), maskLength: 16, ttl: 0x8000_000F,
            flags: .init(action: .nativelyForward))
        let negative = MapReply(nonce: 1, records: [record])
        result.replies.append(.init(negative, from: path, rttSeconds: 2))
        var silent = LigReport.Question()
        (silent.requests, silent.waitedSeconds) = (4, 5)
        silent.reason = "Connection refused"
        report.questions = [result, silent]
        let text = report.text
        #expect(text.contains("Explicit Locator Path") && text.contains("10.98.0.13"))
        #expect(
            text.contains(
                """
                EID-prefix: [0]10.2.0.0/16, ttl: 15s, rloc-set:
                  Empty, map-reply action: natively-forward
                """))
        #expect(
            text.hasSuffix(
                "No answer from 192.0.2.53:4342 to 4 map-requests in 5s: Connection refused"))
        #expect(report.answered == 1)
    }
}
