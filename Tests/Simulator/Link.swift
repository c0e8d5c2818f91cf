package import Clocks
import TestKit

/// What the way from one machine to another does to datagrams.
package struct Link: Hashable, Sendable {
    package var loss = Chance.never
    /// One-way, for all.
    package var delay = Span.milliseconds(10)
    /// Added to each, up to this: datagrams overtake each other.
    package var jitter = Span.zero
    /// How often a datagram is late: each time the lateness is a millisecond, doubled as often as a
    /// coin shows heads, 2 s at most.
    package var tail = Chance.never
    /// How often a datagram is held back so that later ones overtake it, up to ``heldBack``.
    package var reorder = Chance.never
    package var heldBack = Span.milliseconds(100)
    package var duplicate = Chance.never
    /// One to eight bits of it.
    package var flip = Chance.never
    package var truncate = Chance.never
    /// Comes once more after minutes or hours, up to ``replayedWithin``.
    package var replay = Chance.never
    package var replayedWithin = Span.hours(3)
    /// Longer IP packets vanish without a word.
    package var mtu = 65_535

    package static let maximumLateness = Span.seconds(2)

    package init() {}

    /// For tests of other things than the network.
    package static func perfect(delay: Span = .milliseconds(1)) -> Link {
        var link = Link()
        link.delay = delay
        return link
    }

    func lateness(_ random: inout SeededRandom) -> Int64 {
        var late = max(delay.microseconds, 1)
        if jitter > .zero { late += random.upTo(jitter) }
        if random.happens(tail) {
            let draw = random.next()
            let doublings = min(draw.trailingZeroBitCount, 11)
            let scale = Int64(1000) << Int64(doublings)
            late += min(scale + Int64(draw >> 20) % scale, Self.maximumLateness.microseconds)
        }
        if random.happens(reorder) { late += random.upTo(heldBack) }
        return late
    }
}

/// Why a datagram did not arrive.
package enum DropReason: UInt8, Hashable, Sendable, CaseIterable {
    case loss, partition, clogged, mtu
    /// The sender has no address of the destination's family.
    case noRoute
    /// Nobody has the address, or nobody outside its private network.
    case nobody
    /// The machine has it, but not the port.
    case closedPort
    /// The NAT knows of no mapping, or it has timed out, or its filter refuses the source.
    case nat
    /// The process is not running, or the machine sleeps.
    case down
    /// The receiver was paused or busy for too long.
    case backlog
    /// Forged before the faults ended.
    case healed
}

/// One set of machines that cannot hear another.
package struct Partition: Hashable, Sendable {
    package enum Shape: Hashable, Sendable {
        case full
        /// Only from the first side to the second nothing arrives.
        case oneWay
    }

    package var shape: Shape
    /// By machine; 0 is heard by all and hears all: a bridge.
    var sides: [UInt8]

    func cuts(_ from: Int, _ to: Int) -> Bool {
        guard from >= 0, to >= 0, from < sides.count, to < sides.count else { return false }
        let (left, right) = (sides[from], sides[to])
        guard left != 0, right != 0, left != right else { return false }
        return shape == .full || left < right
    }
}
