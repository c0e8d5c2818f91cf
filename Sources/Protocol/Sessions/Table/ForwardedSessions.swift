package import Clocks
import Laboratory
package import Trust

/// Which sessions changed since packet threads were told of them.
struct ForwardingChanges: Sendable {
    /// Slots of ``SessionTable/peers``, each once.
    var slots: [Int] = []
    /// A session ended.
    var isUrgent = false
    /// Counts nodes that got a slot.
    var assignments: UInt64 = 0
}

/// What packet threads need of one session.
package struct ForwardedSession: Sendable {
    /// For sealing; `nil` if nothing may be sealed now, or not by a thread: then the node does it.
    package var sending: SendLane?
    package var sealUntil = Moment.start
    /// Where its packets go, and where they should come from; `nil` while that is not proved.
    package var path: Path?
    /// Its packets may leave from any port of this host: there is no NAT at either end.
    package var isSpread = false
    /// Whatever comes from another port of ``path``'s address comes along that path: the node record lists
    /// it, and there is no NAT that could have changed the port.
    package var takesAnyPort = false
    /// The present keys, then the ones before.
    package var receiving: [Receiving] = []

    package struct Receiving: Sendable {
        /// What stands in the packets.
        package var index: UInt32
        package var lanes: ReceiveLanes
        package var openUntil: Moment
        /// Not of the keys before.
        package var isCurrent: Bool
    }
}

/// A packet that a thread opened, and that came from elsewhere than its session's packets go.
package struct Heard: Hashable, Sendable {
    /// Which session it is of: the receiver's index in the packet.
    package var index: UInt32
    package var path: Path
    package var isRelayed: Bool
    /// Of the datagram.
    package var size: Int
    /// It was the newest of its lane.
    package var isNewest: Bool

    package init(index: UInt32, path: Path, isRelayed: Bool, size: Int, isNewest: Bool) {
        self.index = index
        self.path = path
        self.isRelayed = isRelayed
        self.size = size
        self.isNewest = isNewest
    }
}

extension SessionTable {
    /// Data passes between this node and a peer.
    mutating func forward(_ slot: Int) {
        guard !peers[slot].isForwarded else { return }
        peers[slot].isForwarded = true
        changed(slot)
    }

    mutating func changed(_ slot: Int, isUrgent: Bool = false) {
        guard peers[slot].isForwarded else { return }
        if isUrgent { forwarding.isUrgent = true }
        guard !peers[slot].isChanged else { return }
        peers[slot].isChanged = true
        forwarding.slots.append(slot)
    }

    /// Something is known of the ports at either end of a session that packet threads do not know.
    /// - Parameter isUrgent: what they know is wrong.
    package mutating func portsChanged(of node: NodeID, isUrgent: Bool) {
        if let slot = slots[node] { changed(slot, isUrgent: isUrgent) }
    }

    /// Whether packet threads have something to hear of.
    package var hasForwardingChanges: Bool { !forwarding.slots.isEmpty }
    /// Whether they must hear of it at once.
    package var hasForwardingEnds: Bool { forwarding.isUrgent }
    /// Changes when a node gets a slot, and perhaps another loses it.
    package var slotAssignments: UInt64 { forwarding.assignments }
    /// One more than the greatest slot.
    package var slotCount: Int { peers.count }

    package func slot(of node: NodeID) -> Int? { slots[node] }

    /// The sessions that changed, by slot, each lent what a thread needs: `nil` where nothing is left.
    /// - Parameter lane: the sealing thread's.
    package mutating func takeForwardingChanges(
        lane: UInt8, _ body: (Int, NodeID, ForwardedSession?) -> Void
    ) {
        let changed = forwarding.slots
        forwarding.slots = []
        forwarding.isUrgent = false
        for slot in changed {
            peers[slot].isChanged = false
            body(slot, peers[slot].node, peers[slot].forwarded(lane: lane, keyLife))
        }
    }

    /// Takes note of what packet threads sent and received, which is a reason to make new keys or to ask
    /// a silent peer. To be called about once a second while they work.
    package mutating func noteTraffic(
        at time: SessionTime, directory: inout some PeerDirectory,
        using random: inout some RandomNumberGenerator
    ) -> [SessionEffect] {
        var effects: [SessionEffect] = []
        for slot in peers.indices where peers[slot].isForwarded {
            let passed = peers[slot].noteTraffic()
            guard passed.isSent || passed.isReceived else { continue }
            if peers[slot].isRotationDue(at: time.moment, keyLife) {
                wantRotation(slot, at: time.moment)
            }
            if passed.isReceived { tellLoss(slot, at: time, &effects) }
            if passed.isSent {
                effects.append(.dataSent(peers[slot].node))
                keepAlive(slot, at: time, directory: &directory, using: &random, &effects)
            }
        }
        return effects
    }

    /// Where the node has answered lately, by itself and at its data port.
    package func provedPath(to node: NodeID, at now: Moment) -> Path? {
        guard let slot = slots[node], peers[slot].current != nil, let way = peers[slot].way,
            way.isProved(at: now), way.route.port == .data, !way.route.isRelayed
        else { return nil }
        return way.route.path
    }

    /// Sends a payload of the control lane, once, from one of the ports that flows leave from: along the
    /// present path, if that is proved, or not at all.
    /// - Parameter flow: which port.
    package mutating func sendTrial(
        _ octets: [UInt8], to node: NodeID, flow: UInt16, at time: SessionTime
    ) -> [SessionEffect] {
        var effects: [SessionEffect] = []
        guard let slot = slots[node], provedPath(to: node, at: time.moment) != nil else {
            return []
        }
        _ = transmit(
            .control(octets), lane: SessionKeys.controlLane, slot, at: time, &effects)
        return effects.map { effect in
            guard case .send(var datagram) = effect else { return effect }
            datagram.flow = flow
            return .send(datagram)
        }
    }

    /// A packet that a thread opened came along another path than its session's packets go.
    package mutating func handle(
        _ heard: Heard, at time: SessionTime, directory: inout some PeerDirectory,
        using random: inout some RandomNumberGenerator
    ) -> [SessionEffect] {
        var effects: [SessionEffect] = []
        guard let slot = indices[heard.index], slot >= 0,
            peers[slot].current?.localIndex == heard.index
        else { return effects }
        let route = Route(path: heard.path, isRelayed: heard.isRelayed)
        if !peers[slot].knows(route, size: heard.size, at: time.moment) {
            notePath(
                slot, route, size: heard.size, isNewest: heard.isNewest, at: time,
                directory: directory, using: &random, &effects)
        }
        flush(slot, at: time, &effects)
        return effects
    }

    /// Whose session packets with a receiver's index are of.
    package func node(ofIndex index: UInt32) -> NodeID? {
        guard let slot = indices[index], slot >= 0 else { return nil }
        return peers[slot].node
    }
}

extension PeerEntry {
    func hasLentWindows(_ index: UInt32) -> Bool {
        if current?.localIndex == index { return current?.hasLentWindows ?? false }
        if previous?.localIndex == index { return previous?.hasLentWindows ?? false }
        return false
    }

    func isRotationDue(at now: Moment, _ life: KeyLife) -> Bool {
        current?.isRotationDue(at: now, life) ?? false
    }

    /// - Returns: `nil` if there are no keys, or none that may be lent.
    mutating func forwarded(lane: UInt8, _ life: KeyLife) -> ForwardedSession? {
        guard isForwarded, let since = current?.since else { return nil }
        var session = ForwardedSession()
        if current?.lent(lane) == nil { _ = current?.lend(lane, life) }
        if let way, let provedUntil = way.provedUntil, way.route.port == .data,
            !way.route.isRelayed
        {
            session.path = way.route.path
            session.sending = current?.lent(lane)
            session.sealUntil = min(since + life.refuseAfter, provedUntil)
        }
        if let receiving = current?.receiving(isCurrent: true, life) {
            session.receiving.append(receiving)
        }
        if let receiving = previous?.receiving(isCurrent: false, life) {
            session.receiving.append(receiving)
        }
        return session
    }

    mutating func noteTraffic() -> (isSent: Bool, isReceived: Bool) {
        let present = current?.takeTraffic()
        let past = previous?.takeTraffic()
        var passed = (isSent: false, isReceived: false)
        for traffic in [present, past] {
            guard let traffic else { continue }
            if traffic.sent.packets > 0 {
                passed.isSent = true
                packetsSent &+= traffic.sent.packets
                octetsSent &+= traffic.sent.octets
                let last = Moment(microseconds: traffic.sent.last)
                lastSent = max(lastSent ?? last, last)
                lastUsed = max(lastUsed, last)
            }
            if traffic.received.packets > 0 {
                passed.isReceived = true
                packetsReceived &+= traffic.received.packets
                octetsReceived &+= traffic.received.octets
                let last = Moment(microseconds: traffic.received.last)
                lastReceived = max(lastReceived ?? last, last)
                lastUsed = max(lastUsed, last)
                silences = 0
            }
        }
        return passed
    }
}

extension SessionKeys {
    fileprivate mutating func receiving(
        isCurrent: Bool, _ life: KeyLife
    ) -> ForwardedSession.Receiving? {
        guard let lanes = lentWindows ?? lendWindows(life) else { return nil }
        return ForwardedSession.Receiving(
            index: localIndex, lanes: lanes,
            openUntil: isPlanted(.oldKeysStay) ? .never : since + life.refuseAfter,
            isCurrent: isCurrent)
    }
}
