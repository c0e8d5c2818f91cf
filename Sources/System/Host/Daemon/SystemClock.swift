import CLinux
package import Clocks
import Glibc

/// The machine's clocks as the node wants them.
package struct SystemClock: Sendable {
    private let start: Int64

    package init() { start = Self.microseconds(of: CLOCK_MONOTONIC) }

    /// Alone, for those who have no time.
    package var moment: Moment {
        Moment(microseconds: Self.microseconds(of: CLOCK_MONOTONIC) - start)
    }

    package var now: Now {
        Now(
            moment,
            clock: ClockReading(
                milliseconds: UInt64(max(Self.microseconds(of: CLOCK_REALTIME), 0)) / 1000,
                quality: Self.quality))
    }

    private static func microseconds(of clock: clockid_t) -> Int64 {
        var time = timespec()
        clock_gettime(clock, &time)
        return Int64(time.tv_sec) * 1_000_000 + Int64(time.tv_nsec) / 1000
    }

    /// What the kernel says of its clock: `adjtimex` tells whether anything disciplines it, and whether
    /// there is a chip it can have come from.
    private static var quality: ClockQuality {
        if clinux_clock_is_synchronised() != 0 { return .synchronised }
        return hasChip ? .chip : .none
    }

    private static let hasChip = access("/sys/class/rtc/rtc0", F_OK) == 0
}
