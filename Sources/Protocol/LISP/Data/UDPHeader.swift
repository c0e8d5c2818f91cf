/// RFC 768.
///
///     | Source Port:16 | Destination Port:16 | Length:16 | Checksum:16 |
package struct UDPHeader: Hashable, Sendable, WireValue {
    package var sourcePort: UInt16
    package var destinationPort: UInt16
    /// Header and payload, in octets.
    package var length: UInt16
    /// 0: none.
    package var checksum: UInt16

    package static let size = 8

    /// The most octets that a datagram carries: its length has 16 bits. It bounds everything that
    /// comes from the network.
    package static let maximumPayload = 65535 - size

    package init(sourcePort: UInt16, destinationPort: UInt16, length: UInt16, checksum: UInt16) {
        self.sourcePort = sourcePort
        self.destinationPort = destinationPort
        self.length = length
        self.checksum = checksum
    }

    package init(from reader: inout OctetReader) throws(WireError) {
        let ports: UInt32 = try reader.read("UDP Source Port")
        let rest: UInt32 = try reader.read("UDP Length")
        sourcePort = UInt16(truncatingIfNeeded: ports >> 16)
        destinationPort = UInt16(truncatingIfNeeded: ports)
        length = UInt16(truncatingIfNeeded: rest >> 16)
        checksum = UInt16(truncatingIfNeeded: rest)
    }

    package func write(to writer: inout OctetWriter) {
        writer.write(sourcePort)
        writer.write(destinationPort)
        writer.write(length)
        writer.write(checksum)
    }

    /// The checksum that this header must have over `payload` inside `ip`.
    package func expectedChecksum(in ip: IPHeader, payload: [UInt8]) -> UInt16 {
        var checksum = InternetChecksum()
        for address in [ip.source, ip.destination] {
            switch address {
            case .ipv4(let address): checksum.add(address.rawValue)
            case .ipv6(let address):
                checksum.add(address.high)
                checksum.add(address.low)
            default: break
            }
        }
        checksum.add(UInt16(IPProtocol.udp))
        checksum.add(length)
        checksum.add(sourcePort)
        checksum.add(destinationPort)
        checksum.add(length)
        checksum.add(octets: payload)
        return checksum.udpValue
    }

    /// - Returns: `nil` if there is no checksum.
    package func checksumIsRight(in ip: IPHeader, payload: [UInt8]) -> Bool? {
        checksum == 0 ? nil : checksum == expectedChecksum(in: ip, payload: payload)
    }
}

extension OctetReader {
    /// - Throws: ``WireError`` if there are more octets than a datagram carries.
    func expectDatagram() throws(WireError) {
        guard remaining <= UDPHeader.maximumPayload else {
            throw .leftOver(
                "the longest datagram", count: remaining - UDPHeader.maximumPayload,
                at: offset + UDPHeader.maximumPayload)
        }
    }
}

/// UDP ports of LISP (RFC 9300 §5.3, RFC 9301 §12.1).
package enum LISPPort {
    package static let data: UInt16 = 4341
    package static let control: UInt16 = 4342
}
