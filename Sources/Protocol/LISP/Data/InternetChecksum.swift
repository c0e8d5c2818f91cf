/// The checksum of IPv4, UDP and TCP: the ones' complement of the ones' complement sum of 16-bit
/// words (RFC 1071).
package struct InternetChecksum {
    private var sum: UInt64 = 0

    package init() {}

    package mutating func add(_ value: UInt16) { sum &+= UInt64(value) }

    package mutating func add(_ value: UInt32) {
        sum &+= UInt64(value >> 16) &+ UInt64(value & 0xFFFF)
    }

    package mutating func add(_ value: UInt64) {
        add(UInt32(truncatingIfNeeded: value >> 32))
        add(UInt32(truncatingIfNeeded: value))
    }

    /// - Parameter octets: an odd last octet counts as the high half of a word, so only the last
    ///   piece may have an odd number of them.
    package mutating func add(octets: [UInt8]) {
        var index = 0
        while index + 1 < octets.count {
            sum &+= UInt64(octets[index]) << 8 | UInt64(octets[index + 1])
            index += 2
        }
        if index < octets.count { sum &+= UInt64(octets[index]) << 8 }
    }

    package var value: UInt16 {
        var folded = sum
        while folded > 0xFFFF { folded = (folded & 0xFFFF) + folded >> 16 }
        return ~UInt16(folded)
    }

    /// The value for a UDP header, where 0 means that there is none (RFC 768).
    package var udpValue: UInt16 { value == 0 ? 0xFFFF : value }

    /// The checksum after one 16-bit word under it has changed (RFC 1624, equation 3).
    package static func adjusted(_ checksum: UInt16, from old: UInt16, to new: UInt16) -> UInt16 {
        var sum = UInt32(~checksum) + UInt32(~old) + UInt32(new)
        sum = sum & 0xFFFF + sum >> 16
        sum = sum & 0xFFFF + sum >> 16
        return ~UInt16(sum)
    }
}
