package import LISP

/// What a node tells its own host of a packet that does not go through (RFC 792, RFC 1191; RFC 4443
/// §3.2). How often it may be told is the caller's business.
package enum ICMPTooBig {
    /// RFC 1812 §4.3.2.3: as much of the packet as fits 576 octets.
    private static let ipv4Size = 576
    /// RFC 4443 §3.2: the least that every link carries.
    private static let ipv6Size = 1280
    private static let hopLimit: UInt8 = 64
    /// Behind both ICMP heads.
    private static let headSize = 8

    /// An IPv4 packet that may be fragmented is answered too: the host then sends smaller ones, or
    /// fragments them itself, and nobody has to fragment here.
    /// - Parameter packet: as ``Sealer`` was given it.
    /// - Returns: `nil` for what must not be answered: an ICMP error, a later fragment, a packet from or
    ///   to many or nobody; or if this node has no address of that kind.
    package static func packet(
        for packet: UnsafeRawBufferPointer, mtu: Int, from table: ForwardingTable
    ) -> [UInt8]? {
        self.packet(for: packet, mtu: mtu, ipv6: table.ipv6)
    }

    /// - Parameter ipv6: this node's own address of the overlay, if it has one; the answer's source.
    package static func packet(
        for packet: UnsafeRawBufferPointer, mtu: Int, ipv6: IPv6Address?
    ) -> [UInt8]? {
        var reader = OctetReader(packet.bytes)
        switch try? IPHeader(from: &reader) {
        case .ipv4(let header):
            guard header.fragment & 0x1FFF == 0,
                !header.source.isMulticast, header.source.rawValue != 0,
                !header.destination.isMulticast, header.destination.rawValue != .max,
                header.protocol != IPProtocol.icmp || isQuestion(reader.peek(), ipv4: true)
            else { return nil }
            // Linux drops an IPv4 packet that comes in from one of its own addresses as a martian; so it
            // comes from where the path is too small, as seen from here.
            return ipv4(packet, mtu: mtu, from: header.destination, to: header.source)
        case .ipv6(let header):
            guard let own = ipv6, !header.source.isMulticast,
                header.source != IPv6Address(high: 0, low: 0),
                header.nextHeader != IPProtocol.icmpv6 || isQuestion(reader.peek(), ipv4: false)
            else { return nil }
            return self.ipv6(packet, mtu: mtu, from: own, to: header.source)
        case nil: return nil
        }
    }

    /// Whether an ICMP type is no error.
    private static func isQuestion(_ type: UInt8?, ipv4: Bool) -> Bool {
        guard let type else { return false }
        return ipv4 ? ![3, 4, 5, 11, 12].contains(type) : type >= 128 && type != 137
    }

    private static func ipv4(
        _ packet: UnsafeRawBufferPointer, mtu: Int, from own: IPv4Address, to host: IPv4Address
    ) -> [UInt8] {
        let quoted = packet.prefix(ipv4Size - IPv4Header.minimumSize - headSize)
        var header = IPv4Header(
            trafficClass: 0,
            totalLength: UInt16(IPv4Header.minimumSize + headSize + quoted.count),
            identification: 0, fragment: IPv4Header.dontFragment, ttl: hopLimit,
            protocol: IPProtocol.icmp, checksum: 0, source: own, destination: host)
        header.checksum = header.expectedChecksum
        // Destination unreachable, fragmentation needed.
        var body: [UInt8] = [3, 4, 0, 0, 0, 0]
        let size = UInt16(clamping: mtu)
        body += [UInt8(size >> 8), UInt8(truncatingIfNeeded: size)] + quoted
        var checksum = InternetChecksum()
        checksum.add(octets: body)
        return header.octets() + with(checksum, body)
    }

    private static func ipv6(
        _ packet: UnsafeRawBufferPointer, mtu: Int, from own: IPv6Address, to host: IPv6Address
    ) -> [UInt8] {
        let quoted = packet.prefix(ipv6Size - IPv6Header.size - headSize)
        let length = UInt16(headSize + quoted.count)
        let header = IPv6Header(
            trafficClass: 0, flowLabel: 0, payloadLength: length, nextHeader: IPProtocol.icmpv6,
            hopLimit: hopLimit, source: own, destination: host)
        var body: [UInt8] = [2, 0, 0, 0]
        withUnsafeBytes(of: UInt32(clamping: mtu).bigEndian) { body += $0 }
        body += quoted
        var checksum = InternetChecksum()
        for address in [own, host] {
            checksum.add(address.high)
            checksum.add(address.low)
        }
        checksum.add(UInt32(length))
        checksum.add(UInt32(IPProtocol.icmpv6))
        checksum.add(octets: body)
        return header.octets() + with(checksum, body)
    }

    private static func with(_ checksum: InternetChecksum, _ body: [UInt8]) -> [UInt8] {
        var body = body
        body[2] = UInt8(checksum.value >> 8)
        body[3] = UInt8(truncatingIfNeeded: checksum.value)
        return body
    }
}
