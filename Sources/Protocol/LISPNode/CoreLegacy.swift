import Clocks
import Forwarding
package import LISP
import Laboratory
import Mappings
import Sessions
import Trust

/// Somebody who speaks plain RFC 9300, and what is behind it: from this node's settings, never learned.
package struct LegacyXTR: Hashable, Sendable {
    package var eid: EID
    /// Of its data port, 4341.
    package var rloc: Address

    package init(eid: EID, rloc: Address) {
        self.eid = eid
        self.rloc = rloc
    }
}

/// The legacy sites by prefix.
struct LegacySites: Sendable {
    private var sites = PrefixTrie<Path>()
    private(set) var prefixes: [EID] = []

    init(_ xtrs: [LegacyXTR] = []) {
        for xtr in xtrs {
            guard let path = Path(xtr.rloc, port: LISPPort.data) else { continue }
            if sites.insert(path, at: xtr.eid) == nil { prefixes.append(xtr.eid) }
        }
    }

    var isEmpty: Bool { prefixes.isEmpty }

    /// The longest prefix that covers an EID, and the xTR of it.
    func site(of eid: EID) -> (prefix: EID, path: Path)? {
        sites.longestMatch(eid).map { ($0.eid, $0.value) }
    }
}

// What is not sealed goes to sites of this node's settings alone, and never in place of what could be
// sealed.
extension Core {
    /// Prefixes that the host must send to the overlay for them, beside the mesh's own.
    package var legacyPrefixes: [EID] { legacy.prefixes }

    /// The xTR that packets to an EID go to unsealed.
    func legacyPath(to eid: EID, at meshTime: UInt64) -> Path? {
        guard !legacy.isEmpty, let site = legacy.site(of: eid),
            isLeftToLegacy(eid, inside: site.prefix, at: meshTime)
        else { return nil }
        return site.path
    }

    /// Whether an unsealed packet may come with this inner source from this xTR.
    mutating func isLegacy(_ source: InnerAddress, from outer: Address, turn: Turn) -> Bool {
        guard !legacy.isEmpty, !source.isMulticast, let site = legacy.site(of: source.eid),
            site.path.address == outer
        else { return false }
        let now = meshTime(turn)
        flows.follow(records, at: now)
        if let known = flows.isRight(source, of: .plain) { return known }
        let found =
            !isOwn(source) && isLeftToLegacy(source.eid, inside: site.prefix, at: now)
        flows.note(found, source, of: .plain)
        return found
    }

    /// The mesh's own blocks are its own, and so is what it maps or has given to a member by a prefix
    /// that is as long or longer: whoever keeps a record from this node does not make it send in
    /// the clear. Nor does a node that has not heard everything since it joined.
    private func isLeftToLegacy(_ eid: EID, inside prefix: EID, at meshTime: UInt64) -> Bool {
        guard partlyJoined == nil, joining == nil else { return false }
        if isPlanted(.legacyInsideMesh) { return true }
        if isInMeshBlocks(eid) { return false }
        if case .mapping(let served) = records.lookup(eid, rights: standing, meshTime: meshTime),
            prefix.contains(served.record.eid)
        {
            return false
        }
        return !standing.members.contains { member in
            member.ranges.contains { prefix.contains($0) && $0.contains(eid) }
        }
    }

    /// RFC 9300 §5.3, over the data port.
    mutating func sendPlain(
        _ packet: [UInt8], instance: UInt32, to path: Path, turn: inout Turn
    ) {
        var reader = OctetReader(packet.span.bytes)
        guard let header = try? IPHeader(from: &reader), header.timeToLive > 0 else {
            counters.malformed += 1
            return
        }
        let size = packet.count + (path.isIPv4 ? 20 : 40) + UDPHeader.size + DataHeader.size
        if let linkMTU, size > linkMTU {
            counters.tooBig += 1
            let mtu = linkMTU - (size - packet.count)
            let answer = packet.withUnsafeBytes {
                ICMPTooBig.packet(for: $0, mtu: mtu, ipv6: cryptoAddress)
            }
            if let answer { turn.send(.deliver(answer, instance: instance)) }
            return
        }
        let outer = TunnelFields(header).encapsulated
        var datagram = Datagram(
            DataHeader(instance: instance).octets() + packet, on: .data, remote: path)
        datagram.trafficClass = outer.trafficClass
        datagram.timeToLive = outer.timeToLive
        counters.plainSent += 1
        turn.send(.send(datagram))
    }
}

extension TunnelFields {
    /// The inner header's, after the outer one of a datagram was taken off (RFC 9300 §5.3); as they are,
    /// if the host does not say what that had.
    /// - Returns: `nil` to drop.
    func decapsulated(outside datagram: Datagram) -> TunnelFields? {
        guard datagram.timeToLive > 0 else { return self }
        return decapsulated(
            from: TunnelFields(
                timeToLive: datagram.timeToLive, trafficClass: datagram.trafficClass))
    }
}
