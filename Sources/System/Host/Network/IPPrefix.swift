package import LISP

/// An IPv4 or IPv6 address and how many of its first bits are its network's: of an interface, or,
/// with the other bits zero, the destination of a route.
package enum IPPrefix: Hashable, Sendable {
    case ipv4(IPv4Address, length: Int)
    case ipv6(IPv6Address, length: Int)

    package init(_ prefix: Prefix<IPv4Address>) {
        self = .ipv4(prefix.address, length: prefix.length)
    }

    package init(_ prefix: Prefix<IPv6Address>) {
        self = .ipv6(prefix.address, length: prefix.length)
    }

    /// One whole address.
    /// - Returns: `nil` unless it is IPv4 or IPv6.
    package init?(host address: Address) {
        switch address {
        case .ipv4(let address): self = .ipv4(address, length: 32)
        case .ipv6(let address): self = .ipv6(address, length: 128)
        default: return nil
        }
    }

    /// "10.1.2.3/16"; without a length it is one whole address.
    package init?(_ text: String) {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        guard 1...2 ~= parts.count, let address = Address(rloc: String(parts[0])),
            let whole = IPPrefix(host: address)
        else { return nil }
        guard parts.count == 2 else {
            self = whole
            return
        }
        guard let length = Int(parts[1]), "\(length)" == parts[1], 0...whole.length ~= length else {
            return nil
        }
        self = whole.with(length: length)
    }

    package var length: Int {
        switch self {
        case .ipv4(_, let length), .ipv6(_, let length): return length
        }
    }

    package var address: Address {
        switch self {
        case .ipv4(let address, _): return .ipv4(address)
        case .ipv6(let address, _): return .ipv6(address)
        }
    }

    private func with(length: Int) -> IPPrefix {
        switch self {
        case .ipv4(let address, _): return .ipv4(address, length: length)
        case .ipv6(let address, _): return .ipv6(address, length: length)
        }
    }

    /// With the bits behind the length zero; a length out of range is taken as the next one in it.
    package var network: IPPrefix {
        switch self {
        case .ipv4(let address, let length):
            let length = min(max(length, 0), 32)
            return .ipv4(address.masked(to: length), length: length)
        case .ipv6(let address, let length):
            let length = min(max(length, 0), 128)
            return .ipv6(address.masked(to: length), length: length)
        }
    }

    /// Whether some address is in both.
    package func overlaps(_ other: IPPrefix) -> Bool {
        switch (self, other) {
        case (.ipv4, .ipv4), (.ipv6, .ipv6):
            let shorter = min(length, other.length)
            return with(length: shorter).network == other.with(length: shorter).network
        default: return false
        }
    }

    /// The octets of the address, as they are sent.
    var octets: [UInt8] {
        switch self {
        case .ipv4(let address, _):
            return withUnsafeBytes(of: address.rawValue.bigEndian) { [UInt8]($0) }
        case .ipv6(let address, _):
            return withUnsafeBytes(of: address.high.bigEndian) { [UInt8]($0) }
                + withUnsafeBytes(of: address.low.bigEndian) { [UInt8]($0) }
        }
    }

    /// From the octets of an address.
    /// - Returns: `nil` if there are neither 4 nor 16, or the length is out of range.
    init?(octets: [UInt8], length: Int) {
        func number(_ octets: some Sequence<UInt8>) -> UInt64 {
            octets.reduce(0) { $0 << 8 | UInt64($1) }
        }
        switch (octets.count, length) {
        case (4, 0...32):
            self = .ipv4(
                IPv4Address(rawValue: UInt32(truncatingIfNeeded: number(octets))), length: length)
        case (16, 0...128):
            self = .ipv6(
                IPv6Address(high: number(octets.prefix(8)), low: number(octets.suffix(8))),
                length: length)
        default: return nil
        }
    }
}

extension IPPrefix: CustomStringConvertible {
    package var description: String {
        switch self {
        case .ipv4(let address, let length): return "\(address)/\(length)"
        case .ipv6(let address, let length): return "\(address)/\(length)"
        }
    }
}
