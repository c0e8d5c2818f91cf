import Cryptography
import LISP

/// Who holds which ranges: the longest that contains an EID is found by one look for each length that
/// there is.
struct RangeTable: Sendable {
    struct Holding: Hashable, Sendable {
        let key: Ed25519.PublicKey
        let level: Int
        let rank: Rank
    }

    private var holdings: [EID: [Holding]] = [:]
    /// Longest first.
    private var lengths: [Space: [Int]] = [:]

    private struct Space: Hashable {
        let instance: UInt32
        let family: Int
    }

    init(room: Int) { holdings.reserveCapacity(room) }

    mutating func insert(_ range: EID, _ holding: Holding) {
        holdings[range, default: []].append(holding)
        guard let length = range.prefixLength, let space = Self.space(of: range) else { return }
        var known = lengths[space] ?? []
        guard !known.contains(length) else { return }
        known.append(length)
        lengths[space] = known.sorted(by: >)
    }

    private static func space(of eid: EID) -> Space? {
        switch eid.kind {
        case .ipv4: return Space(instance: eid.instance, family: 4)
        case .ipv6: return Space(instance: eid.instance, family: 6)
        case .mac: return Space(instance: eid.instance, family: 48)
        default: return nil
        }
    }

    /// - Parameter others: that hold just this EID.
    func holders(of eid: EID, beside others: [Holding]) -> [Ed25519.PublicKey] {
        let exact = (holdings[eid] ?? []) + others
        if !exact.isEmpty { return Self.deepest(exact) }
        guard let space = Self.space(of: eid), let limit = eid.prefixLength else { return [] }
        for length in lengths[space] ?? [] where length < limit {
            if let range = eid.shortened(to: length), let found = holdings[range] {
                return Self.deepest(found)
            }
        }
        return []
    }

    private static func deepest(_ holdings: [Holding]) -> [Ed25519.PublicKey] {
        let level = holdings.map(\.level).max() ?? 0
        var keys: [Ed25519.PublicKey] = []
        let deepest = holdings.filter { $0.level == level }
        for holding in deepest.sorted(by: { $0.rank < $1.rank }) where !keys.contains(holding.key) {
            keys.append(holding.key)
        }
        return keys
    }
}
