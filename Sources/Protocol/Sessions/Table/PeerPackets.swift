import Clocks
import Cryptography
import LISP
import Laboratory
import Trust

/// What packets do to the entry of their peer. These are methods of the entry, and change it where it
/// stands: whoever reads a part of a part of `peers[slot]` copies all of it first.
extension PeerEntry {
    /// A packet that came, and under which keys.
    struct Opened {
        enum Keys { case current, previous, halfOpen }

        let keys: Keys
        let plaintext: [UInt8]
        let lane: UInt8
        let isNewest: Bool
        /// It is the first under these keys.
        let isFirst: Bool
        let isRotationDue: Bool
    }

    /// Takes room for a packet of a size on the best way that may be used.
    /// - Returns: `nil` if none may, or no keys may seal.
    mutating func wayOut(_ size: Int, at now: Moment, _ life: KeyLife) -> Route? {
        guard current?.maySeal(at: now, life) ?? false, let best = way else { return nil }
        if best.isProved(at: now) || isPlanted(.pathMovesUnlimited) { return best.route }
        if best.sent + size <= SessionLimit.amplification * best.received {
            way?.sent += size
            return best.route
        }
        guard let former, former.isProved(at: now) else { return nil }
        return former.route
    }

    /// - Returns: `nil` if there are no keys.
    mutating func seal(
        _ payload: Payload, lane: UInt8, on route: Route, at now: Moment, _ life: KeyLife
    ) -> (packet: [UInt8], isRotationDue: Bool)? {
        let sealed: [UInt8]?
        switch payload {
        case .control(let octets):
            sealed = current?.seal(
                octets, lane: SessionKeys.controlLane, instance: DataHeader.controlInstance,
                on: route.port)
        case .data(let octets, let instance):
            sealed = current?.seal(octets, lane: lane, instance: instance, on: route.port)
        }
        guard var packet = sealed else { return nil }
        if route.isRelayed { packet = SessionTable.relayed(packet, to: node) }
        lastSent = now
        packetsSent &+= 1
        octetsSent &+= UInt64(packet.count)
        return (packet, current?.isRotationDue(at: now, life) ?? false)
    }

    /// - Returns: `nil` if it was seen before, is damaged, or its keys are too old.
    mutating func open(
        _ packet: [UInt8], at offset: Int, _ index: UInt32, at now: Moment, _ life: KeyLife
    ) -> Opened? {
        if current?.localIndex == index {
            return current?.open(packet, at: offset, as: .current, at: now, life)
        }
        if previous?.localIndex == index {
            return previous?.open(packet, at: offset, as: .previous, at: now, life)
        }
        guard let half = halfOpen.firstIndex(where: { $0.keys.localIndex == index }),
            now < halfOpen[half].answeredAt + SessionLimit.halfOpenLife
        else { return nil }
        return halfOpen[half].keys.open(packet, at: offset, as: .halfOpen, at: now, life)
    }

    mutating func received(_ size: Int, at now: Moment) {
        lastReceived = now
        lastUsed = now
        silences = 0
        packetsReceived &+= 1
        octetsReceived &+= UInt64(size)
    }

    /// Whether that is where packets go too, or there is no way at all; if it is not proved, what comes
    /// along it counts.
    mutating func knows(_ route: Route, size: Int, at now: Moment) -> Bool {
        guard let known = way?.route else { return true }
        guard known == route else { return false }
        way?.heardAt = now
        if way?.provedUntil == nil { way?.received += size }
        return true
    }
}

extension SessionKeys {
    fileprivate mutating func open(
        _ packet: [UInt8], at offset: Int, as keys: PeerEntry.Opened.Keys, at now: Moment,
        _ life: KeyLife
    ) -> PeerEntry.Opened? {
        guard mayOpen(at: now, life), let opened = open(packet, at: offset) else { return nil }
        return PeerEntry.Opened(
            keys: keys, plaintext: opened.plaintext, lane: opened.lane, isNewest: opened.isNewest,
            isFirst: received == 1 && keys != .previous, isRotationDue: isRotationDue(at: now, life)
        )
    }
}
