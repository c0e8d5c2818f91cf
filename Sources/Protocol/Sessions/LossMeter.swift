package import Clocks
import Laboratory
package import Trust

/// How many of the packets to one peer are lost. The sequences of a lane have no gaps when they are sent,
/// so the receiver sees what is missing, and tells it:
///
///     05 0014 | receiver:32 | expected:64 | received:64
///
/// `receiver` is the index in the packets that it is about; the counts are of all lanes, since the keys began.
/// Without traffic nothing is told, and nothing is known.
struct LossMeter: Sendable {
    /// What was told last, and when something may be told again.
    private var told = (index: UInt32(0), expected: UInt64(0))
    private(set) var nextReport = Moment.start
    /// What the peer told last.
    private var heard = (index: UInt32(0), expected: UInt64(0), received: UInt64(0))
    private var recent = Sample()
    private var before = Sample()

    private struct Sample: Sendable {
        var began = Moment.never
        var expected: UInt64 = 0
        var received: UInt64 = 0
    }

    static let kind: UInt8 = 5
    static let size = 20
    /// Packets that a report is worth: so many are not exchanged in the life of keys without traffic.
    static let worth: UInt64 = 64
    /// Between two reports.
    static let interval = Span.seconds(5)
    /// How long a sample grows. Two of them are shown: the last two to four minutes.
    static let sample = Span.minutes(2)

    /// What to tell the peer of its packets, if it is time and they are many enough.
    mutating func report(
        _ arrived: (expected: UInt64, received: UInt64), index: UInt32, at now: Moment
    ) -> [UInt8]? {
        if told.index != index { told = (index, 0) }
        guard arrived.expected &- told.expected >= Self.worth else { return nil }
        told.expected = arrived.expected
        nextReport = now + Self.interval
        return [Self.kind, 0, UInt8(Self.size)]
            + withUnsafeBytes(of: index.bigEndian) { [UInt8]($0) }
            + withUnsafeBytes(of: arrived.expected.bigEndian) { [UInt8]($0) }
            + withUnsafeBytes(of: min(arrived.received, arrived.expected).bigEndian) {
                [UInt8]($0)
            }
    }

    /// Takes what the peer tells, unless it is late or cannot be.
    /// - Parameters:
    ///   - octets: behind kind and length.
    ///   - index: that this node's packets have now.
    ///   - sent: so many of them.
    /// - Returns: what is new in it.
    @discardableResult
    mutating func hear(_ octets: [UInt8], index: UInt32, sent: UInt64, at now: Moment)
        -> (expected: UInt64, received: UInt64)?
    {
        guard octets.count == Self.size else { return nil }
        let about: UInt32 = octets.number(at: 0, size: 4)
        let expected: UInt64 = octets.number(at: 4, size: 8)
        let received: UInt64 = octets.number(at: 12, size: 8)
        if heard.index != index { heard = (index, 0, 0) }
        guard about == index, expected <= sent || isPlanted(.lossReportUnchecked),
            received <= expected, expected > heard.expected, received >= heard.received
        else { return nil }
        if recent.began == .never || now >= recent.began + Self.sample {
            before = recent
            recent = Sample(began: now)
        }
        let new = (expected: expected - heard.expected, received: received - heard.received)
        recent.expected &+= new.expected
        recent.received &+= new.received
        heard = (index, expected, received)
        return new
    }

    /// 0 to 1; `nil` if nothing was told in the last minutes.
    func ratio(at now: Moment) -> Double? {
        guard recent.began != .never, now < recent.began + Self.sample * 2 else { return nil }
        // Its samples follow each other, unless nothing was told for long in between.
        let isBeforeOld = before.began == .never || now >= before.began + Self.sample * 2
        let expected = recent.expected &+ (isBeforeOld ? 0 : before.expected)
        let received = recent.received &+ (isBeforeOld ? 0 : before.received)
        // What was late counts with what came after it.
        return expected == 0 ? nil : max(0, 1 - Double(received) / Double(expected))
    }
}

extension PeerEntry {
    /// What to tell the peer of its packets now, if anything.
    mutating func lossReport(at now: Moment) -> [UInt8]? {
        guard now >= loss.first?.nextReport ?? .start, let index = current?.localIndex,
            let arrived = current?.arrived
        else { return nil }
        if loss.isEmpty {
            guard arrived.expected >= LossMeter.worth else { return nil }
            loss = [LossMeter()]
        }
        return loss[0].report(arrived, index: index, at: now)
    }

    mutating func hearLoss(_ octets: [UInt8], at now: Moment) -> (
        expected: UInt64, received: UInt64
    )? {
        guard let index = current?.remoteIndex, let sent = current?.sent else { return nil }
        if loss.isEmpty { loss = [LossMeter()] }
        return loss[0].hear(octets, index: index, sent: sent, at: now)
    }
}

extension SessionTable {
    /// Of the packets to a member in the last minutes, the part that was lost on the way, as the member
    /// says; `nil` if there were too few.
    package func loss(to node: NodeID, at now: Moment) -> Double? {
        slots[node].flatMap { peers[$0].loss.first?.ratio(at: now) }
    }

    /// Tells a peer how many of its packets came, if there is something to tell.
    mutating func tellLoss(_ slot: Int, at time: SessionTime, _ effects: inout [SessionEffect]) {
        guard let report = peers[slot].lossReport(at: time.moment) else { return }
        _ = transmit(.control(report), lane: SessionKeys.controlLane, slot, at: time, &effects)
    }
}
