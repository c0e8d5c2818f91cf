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
        guard let since = peers[slot].current?.since,
            time.moment < since + settings.refuseAfter || isPlanted(.oldKeysStay),
            let sent = peers[slot].current?.sent, sent < settings.refusePackets,
            let route = spend(Self.overhead + payload.size, slot, at: time.moment)
        else { return false }
        // Port 4342 has no room for an Instance-ID.
        if payload.isData, route.port == .control { return false }
        send(payload, lane: lane, slot, route, at: time, &effects)
        if time.moment >= since + rotationAge(of: slot) || sent >= settings.rotatePackets {
            wantRotation(slot, at: time.moment)
        }
        return true
    }

    /// Head of the data port, form and index, counter, tag.
    static let overhead = 36

    mutating func send(
        _ payload: Payload, lane: UInt8, _ slot: Int, _ route: Route, at time: SessionTime,
        _ effects: inout [SessionEffect]
    ) {
        let sealed: [UInt8]?
        switch payload {
        case .control(let octets):
            sealed = peers[slot].current?.seal(
                octets, lane: SessionKeys.controlLane, instance: DataHeader.controlInstance,
                on: route.port)
        case .data(let octets, let instance):
            sealed = peers[slot].current?.seal(
                octets, lane: lane, instance: instance, on: route.port)
        }
        guard var packet = sealed else { return }
        if route.isRelayed { packet = relayed(packet, to: peers[slot].node) }
        peers[slot].lastSent = time.moment
        peers[slot].packetsSent &+= 1
        peers[slot].octetsSent &+= UInt64(packet.count)
        effects.append(.send(Datagram(packet, on: route.port, remote: route.path)))
    }

    /// The side that answered waits a little longer, so that seldom both begin.
    private func rotationAge(of slot: Int) -> Span {
        let isInitiator = peers[slot].current?.isInitiator ?? true
        return isInitiator ? settings.rotateAfter : settings.rotateAfter + settings.rotateAfter / 8
    }

    /// New keys are needed; the timer makes them.
    private mutating func wantRotation(_ slot: Int, at now: Moment) {
        peers[slot].isWanted = true
        guard peers[slot].opening == nil, peers[slot].scheduled > now,
            now >= peers[slot].nextAttempt
        else { return }
        peers[slot].scheduled = now
        timers.set(now, for: slot)
    }

    mutating func receivePacket(
        _ packet: [UInt8], instance: UInt32, _ route: Route, at time: SessionTime,
        directory: inout some PeerDirectory, using random: inout some RandomNumberGenerator,
        _ effects: inout [SessionEffect]
    ) {
        let offset = SessionHead.size(on: route.port)
        guard packet.count >= offset + SessionKeys.headSize + PacketCipher.tagSize else { return }
        let index: UInt32 = packet.number(at: offset + 1, size: 3)
        guard let slot = indices[index] else { return }
        if slot < 0 {
            receiveJoiningPacket(packet, index, instance: instance, route, at: time, &effects)
            return
        }
        let opened: (plaintext: [UInt8], lane: UInt8, isNewest: Bool)?
        var isCurrent = false
        if peers[slot].current?.localIndex == index {
            guard isYoung(peers[slot].current, at: time.moment) else { return }
            opened = peers[slot].current?.open(packet, at: offset)
            isCurrent = true
        } else if peers[slot].previous?.localIndex == index {
            guard isYoung(peers[slot].previous, at: time.moment) else { return }
            opened = peers[slot].previous?.open(packet, at: offset)
        } else if let half = peers[slot].halfOpen.firstIndex(where: {
            $0.keys.localIndex == index
        }) {
            guard time.moment < peers[slot].halfOpen[half].answeredAt + SessionLimit.halfOpenLife
            else { return }
            opened = peers[slot].halfOpen[half].keys.open(packet, at: offset)
            if opened != nil {
                confirm(slot, index, at: time, &effects)
                isCurrent = true
            }
        } else {
            return
        }
        guard let opened else { return }
        let now = time.moment
        peers[slot].lastReceived = now
        peers[slot].lastUsed = now
        peers[slot].silences = 0
        peers[slot].packetsReceived &+= 1
        peers[slot].octetsReceived &+= UInt64(packet.count)
        if isCurrent {
            notePath(
                slot, route, size: packet.count, isNewest: opened.isNewest, at: time,
                directory: directory, using: &random, &effects)
            if let since = peers[slot].current?.since, now >= since + rotationAge(of: slot) {
                wantRotation(slot, at: now)
            }
        }
        deliver(
            opened.plaintext, lane: opened.lane, instance: instance, slot, at: time, &effects)
        if isCurrent, !peers[slot].queue.isEmpty { flush(slot, at: time, &effects) }
        if isCurrent, peers[slot].current?.received == 1 { schedule(slot) }
    }

    private func isYoung(_ keys: SessionKeys?, at now: Moment) -> Bool {
        guard let keys else { return false }
        return (now < keys.since + settings.refuseAfter && keys.received < settings.refusePackets)
            || isPlanted(.oldKeysStay)
    }

    private mutating func deliver(
        _ plaintext: [UInt8], lane: UInt8, instance: UInt32, _ slot: Int, at time: SessionTime,
        _ effects: inout [SessionEffect]
    ) {
        guard !plaintext.isEmpty else { return }
        let isControl = instance == DataHeader.controlInstance
        guard isControl == (lane == SessionKeys.controlLane) else { return }
        if isControl, receiveChallenge(plaintext, slot, at: time, &effects) { return }
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
