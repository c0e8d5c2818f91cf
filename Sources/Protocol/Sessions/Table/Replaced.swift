import Clocks
import Laboratory

/// What two processes with one identity, a node and its second copy, hear of each other: whoever has a
/// session with one and then with the other says so to the first, under the keys that only that one has.
///
/// Of a process that has ended nobody is left to hear it, and that is one packet for each session.
extension SessionTable {
    /// `06 0000`, alone in a packet of the control lane.
    static let replacedWord: [UInt8] = [6, 0, 0]

    /// To be called while the peer's old keys are still there, and where its packets went is known.
    mutating func sayReplaced(_ slot: Int, at now: Moment, _ effects: inout [SessionEffect]) {
        let size = Self.overhead + Self.replacedWord.count
        guard !isPlanted(.replacedIsSilent),
            let route = peers[slot].wayOut(size, at: now, keyLife),
            let sealed = peers[slot].seal(
                .control(Self.replacedWord), lane: SessionKeys.controlLane, on: route, at: now,
                keyLife)
        else { return }
        effects.append(.send(Datagram(sealed.packet, on: route.port, remote: route.path)))
    }

    /// The peer has these keys no more. It is called again soon; but two copies that do that for ever must not
    /// keep it busy.
    mutating func wasReplaced(_ slot: Int, at now: Moment, _ effects: inout [SessionEffect]) {
        guard peers[slot].current != nil else { return }
        end(slot, .replaced, &effects)
        let doublings = max(0, Int(peers[slot].replacements) - Self.quickReplacements)
        if doublings < Self.replacedDoublings { peers[slot].replacements += 1 }
        let next = now + Self.replacedPause * (1 << doublings)
        peers[slot].attempt = 0
        peers[slot].nextAttempt = next
        peers[slot].isWanted = true
        peers[slot].isHeld = true
        schedule(slot)
    }

    /// So many times a copy calls at once: more than it takes until both know of each other.
    private static let quickReplacements = 8
    private static let replacedPause = Span.seconds(1)
    /// The longest pause is four minutes.
    private static let replacedDoublings = 8
}
