/// Base32 of RFC 4648 §6 without padding, upper case. A person can read it aloud.
package enum Base32 {
    private static let alphabet = [UInt8]("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567".utf8)

    /// How many digits so many octets take.
    package static func digits(of count: Int) -> Int { (count * 8 + 4) / 5 }

    package static func text(_ octets: [UInt8]) -> String {
        var digits: [UInt8] = []
        digits.reserveCapacity(Self.digits(of: octets.count))
        var (bits, held) = (UInt32(0), 0)
        for octet in octets {
            bits = bits << 8 | UInt32(octet)
            held += 8
            while held >= 5 {
                held -= 5
                digits.append(alphabet[Int(bits >> UInt32(held) & 31)])
            }
        }
        if held > 0 { digits.append(alphabet[Int(bits << UInt32(5 - held) & 31)]) }
        return String(decoding: digits, as: UTF8.self)
    }

    /// The whole octets that the digits give, in either case, and whether the bits behind them are zero
    /// and fewer than a digit has.
    /// - Returns: `nil` if something else is among them.
    package static func octets(_ digits: some Sequence<UInt8>) -> (octets: [UInt8], endsWell: Bool)?
    {
        var octets: [UInt8] = []
        var (bits, held) = (UInt32(0), 0)
        for digit in digits {
            guard let value = value(of: digit) else { return nil }
            bits = bits << 5 | value
            held += 5
            if held >= 8 {
                held -= 8
                octets.append(UInt8(truncatingIfNeeded: bits >> UInt32(held)))
            }
        }
        let rest = bits & (1 << UInt32(held) - 1)
        return (octets, held < 5 && rest == 0)
    }

    private static func value(of digit: UInt8) -> UInt32? {
        switch digit {
        case UInt8(ascii: "A")...UInt8(ascii: "Z"): return UInt32(digit - UInt8(ascii: "A"))
        case UInt8(ascii: "a")...UInt8(ascii: "z"): return UInt32(digit - UInt8(ascii: "a"))
        case UInt8(ascii: "2")...UInt8(ascii: "7"): return UInt32(digit - UInt8(ascii: "2")) + 26
        default: return nil
        }
    }
}
