/// What the machine's own clock says, and how far it can be believed.
package struct ClockReading: Hashable, Sendable {
    /// Milliseconds since 1970.
    package var milliseconds: UInt64
    package var quality: ClockQuality

    package init(milliseconds: UInt64, quality: ClockQuality) {
        self.milliseconds = milliseconds
        self.quality = quality
    }
}

/// Where a clock has its time from; the greater the better.
package enum ClockQuality: UInt8, Hashable, Comparable, Sendable, CaseIterable {
    /// It began somewhere when the machine was switched on.
    case none = 0
    /// A battery-backed clock chip.
    case chip = 1
    /// The kernel calls it synchronised.
    case synchronised = 2
    /// A person or a steward stated it.
    case stated = 3

    package static func < (left: ClockQuality, right: ClockQuality) -> Bool {
        left.rawValue < right.rawValue
    }
}

/// The time at which something is handled: of the node alone, and of its machine's clock.
package struct Now: Hashable, Sendable {
    package var moment: Moment
    package var clock: ClockReading

    package init(_ moment: Moment, clock: ClockReading) {
        self.moment = moment
        self.clock = clock
    }
}
