import Forwarding
import LISP
import Mappings
import Sessions
import Trust

/// What was found out about flows, as long as nothing has changed that it rests on: to look up an EID is
/// to read and weigh signed records, and packets cannot wait for that. It changes no answer, only how
/// soon it comes.
struct FlowMemo: Sendable {
    private(set) var routes: [InnerAddress: Route] = [:]
    private(set) var sources: [Source: Bool] = [:]
    /// Count what was noted, and how often something was forgotten because it may be wrong: packet
    /// threads have copies.
    private(set) var additions: UInt64 = 0
    private(set) var removals: UInt64 = 0
    /// Which records all this rests on, and until when none of them ends: mesh time.
    private var changes: UInt64 = 0
    private(set) var until: UInt64 = 0

    /// Which nodes get the packets to an EID, and how much of them.
    struct Route: Sendable {
        /// They are for this host.
        var isHere = false
        /// A legacy xTR, which gets them unsealed.
        var plain: Path?
        let shares: [(node: NodeID, weight: Int)]
        private let total: Int

        init(_ shares: [(node: NodeID, weight: Int)]) {
            self.shares = shares
            total = shares.reduce(0) { $0 + $1.weight }
        }

        /// One for each flow (RFC 9300 §9).
        func node(for flow: UInt64) -> NodeID? {
            var point = Int(flow >> 33) % max(total, 1)
            for (node, weight) in shares {
                if point < weight { return node }
                point -= weight
            }
            return nil
        }
    }

    struct Source: Hashable {
        let address: InnerAddress
        let node: NodeID
    }

    /// Of each kind; then it begins again. Whoever makes up addresses gains nothing by it.
    private static let limit = 4096

    /// Forgets what other records were the reason of.
    mutating func follow(_ records: RecordStore, at meshTime: UInt64) {
        guard changes != records.changes || until <= meshTime else { return }
        if until > meshTime, let changed = records.changed(since: changes) {
            for eid in changed { forget(eid) }
        } else if !routes.isEmpty || !sources.isEmpty {
            clear()
        }
        changes = records.changes
        until = records.nextExpiry ?? .max
    }

    /// Something else changed than records.
    mutating func clear() {
        routes = [:]
        sources = [:]
        removals &+= 1
    }

    private mutating func forget(_ eid: EID) {
        let count = routes.count + sources.count
        routes = routes.filter { !eid.contains($0.key.eid) }
        sources = sources.filter { !eid.contains($0.key.address.eid) }
        if routes.count + sources.count != count { removals &+= 1 }
    }

    func route(to address: InnerAddress) -> Route? { routes[address] }

    mutating func note(_ route: Route, to address: InnerAddress) {
        if routes.count >= Self.limit { routes = [:] }
        routes[address] = route
        additions &+= 1
    }

    func isRight(_ source: InnerAddress, of node: NodeID) -> Bool? {
        sources[Source(address: source, node: node)]
    }

    mutating func note(_ isRight: Bool, _ source: InnerAddress, of node: NodeID) {
        if sources.count >= Self.limit { sources = [:] }
        sources[Source(address: source, node: node)] = isRight
        additions &+= 1
    }
}
