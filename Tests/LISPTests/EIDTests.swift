import LISP
import TestKit
import Testing

@Suite("EIDs as text and on the wire")
struct EIDTests {
    /// Text as it is printed, mask length and address as they are sent.
    static let vectors: [(text: String, mask: UInt8, hex: String)] = [
        ("[0]10.1.0.0/16", 16, "0001 0a010000"),
        ("[0]1.1.1.1/32", 32, "0001 01010101"),
        ("[11]1.1.1.1/32", 32, "4003 0000 0200 000a 0000000b 0001 01010101"),
        ("[4294967295]0.0.0.0/0", 0, "4003 0000 0200 000a ffffffff 0001 00000000"),
        (
            "[1000]fd00::2222/128", 128,
            "4003 0000 0200 0016 000003e8 0002 fd000000000000000000000000002222"
        ),
        ("[0]0000-1111-2222/48", 48, "0006 000011112222"),
        ("[0]0102-0000-0000/16", 16, "0006 010200000000"),
        ("[0]+000140871820010/64", 64, "0008 0000140871820010"),
        ("[0]+1223344556677880/64", 64, "0008 1223344556677880"),
        ("[0]+000000000000000/8", 8, "0008 0000000000000000"),
        ("[0]'dino'", 40, "0011 64696e6f 00"),
        ("[1]'nexus-n1'", 72, "4003 0000 0200 000f 00000001 0011 6e657875732d6e31 00"),
        (#"[0]'it\27s \5c\00'"#.replacing(#"\00"#, with: ""), 56, "0011 697427732 05c 00"),
        (
            "[0]48-51-12-N-2-20-55-E/100", 0,
            "4003 0000 1100 0016 6600 0000 30 2ee000 02 132658 00000000 0064 0000 0000"
        ),
        (
            "[0]0-0-1-S-180-0-0-W", 0,
            "4003 0000 1100 0016 0000 0000 00 0003e8 b4 000000 00000000 0000 0000 0000"
        ),
        (
            "[0]48-0-0-N-2-0-0-E--12/5", 0,
            "4003 0000 1100 0016 7e00 0000 30 000000 02 000000 fffffff4 0005 0000 0000"
        ),
        (
            "[0](1.1.1.1/32, 224.1.1.1/32)", 32,
            "4003 0000 0900 0014 00000000 0000 20 20 0001 01010101 0001 e0010101"
        ),
        (
            "[1](0.0.0.0/0, 224.1.1.1/32)", 32,
            "4003 0000 0900 0014 00000001 0000 00 20 0001 00000000 0001 e0010101"
        ),
        (
            "[0](::/0, ff02::1:ff00:2/128)", 128,
            "4003 0000 0900 002c 00000000 0000 00 80 0002 00000000000000000000000000000000 "
                + "0002 ff0200000000000000000001ff000002"
        ),
        ("[0]AS64512", 0, "4003 0000 0300 0006 0000fc00 0000"),
        ("[1000]", 0, "4003 0000 0220 0006 000003e8 0000"),
        ("[1000-1007]", 0, "4003 0000 021d 0006 000003e8 0000"),
        ("[*]", 0, "4003 0000 0200 0006 00000000 0000"),
        ("[0]0x400300000600000402000461/7", 7, "4003 0000 0600 0004 02 0004 61"),
        ("[0]0x00107800/16", 16, "0010 78 00"),
    ]

    @Test("text, value and wire agree in every direction", arguments: vectors)
    func golden(text: String, mask: UInt8, hex: String) throws {
        let eid = try EID(text)
        #expect(eid.description == text)
        #expect(
            eid.wire.maskLength == mask && eid.wire.address.octets().hex == [UInt8](hex: hex).hex)
        let address = try Address(octets: [UInt8](hex: hex))
        #expect(try EID(maskLength: mask, address: address) == eid)
    }

    @Test(
        "shorter and uncanonical texts are understood",
        arguments: [
            ("10.1.2.3/16", "[0]10.1.0.0/16"), ("10.1.2.3", "[0]10.1.2.3/32"),
            ("FD00:0::1/8", "[0]fd00::/8"), ("2001:db8::1", "[0]2001:db8::1/128"),
            ("[5]00:00:11:11:22:22", "[5]0000-1111-2222/48"),
            ("+00014087182001", "[0]+000140871820010/64"),
            ("(*,224.1.1.1)", "[0](0.0.0.0/0, 224.1.1.1/32)"),
            ("[7](10.1.1.1/8,224.1.1.1)", "[7](10.0.0.0/8, 224.1.1.1/32)"),
            ("(*, ff0e::1)", "[0](::/0, ff0e::1/128)"), ("'dino'", "[0]'dino'"),
            ("[0]0x00010a010203/16", "[0]10.1.0.0/16"), ("[00010]1.1.1.1", "[10]1.1.1.1/32"),
            ("[1000-1000]", "[1000]"), ("[0-4294967295]", "[*]"),
        ])
    func spellings(text: String, canonical: String) throws {
        #expect(try EID(text).description == canonical)
    }

    @Test(
        "a wrong text says what is wrong, where, and what would be right",
        arguments: [
            ("", 1, "it is empty; write [iid]address/length, as in [0]10.1.0.0/16"),
            ("[0", 1, "the [ is not closed; write [0]address/length"),
            ("[x]1.1.1.1", 2, "Instance-ID \"x\" is not a number from 0 to 4294967295"),
            (
                "[4294967296]1.1.1.1", 2,
                "Instance-ID \"4294967296\" is not a number from 0 to 4294967295"
            ),
            ("[-1]", 2, "Instance-ID \"\" is not a number from 0 to 4294967295"),
            ("[1001-1007]", 2, "a range of instances must be a prefix, as [1000-1007] is"),
            ("[5-6]", 2, "a range of instances must be a prefix, as [1000-1007] is"),
            (
                "[0]10.1.0.300/16", 4,
                "\"10.1.0.300\" is not an IPv4 address (four numbers from 0 to 255)"
            ),
            ("[0]10.1.0.0/33", 13, "mask length of IPv4 \"33\" is not a number from 0 to 32"),
            ("10.1.0.0/", 10, "mask length of IPv4 \"\" is not a number from 0 to 32"),
            ("10.1.0.0/+8", 10, "mask length of IPv4 \"+8\" is not a number from 0 to 32"),
            ("fd00::1/129", 9, "mask length of IPv6 \"129\" is not a number from 0 to 128"),
            ("fd00:::1", 1, "\"fd00:::1\" is not an IPv6 or MAC address"),
            ("dino", 1, "\"dino\" is no address; a name stands in quotes: 'dino'"),
            ("'dino", 1, "the name has no closing quote"),
            ("'dino'/40", 7, "nothing may follow the closing quote; names have no /length"),
            (#"'a\zz'"#, 2, #"\ must be followed by two hexadecimal digits other than 00"#),
            (#"'a\00'"#, 2, #"\ must be followed by two hexadecimal digits other than 00"#),
            ("+", 1, "a telephone number is + and 1 to 15 digits"),
            (
                "+1234/64", 1,
                "before /length an E.164 EID has 15 or 16 hexadecimal digits; "
                    + "as a whole number it would be +000000000012340/64"
            ),
            ("48-51-12-N-2-20-55", 1, "not a geo EID; write it like 48-51-12-N-2-20-55-E/100"),
            ("90-0-1-N-2-20-55-E", 1, "not a geo EID; write it like 48-51-12-N-2-20-55-E/100"),
            ("(1.1.1.1 224.1.1.1)", 1, "write (source/length, group/length)"),
            ("(1.1.1.1, ff0e::1)", 2, "source and group must be of one family"),
            ("ASx", 3, "AS number \"x\" is not a number from 0 to 4294967295"),
            ("0x0001", 1, "0x must be followed by the octets of one address, AFI first"),
            ("0x0000/0", 1, "there is no address (AFI 0)"),
            ("/24", 1, "the address is missing"),
        ])
    func errors(text: String, column: Int, reason: String) {
        #expect {
            try EID(text)
        } throws: { error in
            guard let error = error as? EIDTextError else { return false }
            #expect(error.column == column)
            #expect(error.reason == reason)
            return "\(error)" == "EID \"\(text)\", column \(column): \(reason)"
        }
    }

    @Test("what is on the wire and no EID says why")
    func wireErrors() {
        func error(_ mask: UInt8, _ hex: String) -> EIDWireError? {
            do {
                _ = try EID(maskLength: mask, address: try Address(octets: [UInt8](hex: hex)))
                return nil
            } catch {
                return error as? EIDWireError
            }
        }
        #expect(error(0, "0000") == .noAddress)
        #expect(error(33, "0001 01010101") == .maskTooLong(33, kind: "IPv4"))
        #expect(
            error(129, "0002 fd000000000000000000000000002222") == .maskTooLong(129, kind: "IPv6"))
        #expect(
            error(32, "4003 0000 0200 0016 00000001 4003 0000 0200 000a 00000001 0001 01010101")
                == .nestedInstance)
        #expect(
            error(
                0,
                "4003 0000 0900 0020 00000000 0000 20 80 0001 01010101 "
                    + "0002 ff0200000000000000000001ff000002") == .mixedFamilies)
    }

    @Test("an address without a mask length is one whole EID")
    func hosts() throws {
        for text in [
            "[0]10.1.2.3/32", "[7]fd00::1/128", "[0]0000-1111-2222/48", "[1]'dino'",
            "[0]+000140871820010/64", "[0](1.1.1.1/32, 224.1.1.1/32)",
        ] {
            let eid = try EID(text)
            #expect(try EID(host: eid.wire.address) == eid)
        }
        #expect(throws: EIDWireError.noAddress) { try EID(host: .none) }
    }

    @Test("host bits from the wire are cleared, in every kind")
    func hostBits() throws {
        for (mask, hex, text) in [
            (16, "0001 0a010203", "[0]10.1.0.0/16"),
            (8, "4003 0000 0200 000a 00000005 0001 0a010203", "[5]10.0.0.0/8"),
            (0, "4003 0000 021d 0006 000003ef 0000", "[1000-1007]"),
            (0, "4003 0000 0221 0006 000003ef 0000", "[1007]"),
            (
                32, "4003 0000 0900 0014 00000000 0000 08 04 0001 0a010101 0001 e0010101",
                "[0](10.0.0.0/8, 224.0.0.0/4)"
            ),
        ] as [(UInt8, String, String)] {
            let address = try Address(octets: [UInt8](hex: hex))
            #expect(try EID(maskLength: mask, address: address).description == text)
        }
    }

    @Test("names: RFC 9735 states the length with the NUL, lispers.net 0; both are one EID")
    func nameLengths() throws {
        let address = Address.name("dino")
        #expect(try EID(maskLength: 40, address: address) == EID(maskLength: 0, address: address))
        let long = try EID("'\(String(repeating: "x", count: 40))'")
        #expect(long.wire.maskLength == 0)
        #expect(try EID(maskLength: 0, address: long.wire.address) == long)
    }

    @Test("RFC 8060's geo-coordinates are the same place as RFC 10040's")
    func geo() throws {
        let old = try Address(
            octets: [UInt8](hex: "4003 0000 0500 000e 8030330c 80021437 7fffffff 0000"))
        #expect(try EID(maskLength: 0, address: old).description == "[0]48-51-12-N-2-20-55-E")
        let wrong = try Address(
            octets: [UInt8](hex: "4003 0000 0500 000e 805b0000 80021437 7fffffff 0000"))
        #expect(try EID(maskLength: 0, address: wrong).description.hasPrefix("[0]0x4003"))
    }

    @Test("any EID that decodes prints as a text that reads back as itself, and encodes once")
    func roundTrip() throws {
        var random = SeededRandom(seed: 7)
        let alphabet = [UInt8]("0123456789abcdef.:[]()/-+',* NSEWASx".utf8)
        var read = 0
        for number in 0..<20000 {
            var letters = (0..<random.below(20)).map { _ in random.pick(alphabet) }
            if number % 4 != 0 {
                // One letter of a right text changed: many of these are right too.
                letters = [UInt8](random.pick(Self.vectors).text.utf8)
                letters[random.below(letters.count)] = random.pick(alphabet)
            }
            let text = String(decoding: letters, as: UTF8.self)
            guard let eid = try? EID(text) else { continue }
            read += 1
            #expect(try EID(eid.description) == eid, "\(text)")
            let (mask, address) = eid.wire
            #expect(try EID(maskLength: mask, address: address) == eid, "\(text)")
        }
        #expect(read > 2000, "\(read) texts were EIDs")
    }

    @Test("masking agrees with bit by bit")
    func masking() {
        var random = SeededRandom(seed: 8)
        for length in 0...128 {
            let address = IPv6Address(high: random.bits(), low: random.bits())
            let masked = address.masked(to: length)
            for bit in 0..<128 {
                func isSet(_ address: IPv6Address) -> Bool {
                    let half = bit < 64 ? address.high : address.low
                    return half >> UInt64(63 - bit % 64) & 1 == 1
                }
                #expect(isSet(masked) == (bit < length && isSet(address)))
            }
        }
        #expect(IPv4Address(rawValue: .max).masked(to: 20).description == "255.255.240.0")
        #expect(MACAddress(rawValue: .max).masked(to: 4).description == "f000-0000-0000")
    }
}
