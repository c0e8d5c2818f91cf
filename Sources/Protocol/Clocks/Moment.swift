/// A point of a node's own monotone time, which begins at its start, never steps and is nobody
/// else's. Timers use it; what nodes tell each other is mesh time.
package struct Moment: Hashable, Comparable, Sendable {
    /// Since the node started.
    package var microseconds: Int64

    package init(microseconds: Int64) { self.microseconds = microseconds }

    package static let start = Moment(microseconds: 0)
    /// Later than any deadline.
    package static let never = Moment(microseconds: .max)

    /// Saturates at ``never``.
    package static func + (moment: Moment, span: Span) -> Moment {
        let (sum, overflows) = moment.microseconds.addingReportingOverflow(span.microseconds)
        return overflows ? never : Moment(microseconds: sum)
    }

    package static func += (moment: inout Moment, span: Span) { moment = moment + span }

    package static func - (later: Moment, earlier: Moment) -> Span {
        Span(microseconds: later.microseconds - earlier.microseconds)
    }

    package static func < (left: Moment, right: Moment) -> Bool {
        left.microseconds < right.microseconds
    }
}

/// A length of time. `Duration` counts attoseconds in 128 bits, which the packet path cannot pay for.
package struct Span: Hashable, Comparable, Sendable {
    package var microseconds: Int64

    package init(microseconds: Int64) { self.microseconds = microseconds }

    package static let zero = Span(microseconds: 0)
    package static func microseconds(_ count: Int) -> Span { Span(microseconds: Int64(count)) }
    package static func milliseconds(_ count: Int) -> Span {
        Span(microseconds: Int64(count) * 1000)
    }
    package static func seconds(_ count: Int) -> Span { .milliseconds(count * 1000) }
    package static func minutes(_ count: Int) -> Span { .seconds(count * 60) }
    package static func hours(_ count: Int) -> Span { .minutes(count * 60) }

    /// Whole ones; the rest is cut off.
    package var milliseconds: Int64 { microseconds / 1000 }

    package static func + (left: Span, right: Span) -> Span {
        Span(microseconds: left.microseconds + right.microseconds)
    }
    package static func - (left: Span, right: Span) -> Span {
        Span(microseconds: left.microseconds - right.microseconds)
    }
    package static func * (span: Span, factor: Int) -> Span {
        Span(microseconds: span.microseconds * Int64(factor))
    }
    package static func / (span: Span, divisor: Int) -> Span {
        Span(microseconds: span.microseconds / Int64(divisor))
    }
    package static func < (left: Span, right: Span) -> Bool {
        left.microseconds < right.microseconds
    }
}

extension Moment {
    package static func - (moment: Moment, span: Span) -> Moment {
        Moment(microseconds: moment.microseconds - span.microseconds)
    }
}
