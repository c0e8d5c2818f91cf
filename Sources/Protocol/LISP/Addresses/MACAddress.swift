/// A 48-bit MAC address; AFI 6, 6 octets.
package struct MACAddress: FixedWidthAddress {
    /// The low 48 bits are the address, its first octet highest; the rest is zero.
    package let rawValue: UInt64

    /// - Parameter rawValue: bits above the low 48 are dropped.
    package init(rawValue: UInt64) { self.rawValue = rawValue & 0xFFFF_FFFF_FFFF }

    package static var bitWidth: Int { 48 }
    package static var kind: String { "MAC" }
    package func masked(to length: Int) -> Self {
        Self(rawValue: (rawValue << 16).keepingFirst(length) >> 16)
    }

    /// The two octets of each 16-bit group exchanged, as ``Compatibility/swappedMAC`` has them.
    var swapped: Self {
        let odd = rawValue & 0x00FF_00FF_00FF
        let even = rawValue & 0xFF00_FF00_FF00
        return Self(rawValue: odd << 8 | even >> 8)
    }

    /// `0000-1111-2222`, and also the usual `00:00:11:11:22:22`.
    package init?(_ text: String) {
        for (separator, digits) in [("-" as Character, 4), (":", 2)] {
            let groups = text.split(separator: separator, omittingEmptySubsequences: false)
            guard groups.count * digits == 12, groups.allSatisfy({ $0.utf8.count == digits }),
                let value = UInt64(hexDigits: groups.joined())
            else { continue }
            self.init(rawValue: value)
            return
        }
        return nil
    }

    /// Three groups of four lower-case digits, as lispers.net prints it.
    package var description: String {
        let digits = rawValue.hex(width: 12)
        return "\(digits.prefix(4))-\(digits.dropFirst(4).prefix(4))-\(digits.suffix(4))"
    }
}
