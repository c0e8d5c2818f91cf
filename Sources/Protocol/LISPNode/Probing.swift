import Clocks
package import Sessions
import Trust

/// RLOC-probes that are under way, and what they have found out: how large packets may be on the way to a
/// member. A search begins when there is a packet that needs it; a quiet mesh probes nobody.
///
///     unknown ── a large packet ──▶ first ── answered ──▶ settled, for 10 min
///                                     └─ silence ──▶ table ── silence ──▶ settled
///
/// `first` asks with the largest packet of this host's link, which nearly always passes. `table` asks with
/// all usual sizes at once, so that one round trip tells (RFC 8899 §5.3 leaves the order open).
package struct Probing: Sendable {
    private var pending: [Pending] = []
    private var searches: [Path: Search] = [:]
    /// Grows when something else is known of the size of packets.
    private(set) var changes: UInt64 = 0

    private struct Pending {
        let nonce: UInt64
        let node: NodeID
        let path: Path?
        let size: Int
        let sentAt: Moment
        let until: Moment
        let command: UInt64?
    }

    private struct Search {
        /// Who is asked there.
        let node: NodeID
        /// The largest packet that was answered: octets with IP header.
        var largest = Probing.base
        var stage = Stage.first
        var tries = 0
        var due: Moment

        enum Stage { case first, table, settled }
    }

    /// What is answered.
    struct Found: Hashable {
        let roundTrip: Span
        let size: Int
        let command: UInt64?
    }

    /// What is to be done because time has passed.
    enum Due: Hashable {
        case probe(NodeID, Path, sizes: [Int])
        case unanswered(command: UInt64)
    }

    /// What IPv6 wants of every link (RFC 8200 §5); sealed control messages are made to fit in it.
    package static let base = 1280
    /// Sizes of links and tunnels that are met, with IP header.
    private static let usual = [
        9000, 4352, 2002, 1500, 1492, 1480, 1472, 1460, 1452, 1440, 1420, 1400, 1380, 1360, 1340,
        1320, 1300,
    ]
    /// For an answer, beside two round trips.
    private static let patience = Span.milliseconds(300)
    private static let tries = 2
    private static let lateWords = Span.seconds(5)
    /// RFC 8899 §5.1.1's PMTU_RAISE_TIMER.
    private static let life = Span.minutes(10)
    /// A person waits this long for a ping.
    private static let pingPatience = Span.seconds(3)
    /// Probes that may be under way: a table for each of a few members, and the pings of people.
    private static let maximumPending = 256
    /// Members that are remembered; with more, those with traffic search again.
    private static let maximumSearches = 4096

    package init() {}

    var nextDeadline: Moment {
        min(
            searches.values.lazy.map(\.due).min() ?? .never,
            pending.lazy.map(\.until).min() ?? .never)
    }

    /// The largest packet that passes along a path; `nil` while that is not known.
    package func largest(on path: Path) -> Int? {
        guard let search = searches[path], search.stage == .settled else { return nil }
        return search.largest
    }

    /// There is a packet for a member that may be too large for the way.
    /// - Returns: with which sizes to probe now; none while that goes on or is known.
    mutating func need(
        _ node: NodeID, on path: Path, linkMTU: Int, roundTrip: Span?, at now: Moment
    ) -> [Int] {
        guard searches[path] == nil else { return [] }
        if searches.count >= Self.maximumSearches { forgetAll() }
        searches[path] = Search(node: node, due: now + Self.wait(roundTrip))
        return [max(linkMTU, Self.base)]
    }

    private static func wait(_ roundTrip: Span?) -> Span { patience + (roundTrip ?? .zero) * 2 }

    /// - Returns: whether there is room for one more.
    mutating func sent(
        _ nonce: UInt64, to node: NodeID, on path: Path?, size: Int, command: UInt64?,
        at now: Moment
    ) -> Bool {
        guard pending.count < Self.maximumPending else { return false }
        pending.append(
            Pending(
                nonce: nonce, node: node, path: path, size: size, sentAt: now,
                until: now + Self.pingPatience, command: command))
        return true
    }

    mutating func answered(
        _ nonce: UInt64, by node: NodeID, linkMTU: Int, at now: Moment
    ) -> Found? {
        guard let index = pending.firstIndex(where: { $0.nonce == nonce && $0.node == node })
        else { return nil }
        let probe = pending.remove(at: index)
        if probe.command == nil, let path = probe.path, var search = searches[path] {
            search.largest = max(search.largest, probe.size)
            if probe.size >= linkMTU { settle(&search, at: now) }
            searches[path] = search
        }
        return Found(roundTrip: now - probe.sentAt, size: probe.size, command: probe.command)
    }

    /// In the order of paths.
    mutating func due(
        at now: Moment, linkMTU: Int, roundTrip: (NodeID) -> Span?
    ) -> [Due] {
        var all: [Due] = []
        let over = pending.filter { $0.until <= now }
        if !over.isEmpty {
            pending.removeAll { $0.until <= now }
            all += over.compactMap(\.command).map { .unanswered(command: $0) }
        }
        let ready = searches.filter { $0.value.due <= now }
        for path in ready.keys.sorted() {
            guard var search = searches[path] else { continue }
            if search.stage == .settled {
                // Whether more passes now is found out when there is a packet for it.
                searches[path] = nil
                changes += 1
                continue
            }
            search.tries += 1
            if search.stage == .first {
                search.stage = .table
                search.tries = 0
            }
            let sizes = Self.usual.filter { $0 < linkMTU && $0 > search.largest } + [linkMTU]
            if search.tries >= Self.tries {
                settle(&search, at: now)
            } else {
                search.due = now + Self.wait(roundTrip(search.node))
                all.append(.probe(search.node, path, sizes: sizes))
            }
            searches[path] = search
        }
        return all
    }

    private mutating func settle(_ search: inout Search, at now: Moment) {
        search.stage = .settled
        search.due = now + Self.life
        changes += 1
    }

    /// The underlay says that something was too large there. While a search goes on, that is what it is
    /// about; right after it, it is late.
    mutating func doubt(_ path: Path, at now: Moment) {
        guard let search = searches[path], search.stage == .settled,
            now >= search.due - Self.life + Self.lateWords
        else { return }
        forget(path)
    }

    /// Something else passes there now, or nothing.
    mutating func forget(_ path: Path) {
        if searches.removeValue(forKey: path) != nil { changes += 1 }
    }

    /// This host's links are others now.
    mutating func forgetAll() {
        searches = [:]
        changes += 1
    }
}
