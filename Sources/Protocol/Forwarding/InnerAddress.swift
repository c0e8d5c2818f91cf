package import LISP

/// An address of the overlay and its instance as three numbers: small, and soon compared. An EID, which
/// can be anything, is made of it where one is needed.
package struct InnerAddress: Hashable, Sendable {
    let high: UInt64
    let low: UInt64
    /// Instance-ID, and above it whether this is IPv4.
    let space: UInt64

    static let ipv4: UInt64 = 1 << 32

    init(high: UInt64, low: UInt64, space: UInt64) {
        self.high = high
        self.low = low
        self.space = space
    }

    package init(_ address: IPv4Address, instance: UInt32) {
        (high, low) = (0, UInt64(address.rawValue))
        space = Self.ipv4 | UInt64(instance)
    }

    package init(_ address: IPv6Address, instance: UInt32) {
        (high, low) = (address.high, address.low)
        space = UInt64(instance)
    }

    package var instance: UInt32 { UInt32(truncatingIfNeeded: space) }

    package var isMulticast: Bool {
        space & Self.ipv4 == 0
            ? IPv6Address(high: high, low: low).isMulticast
            : IPv4Address(rawValue: UInt32(truncatingIfNeeded: low)).isMulticast
    }

    package var eid: EID {
        guard space & Self.ipv4 == 0 else {
            let address = IPv4Address(rawValue: UInt32(truncatingIfNeeded: low))
            return EID(.ipv4(Prefix(host: address)), instance: instance)
        }
        return EID(
            .ipv6(Prefix(host: IPv6Address(high: high, low: low))), instance: instance)
    }
}

/// The two addresses of an IP packet; all that forwarding looks at.
package struct InnerAddresses: Hashable, Sendable {
    package let source: InnerAddress
    package let destination: InnerAddress
    /// Of the flow, to spread flows over locators of one priority.
    package let flow: UInt64

    /// - Returns: `nil` if the octets begin with no whole IP header.
    package init?(packet: [UInt8], instance: UInt32) {
        var reader = OctetReader(packet.span.bytes)
        guard let header = try? IPHeader(from: &reader) else { return nil }
        switch header {
        case .ipv4(let header):
            source = InnerAddress(header.source, instance: instance)
            destination = InnerAddress(header.destination, instance: instance)
            flow =
                (UInt64(header.source.rawValue) << 32 | UInt64(header.destination.rawValue))
                &* 0x9E37_79B9_7F4A_7C15
        case .ipv6(let header):
            source = InnerAddress(header.source, instance: instance)
            destination = InnerAddress(header.destination, instance: instance)
            flow =
                (header.source.low ^ header.destination.low ^ UInt64(header.flowLabel))
                &* 0x9E37_79B9_7F4A_7C15
        }
    }
}
