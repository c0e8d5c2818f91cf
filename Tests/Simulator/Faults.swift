package import Clocks
import TestKit

/// Everything that goes wrong in one run. What happens now and then has the mean time between two
/// of its kind in the whole world; `nil`: never.
package struct Faults: Hashable, Sendable {
    package var link = Link()
    package var outsider = Outsider.Settings.absent

    package var crashes: Span?
    package var downAtMost = Span.minutes(2)
    /// Of restarts: with a snapshot, with an empty disk.
    package var oldDisk = Chance.never
    package var noDisk = Chance.never
    /// How often every disk is copied for later.
    package var snapshots: Span?

    package var pauses: Span?
    package var pausedAtMost = Span.seconds(120)
    package var sleeps: Span?
    package var asleepAtMost = Span.minutes(10)
    package var slowness: Span?
    package var slowestEvent = Span.milliseconds(20)

    package var partitions: Span?
    package var partitionedAtMost = Span.minutes(3)
    /// One link goes and comes a few times.
    package var flaps: Span?
    /// Links are clogged one by one and freed in random order.
    package var swizzles: Span?

    package var clockSteps: Span?
    package var steppedAtMost = Span.minutes(10)
    package var freezes: Span?
    /// Each machine's clock, from the beginning.
    package var driftAtMost = 0
    package var offsetAtMost = Span.zero
    package var withoutBattery = Chance.never
    package var withoutSynchronisation = Chance.never

    package var moves: Span?
    package var rebinds: Span?
    package var fullDisks: Span?
    package var slowDisks: Span?

    package init() {}

    /// Swarm testing: each fault is on in half of all runs, as strong as it happens to be drawn.
    package static func random(seed: UInt64) -> Faults {
        var random = SeededRandom.derived(seed, 7)
        var faults = Faults()
        faults.link = .random(&random)
        if random.chance(oneIn: 2) { faults.outsider = .random(&random) }
        func rare(_ shortest: Int, _ longest: Int) -> Span? {
            random.chance(oneIn: 2)
                ? .seconds(shortest + random.below(longest - shortest + 1)) : nil
        }
        faults.crashes = rare(10, 300)
        faults.downAtMost = .seconds(1 + random.below(300))
        if random.chance(oneIn: 2) {
            faults.oldDisk = .percent(random.below(30))
            faults.snapshots = .seconds(30 + random.below(300))
        }
        if random.chance(oneIn: 2) { faults.noDisk = .percent(random.below(20)) }
        faults.pauses = rare(20, 300)
        faults.sleeps = rare(60, 600)
        faults.slowness = rare(30, 300)
        faults.partitions = rare(30, 300)
        faults.flaps = rare(20, 120)
        faults.swizzles = rare(30, 300)
        faults.clockSteps = rare(30, 300)
        faults.freezes = rare(60, 600)
        if random.chance(oneIn: 2) { faults.driftAtMost = random.below(501) }
        if random.chance(oneIn: 2) { faults.offsetAtMost = .seconds(random.below(601)) }
        if random.chance(oneIn: 2) { faults.withoutBattery = .percent(random.below(60)) }
        if random.chance(oneIn: 2) { faults.withoutSynchronisation = .percent(random.below(101)) }
        faults.moves = rare(20, 300)
        faults.rebinds = rare(20, 300)
        faults.fullDisks = rare(60, 600)
        faults.slowDisks = rare(60, 600)
        return faults
    }
}

extension Link {
    static func random(_ random: inout SeededRandom) -> Link {
        var link = Link()
        func maybe(_ percent: Int) -> Chance {
            random.chance(oneIn: 2) ? .perMillion(random.below(percent * 10_000 + 1)) : .never
        }
        link.loss = maybe(30)
        link.delay = .milliseconds(1 + random.below(100))
        if random.chance(oneIn: 2) { link.jitter = .milliseconds(random.below(100)) }
        link.tail = maybe(10)
        link.reorder = maybe(20)
        link.duplicate = maybe(10)
        link.flip = maybe(2)
        link.truncate = maybe(2)
        link.replay = maybe(2)
        if random.chance(oneIn: 8) { link.mtu = 1280 + random.below(221) }
        return link
    }
}

extension Outsider.Settings {
    static func random(_ random: inout SeededRandom) -> Self {
        var settings = Self()
        func maybe() -> Chance {
            random.chance(oneIn: 2) ? .perMillion(random.below(50_001)) : .never
        }
        settings.replay = maybe()
        settings.replayLater = maybe()
        settings.replayFromElsewhere = maybe()
        settings.misdirect = maybe()
        settings.flip = maybe()
        settings.mutate = maybe()
        settings.invent = maybe()
        return settings
    }
}
