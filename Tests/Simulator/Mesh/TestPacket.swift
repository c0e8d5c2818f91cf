package import LISP

/// A packet of the overlay that tests send: IPv6 or IPv4, no checksum, a number inside.
package struct TestPacket: Hashable, Sendable {
    package let source: Address
    package let destination: Address
    package let number: UInt64

    package init(from source: IPv6Address, to destination: IPv6Address, number: UInt64) {
        self.source = .ipv6(source)
        self.destination = .ipv6(destination)
        self.number = number
    }

    /// - Returns: `nil` if the octets are no such packet.
    package init?(_ octets: [UInt8]) {
        var reader = OctetReader(octets.span.bytes)
        guard let header = try? IPHeader(from: &reader),
            let number: UInt64 = try? reader.read("number")
        else { return nil }
        source = header.source
        destination = header.destination
        self.number = number
    }

    package var octets: [UInt8] {
        guard case .ipv6(let source) = source, case .ipv6(let destination) = destination else {
            return []
        }
        var writer = OctetWriter()
        IPv6Header(
            trafficClass: 0, flowLabel: 0, payloadLength: 8, nextHeader: 59, hopLimit: 64,
            source: source, destination: destination
        ).write(to: &writer)
        writer.write(number)
        return writer.octets
    }
}
