import Clocks
import Cryptography
import Laboratory
import Trust

/// A handshake message as it came.
struct Received {
    let octets: [UInt8]
    /// Where its form stands.
    let offset: Int
    let mac1: [UInt8]
    let mac2: [UInt8]
    let route: Route

    init(_ octets: [UInt8], _ offset: Int, _ macs: [UInt8], _ route: Route) {
        self.octets = octets
        self.offset = offset
        mac1 = [UInt8](macs.prefix(SessionMessage.macSize))
        mac2 = [UInt8](macs.suffix(SessionMessage.macSize))
        self.route = route
    }

    /// What mac1 is over, and mac2.
    var beforeMAC1: ArraySlice<UInt8> { octets[offset..<octets.count - SessionMessage.macsSize] }
    var beforeMAC2: ArraySlice<UInt8> { octets[offset..<octets.count - SessionMessage.macSize] }
}

/// The keys that the two MACs of handshake messages need, made once.
struct MACKeys: Sendable {
    struct Pair: Sendable {
        let mac1: [UInt8]
        let cookie: [UInt8]

        init(_ target: [UInt8]) {
            mac1 = SessionSecret.mac1Key(target)
            cookie = SessionSecret.cookieKey(target)
        }
    }

    let present: Pair
    let previous: Pair?
    let joining: Pair

    init(_ identity: SessionTable.Identity) {
        present = Pair(identity.dataKey.publicKey.octets)
        previous = identity.previousDataKey.map { Pair($0.publicKey.octets) }
        joining = Pair(identity.mesh.octets)
    }
}

extension SessionTable {
    /// The entry of a node, made if there is none; the least recently used one goes if there are too
    /// many.
    mutating func slot(
        of node: NodeID, at now: Moment, _ effects: inout [SessionEffect]
    ) -> Int {
        if let slot = slots[node] { return slot }
        let slot: Int
        if peers.count < SessionLimit.sessions {
            slot = peers.count
            peers.append(PeerEntry(node))
        } else {
            slot = peers.indices.min { peers[$0].lastUsed < peers[$1].lastUsed } ?? 0
            end(slot, .evicted, &effects)
            dropHalfOpen(slot) { _ in true }
            dropOpening(slot)
            for waiting in peers[slot].queue {
                effects.append(.undeliverable(waiting.payload, to: .member(peers[slot].node)))
            }
            // What it had sent early must not count again once its stamp is forgotten.
            stampFloor = max(stampFloor, peers[slot].lastStamp)
            forgetWay(slot)
            slots[peers[slot].node] = nil
            peers[slot] = PeerEntry(node)
        }
        peers[slot].lastUsed = now
        slots[node] = slot
        forwarding.assignments &+= 1
        return slot
    }

    /// 24 random bits that nobody else has.
    mutating func newIndex(
        for slot: Int, using random: inout some RandomNumberGenerator
    ) -> UInt32 {
        while true {
            let index = UInt32(truncatingIfNeeded: random.next()) & 0xFF_FFFF
            // Fewer than 2^17 are ever in use, so few tries are needed.
            guard index != 0, indices[index] == nil else { continue }
            indices[index] = slot
            return index
        }
    }

    /// Ends the session of a peer, and erases its keys.
    mutating func end(_ slot: Int, _ reason: EndReason, _ effects: inout [SessionEffect]) {
        let wasEstablished = peers[slot].current != nil
        changed(slot, isUrgent: true)
        peers[slot].isForwarded = false
        forget(peers[slot].current)
        forget(peers[slot].previous)
        peers[slot].current = nil
        peers[slot].previous = nil
        if wasEstablished { effects.append(.ended(.member(peers[slot].node), reason)) }
    }

    /// Nothing is known any more of where a peer is, nor is it known by its path.
    mutating func forgetWay(_ slot: Int) {
        if let path = peers[slot].way?.route.path, owners[path] == slot { owners[path] = nil }
        peers[slot].way = nil
        peers[slot].former = nil
        peers[slot].moveDecision = nil
    }

    mutating func forget(_ keys: SessionKeys?) {
        guard let keys else { return }
        keys.endLanes()
        indices[keys.localIndex] = nil
    }

    mutating func dropHalfOpen(_ slot: Int, where isDropped: (HalfOpen) -> Bool) {
        for half in peers[slot].halfOpen where isDropped(half) {
            forget(half.keys)
            halfOpenCount -= 1
        }
        peers[slot].halfOpen.removeAll(where: isDropped)
    }

    mutating func dropOpening(_ slot: Int) {
        guard let opening = peers[slot].opening else { return }
        indices[opening.offer.index] = nil
        peers[slot].opening = nil
        for index in peers[slot].queue.indices { peers[slot].queue[index].earlyNumber = nil }
    }

    /// Sets a timer for the earliest thing that the entry waits for.
    mutating func schedule(_ slot: Int, notBefore: Moment = .start) {
        let moment = max(deadline(of: slot), notBefore)
        guard moment < peers[slot].scheduled else { return }
        peers[slot].scheduled = moment
        timers.set(moment, for: slot)
    }

    private func deadline(of slot: Int) -> Moment {
        // Where it stands: after every packet, and an entry is large.
        var moment = Moment.never
        if peers[slot].opening != nil || peers[slot].isHeld { moment = peers[slot].nextAttempt }
        if !isPlanted(.oldKeysStay) {
            if let since = peers[slot].current?.since {
                moment = min(moment, since + settings.refuseAfter)
            }
            if let since = peers[slot].previous?.since {
                moment = min(moment, since + settings.refuseAfter)
            }
        }
        for index in peers[slot].halfOpen.indices {
            let answered = peers[slot].halfOpen[index].answeredAt
            moment = min(moment, answered + SessionLimit.halfOpenLife)
        }
        for index in peers[slot].queue.indices {
            moment = min(moment, peers[slot].queue[index].until)
        }
        if let decision = peers[slot].moveDecision { moment = min(moment, decision) }
        return moment
    }

    package mutating func handleDeadline(
        at time: SessionTime, directory: inout some PeerDirectory,
        using random: inout some RandomNumberGenerator
    ) -> [SessionEffect] {
        var effects: [SessionEffect] = []
        while let timer = timers.pop(at: time.moment) {
            if timer.key >= Join.firstTimerKey {
                joinDeadline(
                    UInt32(truncatingIfNeeded: timer.key), at: time, using: &random, &effects)
            } else if peers[timer.key].scheduled == timer.moment {
                peers[timer.key].scheduled = .never
                peerDeadline(
                    timer.key, at: time, directory: &directory, using: &random, &effects)
                schedule(timer.key, notBefore: time.moment + .milliseconds(1))
            }
        }
        return effects
    }

    private mutating func peerDeadline(
        _ slot: Int, at time: SessionTime, directory: inout some PeerDirectory,
        using random: inout some RandomNumberGenerator, _ effects: inout [SessionEffect]
    ) {
        let now = time.moment
        if !isPlanted(.oldKeysStay) {
            if let keys = peers[slot].previous, now >= keys.since + settings.refuseAfter {
                forget(keys)
                peers[slot].previous = nil
                changed(slot)
            }
            if let keys = peers[slot].current, now >= keys.since + settings.refuseAfter {
                end(slot, .expired, &effects)
            }
        }
        dropHalfOpen(slot) { now >= $0.answeredAt + SessionLimit.halfOpenLife }
        dropLate(slot, at: now, &effects)
        if let decision = peers[slot].moveDecision, now >= decision {
            decideMove(slot, at: time, directory: &directory, using: &random, &effects)
        }
        if peers[slot].opening != nil, now >= peers[slot].nextAttempt {
            if peers[slot].isWanted || !peers[slot].queue.isEmpty {
                attempt(slot, at: time, directory: &directory, using: &random, &effects)
            } else {
                dropOpening(slot)
            }
        } else if peers[slot].opening == nil, now >= peers[slot].nextAttempt,
            peers[slot].isWanted || isLeftWaiting(slot)
        {
            attempt(slot, at: time, directory: &directory, using: &random, &effects)
        }
    }

    /// Somebody's opener took the place of ours, and then nobody confirmed.
    private func isLeftWaiting(_ slot: Int) -> Bool {
        peers[slot].current == nil && peers[slot].halfOpen.isEmpty && !peers[slot].queue.isEmpty
    }
}
