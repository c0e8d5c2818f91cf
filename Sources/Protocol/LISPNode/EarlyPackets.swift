import Clocks

/// Packets of this host to EIDs that a node which has not heard everything yet does not know: the first of
/// a flow must not be lost because it came a moment too early.
struct EarlyPackets: Sendable {
    private var waiting: [(packet: [UInt8], instance: UInt32, until: Moment)] = []
    /// Which records were looked through last.
    private var changes: UInt64 = 0

    /// Enough for the first words of some connections; what is beyond is sent again by who needs it.
    private static let limit = 64
    private static let life = Span.seconds(3)

    var isEmpty: Bool { waiting.isEmpty }
    var nextDeadline: Moment { waiting.lazy.map(\.until).min() ?? .never }

    /// - Parameter until: when it has waited before; it waits no longer for that.
    /// - Returns: whether there was room.
    mutating func keep(
        _ packet: [UInt8], instance: UInt32, until: Moment? = nil, at now: Moment
    ) -> Bool {
        guard waiting.count < Self.limit else { return false }
        waiting.append((packet, instance, until ?? now + Self.life))
        return true
    }

    /// Takes all that are to be tried again, because records have changed or because nobody waits longer.
    mutating func take(
        changes: UInt64, isComplete: Bool, at now: Moment
    ) -> [(packet: [UInt8], instance: UInt32, until: Moment)] {
        guard !waiting.isEmpty else { return [] }
        waiting.removeAll { $0.until <= now }
        guard changes != self.changes || isComplete else { return [] }
        self.changes = changes
        defer { waiting = [] }
        return waiting
    }
}
