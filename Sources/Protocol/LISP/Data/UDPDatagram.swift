/// A UDP datagram and the addresses it was sent between.
package struct UDPDatagram: Hashable, Sendable {
    package var source: Address
    package var sourcePort: UInt16
    package var destination: Address
    package var destinationPort: UInt16
    package var payload: [UInt8]

    package init(
        from source: Address, _ sourcePort: UInt16, to destination: Address,
        _ destinationPort: UInt16, payload: [UInt8]
    ) {
        self.source = source
        self.sourcePort = sourcePort
        self.destination = destination
        self.destinationPort = destinationPort
        self.payload = payload
    }

    /// What the ports say that a datagram holds.
    package enum Content: Hashable, Sendable { case control, data }

    /// - Returns: `nil` if neither port is LISP's. From port 4342 an RTR also sends data to a NAT's
    ///   port; no control message has type 0, so those begin with a zero nibble.
    package var content: Content? {
        if destinationPort == LISPPort.control { return .control }
        if destinationPort == LISPPort.data { return .data }
        if sourcePort == LISPPort.control {
            return payload.first.map { $0 >> 4 == 0 } ?? false ? .data : .control
        }
        return sourcePort == LISPPort.data ? .data : nil
    }
}

extension UDPDatagram {
    /// Reads an IP packet.
    /// - Returns: `nil` if it is not UDP, or a fragment, which this does not put together.
    /// - Throws: ``WireError``, also if the packet was captured in part.
    package init?(ipPacket octets: [UInt8]) throws(WireError) {
        var reader = OctetReader(octets.span.bytes)
        let ip = try IPHeader(from: &reader)
        guard ip.protocol == IPProtocol.udp, !ip.isFragment else { return nil }
        let udp = try UDPHeader(from: &reader)
        let length = Int(udp.length) - UDPHeader.size
        guard length >= 0 else { throw .invalid("UDP Length", value: Int(udp.length), at: 0) }
        self.init(
            from: ip.source, udp.sourcePort, to: ip.destination, udp.destinationPort,
            payload: try reader.readOctets("UDP payload", count: length))
    }
}
