import LISP
import TestKit
import Testing

@Suite("LISP data header")
struct DataHeaderTests {
    @Test("RFC 9300's header, bit by bit")
    func golden() throws {
        let plain = try header("80 123456 00000000")
        #expect(plain.flags == .nonce && plain.nonce == 0x12_3456 && plain.instance == 0)
        #expect(plain.locatorStatusBits == nil && plain.keyID == 0 && !plain.requestsEcho)
        let instance = try header("88 123456 0003e800")
        #expect(instance.flags == [.nonce, .instance] && instance.instance == 1000)
        let status = try header("c8 123456 0003e803")
        #expect(status.locatorStatusBits == 3 && status.instance == 1000)
        #expect(try header("40 000000 80000001").locatorStatusBits == 0x8000_0001)
        #expect(try header("a0 000001 00000000").requestsEcho)
        let versions = try header("10 001002 00000000")
        #expect(versions.mapVersions?.source == 1 && versions.mapVersions?.destination == 2)
        #expect(versions.nonce == nil)
        #expect(try header("08 000000 ffffff00").instance == DataHeader.controlInstance)
        let encrypted = try header("89 abcdef 0003e800")
        #expect(encrypted.keyID == 1 && encrypted.nonce == 0xAB_CDEF)
    }

    @Test("N wins over V; E means nothing without N (RFC 9300 §5.3)")
    func contradictions() throws {
        let both = try header("90 001002 00000000")
        #expect(both.nonce == 0x1002 && both.mapVersions == nil)
        #expect(try !header("20 000001 00000000").requestsEcho)
    }

    @Test("LISP-GPE has a Next Protocol, and no nonce or versions (RFC 9305 §3)")
    func gpe() throws {
        let captured = try header("0c 000001 00006300")
        #expect(captured.nextProtocol == .ipv4 && captured.instance == 99)
        let odd = try header("94 123402 00000000")
        #expect(odd.nextProtocol == .ipv6 && odd.nonce == nil && odd.mapVersions == nil)
        #expect(try header("04 000080 00000000").nextProtocol?.isShim == true)
        #expect(try header("08 000001 00006300").nextProtocol == nil)
    }

    @Test("headers are written as they are read")
    func writing() throws {
        #expect(
            DataHeader(instance: 1000, nonce: 0x12_3456).octets()
                == [UInt8](hex: "881234560003e800"))
        #expect(DataHeader().octets() == [UInt8](repeating: 0, count: 8))
        #expect(DataHeader(nextProtocol: .ipv4, instance: 99).octets().hex == "0c00000100006300")
        var random = SeededRandom(seed: 1)
        for _ in 0..<1000 {
            let octets = random.octets(count: 8)
            #expect(try DataHeader(octets: octets).octets() == octets)
        }
        expectPrefixesRefused([UInt8](hex: "881234560003e800"), as: DataHeader.self)
    }

    private func header(_ hex: String) throws -> DataHeader {
        try DataHeader(octets: [UInt8](hex: hex))
    }
}

@Suite("IP and UDP headers")
struct IPHeaderTests {
    /// The inner headers of the first and the seventh message of the 2019 slides.
    static let ipv4 = "4500004e0000000080114699f002020201010101"
    static let ipv6 =
        "6000000000521180fe00000000000000000000020002000220010000000000000000000000000001"

    @Test("fields and checksum of IPv4")
    func ipv4Fields() throws {
        let octets = [UInt8](hex: Self.ipv4)
        let header = try IPv4Header(octets: octets)
        #expect(header.source.description == "240.2.2.2" && header.ttl == 128)
        #expect(header.totalLength == 78 && header.payloadLength == 58 && header.protocol == 17)
        #expect(header.checksum == header.expectedChecksum)
        #expect(header.octets() == octets)
        expectPrefixesRefused(octets, as: IPHeader.self)
    }

    @Test("options are kept; a header length below 20 is refused")
    func options() throws {
        let octets = [UInt8](hex: "46000018 00000000 40110000 0a000001 0a000002 01020304")
        let header = try IPv4Header(octets: octets)
        #expect(header.options == [1, 2, 3, 4] && header.size == 24 && header.payloadLength == 0)
        #expect(header.octets() == octets)
        #expect(throws: WireError.invalid("IHL", value: 4, at: 0)) {
            try IPv4Header(octets: [UInt8](hex: "44000018 00000000 40110000 0a000001 0a000002"))
        }
    }

    @Test("fields of IPv6")
    func ipv6Fields() throws {
        let octets = [UInt8](hex: Self.ipv6)
        let header = try IPv6Header(octets: octets)
        #expect(header.payloadLength == 82 && header.nextHeader == 17 && header.hopLimit == 128)
        #expect(header.source.description == "fe00::2:2:2")
        #expect(header.octets() == octets)
        expectPrefixesRefused(octets, as: IPHeader.self)
        #expect(throws: WireError.invalid("IP Version", value: 5, at: 0)) {
            try IPHeader(octets: [0x50] + octets.dropFirst())
        }
    }

    @Test("a checksum adjusted for a changed word is the checksum made anew (RFC 1624)")
    func adjusting() throws {
        var random = SeededRandom(seed: 2)
        for _ in 0..<10000 {
            var words = (0..<10).map { _ in random.bits(UInt16.self) }
            // All zeros are no header: their checksum alone is ambiguous in ones' complement.
            words[0] |= 1
            let before = checksum(words)
            let old = words[4]
            words[4] = random.bits()
            #expect(InternetChecksum.adjusted(before, from: old, to: words[4]) == checksum(words))
        }
    }

    @Test("a UDP checksum of 0 is sent as 0xFFFF, because 0 means none (RFC 768)")
    func udpZero() {
        #expect(checksum([0xFFFF]) == 0)
        var sum = InternetChecksum()
        sum.add(UInt16(0xFFFF))
        #expect(sum.udpValue == 0xFFFF)
        sum.add(UInt16(1))
        #expect(sum.udpValue == 0xFFFE && sum.value == 0xFFFE)
    }

    private func checksum(_ words: [UInt16]) -> UInt16 {
        var checksum = InternetChecksum()
        for word in words { checksum.add(word) }
        return checksum.value
    }
}
