import Clocks
import Sessions

/// What a node's clocks showed last. The monotone one may stand still while the machine sleeps; the
/// other goes on.
struct Wakefulness: Sendable {
    private var last: Now?

    /// Keys are made anew after 120 s and refused after 180: who slept less is still in time.
    static let nap = Span.seconds(30)

    /// - Returns: whether the machine seems to have slept since the last call. A clock that was set
    ///   forward looks the same, and then a few handshakes are made for nothing.
    mutating func hasSlept(until now: Now) -> Bool {
        guard let last = last.replaced(by: now) else { return false }
        let (gone, isBack) = now.clock.milliseconds.subtractingReportingOverflow(
            last.clock.milliseconds)
        guard !isBack else { return false }
        return Int64(clamping: gone) - (now.moment - last.moment).milliseconds
            > Self.nap.milliseconds
    }
}

extension Optional {
    /// - Returns: what was there before.
    fileprivate mutating func replaced(by new: Wrapped) -> Wrapped? {
        defer { self = new }
        return self
    }
}

extension Core {
    /// Before every event: after a sleep the others have thrown away the keys that this node still has,
    /// and what is sealed under them is lost.
    mutating func noticeSleep(
        turn: inout Turn, using random: inout some RandomNumberGenerator
    ) {
        guard wakefulness.hasSlept(until: turn.now) else { return }
        clockChanged(clock.update(at: turn.now), turn: &turn)
        withSessions(turn: &turn, using: &random) { sessions, time, _, _ in
            sessions.endAll(at: time)
        }
    }
}
