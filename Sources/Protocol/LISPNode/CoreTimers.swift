import Clocks
import Cryptography
import LISP
import Laboratory
import MappingSystem
import Mappings
import Sessions
import Trust

extension Core {
    /// When something of mesh time must be looked at again: not more often than this.
    private static let longestWait = Span.minutes(1)
    /// How often the machine's clock is looked at, if anything happens at all.
    private static let clockInterval = Span.seconds(1)

    /// After every event: what became due, and what the event led to.
    /// - Returns: why joining came to nothing, if it just did.
    mutating func settle(
        turn: inout Turn, using random: inout some RandomNumberGenerator
    ) -> Failure? {
        let now = turn.now.moment
        if clockAt <= now {
            clockAt = now + Self.clockInterval
            clockChanged(clock.update(at: turn.now), turn: &turn)
        }
        refreshStanding(turn: &turn, using: &random)
        if sessions.nextDeadline <= now {
            withSessions(turn: &turn, using: &random) { sessions, time, directory, random in
                sessions.handleDeadline(at: time, directory: &directory, using: &random)
            }
        }
        if joining != nil {
            continueJoining(turn: &turn, using: &random)
            return joining?.failure
        }
        // Also of who has just left. Without a session the first copy still waits for one.
        for (node, plaintext) in spread.due(at: now) where sessions.isEstablished(with: node) {
            send(.control(plaintext), to: .member(node), turn: &turn, using: &random)
        }
        guard member != nil else { return nil }
        tellRestarted(turn: &turn, using: &random)
        if reconciler.nextDeadline <= now { reconcile(turn: &turn, using: &random) }
        if probeAt <= now { probeSilent(turn: &turn, using: &random) }
        if retryAt <= now { retrySilent(turn: &turn, using: &random) }
        if probing.nextDeadline <= now { runProbes(turn: &turn, using: &random) }
        if trials.nextDeadline <= now { runTrials(turn: &turn, using: &random) }
        if touchAt <= now { sendTouches(turn: &turn, using: &random) }
        if meshTimersAt <= now { runMeshTimers(turn: &turn, using: &random) }
        runOwn(turn: &turn, using: &random)
        defendNodeRecord(turn: &turn, using: &random)
        refreshStanding(turn: &turn, using: &random)
        checkReconciled(turn: &turn)
        sendEarly(turn: &turn, using: &random)
        return nil
    }

    /// A partition may have healed, or this process has just begun: who did not answer for long is called at
    /// once, not in 10 minutes.
    private mutating func retrySilent(
        turn: inout Turn, using random: inout some RandomNumberGenerator
    ) {
        let isFirst = retryAt == .start
        retryAt = .never
        if isFirst, isPlanted(.callsOneAfterRestart) { return }
        for node in silent { retry(node, turn: &turn, using: &random) }
    }

    /// Those who have answered under their present node record, and have no session now.
    private var silent: [NodeID] { targets.filter(isSilent) }

    func isSilent(_ node: NodeID) -> Bool {
        !sessions.isEstablished(with: node)
            && reached[node] == standing.member(node)?.nodeRecordStamp
    }

    /// A member has a session under its present node record. The next process calls whom this one has reached.
    mutating func noteReached(_ node: NodeID, turn: inout Turn) {
        guard let stamp = standing.member(node)?.nodeRecordStamp, reached[node] != stamp else {
            return
        }
        reached[node] = stamp
        turn.write(DiskKey.reached(node), stamp.bigEndianOctets)
    }

    /// Who began again hears what is held of it: its disk may be an old one, or another process speaks in its
    /// name.
    private mutating func tellRestarted(
        turn: inout Turn, using random: inout some RandomNumberGenerator
    ) {
        guard !restarted.isEmpty else { return }
        let nodes = restarted
        restarted = []
        for node in nodes {
            guard let octets = standing.member(node)?.nodeRecordOctets else { continue }
            say(.objects([octets]), to: .member(node), turn: &turn, using: &random)
        }
    }

    private mutating func probeSilent(
        turn: inout Turn, using random: inout some RandomNumberGenerator
    ) {
        probeAt = turn.now.moment + Self.probeInterval
        if let node = silent.randomElement(using: &random) {
            retry(node, turn: &turn, using: &random)
        }
    }

    private mutating func retry(
        _ node: NodeID, turn: inout Turn, using random: inout some RandomNumberGenerator
    ) {
        withSessions(turn: &turn, using: &random) { sessions, time, directory, random in
            sessions.retry(node, at: time, directory: &directory, using: &random)
        }
    }

    private mutating func reconcile(
        turn: inout Turn, using random: inout some RandomNumberGenerator
    ) {
        let summary = Reconciler.summary(trust: trust, records: records, wantsAnswer: true)
        let due = reconciler.due(at: turn.now.moment, among: targets, using: &random)
        for node in due {
            say(summary, to: .member(node), turn: &turn, using: &random)
        }
        let missing = missingLists.filter { trust.isMissing(keepList: $0) }
        guard !missing.isEmpty || keepListPieces.count > 0,
            let node = targets.randomElement(using: &random)
        else { return }
        let questions = keepListPieces.ask(node, for: missing, at: turn.now.moment)
        for (node, messages) in questions {
            send(
                .control(messages.flatMap(\.octets)), to: .member(node), turn: &turn,
                using: &random)
        }
    }

    /// Whether this node has seen all that there is: it agreed with two other members, and if it has just
    /// joined, with enough of them by distinct admitters (trust.md 6).
    private mutating func checkReconciled(turn: inout Turn) {
        guard !isReconciled || partlyJoined != nil else { return }
        // After every event of a large mesh that forms: what is cheap comes first.
        let others = max(0, standing.members.count - 1)
        guard reconciler.isWitnessed(among: others, at: turn.now.moment) else { return }
        if !isReconciled, partlyJoined == nil {
            isReconciled = true
            turn.send(.notice(.reconciled))
        }
        guard let partly = partlyJoined,
            UInt32(clamping: standing.revocationCount) >= partly.revocations
        else { return }
        let agreed = reconciler.agreed.compactMap { standing.member($0) }
        let witnesses = Set(agreed.map { $0.admitter ?? $0.key })
        if witnesses.count < PartlyJoined.witnesses {
            let admitters = Set(
                standing.members.filter { $0.id != id }.map { $0.admitter ?? $0.key })
            guard witnesses.count >= admitters.count else { return }
        }
        partlyJoined = nil
        // What was found out before has no legacy sites in it.
        flows.clear()
        turn.write(DiskKey.partlyJoined, nil)
        isReconciled = true
        turn.send(.notice(.reconciled))
    }

    /// Expiry of records, new data keys, the floor of mesh time.
    private mutating func runMeshTimers(
        turn: inout Turn, using random: inout some RandomNumberGenerator
    ) {
        let now = meshTime(turn)
        dropRecords(turn: &turn) { records, _, tell in records.expire(meshTime: now, tell: tell) }
        if coverageShrank {
            coverageShrank = false
            dropRecords(turn: &turn) { $0.dropUncovered($1, tell: $2) }
        }
        republishOwn(turn: &turn, using: &random)
        retryParked(turn: &turn, using: &random)
        let age = now &- dataKeys.since
        if age >= Self.dataKeyLife, !isSecondCopy {
            dataKeys = DataKeys(
                current: random.octets(X25519.keySize), previous: dataKeys.current, since: now)
            turn.write(DiskKey.dataKeys, dataKeys.octets)
            renewNodeRecord(turn: &turn, using: &random)
        }
        if hasStepped {
            hasStepped = false
            own(.clockStepped, turn: &turn, using: &random)
        }
        updateOwnDeadline(turn)
        askForAddress(turn: &turn, using: &random)
        turn.write(DiskKey.floor, clock.floor(at: turn.now.moment).bigEndianOctets)
        meshTimersAt = turn.now.moment + Self.longestWait
    }

    /// What the mesh's clock did; after a step everything of this node is signed again.
    mutating func clockChanged(_ events: [MeshClock.Event], turn: inout Turn) {
        for event in events {
            switch event {
            case .stepped(let milliseconds):
                turn.send(.notice(.clockStepped(milliseconds)))
                hasStepped = true
                meshTimersAt = turn.now.moment
            case .disagrees(let milliseconds):
                turn.send(.notice(.clockDisagrees(milliseconds)))
            }
        }
    }
}

// This node's own record in the set of trust objects.
extension Core {
    /// Signs where this node is, and its data key.
    mutating func signNodeRecord(turn: inout Turn) -> TrustObject? {
        let old = member
        var record = NodeRecord(
            dataKey: Self.secret(dataKeys.current).publicKey,
            incarnation: old?.nodeRecord?.incarnation ?? 1)
        record.locators = locators.prefix(Self.maximumLocators).map {
            NodeRecord.Locator(
                $0, dataPort: settings.dataPort, controlPort: settings.controlPort,
                preference: .init(priority: 1, weight: 100))
        }
        // A thief of the key may have signed one for the end of time; there is nothing above that.
        let (next, isNone) = (old?.nodeRecordStamp ?? 0).addingReportingOverflow(1)
        let stamp = max(meshTime(turn), isNone ? .max : next)
        guard
            let object = try? TrustObject(
                signing: Statement(.nodeRecord(record), stamp: stamp), by: key, in: mesh)
        else { return nil }
        useNodeRecord(object.octets)
        return object
    }

    /// RLOCs that a node says it has.
    static let maximumLocators = 8

    /// Sessions show the node record and use its data key.
    mutating func useNodeRecord(_ octets: [UInt8]) {
        var identity = sessions.identity
        identity.dataKey = Self.secret(dataKeys.current)
        identity.previousDataKey = dataKeys.previous.map(Self.secret)
        identity.nodeRecord = octets
        sessions.update(identity)
    }

    /// - Parameter contradicts: it is said against a second copy, which is all that one says.
    mutating func renewNodeRecord(
        contradicts: Bool = false, turn: inout Turn,
        using random: inout some RandomNumberGenerator
    ) {
        guard member != nil, contradicts || !isSecondCopy, let object = signNodeRecord(turn: &turn)
        else { return }
        adopt(object, turn: &turn)
        distribute(object, turn: &turn, using: &random)
    }

    /// The host has other addresses now.
    mutating func moved(
        to addresses: [Address], turn: inout Turn,
        using random: inout some RandomNumberGenerator
    ) {
        let sorted = addresses.filter { $0.afi == AFI.ipv4 || $0.afi == AFI.ipv6 }
        guard sorted != locators else { return }
        locators = sorted
        guard joining == nil else { return }
        let announced = member?.nodeRecord?.locators.map(\.address) ?? []
        if announced != [Address](sorted.prefix(Self.maximumLocators)) {
            renewNodeRecord(turn: &turn, using: &random)
        }
        wantOwnEIDs(turn: &turn, using: &random)
        askForPorts(turn: &turn, using: &random)
    }
}
