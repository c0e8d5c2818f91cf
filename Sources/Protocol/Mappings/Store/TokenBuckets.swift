import Clocks

/// Who may do something how often: a token bucket for each, in a table of bounded size.
///
/// A bucket is one number, the time when it is full again (the generic cell rate algorithm, ITU-T
/// I.371): nothing needs to be filled as time passes.
struct TokenBuckets<Owner: Hashable & Sendable>: Sendable {
    private let interval: Span
    private let burst: Int
    private let bound: Int
    private var fullAt: [Owner: Moment] = [:]

    /// - Parameters:
    ///   - interval: how long one token takes to come back.
    ///   - burst: how many tokens a full bucket has.
    ///   - bound: how many buckets that are not full are remembered.
    init(interval: Span, burst: Int, bound: Int) {
        self.interval = interval
        self.burst = burst
        self.bound = bound
    }

    func has(_ owner: Owner, at now: Moment) -> Bool {
        guard let full = fullAt[owner] else { return true }
        return full + interval <= now + interval * burst
    }

    /// When there is a token, now or later.
    func next(_ owner: Owner, at now: Moment) -> Moment {
        guard let full = fullAt[owner] else { return now }
        return max(
            now,
            Moment(
                microseconds: (full + interval - now).microseconds
                    - (interval * burst).microseconds + now.microseconds))
    }

    mutating func take(_ owner: Owner, at now: Moment) {
        fullAt[owner] = max(fullAt[owner] ?? now, now) + interval
        if fullAt.count > bound { forget(at: now) }
    }

    /// Full buckets say nothing. If none is full, those that will be full first are given up, at
    /// least a quarter, so that this is rare.
    private mutating func forget(at now: Moment) {
        fullAt = fullAt.filter { $0.value > now }
        guard fullAt.count > bound else { return }
        let limit = fullAt.values.sorted()[bound / 4]
        fullAt = fullAt.filter { $0.value > limit }
    }
}
