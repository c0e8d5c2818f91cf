/// A telephone number; AFI 8, 8 octets as lispers.net packs them: each digit four bits, the last
/// four bits zero.
package struct E164Number: FixedWidthAddress {
    package var rawValue: UInt64
    package init(rawValue: UInt64) { self.rawValue = rawValue }

    package static var bitWidth: Int { 64 }
    package static var kind: String { "E.164" }
    package func masked(to length: Int) -> Self { Self(rawValue: rawValue.keepingFirst(length)) }

    /// The octets of each half reversed, as ``Compatibility/swappedE164`` has them.
    var swapped: Self {
        Self(rawValue: rawValue.byteSwapped << 32 | rawValue.byteSwapped >> 32)
    }

    /// A number as people dial it: `+` and 1 to 15 digits, packed with four zero bits behind them.
    package init?(dialled text: String) {
        guard text.hasPrefix("+"), 2...16 ~= text.utf8.count,
            let digits = UInt64(hexDigits: text.dropFirst())
        else { return nil }
        self.init(rawValue: digits << 4)
    }

    /// The packed form: `+` and the 64 bits as 15 hexadecimal digits, or 16 if they need them.
    package init?(_ text: String) {
        guard text.hasPrefix("+"), 16...17 ~= text.utf8.count,
            let value = UInt64(hexDigits: text.dropFirst())
        else { return nil }
        self.init(rawValue: value)
    }

    package var description: String { "+\(rawValue.hex(width: 15))" }
}
