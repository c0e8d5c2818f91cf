import Forwarding
import LISP
import TestKit
import Testing

@Suite("What a tunnel copies between headers (RFC 9300 §5.3, RFC 6040)")
struct TunnelRulesTests {
    /// Rows: the inner ECN; columns: the outer's Not-ECT, ECT(0), ECT(1), CE; `nil` is drop.
    static let table: [(inner: ECN, outcome: [ECN?])] = [
        (.notECT, [.notECT, .notECT, .notECT, nil]),
        (.ect0, [.ect0, .ect0, .ect1, .ce]),
        (.ect1, [.ect1, .ect1, .ect1, .ce]),
        (.ce, [.ce, .ce, .ce, .ce]),
    ]

    @Test("ECN on the way out, all sixteen cases", arguments: table)
    func ecn(inner: ECN, outcome: [ECN?]) {
        for (outer, expected) in zip([ECN.notECT, .ect0, .ect1, .ce], outcome) {
            #expect(ECN.decapsulated(inner: inner, outer: outer) == expected)
        }
    }

    @Test("ECN's code points are RFC 3168's")
    func codePoints() {
        #expect(ECN.allCases.map(\.rawValue) == [0, 1, 2, 3])
        for value in UInt8(0)...255 { #expect(ECN(trafficClass: value).rawValue == value & 3) }
    }

    @Test("all fields are copied on the way in")
    func encapsulation() {
        let fields = TunnelFields(timeToLive: 63, trafficClass: 0xB9)
        #expect(fields.encapsulated == fields)
    }

    @Test(
        "the lower TTL wins on the way out, and the outer DSCP",
        arguments: [
            (inner: 64, outer: 60, result: 60), (inner: 10, outer: 60, result: 10),
            (inner: 0, outer: 255, result: 0), (inner: 7, outer: 7, result: 7),
        ])
    func decapsulation(inner: UInt8, outer: UInt8, result: UInt8) {
        let fields = TunnelFields(timeToLive: inner, trafficClass: 0x02)
            .decapsulated(from: TunnelFields(timeToLive: outer, trafficClass: 0xB8))
        #expect(fields == TunnelFields(timeToLive: result, trafficClass: 0xBA))
    }

    @Test("an RTR costs one hop, and drops what has none left")
    func reencapsulation() {
        let inner = TunnelFields(timeToLive: 64, trafficClass: 0)
        #expect(inner.reencapsulated(from: .init(timeToLive: 10, trafficClass: 0))?.timeToLive == 9)
        #expect(inner.reencapsulated(from: .init(timeToLive: 1, trafficClass: 0)) == nil)
        #expect(inner.reencapsulated(from: .init(timeToLive: 0, trafficClass: 0)) == nil)
        #expect(inner.reencapsulated(from: .init(timeToLive: 10, trafficClass: 3)) == nil)
    }

    @Test("changed fields keep an IPv4 checksum right; IPv6 has none")
    func headers() throws {
        var random = SeededRandom(seed: 3)
        let octets = [UInt8](hex: "4500004e0000000080114699f002020201010101")
        var header = try IPv4Header(octets: octets)
        for _ in 0..<5000 {
            let fields = TunnelFields(timeToLive: random.bits(), trafficClass: random.bits())
            guard case .ipv4(let changed) = IPHeader.ipv4(header).with(fields) else { return }
            #expect(changed.ttl == fields.timeToLive && changed.trafficClass == fields.trafficClass)
            #expect(changed.checksum == changed.expectedChecksum)
            header = changed
        }
        let ipv6 = IPv6Header(
            trafficClass: 1, flowLabel: 0xFFFFF, payloadLength: 0, nextHeader: 59, hopLimit: 9,
            source: IPv6Address(high: 1, low: 2), destination: IPv6Address(high: 3, low: 4))
        let fields = TunnelFields(timeToLive: 200, trafficClass: 255)
        #expect(TunnelFields(IPHeader.ipv6(ipv6).with(fields)) == fields)
        #expect(IPHeader.ipv6(ipv6).with(fields).source == .ipv6(ipv6.source))
    }
}
