import Clocks
import Cryptography
import Forwarding
import LISP
import Laboratory
import MappingSystem
import Mappings
import Sessions
import Trust

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
        guard isHere(inner.source) else {
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
        if let path = route.plain {
            sendPlain(packet, instance: instance, to: path, turn: &turn)
            return
        }
        guard let node = route.node(for: inner.flow) else {
            if !mayComeYet(inner.destination)
                || !early.keep(packet, instance: instance, at: turn.now.moment)
            {
                counters.noMapping += 1
            }
            return
        }
        if isTooBig(packet, instance: instance, for: node, turn: &turn, using: &random) { return }
        send(
            .data(packet, instance: instance), to: .member(node), turn: &turn, using: &random)
    }

    /// Whether a mapping that is not here may be on its way: this node has not heard everything, or the
    /// address is the mesh's own, and somebody may just have joined.
    func mayComeYet(_ address: InnerAddress) -> Bool {
        !isReconciled || partlyJoined != nil || isInMeshBlocks(address.eid)
    }

    /// Tries again with packets that came before their mappings.
    mutating func sendEarly(turn: inout Turn, using random: inout some RandomNumberGenerator) {
        guard !early.isEmpty else { return }
        let ready = early.take(
            changes: records.changes, isComplete: isReconciled && partlyJoined == nil,
            at: turn.now.moment)
        for (packet, instance, until) in ready {
            guard let inner = InnerAddresses(packet: packet, instance: instance) else { continue }
            let route = route(to: inner.destination, turn: turn)
            if route.plain == nil, route.node(for: inner.flow) == nil {
                if early.keep(packet, instance: instance, until: until, at: turn.now.moment) {
                    continue
                }
            }
            encapsulate(packet, instance: instance, turn: &turn, using: &random)
        }
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
        } else if let path = legacyPath(to: address.eid, at: now) {
            found.plain = path
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
            isHere(inner.destination)
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

    func isInMeshBlocks(_ eid: EID) -> Bool {
        switch eid.kind {
        case .ipv6(let prefix): return prefix.shortened(to: 48) == mesh.prefix
        case .ipv4(let prefix):
            guard let pool = standing.genesis?.pool else { return false }
            return prefix.shortened(to: pool.length) == pool
        default: return false
        }
    }

    /// As ``isOwn(_:)``, and noted for packet threads.
    mutating func isHere(_ address: InnerAddress) -> Bool {
        if address == ownAddress { return true }
        if let known = flows.route(to: address) { return known.isHere }
        guard isOwn(address) else { return false }
        var here = FlowMemo.Route([])
        here.isHere = true
        flows.note(here, to: address)
        return true
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
