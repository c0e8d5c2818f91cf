package import Clocks

/// At most one line a minute about each subject; what is left out is counted for the next one. Whoever can
/// make something happen for every packet writes no log of that length.
package struct LogThrottle<Subject: Hashable> {
    private struct Entry {
        var quietUntil: Moment
        /// Since the last line.
        var leftOut = 0
    }

    private var entries: [Subject: Entry] = [:]
    private let limit: Int

    /// Short enough to see that it goes on, long enough for a file in memory: a subject that never rests
    /// writes 1,440 lines a day.
    package static var interval: Span { .minutes(1) }
    /// Four events of each member of a mesh of 1,000.
    package static var usualLimit: Int { 4096 }

    /// - Parameter limit: of subjects; while there are so many within a minute, others are left out.
    package init(limit: Int = usualLimit) { self.limit = limit }

    /// - Returns: how often it happened since the last line about the subject, this time included; `nil`: no
    ///   line now.
    package mutating func times(_ subject: Subject, at now: Moment) -> Int? {
        let entry = entries[subject]
        if let entry, now < entry.quietUntil {
            entries[subject]?.leftOut += 1
            return nil
        }
        if entry == nil, entries.count >= limit {
            entries = entries.filter { now < $0.value.quietUntil }
            guard entries.count < limit else { return nil }
        }
        entries[subject] = Entry(quietUntil: now + Self.interval)
        return (entry?.leftOut ?? 0) + 1
    }
}
