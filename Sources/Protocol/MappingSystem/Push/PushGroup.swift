package import LISP
package import Mappings
package import Trust

/// The seed-group of a mesh in push mode (RFC 9962 §4): its group address, how a node registers its
/// membership, and how a registration to the group is written.
package enum PushGroup {
    /// The group of a mesh that names none: an organization-local IPv6 group made from the mesh's
    /// prefix (RFC 3306 §4), with 4342 as its group id.
    package static func address(of mesh: MeshID) -> IPv6Address {
        let prefix = mesh.prefix
        let head: UInt64 = 0xFF38_0000_0000_0000 | UInt64(prefix.length) << 32
        return IPv6Address(
            high: head | prefix.address.high >> 32,
            low: (prefix.address.high << 32) | UInt64(LISPPort.control))
    }

    /// `(0::/0, G)`: what members register (RFC 9962 §4.1).
    package static func eid(of group: IPv6Address) -> EID? {
        eid(ofDestination: EID(.ipv6(Prefix(host: group))))
    }

    /// The (*,G) of a packet's destination, of either family.
    /// - Returns: `nil` if that is no multicast address.
    package static func eid(ofDestination destination: EID) -> EID? {
        switch destination.kind {
        case .ipv6(let prefix) where prefix.length == 128 && prefix.address.isMulticast:
            guard let any = Prefix(IPv6Address(high: 0, low: 0), length: 0) else { return nil }
            return EID(
                source: .ipv6(any), group: .ipv6(prefix), instance: destination.instance)
        case .ipv4(let prefix) where prefix.length == 32 && prefix.address.isMulticast:
            guard let any = Prefix(IPv4Address(rawValue: 0), length: 0) else { return nil }
            return EID(
                source: .ipv4(any), group: .ipv4(prefix), instance: destination.instance)
        default: return nil
        }
    }

    /// The level of receivers in a replication list (RFC 8378 §5).
    package static let receiverLevel: UInt32 = 128

    /// The locator of a member's registration: a replication list with itself alone; a reader merges
    /// those of all members.
    package static func locator(_ rlocs: [Address]) -> LocatorRecord {
        let entries = rlocs.map { ReplicationEntry(word: receiverLevel, address: $0) }
        return LocatorRecord(
            .lcaf(LCAF(.replicationList(entries))), unicast: .init(priority: 1, weight: 100),
            multicast: .init(priority: 1, weight: 100), flags: .reachable)
    }

    /// A Map-Register of one record to the group, as RFC 9962 §4.1 sends it: an IP packet to the
    /// group's address and the control port, which the seal encapsulates.
    /// - Parameters:
    ///   - record: its octets.
    ///   - id: the record's; it serves as the nonce, and the acknowledgement names it.
    ///   - source: the sender's crypto-EID.
    package static func registration(
        of record: [UInt8], id: RecordID, to group: IPv6Address, from source: IPv6Address
    ) -> [UInt8] {
        var message = OctetWriter(capacity: record.count + 128)
        // The record stands as its signer wrote it, behind the head of a Map-Register (RFC 9301 §5.6).
        let head = MapRegister(flags: [.proxyReply, .merge], nonce: id.rawValue, records: [])
        head.write(to: &message)
        message.patch(UInt16(truncatingIfNeeded: head.flags.rawValue) | 1, at: 2)
        message.write(octets: record)
        let length = UInt16(clamping: message.count + UDPHeader.size)
        let ip = IPv6Header(
            trafficClass: 0, flowLabel: 0, payloadLength: length, nextHeader: IPProtocol.udp,
            hopLimit: hopLimit, source: source, destination: group)
        var udp = UDPHeader(
            sourcePort: LISPPort.control, destinationPort: LISPPort.control, length: length,
            checksum: 0)
        udp.checksum = udp.expectedChecksum(in: .ipv6(ip), payload: message.octets)
        var packet = OctetWriter(capacity: message.count + 48)
        ip.write(to: &packet)
        udp.write(to: &packet)
        packet.write(octets: message.octets)
        return packet.octets
    }

    /// The inner packet never leaves the tunnel.
    private static let hopLimit: UInt8 = 1
}
