import Clocks
import Trust

/// Payloads that wait for a session or for a proved path: few, and not for long.
extension SessionTable {
    mutating func enqueue(
        _ payload: Payload, lane: UInt8, _ slot: Int, at time: SessionTime,
        _ effects: inout [SessionEffect]
    ) {
        let isData = payload.isData
        let waiting = peers[slot].queue.count { $0.payload.isData == isData }
        guard waiting < (isData ? SessionLimit.queuedData : SessionLimit.queuedControl) else {
            effects.append(.undeliverable(payload, to: .member(peers[slot].node)))
            return
        }
        let wait = isData ? SessionLimit.dataWaits : SessionLimit.controlWaits
        peers[slot].queue.append(
            Waiting(payload: payload, lane: lane, until: time.moment + wait))
    }

    /// Sends what waits, as far as it may go.
    mutating func flush(_ slot: Int, at time: SessionTime, _ effects: inout [SessionEffect]) {
        guard !peers[slot].queue.isEmpty else { return }
        let queue = peers[slot].queue
        peers[slot].queue = []
        for (index, waiting) in queue.enumerated()
        where !transmit(waiting.payload, lane: waiting.lane, slot, at: time, &effects) {
            peers[slot].queue = [Waiting](queue[index...])
            return
        }
    }

    /// Gives up what has waited too long. What went early may have arrived, so nobody is told.
    mutating func dropLate(_ slot: Int, at now: Moment, _ effects: inout [SessionEffect]) {
        guard peers[slot].queue.contains(where: { now >= $0.until }) else { return }
        for waiting in peers[slot].queue where now >= waiting.until && waiting.earlyNumber == nil {
            effects.append(.undeliverable(waiting.payload, to: .member(peers[slot].node)))
        }
        peers[slot].queue.removeAll { now >= $0.until }
    }

    mutating func giveUp(_ slot: Int, _ effects: inout [SessionEffect]) {
        for waiting in peers[slot].queue {
            effects.append(.undeliverable(waiting.payload, to: .member(peers[slot].node)))
        }
        peers[slot].queue = []
        peers[slot].isWanted = false
    }
}
