/// The payload of one UDP datagram on the data port (RFC 9300 §5).
package struct DataPacket: Hashable, Sendable {
    package var header: DataHeader
    package var content: Content

    package enum Content: Hashable, Sendable {
        /// An IP packet: its header, and all behind it.
        case ip(IPHeader, payload: [UInt8])
        /// Instance-ID 0xFFFFFF: a control message over IP and UDP (RFC 9962 §4; the
        /// Data-Map-Notify of NAT traversal).
        case control(IPHeader, UDPHeader, ControlPacket)
        /// Instance-ID 0xFFFFFF: a control message and no IP header, as lispers.net sends
        /// Info-Requests to RTRs.
        case bareControl(ControlPacket)
        /// Encrypted (KK is not 0), or of a protocol that we do not read.
        case opaque([UInt8])
    }

    package init(_ header: DataHeader, _ content: Content) {
        self.header = header
        self.content = content
    }
}

extension DataPacket: WireValue {
    package init(from reader: inout OctetReader) throws(WireError) {
        try reader.expectDatagram()
        header = try DataHeader(from: &reader)
        let isIP = header.nextProtocol.map { $0 == .ipv4 || $0 == .ipv6 } ?? true
        guard header.keyID == 0, isIP else {
            content = .opaque(reader.readRest())
            return
        }
        let isControl = header.instance == DataHeader.controlInstance
        guard let first = reader.peek() else { throw .truncated("IP Version", at: reader.offset) }
        if isControl, first >> 4 == InfoMessage.type {
            content = .bareControl(try ControlPacket(from: &reader))
            return
        }
        let start = reader.offset
        let ip = try IPHeader(from: &reader)
        guard ip.payloadLength >= 0 else {
            throw .invalid("IP payload length", value: ip.payloadLength, at: start)
        }
        guard ip.payloadLength <= reader.remaining else { throw .truncated("IP packet", at: start) }
        guard isControl, ip.protocol == IPProtocol.udp, !ip.isFragment else {
            content = .ip(ip, payload: reader.readRest())
            return
        }
        guard ip.payloadLength == reader.remaining else {
            throw .leftOver(
                "IP packet", count: reader.remaining - ip.payloadLength,
                at: reader.offset + ip.payloadLength)
        }
        let udp = try UDPHeader(from: &reader)
        guard Int(udp.length) == ip.payloadLength else {
            throw .invalid("UDP Length", value: Int(udp.length), at: reader.offset - 4)
        }
        content = .control(ip, udp, try ControlPacket(from: &reader))
    }

    package func write(to writer: inout OctetWriter) {
        header.write(to: &writer)
        switch content {
        case .ip(let ip, let payload):
            ip.write(to: &writer)
            writer.write(octets: payload)
        case .control(let ip, let udp, let packet):
            ip.write(to: &writer)
            udp.write(to: &writer)
            packet.write(to: &writer)
        case .bareControl(let packet):
            packet.write(to: &writer)
        case .opaque(let octets):
            writer.write(octets: octets)
        }
    }
}
