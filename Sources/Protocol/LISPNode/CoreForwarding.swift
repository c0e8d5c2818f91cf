package import Clocks
package import Forwarding
import LISP
import Laboratory
import Sessions
import Trust

/// What packet threads were told, and what that was made from.
struct PacketTables: Sendable {
    /// Sessions that are lent, by slot.
    fileprivate var sessions: [ForwardedSession?] = []
    fileprivate var rows: SessionRows?
    fileprivate var flows: FlowTable?
    /// What ``flows`` is made from: ``FlowMemo`` and the slots of sessions.
    fileprivate var additions: UInt64 = 0
    fileprivate var removals: UInt64 = 0
    fileprivate var assignments: UInt64 = 0
    /// When additions may be told again.
    fileprivate var nextAt = Moment.start
    /// Of ``Probing``.
    fileprivate var probingChanges: UInt64 = 0

    /// The lane of the thread that seals.
    fileprivate static let lane: UInt8 = 1
    /// Between two tables that only add something. Whoever makes up addresses has a table made for each
    /// of them; with this it costs a few hundredths of the time.
    fileprivate static let shortestPause = Span.milliseconds(1)
    fileprivate static let pausePerEntry = Span.microseconds(2)
    /// Inner packets of this size always go; the outer ones may be fragmented (RFC 8200 §5).
    fileprivate static let leastMTU = 1280
    /// RFC 791.
    fileprivate static let leastIPv4 = 68
}

extension Node {
    /// What packet threads shall work by from now on. To be asked after every event, and at
    /// ``nextForwarding()``; it costs nothing when nothing is new.
    /// - Returns: `nil` if nothing has changed since the last one, or what has can wait. What became
    ///   wrong is never in the next one.
    package mutating func forwardingTable(at now: Now) -> ForwardingTable? {
        core?.forwardingTable(at: now) ?? nil
    }

    /// When ``forwardingTable(at:)`` has something that waits; `never` if nothing does.
    package mutating func nextForwarding() -> Moment { core?.nextForwarding() ?? .never }

    /// Whether packet threads may work by something that has become wrong, until they get the next table.
    /// Sessions that have ended are no reason: threads notice that by themselves.
    package mutating func isForwardingUrgent(at now: Now) -> Bool {
        core?.isForwardingUrgent(at: now) ?? false
    }
}

extension Core {
    mutating func isForwardingUrgent(at now: Now) -> Bool {
        flows.follow(records, at: clock.time(at: now))
        return flows.removals != tables.removals || sessions.hasForwardingEnds
    }

    private var hasForwardingChanges: Bool {
        flows.additions != tables.additions || flows.removals != tables.removals
            || sessions.slotAssignments != tables.assignments || sessions.hasForwardingChanges
            || probing.changes != tables.probingChanges || tables.rows == nil
    }

    mutating func nextForwarding() -> Moment {
        joining == nil && hasForwardingChanges ? tables.nextAt : .never
    }

    mutating func forwardingTable(at now: Now) -> ForwardingTable? {
        guard joining == nil else { return nil }
        let isUrgent = isForwardingUrgent(at: now)
        guard isUrgent || (hasForwardingChanges && tables.nextAt <= now.moment) else { return nil }
        let flowTable = renewFlows()
        let rows = renewSessions()
        let entries = flows.routes.count + flows.sources.count + tables.sessions.count
        tables.nextAt =
            now.moment + max(PacketTables.shortestPause, PacketTables.pausePerEntry * entries)
        return ForwardingTable(flowTable, rows, flowsUntil: flowsUntil(now))
    }

    /// The first moment at which time alone makes something else of what is known of flows.
    private func flowsUntil(_ now: Now) -> Moment {
        let meshTime = clock.time(at: now)
        let until = min(flows.until, standing.changesAt ?? .max)
        guard until > meshTime else { return now.moment }
        return now.moment + .milliseconds(Int(min(until - meshTime, 1 << 40)))
    }

    private mutating func renewFlows() -> FlowTable {
        if let known = tables.flows, flows.additions == tables.additions,
            flows.removals == tables.removals, sessions.slotAssignments == tables.assignments
        {
            return known
        }
        var contents = FlowTable.Contents(
            seed: bootID.prefix(8).reduce(0) { $0 << 8 | UInt64($1) })
        // The node itself looks through longer lists, and notes what it finds.
        contents.own = ([cryptoEID] + ownPrefixes.prefix(16)).compactMap { OwnRange($0) }
        contents.routes.reserveCapacity(flows.routes.count)
        for (destination, route) in flows.routes {
            // What has no mapping yet is the node's, which waits for it; so is what goes unsealed.
            if route.shares.isEmpty, !route.isHere, route.plain != nil || mayComeYet(destination) {
                continue
            }
            let shares = route.shares.map {
                (slot: sessions.slot(of: $0.node) ?? -1, weight: $0.weight)
            }
            contents.routes.append(.init(to: destination, isHere: route.isHere, shares: shares))
        }
        contents.sources.reserveCapacity(flows.sources.count)
        for (source, isRight) in flows.sources {
            guard let slot = sessions.slot(of: source.node) else { continue }
            contents.sources.append(.init(source.address, slot: slot, isRight: isRight))
        }
        let table = FlowTable(contents)
        tables.flows = table
        tables.additions = flows.additions
        tables.removals = flows.removals
        tables.assignments = sessions.slotAssignments
        return table
    }

    private mutating func renewSessions() -> SessionRows {
        if let known = tables.rows, !sessions.hasForwardingChanges,
            probing.changes == tables.probingChanges
        {
            return known
        }
        // The old rows share this memory: without them it is changed where it stands.
        tables.rows = nil
        tables.probingChanges = probing.changes
        var lent: [ForwardedSession?] = []
        swap(&lent, &tables.sessions)
        while lent.count < sessions.slotCount { lent.append(nil) }
        let (standing, sightings, trials, own) = (standing, sightings, trials, ownPaths)
        sessions.takeForwardingChanges(lane: PacketTables.lane) { slot, node, session in
            var session = session
            if let path = session?.path {
                let announced = standing.member(node)?.nodeRecord?.paths ?? []
                let isLocator = announced.contains(path)
                session?.isSpread =
                    isLocator && sightings.isSeen(at: own, by: node)
                    && (trials.isOpen(to: node) || isPlanted(.spreadsUntried))
                // Of two paths to one address the session says which one was meant.
                session?.takesAnyPort =
                    (isLocator || isPlanted(.anyPortOfNAT))
                    && announced.allSatisfy { $0.host != path.host || $0 == path }
            }
            lent[slot] = session
        }
        tables.sessions = lent
        let probing = probing
        let rows = SessionRows(lent) { path in
            let known = probing.largest(on: path)
            let inner = (known ?? Probing.base) - Self.outerSize(of: 0, on: path)
            // What is not measured yet is the node's, which finds it out.
            return known == nil
                ? .unknown(atLeast: inner)
                : .known(
                    max(inner, PacketTables.leastMTU), whole: max(inner, PacketTables.leastIPv4))
        }
        tables.rows = rows
        return rows
    }

    /// The underlay says that something did not pass. It may be anybody who says so, so that this only
    /// makes the node look again.
    mutating func mayHaveChanged(_ path: Path, at now: Moment) { probing.doubt(path, at: now) }

    /// A packet that a thread opened in a session that is known by its index.
    mutating func explain(_ packet: [UInt8], instance: UInt32, index: UInt32, turn: inout Turn) {
        guard let node = sessions.node(ofIndex: index) else { return }
        decapsulate(packet, instance: instance, from: .member(node), turn: &turn)
    }

    mutating func hear(
        _ heard: Heard, turn: inout Turn, using random: inout some RandomNumberGenerator
    ) {
        withSessions(turn: &turn, using: &random) { sessions, time, directory, random in
            sessions.handle(heard, at: time, directory: &directory, using: &random)
        }
    }

    mutating func noteTraffic(
        turn: inout Turn, using random: inout some RandomNumberGenerator
    ) {
        withSessions(turn: &turn, using: &random) { sessions, time, directory, random in
            sessions.noteTraffic(at: time, directory: &directory, using: &random)
        }
    }
}
