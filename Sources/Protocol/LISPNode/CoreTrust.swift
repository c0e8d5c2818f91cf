import Clocks
import Cryptography
import LISP
import Laboratory
import MappingSystem
import Mappings
import Sessions
import Trust

/// The mesh's trust, as sessions see it while they handle one datagram.
struct Directory: PeerDirectory {
    let standing: Standing
    let mesh: MeshID
    let own: NodeID
    let knownPaths: KnownPaths
    /// A node record that an opener brought and that verified: newer than what ``standing`` has.
    private(set) var learned: (node: NodeID, object: TrustObject)?

    init(_ core: Core) {
        standing = core.standing
        mesh = core.mesh
        own = core.id
        knownPaths = core.knownPaths
    }

    mutating func learn(nodeRecord octets: [UInt8]) {
        guard let object = try? TrustObject(octets: octets),
            case .nodeRecord = object.statement.kind,
            let member = standing.member(key: object.signer),
            object.statement.stamp > member.nodeRecordStamp || member.nodeRecord == nil,
            object.isSigned(in: mesh)
        else { return }
        learned = (member.id, object)
    }

    private func nodeRecord(of node: NodeID) -> NodeRecord? {
        if let learned, learned.node == node,
            case .nodeRecord(let record) = learned.object.statement.kind
        {
            return record
        }
        return standing.member(node)?.nodeRecord
    }

    func dataKey(of node: NodeID) -> X25519.PublicKey? {
        guard standing.member(node) != nil else { return nil }
        return nodeRecord(of: node)?.dataKey
    }

    func incarnation(of node: NodeID) -> UInt32? { nodeRecord(of: node)?.incarnation }

    func paths(to node: NodeID) -> [Path] {
        nodeRecord(of: node)?.paths ?? []
    }

    func formerPaths(to node: NodeID) -> [Path] {
        let announced = paths(to: node)
        return knownPaths[node].filter { !announced.contains($0) }
    }

    func nodes(at host: IPv6Address) -> [NodeID] {
        standing.members.compactMap { member in
            let paths = paths(to: member.id) + knownPaths[member.id]
            return member.id != own && paths.contains { $0.host == host } ? member.id : nil
        }
    }

    func mayRedeem(_ invite: TrustObject) -> Bool {
        let mayAdmit = standing.member(own)?.roles.contains(.admitter) ?? false
        guard mayAdmit, invite.isSigned(in: mesh), case .invite = invite.statement.kind else {
            return false
        }
        // Whether this node's own use of it is left is told to the joiner, by name, once it has
        // shown that it holds the secret.
        return standing.isKnown(invite.signer) && !standing.isRevoked(invite.signer)
    }
}

extension Core {
    /// Runs something of the sessions with the mesh's trust at hand, and does what follows from it.
    mutating func withSessions<Chance: RandomNumberGenerator>(
        turn: inout Turn, using random: inout Chance,
        _ work: (inout SessionTable, SessionTime, inout Directory, inout Chance) -> [SessionEffect]
    ) {
        var directory = Directory(self)
        let effects = work(&sessions, sessionTime(turn), &directory, &random)
        if let learned = directory.learned { adopt(learned.object, turn: &turn) }
        perform(effects, turn: &turn, using: &random)
    }

    /// Takes an object that came, or that this node signed, into the set.
    /// - Returns: the ids that are new by it.
    @discardableResult
    mutating func adopt(_ object: TrustObject, turn: inout Turn) -> [ObjectID] {
        guard case .new(let ids) = take(object, turn: &turn) else { return [] }
        return ids
    }

    private mutating func take(_ object: TrustObject, turn: inout Turn) -> TrustSet.Insertion {
        let insertion = trust.insert(object)
        switch insertion {
        case .new(let ids):
            for id in ids {
                guard let octets = trust.object(id)?.octets else { continue }
                turn.write(DiskKey.object(id), octets)
            }
            let gone = trust.takeGone()
            for id in gone.objects { turn.write(DiskKey.object(id), nil) }
            for hash in gone.keepLists { turn.write(DiskKey.keepList(hash), nil) }
            trustChanged = true
            // Parked ones that waited for it count as well.
            fresh += ids
            if case .nodeRecord = object.statement.kind {
                noticeNodeRecord(object, at: turn.now.moment)
            }
        case .known, .parked: break
        case .refused: counters.objectsRefused += 1
        }
        return insertion
    }

    /// A node record under this node's own key that it did not sign just now is from a former life, or
    /// from a second copy.
    private mutating func noticeNodeRecord(_ object: TrustObject, at now: Moment) {
        guard object.signer == key.publicKey, object.octets != sessions.identity.nodeRecord,
            joining == nil
        else { return }
        foreignRecords.removeAll { $0 + OwnRecords.fightSpan <= now }
        if foreignRecords.count <= OwnRecords.fights { foreignRecords.append(now) }
        mustRenewRecord = true
    }

    /// Says again where this node is, after somebody else has said it in its name; or gives up, if that
    /// somebody does the same again and again. The last words are for the other copy, which must hear of this
    /// one as often before it gives up too.
    mutating func defendNodeRecord(
        turn: inout Turn, using random: inout some RandomNumberGenerator
    ) {
        guard mustRenewRecord else { return }
        mustRenewRecord = false
        if foreignRecords.count > OwnRecords.fights, !isPlanted(.secondCopyGoesOn) {
            if !isSecondCopy { turn.send(.notice(.secondCopy)) }
            hasTwin = true
        }
        if isSecondCopy {
            guard contradictions <= OwnRecords.fights else { return }
            contradictions += 1
        }
        refreshStanding(turn: &turn, using: &random)
        renewNodeRecord(contradicts: true, turn: &turn, using: &random)
    }

    /// What follows from an object that is new in the set, once the set's standing is taken.
    mutating func noteMeaning(of object: TrustObject) {
        switch object.statement.kind {
        case .revocation(let revocation):
            if standing.heeds(revocation, by: object.signer) { reach.begin(object, in: mesh) }
        case .time:
            // Its signer may become a steward later, in whatever order the two were heard of.
            times[object.signer] = max(times[object.signer] ?? 0, object.statement.stamp)
        default: break
        }
    }

    /// The newest time that a steward has stated.
    mutating func takeTimes() {
        guard !times.isEmpty else { return }
        let stewards = times.keys.filter {
            standing.member(key: $0)?.roles.contains(.steward) ?? false
        }
        guard let newest = stewards.compactMap({ times[$0] }).max() else { return }
        for key in stewards { times[key] = nil }
        clock.accept(timeObject: newest)
        clockAt = .start
    }

    /// Another node has this identity too: this one signs nothing any more.
    package var isSecondCopy: Bool { hasTwin || own.state == .secondCopy }

    /// What the set of objects means may have changed: who is a member, and so everything else.
    mutating func refreshStanding(
        turn: inout Turn, using random: inout some RandomNumberGenerator
    ) {
        let now = meshTime(turn)
        let isDue = standing.changesAt.map { $0 <= now } ?? false
        guard trustChanged || isDue else { return }
        trustChanged = false
        let before = standing
        believe(trust.standing(at: now))
        missingLists = standing.heeded(keepLists: trust.missingKeepLists)
        let ids = fresh
        fresh = []
        for id in ids { if let object = trust.object(id) { noteMeaning(of: object) } }
        takeTimes()
        let changes = standing.changes(since: before)
        for member in changes.left {
            turn.send(.notice(.memberLeft(member.id)))
            sayWhy(to: member, turn: &turn, using: &random)
            if !isPlanted(.revokedSessionStays) {
                withSessions(turn: &turn, using: &random) { sessions, _, _, _ in
                    sessions.close(member.id)
                }
            }
            spread.forget(member.id)
            knownPaths.forget(member.id)
            if reached.removeValue(forKey: member.id) != nil {
                turn.write(DiskKey.reached(member.id), nil)
            }
            stopped.remove(member.id)
            called[member.id] = nil
            objectBudgets[member.id] = nil
            turn.write(DiskKey.path(to: member.id), nil)
            reconciler.forget(member.id)
            reach.forget(member.id)
            keepListPieces.forget(member.id)
        }
        for member in changes.joined {
            turn.send(.notice(.memberJoined(member.id)))
        }
        var moved: [NodeID] = []
        for (old, member) in changes.renewed {
            guard member.nodeRecordStamp > old.nodeRecordStamp, let new = member.nodeRecord
            else { continue }
            if knownPaths.note(old.nodeRecord?.paths ?? [], of: member.id) {
                turn.write(DiskKey.path(to: member.id), knownPaths.octets(of: member.id))
            }
            if new.paths != old.nodeRecord?.paths ?? [] { moved.append(member.id) }
            // Under the new record as under the old one, if it is still where it was.
            if reached[member.id] == old.nodeRecordStamp, sessions.isEstablished(with: member.id),
                new.paths == old.nodeRecord?.paths || isWhereItSays(member)
            {
                noteReached(member.id, turn: &turn)
            }
            guard new.incarnation != old.nodeRecord?.incarnation else { continue }
            withSessions(turn: &turn, using: &random) { sessions, _, _, _ in
                sessions.close(member.id)
            }
        }
        for node in moved {
            callAgain(node, turn: &turn, using: &random)
            sessions.portsChanged(of: node, isUrgent: false)
            tellPorts(to: node, turn: &turn, using: &random)
            tryPorts(to: node, turn: &turn, using: &random)
        }
        if standing.isRevoked(key.publicKey), !before.isRevoked(key.publicKey) {
            turn.send(.notice(.revoked))
        }
        if standing.revocationCount != before.revocationCount {
            dropRecords(turn: &turn) { $0.rightsChanged($1, tell: $2) }
        }
        if before.hasLostCoverage(in: standing) { coverageShrank = true }
        let isOther = changes.renewed.contains { old, new in
            new.ranges != old.ranges || new.addresses != old.addresses
                || new.names != old.names || new.roles != old.roles
        }
        if isDue || isOther || coverageShrank || !changes.left.isEmpty {
            meshTimersAt = turn.now.moment
        }
        let known = targets
        targets = chooseTargets()
        introduce(
            to: targets.filter { !known.contains($0) }, turn: &turn, using: &random)
        retryParked(turn: &turn, using: &random)
        ownRightsChanged(before: before, turn: &turn, using: &random)
    }

    /// Whether packets to a member go to an address that it announces, and it has answered there.
    func isWhereItSays(_ member: Member) -> Bool {
        guard let state = sessions.session(with: member.id), state.isProved, let path = state.path
        else { return false }
        return member.nodeRecord?.paths.contains(path) ?? false
    }

    /// A member says that it is somewhere else: whoever has lost it calls it there. Not often: the
    /// address may be somebody else's.
    private mutating func callAgain(
        _ node: NodeID, turn: inout Turn, using random: inout some RandomNumberGenerator
    ) {
        let now = turn.now.moment
        guard !sessions.isEstablished(with: node), called[node].map({ $0 <= now }) ?? true else {
            return
        }
        called[node] = now + Self.callInterval
        withSessions(turn: &turn, using: &random) { sessions, time, directory, random in
            sessions.retry(node, at: time, directory: &directory, using: &random)
        }
    }

    /// Whether signers reach only a few by themselves. While a small mesh forms there are members whose
    /// node record is not here yet: to pass on then would be to tell everybody everything fifty times.
    var passesOn: Bool { standing.members.count - 1 > Self.directTargets }

    /// Everybody, or in a larger mesh a few, drawn so that each pair would draw each other alike.
    func chooseTargets() -> [NodeID] {
        let others = standing.members.filter { $0.id != id && $0.nodeRecord != nil }.map(\.id)
        guard others.count > Self.directTargets else { return others }
        func draw(_ other: NodeID) -> UInt64 {
            var mixed = id.number ^ other.number
            mixed = (mixed ^ mixed >> 30) &* 0xBF58_476D_1CE4_E5B9
            mixed = (mixed ^ mixed >> 27) &* 0x94D0_49BB_1331_11EB
            return mixed ^ mixed >> 31
        }
        let drawn = others.map { (number: draw($0), node: $0) }.sorted { $0.number < $1.number }
        return drawn.prefix(Self.sparseTargets).map(\.node).sorted()
    }

    /// Signs a statement with this node's key, keeps it and sends it to the others.
    mutating func sign(
        _ kind: Statement.Kind, by signer: Ed25519.SecretKey? = nil, turn: inout Turn,
        using random: inout some RandomNumberGenerator
    ) -> Result<TrustObject, Failure> {
        // What the root signs is not this node's.
        guard signer != nil || !isSecondCopy else { return .failure(.secondCopy) }
        do throws(TrustObjectError) {
            let object = try TrustObject(
                signing: Statement(kind, stamp: meshTime(turn)), by: signer ?? key, in: mesh)
            switch take(object, turn: &turn) {
            case .new, .known: break
            // What this node does not hold nobody will: an invite of such a kind lets nobody in.
            case .parked: return .failure(.notAllowed)
            case .refused(.bound): return .failure(.tooMany)
            case .refused: return .failure(.notAllowed)
            }
            distribute(object, turn: &turn, using: &random)
            return .success(object)
        } catch {
            return .failure(.trustObject(error))
        }
    }

    /// To all that shall hear of changes, at once; revocations before everything else.
    mutating func distribute(
        _ object: TrustObject, except sender: NodeID? = nil, turn: inout Turn,
        using random: inout some RandomNumberGenerator
    ) {
        var isUrgent = false
        if case .revocation = object.statement.kind { isUrgent = true }
        if isUrgent && isPlanted(.revocationNotSpread) { return }
        let change = Spread.Change(
            id: object.id(in: mesh).number,
            plaintext: MeshMessage.objects([object.octets]).octets, isUrgent: isUrgent)
        distribute(change, except: sender, turn: &turn, using: &random)
    }

    mutating func distribute(
        _ change: Spread.Change, except sender: NodeID? = nil, turn: inout Turn,
        using random: inout some RandomNumberGenerator
    ) {
        for node in targets where node != sender {
            if spread.add(change, for: node, at: turn.now.moment) {
                send(.control(change.plaintext), to: .member(node), turn: &turn, using: &random)
            }
        }
    }

    mutating func send(
        _ payload: Payload, to peer: Peer, turn: inout Turn,
        using random: inout some RandomNumberGenerator
    ) {
        if settings.showsPlaintext, case .control(let octets) = payload {
            show(octets, peer, isSent: true, turn: &turn)
        }
        withSessions(turn: &turn, using: &random) { sessions, time, directory, random in
            sessions.send(payload, to: peer, at: time, directory: &directory, using: &random)
        }
    }
}
