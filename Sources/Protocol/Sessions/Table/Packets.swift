import Clocks
import Cryptography
import LISP
import Laboratory
import Trust

/// Sealed packets, both ways.
extension SessionTable {
    /// Sends a payload under the present keys.
    /// - Returns: whether it went: there are keys, and a path that may be used.
    mutating func transmit(
        _ payload: Payload, lane: UInt8, _ slot: Int, at time: SessionTime,
        _ effects: inout [SessionEffect]
    ) -> Bool {
        let now = time.moment
        guard let route = peers[slot].wayOut(Self.overhead + payload.size, at: now, keyLife) else {
            return false
        }
        // Port 4342 has no room for an Instance-ID.
        if payload.isData, route.port == .control { return false }
        if send(payload, lane: lane, slot, route, at: time, &effects) {
            wantRotation(slot, at: now)
        }
        return true
    }

    /// Head of the data port, form and index, counter, tag.
    static let overhead = 36
    /// The largest packet inside that goes everywhere is as large as what IPv6 asks of every link, and is
    /// larger with IPv6's header and UDP's around it. Smaller ones fit.
    private static let cutSizes = 1280 - overhead - 48 + 1...1280

    /// - Returns: whether it is time for new keys.
    @discardableResult
    mutating func send(
        _ payload: Payload, lane: UInt8, _ slot: Int, _ route: Route, at time: SessionTime,
        _ effects: inout [SessionEffect]
    ) -> Bool {
        guard
            let sealed = peers[slot].seal(payload, lane: lane, on: route, at: time.moment, keyLife)
        else { return false }
        var datagram = Datagram(sealed.packet, on: route.port, remote: route.path)
        datagram.mayBeCut = payload.isData && Self.cutSizes.contains(payload.size)
        effects.append(.send(datagram))
        return sealed.isRotationDue
    }

    /// New keys are needed; the timer makes them.
    mutating func wantRotation(_ slot: Int, at now: Moment) {
        peers[slot].isWanted = true
        guard peers[slot].opening == nil, peers[slot].scheduled > now,
            now >= peers[slot].nextAttempt
        else { return }
        peers[slot].scheduled = now
        timers.set(now, for: slot)
    }

    /// Somebody seals under keys that are not here, and may be a member with whom a former process of this node
    /// had a session: it hears no answer, and has no reason to call before its keys grow old. Whoever
    /// is known to be at that address and has no session is called, as somebody of whom something was heard.
    private mutating func callStray(
        _ route: Route, at time: SessionTime, directory: inout some PeerDirectory,
        using random: inout some RandomNumberGenerator, _ effects: inout [SessionEffect]
    ) {
        // The last packets of a session that was replaced say nothing of others.
        if let owner = owners[route.path], peers[owner].current != nil { return }
        guard time.moment >= strayAt, !route.isRelayed, !isPlanted(.strayUnheard) else { return }
        strayAt = time.moment + SessionLimit.strayInterval
        let host = route.path.host
        var nodes = directory.nodes(at: host)
        for slot in peers.indices where peers[slot].way?.route.path.host == host {
            if !nodes.contains(peers[slot].node) { nodes.append(peers[slot].node) }
        }
        let lost = nodes.filter { node in
            guard let slot = slots[node] else { return true }
            return peers[slot].current == nil && peers[slot].halfOpen.isEmpty
                && mayRetry(slot)
        }
        for node in lost.prefix(SessionLimit.strayCalls) {
            effects += retry(node, at: time, directory: &directory, using: &random)
        }
    }

    mutating func receivePacket(
        _ packet: [UInt8], instance: UInt32, _ route: Route, at time: SessionTime,
        directory: inout some PeerDirectory, using random: inout some RandomNumberGenerator,
        _ effects: inout [SessionEffect]
    ) {
        let offset = SessionHead.size(on: route.port)
        guard packet.count >= offset + SessionKeys.headSize + PacketCipher.tagSize else { return }
        let index: UInt32 = packet.number(at: offset + 1, size: 3)
        guard let slot = indices[index] else {
            callStray(route, at: time, directory: &directory, using: &random, &effects)
            return
        }
        if slot < 0 {
            receiveJoiningPacket(packet, index, instance: instance, route, at: time, &effects)
            return
        }
        let now = time.moment
        if packet[offset + 4] != SessionKeys.controlLane {
            forward(slot)
            if peers[slot].hasLentWindows(index) {
                // Data is never on port 4342.
                guard route.port == .data else { return }
                effects.append(
                    .reopen(
                        Datagram(packet, on: .data, remote: route.path),
                        isRelayed: route.isRelayed))
                return
            }
        }
        guard let opened = peers[slot].open(packet, at: offset, index, at: now, keyLife)
        else { return }
        if opened.keys == .halfOpen { confirm(slot, index, at: time, &effects) }
        peers[slot].received(packet.count, at: now)
        let isCurrent = opened.keys != .previous
        if isCurrent {
            if !peers[slot].knows(route, size: packet.count, at: now) {
                notePath(
                    slot, route, size: packet.count, isNewest: opened.isNewest, at: time,
                    directory: directory, using: &random, &effects)
            }
            if opened.isRotationDue { wantRotation(slot, at: now) }
            tellLoss(slot, at: time, &effects)
        }
        deliver(
            opened.plaintext, lane: opened.lane, instance: instance, slot, at: time, &effects)
        if isCurrent, !peers[slot].queue.isEmpty { flush(slot, at: time, &effects) }
        if opened.isFirst { schedule(slot) }
    }

    private mutating func deliver(
        _ plaintext: [UInt8], lane: UInt8, instance: UInt32, _ slot: Int, at time: SessionTime,
        _ effects: inout [SessionEffect]
    ) {
        guard !plaintext.isEmpty else { return }
        let isControl = instance == DataHeader.controlInstance
        guard isControl == (lane == SessionKeys.controlLane) else { return }
        if isControl, receiveOwn(plaintext, slot, at: time, &effects) { return }
        effects.append(
            .deliver(
                isControl ? .control(plaintext) : .data(plaintext, instance: instance),
                from: .member(peers[slot].node), isEarly: false))
    }

    /// Asks a peer that says nothing whether it is still there, and then makes a new session.
    mutating func keepAlive(
        _ slot: Int, at time: SessionTime, directory: inout some PeerDirectory,
        using random: inout some RandomNumberGenerator, _ effects: inout [SessionEffect]
    ) {
        let now = time.moment
        guard let last = peers[slot].lastReceived, now >= last + Self.silence,
            now >= peers[slot].nextSilenceProbe
        else { return }
        peers[slot].nextSilenceProbe = now + Self.silence / 3
        peers[slot].silences += 1
        if peers[slot].silences > 2 {
            // It may have started again, and know nothing of these keys.
            peers[slot].isWanted = true
            attemptIfDue(slot, at: time, directory: &directory, using: &random, &effects)
            schedule(slot)
        } else {
            challenge(slot, at: time, using: &random, &effects)
        }
    }

    /// What a peer may leave unanswered before it is asked.
    static let silence = Span.seconds(15)
}
