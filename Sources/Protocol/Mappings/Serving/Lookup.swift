package import Clocks
package import LISP

/// What a store answers for an EID.
package enum Lookup: Hashable, Sendable {
    case mapping(Served)
    /// A multicast EID has the mappings of all its signers, sorted by their keys; at least one.
    case shared([Served])
    case negative(Negative)

    /// A mapping that counts.
    package struct Served: Hashable, Sendable {
        package let record: SignedRecord
        package let freshness: Freshness
        /// How long a cache may keep it.
        package let life: Span
    }

    package enum Freshness: Hashable, Sendable {
        case fresh
        /// Signed more than 24 hours ago: for members only.
        case stale
    }

    /// There is no mapping.
    package struct Negative: Hashable, Sendable {
        /// The shortest prefix around the EID that contains no mapping.
        package let prefix: EID
        /// How long a cache may keep it; zero: not at all.
        package let life: Span

        package init(prefix: EID, life: Span) {
            self.prefix = prefix
            self.life = life
        }
    }

    package static let negativeLife = Span.seconds(60)
    package static let staleLife = Span.seconds(60)
}
