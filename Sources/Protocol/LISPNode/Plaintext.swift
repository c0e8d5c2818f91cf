package import LISP
package import Sessions

/// A control message as it was before it was sealed, or after it was opened, with its way: what a capture
/// shows of a node that is looked at for its errors.
package struct Plaintext: Hashable, Sendable {
    package var octets: [UInt8]
    package var isSent: Bool
    /// Of this host; `nil`: it has none.
    package var local: Address?
    /// `nil`: there is no session yet.
    package var remote: Path?

    package init(_ octets: [UInt8], isSent: Bool, local: Address?, remote: Path?) {
        self.octets = octets
        self.isSent = isSent
        self.local = local
        self.remote = remote
    }

    /// IP packets, as they would have travelled without a seal: a LISP message alone in a datagram of port
    /// 4342; a message of members' own there behind the head of its sub-type, and its kind and
    /// length; a packet to the group on port 4341, as RFC 9962 §4.1 encapsulates it.
    package var packets: [[UInt8]] {
        guard let first = octets.first else { return [] }
        if first >> 4 == 4 || first >> 4 == 6 {
            let header = DataHeader(instance: DataHeader.controlInstance)
            return [packet(header.octets() + octets, port: LISPPort.data)].compactMap { $0 }
        }
        var reader = OctetReader(octets.span.bytes)
        var packets: [[UInt8]] = []
        while let kind: UInt8 = try? reader.read("kind"),
            let length: UInt16 = try? reader.read("length"),
            let content = try? reader.readOctets("content", count: Int(length))
        {
            var payload = content
            if kind != Self.lisp {
                let head = [0, 0, kind, UInt8(length >> 8), UInt8(truncatingIfNeeded: length)]
                payload = SharedExtension(subtype: Self.subtype, content: head + content).octets()
            }
            if let packet = packet(payload, port: LISPPort.control) { packets.append(packet) }
        }
        return packets
    }

    private static let lisp: UInt8 = 1
    /// Of type 15, as on port 4342 (Docs/Trust.md).
    private static let subtype: UInt16 = 0x57E
    private static let timeToLive: UInt8 = 64

    private func packet(_ payload: [UInt8], port: UInt16) -> [UInt8]? {
        guard let length = UInt16(exactly: UDPHeader.size + payload.count),
            let whole = UInt16(exactly: IPv4Header.minimumSize + Int(length))
        else { return nil }
        let none = Path(IPv4Address(rawValue: 0), port: port)
        let remote = remote.map { Path($0.host, port: port) } ?? none
        let local = local.flatMap { Path($0, port: port) } ?? none
        let (source, destination) = isSent ? (local, remote) : (remote, local)
        let ip: IPHeader
        if case .ipv4(let source) = source.address,
            case .ipv4(let destination) = destination.address
        {
            var header = IPv4Header(
                trafficClass: 0, totalLength: whole, identification: 0,
                fragment: IPv4Header.dontFragment, ttl: Self.timeToLive, protocol: IPProtocol.udp,
                checksum: 0, source: source, destination: destination)
            header.checksum = header.expectedChecksum
            ip = .ipv4(header)
        } else {
            ip = .ipv6(
                IPv6Header(
                    trafficClass: 0, flowLabel: 0, payloadLength: length,
                    nextHeader: IPProtocol.udp, hopLimit: Self.timeToLive, source: source.host,
                    destination: destination.host))
        }
        var udp = UDPHeader(sourcePort: port, destinationPort: port, length: length, checksum: 0)
        udp.checksum = udp.expectedChecksum(in: ip, payload: payload)
        return ip.octets() + udp.octets() + payload
    }
}

extension Core {
    /// Shows a control message to whoever captures.
    mutating func show(_ octets: [UInt8], _ peer: Peer, isSent: Bool, turn: inout Turn) {
        var remote: Path?
        if case .member(let node) = peer { remote = sessions.path(to: node) }
        let isIPv4 = remote?.isIPv4 ?? true
        let local = locators.first { $0.afi == (isIPv4 ? AFI.ipv4 : AFI.ipv6) } ?? locators.first
        turn.send(
            .plaintext(Plaintext(octets, isSent: isSent, local: local, remote: remote)))
    }
}
