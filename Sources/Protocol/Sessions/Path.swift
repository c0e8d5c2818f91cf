package import LISP

/// Where datagrams go to or come from in the underlay: an address and a UDP port.
package struct Path: Hashable, Comparable, Sendable {
    /// IPv4 addresses as IPv6 maps them (RFC 4291 §2.5.5.2), so that a path is three numbers.
    package let host: IPv6Address
    package var port: UInt16

    private static let mapped: UInt64 = 0xFFFF

    package init(_ address: IPv4Address, port: UInt16) {
        host = IPv6Address(high: 0, low: Self.mapped << 32 | UInt64(address.rawValue))
        self.port = port
    }

    package init(_ address: IPv6Address, port: UInt16) {
        host = address
        self.port = port
    }

    /// - Returns: `nil` unless the address is IPv4 or IPv6.
    package init?(_ address: Address, port: UInt16) {
        switch address {
        case .ipv4(let address): self.init(address, port: port)
        case .ipv6(let address): self.init(address, port: port)
        default: return nil
        }
    }

    package var isIPv4: Bool { host.high == 0 && host.low >> 32 == Self.mapped }

    package var address: Address {
        isIPv4
            ? .ipv4(IPv4Address(rawValue: UInt32(truncatingIfNeeded: host.low))) : .ipv6(host)
    }

    /// IPv4 /24 or IPv6 /48, with port 0: what budgets are kept for.
    package var block: Path {
        let length = isIPv4 ? 120 : 48
        return Path(host.masked(to: length), port: 0)
    }

    package static func < (left: Path, right: Path) -> Bool {
        (left.host.high, left.host.low, left.port) < (right.host.high, right.host.low, right.port)
    }
}

extension Path: CustomStringConvertible {
    package var description: String {
        switch address {
        case .ipv4(let address): return "\(address):\(port)"
        default: return "[\(host)]:\(port)"
        }
    }
}

/// Which of the node's two UDP ports a datagram passes.
package enum LocalPort: UInt8, Hashable, Sendable {
    /// 4341, unless it is set otherwise.
    case data
    /// 4342.
    case control
}

/// The payload of one UDP datagram, received or to be sent.
package struct Datagram: Hashable, Sendable {
    package var octets: [UInt8]
    package var port: LocalPort
    /// DSCP and ECN of the outer IP header.
    package var trafficClass: UInt8 = 0
    /// TTL or Hop Limit of the outer IP header; 0: as the host has it, or not known.
    package var timeToLive: UInt8 = 0
    /// Its source if it was received, its destination if it is to be sent.
    package var remote: Path
    /// It may leave in fragments: what is inside is not larger than what IPv6 asks of every link (RFC 8200 §5),
    /// so that nobody makes it smaller, and is larger than that from outside.
    package var mayBeCut = false
    /// It leaves from one of the ports that flows leave from, this one modulo their number; `nil`: from ``port``.
    package var flow: UInt16?

    package init(_ octets: [UInt8], on port: LocalPort, remote: Path) {
        self.octets = octets
        self.port = port
        self.remote = remote
    }
}
