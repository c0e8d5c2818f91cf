/// The payload of one UDP datagram on the control port: a message, perhaps encapsulated
/// (RFC 9301 §5).
///
/// An ECM whose inside we cannot read is an opaque message of type 8.
package struct ControlPacket: Hashable, Sendable {
    // Not variables: an optional one starts as nil, and a value that is assigned to after its start
    // is copied whole when its initializer ends.
    package let encapsulation: Encapsulation?
    package let message: ControlMessage

    package init(_ message: ControlMessage, in encapsulation: Encapsulation? = nil) {
        self.encapsulation = encapsulation
        self.message = message
    }

}

extension ControlPacket: WireValue {
    @inline(__always)
    package init(from reader: inout OctetReader) throws(WireError) {
        try reader.expectDatagram()
        let encapsulation = try Encapsulation.readIfPresent(from: &reader)
        self.init(try ControlMessage(from: &reader), in: encapsulation)
    }

    package func write(to writer: inout OctetWriter) {
        encapsulation?.write(to: &writer)
        message.write(to: &writer)
    }
}

extension ControlPacket {
    /// A message inside an ECM, with every length and checksum right.
    ///
    /// - Parameters:
    ///   - source: for a Map-Request, an RLOC or EID of the requester.
    ///   - destination: for a Map-Request, the EID asked for; of the same family.
    ///   - sourcePort: where the answer to the message shall go.
    ///   - ttl: TTL or Hop Limit.
    /// - Returns: `nil` if the addresses are not of one IP family, or the message is too long.
    package init?(
        encapsulating message: ControlMessage, flags: Encapsulation.Flags = [],
        authentication: [UInt8] = [], from source: Address, to destination: Address,
        sourcePort: UInt16, ttl: UInt8 = 64
    ) {
        let payload = message.octets()
        guard let length = UInt16(exactly: payload.count + UDPHeader.size),
            let totalLength = UInt16(exactly: Int(length) + IPv4Header.minimumSize)
        else { return nil }
        let ip: IPHeader
        switch (source, destination) {
        case (.ipv4(let source), .ipv4(let destination)):
            var header = IPv4Header(
                trafficClass: 0, totalLength: totalLength, identification: 0,
                fragment: IPv4Header.dontFragment, ttl: ttl, protocol: IPProtocol.udp, checksum: 0,
                source: source, destination: destination)
            header.checksum = header.expectedChecksum
            ip = .ipv4(header)
        case (.ipv6(let source), .ipv6(let destination)):
            ip = .ipv6(
                IPv6Header(
                    trafficClass: 0, flowLabel: 0, payloadLength: length,
                    nextHeader: IPProtocol.udp, hopLimit: ttl, source: source,
                    destination: destination))
        default:
            return nil
        }
        var udp = UDPHeader(
            sourcePort: sourcePort, destinationPort: LISPPort.control, length: length, checksum: 0)
        udp.checksum = udp.expectedChecksum(in: ip, payload: payload)
        self.init(
            message,
            in: Encapsulation(flags: flags, authentication: authentication, ip: ip, udp: udp))
    }

    /// Whether the inner UDP checksum is right; `nil` if there is none to check. RFC 9301 §5 demands
    /// one, and lispers.net sends 0.
    /// - Parameter compatibility: what the packet was read with.
    package func innerChecksumIsRight(compatibility: Compatibility = []) -> Bool? {
        encapsulation.flatMap {
            $0.udp.checksumIsRight(
                in: $0.ip, payload: message.octets(compatibility: compatibility))
        }
    }
}
