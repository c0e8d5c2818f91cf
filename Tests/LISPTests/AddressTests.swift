import LISP
import TestKit
import Testing

@Suite("AFI-encoded addresses")
struct AddressTests {
    static let vectors: [Golden<Address>] = [
        Golden("no address", "0000", .none),
        Golden("IPv4", "0001 c0000201", .ip("192.0.2.1")),
        Golden("IPv6", "0002 20010db8000000000000000000000001", .ip("2001:db8::1")),
        Golden("MAC", "0006 010203040506", .mac(MACAddress(rawValue: 0x0102_0304_0506))),
        Golden("E.164", "0008 0014087182001000", .e164(E164Number(rawValue: 0x14_0871_8200_1000))),
        Golden("DNS name", "0010 78747231 00", .dnsName(OctetName(terminatedBy: "xtr1"))),
        Golden("distinguished name", "0011 78747231 00", .name("xtr1")),
        Golden("empty name", "0011 00", .name("")),
        Golden(
            "LCAF of a type we do not know", "4003 01 02 63 04 0003 aabbcc",
            .lcaf(
                LCAF(
                    .opaque(type: 0x63, [0xAA, 0xBB, 0xCC]), reserved1: 1, flags: 2, reserved2: 4))),
    ]

    @Test("octets and value agree in both directions", arguments: vectors)
    func golden(_ vector: Golden<Address>) throws { try expectBothWays(vector) }

    @Test("each proper prefix is refused", arguments: vectors)
    func prefixes(_ vector: Golden<Address>) {
        expectPrefixesRefused(vector.octets, as: Address.self, vector.name)
    }

    @Test("an AFI whose length nobody knows is refused by name and place")
    func unknownAFI() {
        #expect(throws: WireError.unsupported("AFI of address", value: 16389, at: 0)) {
            try Address(octets: [0x40, 0x05, 2, 0, 0, 0, 0, 1])
        }
    }

    @Test("lispers.net's exchanged octets: only when asked for, and written back alike")
    func swapped() throws {
        let mac = [UInt8](hex: "0006 020104030605")
        let number = [UInt8](hex: "0008 44332211 88776655")
        #expect(
            try Address(octets: mac, compatibility: .swappedMAC)
                == .mac(MACAddress(rawValue: 0x0102_0304_0506)))
        #expect(
            try Address(octets: number, compatibility: .swappedE164)
                == .e164(E164Number(rawValue: 0x1122_3344_5566_7788)))
        #expect(try Address(octets: mac) == .mac(MACAddress(rawValue: 0x0201_0403_0605)))
        for octets in [mac, number] {
            let address = try Address(octets: octets, compatibility: .lispersNet)
            #expect(address.octets(compatibility: .lispersNet) == octets)
        }
    }

    @Test("the text of IPv6 is inet_ntop's, as pull mode hashes it")
    func ipv6Text() {
        for text in ["2001:db8::1", "::", "::ffff:192.0.2.1", "fd00::2222", "fe00::2:2:2"] {
            #expect(IPv6Address(text)?.description == text)
        }
        #expect(IPv6Address("2001:DB8:0:0::1")?.description == "2001:db8::1")
        #expect(IPv6Address("fe80::1%eth0") == nil)
    }
}

extension OctetName {
    init(terminatedBy text: String) {
        guard let name = OctetName(text) else { preconditionFailure("no name: \(text)") }
        self = name
    }
}
