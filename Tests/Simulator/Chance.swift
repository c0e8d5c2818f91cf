import Clocks
import TestKit

/// How often something happens, in 2^32 parts: no floating point takes part in a decision.
package struct Chance: Hashable, Sendable {
    package let parts: UInt64

    package static let never = Chance(parts: 0)
    package static let always = Chance(parts: 1 << 32)

    package static func percent(_ count: Int) -> Chance { perMillion(count * 10_000) }
    package static func perMillion(_ count: Int) -> Chance {
        Chance(parts: (UInt64(min(max(count, 0), 1_000_000)) << 32) / 1_000_000)
    }

    private init(parts: UInt64) { self.parts = parts }
}

extension SeededRandom {
    /// Draws nothing if there is nothing to decide.
    mutating func happens(_ chance: Chance) -> Bool {
        chance.parts != 0 && next() >> 32 < chance.parts
    }

    /// A random length of time up to the one given.
    mutating func upTo(_ span: Span) -> Int64 {
        span.microseconds <= 0 ? 0 : Int64(next() % UInt64(span.microseconds + 1))
    }

    /// An independent source for one purpose: neighbouring seeds of SplitMix64 would be the same
    /// sequence, shifted.
    static func derived(_ seed: UInt64, _ purpose: UInt64, _ number: UInt64 = 0) -> SeededRandom {
        var first = SeededRandom(seed: seed)
        var second = SeededRandom(seed: first.next() ^ purpose)
        var third = SeededRandom(seed: second.next() ^ number)
        return SeededRandom(seed: third.next())
    }
}
