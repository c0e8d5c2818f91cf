package import Clocks
package import LISP

/// What an ITR was told of EIDs: mappings and their absence, each for its time, found by longest match
/// (RFC 9301 §5.4, §6). It holds a bounded number; the one refreshed longest ago makes room.
package struct MapCache: Sendable {
    package enum Entry: Hashable, Sendable {
        case mapping([LocatorRecord])
        /// No locators, and what to do with packets.
        case negative(EIDRecord.Action)
    }

    /// More than an ITR talks to at once; at some 200 octets each.
    package static let maximum = 65_536

    private struct Kept: Sendable {
        var entry: Entry
        var until: Moment
        /// Which refreshment of the cache this was.
        var refreshed: UInt64
    }

    private let maximum: Int
    private var kept = PrefixTrie<Kept>()
    /// In the order of refreshment; an EID that was refreshed again stands here twice, and only the
    /// later place counts.
    private var order: [(refreshed: UInt64, eid: EID)] = []
    private var orderStart = 0
    private var refreshments: UInt64 = 0

    package init(maximum: Int = Self.maximum) { self.maximum = max(1, maximum) }

    package var count: Int { kept.count }

    /// Notes what was answered for an EID prefix.
    package mutating func insert(_ entry: Entry, at eid: EID, life: Span, now: Moment) {
        guard life > .zero else {
            kept.remove(eid)
            return
        }
        refreshments += 1
        kept.insert(Kept(entry: entry, until: now + life, refreshed: refreshments), at: eid)
        order.append((refreshments, eid))
        while kept.count > maximum { removeOldest() }
        if order.count > 64, order.count > 2 * kept.count { tidy() }
    }

    package mutating func remove(_ eid: EID) { kept.remove(eid) }

    /// The entry at the longest prefix that covers the EID, if its time is not over. One whose time
    /// is over hides shorter ones until ``expire(at:)``: it may not be so any more, and must be asked.
    package func find(_ eid: EID, at now: Moment) -> (eid: EID, entry: Entry, until: Moment)? {
        guard let (eid, kept) = kept.longestMatch(eid), kept.until > now else { return nil }
        return (eid, kept.entry, kept.until)
    }

    /// Drops what is over.
    /// - Returns: what was dropped, least recently refreshed first.
    package mutating func expire(at now: Moment) -> [EID] {
        tidy()
        let over = order.filter { (kept[$0.eid]?.until ?? .never) <= now }.map(\.eid)
        for eid in over { kept.remove(eid) }
        return over
    }

    private mutating func removeOldest() {
        while orderStart < order.count {
            let (refreshed, eid) = order[orderStart]
            orderStart += 1
            if kept[eid]?.refreshed == refreshed {
                kept.remove(eid)
                return
            }
        }
    }

    /// Forgets places that do not count any more.
    private mutating func tidy() {
        order = order[orderStart...].filter { kept[$0.eid]?.refreshed == $0.refreshed }
        orderStart = 0
    }
}
