import CLinux
package import Clocks
import Glibc
import Synchronization

/// The machine's clocks as the node wants them.
package struct SystemClock: Sendable {
    private let start: Int64

    package init() { start = Self.microseconds(of: CLOCK_MONOTONIC) }

    /// Alone, for those who have no time.
    package var moment: Moment {
        Moment(microseconds: Self.microseconds(of: CLOCK_MONOTONIC) - start)
    }

    package var now: Now {
        let monotonic = Self.microseconds(of: CLOCK_MONOTONIC)
        return Now(
            Moment(microseconds: monotonic - start),
            clock: ClockReading(
                milliseconds: UInt64(max(Self.microseconds(of: CLOCK_REALTIME), 0)) / 1000,
                quality: Self.quality.value(at: monotonic)))
    }

    private static func microseconds(of clock: clockid_t) -> Int64 {
        var time = timespec()
        clock_gettime(clock, &time)
        return Int64(time.tv_sec) * 1_000_000 + Int64(time.tv_nsec) / 1000
    }

    private static let quality = KeptQuality(
        otherwise: ClockOrigin.isKept(
            milliseconds: UInt64(max(microseconds(of: CLOCK_REALTIME), 0)) / 1000)
            ? .chip : .none)
}

/// What the kernel says of its clock: `adjtimex` tells whether anything disciplines it. It is asked once a
/// second, not for each event: it is a call of the system, and the answer changes a few times a day.
final class KeptQuality: Sendable {
    private let until = Atomic<Int64>(.min)
    private let isSynchronised = Atomic<Bool>(false)
    private let otherwise: ClockQuality
    private let ask: @Sendable () -> Bool

    private static let life: Int64 = 1_000_000

    /// - Parameter otherwise: of a clock that nothing disciplines.
    init(
        otherwise: ClockQuality,
        ask: @escaping @Sendable () -> Bool = { clinux_clock_is_synchronised() != 0 }
    ) {
        self.otherwise = otherwise
        self.ask = ask
    }

    /// - Parameter now: microseconds that never go back.
    func value(at now: Int64) -> ClockQuality {
        if now >= until.load(ordering: .relaxed) {
            // Two threads may both ask; they hear the same.
            isSynchronised.store(ask(), ordering: .relaxed)
            until.store(now + Self.life, ordering: .relaxed)
        }
        return isSynchronised.load(ordering: .relaxed) ? .synchronised : otherwise
    }
}

/// Where the time came from that the machine had when it started.
enum ClockOrigin {
    /// No machine runs this before: 2026-01-01, in milliseconds. A clock that stands earlier was never set.
    static let release: UInt64 = 1_767_225_600_000

    /// Whether something kept the time while the machine was off: a chip, or the host of a virtual machine.
    /// - Parameters:
    ///   - now: of the wall clock.
    ///   - root: of `/sys` and `/proc`.
    static func isKept(milliseconds now: UInt64, root: String = "") -> Bool {
        if access("\(root)/sys/class/rtc/rtc0", F_OK) == 0 { return true }
        guard now >= release else { return false }
        let source = firstLine(
            "\(root)/sys/devices/system/clocksource/clocksource0/current_clocksource")
        if hypervisors.contains(where: { source.hasPrefix($0) }) { return true }
        // A guest may count by the processor all the same; its kernel has asked the host at the start. On a
        // board without a battery a late clock proves nothing: what its system wrote to a file when it went
        // off is the time of that day.
        return access("\(root)/sys/hypervisor/type", F_OK) == 0
            || isGuest(cpuinfo: "\(root)/proc/cpuinfo")
    }

    /// Beginnings of the names of clocks that the host of a virtual machine keeps.
    private static let hypervisors = ["kvm-clock", "hyperv", "xen"]

    private static func firstLine(_ path: String) -> String {
        guard let file = fopen(path, "r") else { return "" }
        defer { fclose(file) }
        var line = [CChar](repeating: 0, count: 64)
        return fgets(&line, Int32(line.count), file) == nil ? "" : text(line)
    }

    /// Up to the zero.
    private static func text(_ line: [CChar]) -> String {
        String(decoding: line.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    /// The flag that processors show to guests.
    private static func isGuest(cpuinfo path: String) -> Bool {
        guard let file = fopen(path, "r") else { return false }
        defer { fclose(file) }
        var line = [CChar](repeating: 0, count: 8192)
        while fgets(&line, Int32(line.count), file) != nil {
            let text = text(line)
            guard text.hasPrefix("flags") else { continue }
            return text.split(whereSeparator: \.isWhitespace).contains("hypervisor")
        }
        return false
    }
}
