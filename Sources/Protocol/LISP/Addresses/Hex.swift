extension FixedWidthInteger where Self: UnsignedInteger {
    /// Lower-case digits, zero-filled to `width`.
    package func hex(width: Int) -> String {
        let digits = String(self, radix: 16)
        return String(repeating: "0", count: Swift.max(0, width - digits.count)) + digits
    }

    /// Unlike `init(_:radix:)` this takes no sign.
    package init?(hexDigits text: some StringProtocol) {
        guard text.utf8.allSatisfy({ $0.isHexDigit }) else { return nil }
        self.init(text, radix: 16)
    }

    /// One or more digits without a sign; `nil` for anything else, and for what does not fit.
    package init?(decimalDigits text: some StringProtocol) {
        guard text.utf8.allSatisfy({ UInt8(ascii: "0")...UInt8(ascii: "9") ~= $0 }) else {
            return nil
        }
        self.init(text, radix: 10)
    }
}

extension UInt8 {
    package var isHexDigit: Bool {
        switch self {
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "f"),
            UInt8(ascii: "A")...UInt8(ascii: "F"):
            return true
        default: return false
        }
    }
}

extension Sequence<UInt8> {
    /// Two lower-case digits an octet.
    package var hex: String {
        var text = ""
        for octet in self { text += octet.hex(width: 2) }
        return text
    }
}

package enum Hex {
    /// Pairs of digits, nothing between them.
    package static func octets(of text: String) -> [UInt8]? {
        let digits = [UInt8](text.utf8)
        guard digits.count % 2 == 0 else { return nil }
        var octets: [UInt8] = []
        octets.reserveCapacity(digits.count / 2)
        for index in stride(from: 0, to: digits.count, by: 2) {
            let pair = String(decoding: digits[index..<index + 2], as: UTF8.self)
            guard let octet = UInt8(hexDigits: pair) else { return nil }
            octets.append(octet)
        }
        return octets
    }
}
