package import Clocks

/// A clock that runs at its own rate: microseconds of it as a function of the world's microseconds.
struct RunningClock {
    private var worldBase: Int64
    private var localBase: Int64
    /// How much faster than the world's.
    private(set) var partsPerMillion: Int64

    init(showing local: Int64, at world: Int64, partsPerMillion: Int64 = 0) {
        (worldBase, localBase, self.partsPerMillion) = (world, local, partsPerMillion)
    }

    func local(at world: Int64) -> Int64 {
        let passed = world - worldBase
        guard partsPerMillion != 0 else { return localBase &+ passed }
        return localBase &+ passed &+ passed &* partsPerMillion / 1_000_000
    }

    /// The world's time, at the earliest, when this clock will show `local`.
    func world(of local: Int64) -> Int64 {
        guard local != .max else { return .max }
        let wanted = local.subtractingReportingOverflow(localBase)
        // No run lasts 285 years.
        guard !wanted.overflow, wanted.partialValue < 1 << 53 else { return .max }
        guard wanted.partialValue > 0 else { return worldBase }
        guard partsPerMillion != 0 else { return worldBase + wanted.partialValue }
        let product = wanted.partialValue.multipliedFullWidth(by: 1_000_000)
        let rate = 1_000_000 + partsPerMillion
        var guess = worldBase + rate.dividingFullWidth(product).quotient
        while self.local(at: guess) < local { guess += 1 }
        return guess
    }

    mutating func setRate(_ partsPerMillion: Int64, at world: Int64) {
        (localBase, worldBase) = (local(at: world), world)
        self.partsPerMillion = partsPerMillion
    }
}

/// A machine's own clock, as wrong as one likes.
package struct SimulatedClock: Sendable {
    private var running: RunningClock
    private var frozenAt: Int64?
    package var quality: ClockQuality
    /// What it shows when the machine is switched on, in microseconds since 1970; `nil`: it has a
    /// battery and goes on.
    private let switchedOnAt: Int64?

    /// - Parameters:
    ///   - milliseconds: since 1970, what it shows at `world`.
    ///   - switchedOnAt: milliseconds since 1970 that it shows after each loss of power.
    package init(
        showing milliseconds: Int64, at world: Span = .zero, drift partsPerMillion: Int = 0,
        quality: ClockQuality, switchedOnAt: Int64? = nil
    ) {
        running = RunningClock(
            showing: milliseconds * 1000, at: world.microseconds,
            partsPerMillion: Int64(partsPerMillion))
        self.quality = quality
        self.switchedOnAt = switchedOnAt.map { $0 * 1000 }
    }

    package static func withoutBattery(showing milliseconds: Int64 = 0) -> SimulatedClock {
        SimulatedClock(showing: milliseconds, quality: .none, switchedOnAt: milliseconds)
    }

    var hasBattery: Bool { switchedOnAt == nil }

    func microseconds(at world: Int64) -> Int64 { frozenAt ?? running.local(at: world) }

    func reading(at world: Int64) -> ClockReading {
        ClockReading(
            milliseconds: UInt64(max(0, microseconds(at: world)) / 1000), quality: quality)
    }

    mutating func step(by span: Span, at world: Int64) {
        let local = microseconds(at: world) &+ span.microseconds
        running = RunningClock(
            showing: local, at: world, partsPerMillion: running.partsPerMillion)
        if frozenAt != nil { frozenAt = local }
    }

    mutating func setDrift(_ partsPerMillion: Int, at world: Int64) {
        running.setRate(Int64(partsPerMillion), at: world)
    }

    mutating func freeze(at world: Int64) { frozenAt = microseconds(at: world) }

    mutating func thaw(at world: Int64) {
        guard let local = frozenAt else { return }
        frozenAt = nil
        running = RunningClock(
            showing: local, at: world, partsPerMillion: running.partsPerMillion)
    }

    mutating func losePower(at world: Int64) {
        guard let switchedOnAt else { return }
        frozenAt = nil
        running = RunningClock(
            showing: switchedOnAt, at: world, partsPerMillion: running.partsPerMillion)
    }
}
