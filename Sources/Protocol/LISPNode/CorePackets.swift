import Clocks
import Cryptography
import LISP
import Laboratory
import MappingSystem
import Mappings
import Sessions
import Trust

/// An address of the overlay and its instance as three numbers: small, and soon compared. An EID, which
/// can be anything, is made of it where one is needed.
struct InnerAddress: Hashable {
    private let high: UInt64
    private let low: UInt64
    /// Instance-ID, and above it whether this is IPv4.
    private let space: UInt64

    private static let ipv4: UInt64 = 1 << 32

    init(_ address: IPv4Address, instance: UInt32) {
        (high, low) = (0, UInt64(address.rawValue))
        space = Self.ipv4 | UInt64(instance)
    }

    init(_ address: IPv6Address, instance: UInt32) {
        (high, low) = (address.high, address.low)
        space = UInt64(instance)
    }

    var instance: UInt32 { UInt32(truncatingIfNeeded: space) }

    var isMulticast: Bool {
        space & Self.ipv4 == 0
            ? IPv6Address(high: high, low: low).isMulticast
            : IPv4Address(rawValue: UInt32(truncatingIfNeeded: low)).isMulticast
    }

    var eid: EID {
        guard space & Self.ipv4 == 0 else {
            let address = IPv4Address(rawValue: UInt32(truncatingIfNeeded: low))
            return EID(.ipv4(Prefix(host: address)), instance: instance)
        }
        return EID(
            .ipv6(Prefix(host: IPv6Address(high: high, low: low))), instance: instance)
    }
}

/// The two addresses of an IP packet; all that forwarding looks at.
struct InnerAddresses: Hashable {
    let source: InnerAddress
    let destination: InnerAddress
    /// Of the flow, to spread flows over locators of one priority.
    let flow: UInt64

    /// - Returns: `nil` if the octets begin with no whole IP header.
    init?(packet: [UInt8], instance: UInt32) {
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

extension Core {
    /// A packet from this host: looked up, and sealed to a node that has a locator for it.
    mutating func encapsulate(
        _ packet: [UInt8], instance: UInt32, turn: inout Turn,
        using random: inout some RandomNumberGenerator
    ) {
        guard joining == nil, let inner = InnerAddresses(packet: packet, instance: instance) else {
            counters.malformed += 1
            return
        }
        guard isOwn(inner.source) else {
            counters.foreignSource += 1
            return
        }
        if inner.destination.isMulticast,
            let group = PushGroup.eid(ofDestination: inner.destination.eid)
        {
            replicate(packet, to: group, turn: &turn, using: &random)
            return
        }
        let route = route(to: inner.destination, turn: turn)
        if route.isHere {
            turn.send(.deliver(packet, instance: instance))
            return
        }
        guard let node = route.node(for: inner.flow) else {
            counters.noMapping += 1
            return
        }
        send(
            .data(packet, instance: instance), to: .member(node), turn: &turn, using: &random)
    }

    /// Head-end replication (RFC 8378 §5): one copy to each member that registered the group.
    private mutating func replicate(
        _ packet: [UInt8], to group: EID, turn: inout Turn,
        using random: inout some RandomNumberGenerator
    ) {
        guard
            case .shared(let receivers) = records.lookup(
                group, rights: standing, meshTime: meshTime(turn))
        else {
            counters.noMapping += 1
            return
        }
        for receiver in receivers {
            guard let member = standing.member(key: receiver.record.signature.signer),
                member.id != id
            else { continue }
            send(
                .data(packet, instance: group.instance), to: .member(member.id), turn: &turn,
                using: &random)
        }
    }

    private mutating func route(to address: InnerAddress, turn: Turn) -> FlowMemo.Route {
        let now = meshTime(turn)
        flows.follow(records, at: now)
        if let known = flows.route(to: address) { return known }
        var found = FlowMemo.Route([])
        if isOwn(address) {
            found.isHere = true
        } else if case .mapping(let served) = records.lookup(
            address.eid, rights: standing, meshTime: now)
        {
            found = route(by: served.record)
        }
        flows.note(found, to: address)
        return found
    }

    /// The nodes of the locators that have the lowest priority, each with its weight (RFC 9300 §9).
    private func route(by record: SignedRecord) -> FlowMemo.Route {
        let usable = record.locators.enumerated().map { index, locator in
            (node: record.node(ofLocator: index, in: mesh), preference: locator.unicast)
        }.filter { $0.node != id && standing.member($0.node) != nil }
        let best = usable.map(\.preference.priority).min()
        return FlowMemo.Route(
            usable.filter { $0.preference.priority == best }.map {
                ($0.node, max(Int($0.preference.weight), 1))
            })
    }

    /// A packet out of a session: delivered if it can be explained (trust.md 7).
    mutating func decapsulate(
        _ packet: [UInt8], instance: UInt32, from peer: Peer, turn: inout Turn
    ) {
        guard case .member(let node) = peer,
            let inner = InnerAddresses(packet: packet, instance: instance)
        else {
            counters.malformed += 1
            return
        }
        guard accepts(inner.source, from: node, turn: turn) || isPlanted(.innerSourceUnchecked),
            isOwn(inner.destination)
        else {
            counters.foreignSource += 1
            return
        }
        turn.send(.deliver(packet, instance: instance))
    }

    /// Whether an inner source belongs to a peer: its crypto-EID, its claim, inside a served record
    /// that names it, or outside the mesh's blocks if it is a gateway.
    private mutating func accepts(_ source: InnerAddress, from node: NodeID, turn: Turn) -> Bool {
        let now = meshTime(turn)
        flows.follow(records, at: now)
        if let known = flows.isRight(source, of: node) { return known }
        let found = isRight(source.eid, of: node, at: now)
        flows.note(found, source, of: node)
        return found
    }

    private func isRight(_ source: EID, of node: NodeID, at now: UInt64) -> Bool {
        guard let member = standing.member(node) else { return false }
        if mesh.isCryptoEID(source, of: member.key) { return true }
        if source.instance == 0, case .ipv4(let prefix) = source.kind,
            member.addresses.contains(prefix.address)
        {
            return true
        }
        if case .mapping(let served) = records.lookup(
            source, rights: standing, meshTime: now)
        {
            return served.record.locators.indices.contains {
                served.record.node(ofLocator: $0, in: mesh) == node
            }
        }
        return member.roles.contains(.gateway) && !isInMeshBlocks(source)
    }

    private func isInMeshBlocks(_ eid: EID) -> Bool {
        switch eid.kind {
        case .ipv6(let prefix): return prefix.shortened(to: 48) == mesh.prefix
        case .ipv4(let prefix):
            guard let pool = standing.genesis?.pool else { return false }
            return prefix.shortened(to: pool.length) == pool
        default: return false
        }
    }

    /// Whether an address is this node's: its own, or inside a prefix that it registered.
    func isOwn(_ address: InnerAddress) -> Bool {
        if address == ownAddress { return true }
        if address.instance == 0, ownPrefixes.isEmpty { return false }
        let eid = address.eid
        if eid.instance != 0, mesh.isCryptoEID(eid, of: key.publicKey) { return true }
        if let group = PushGroup.eid(ofDestination: eid) { return ownPrefixes.contains(group) }
        return ownPrefixes.contains { $0.contains(eid) }
    }
}
