import Clocks
import Cryptography
import Forwarding
import LISP
import MappingSystem
import Mappings
import Sessions
import Trust

extension Core {
    /// A node that holds nothing yet but its keys.
    private init(
        mesh: MeshID, seed: [UInt8], dataKeys: DataKeys, floor: UInt64, _ settings: Settings,
        locators: [Address], turn: Turn, using random: inout some RandomNumberGenerator
    ) {
        guard let key = Ed25519.SecretKey(seed: seed) else {
            preconditionFailure("identity seeds are made and kept as 32 octets")
        }
        self.settings = settings
        self.mesh = mesh
        self.key = key
        self.seed = seed
        self.dataKeys = dataKeys
        self.locators = locators
        id = NodeID(of: key.publicKey, in: mesh)
        cryptoEID = mesh.cryptoEID(of: key.publicKey)
        guard case .ipv6(let prefix) = cryptoEID.kind else {
            preconditionFailure("a crypto-EID is an IPv6 address")
        }
        cryptoAddress = prefix.address
        ownAddress = InnerAddress(prefix.address, instance: 0)
        bootID = random.octets(16)
        trust = TrustSet(mesh: mesh)
        clock = MeshClock(floor: max(floor, settings.release))
        _ = clock.update(at: turn.now)
        let now = clock.time(at: turn.now)
        standing = trust.standing(at: now)
        records = RecordStore(mesh: mesh)
        own = OwnRecords(key: key, mesh: mesh, past: .none)
        reconciler = Reconciler(at: turn.now.moment)
        touchAt = turn.now.moment
        sessions = SessionTable(
            SessionTable.Identity(
                mesh: mesh, node: id, dataKey: Self.secret(dataKeys.current), bootID: bootID,
                nodeRecord: [], startedAt: now),
            settings: settings.sessions)
    }

    /// Everything that the next process needs to be this node.
    private func writeIdentity(turn: inout Turn) {
        turn.write(DiskKey.identity, mesh.octets + seed)
        turn.write(DiskKey.dataKeys, dataKeys.octets)
    }

    /// Begins a mesh: root keys, genesis, and this node as its first admin.
    static func create(
        _ plan: MeshPlan, _ settings: Settings, locators: [Address], turn: inout Turn,
        using random: inout some RandomNumberGenerator
    ) -> (core: Core, answer: Answer)? {
        let rootSeed = random.octets(Ed25519.seedSize)
        let nextSeed = random.octets(Ed25519.seedSize)
        guard let root = Ed25519.SecretKey(seed: rootSeed),
            let next = Ed25519.SecretKey(seed: nextSeed)
        else { return nil }
        let commitment = RootCommitment(to: next.publicKey)
        let mesh = MeshID(firstRoot: root.publicKey, commitment: commitment)
        var core = Core(
            mesh: mesh, seed: random.octets(Ed25519.seedSize),
            dataKeys: DataKeys(current: random.octets(X25519.keySize), since: 0), floor: 0,
            settings, locators: locators, turn: turn, using: &random)
        let now = core.meshTime(turn)
        core.dataKeys.since = now
        var genesis = Genesis(name: plan.name, commitment: commitment, pool: plan.pool)
        if plan.onlyAdminsAdmit { genesis.policy = 1 }
        var grant = Grant(to: core.key.publicKey, roles: [.member, .admin])
        grant.depth = Self.rootDepth
        // What nobody else was given is the first admin's to give.
        grant.ranges = [EID(.ipv4(plan.pool)), EID(.ipv6(mesh.prefix))]
        for kind in [Statement.Kind.genesis(genesis), .grant(grant)] {
            guard
                let object = try? TrustObject(
                    signing: Statement(kind, stamp: now), by: root, in: mesh)
            else { return nil }
            core.adopt(object, turn: &turn)
        }
        core.refreshStanding(turn: &turn, using: &random)
        core.writeIdentity(turn: &turn)
        core.claimForItself(plan.nodeName, turn: &turn, using: &random)
        core.becameMember(turn: &turn, using: &random)
        return (core, .created(mesh, root: rootSeed, nextRoot: nextSeed))
    }

    /// How many links may hang below a grant of the root.
    private static let rootDepth: UInt8 = 3

    private mutating func claimForItself(
        _ name: MeshName?, turn: inout Turn, using random: inout some RandomNumberGenerator
    ) {
        let subject = key.publicKey
        _ = sign(.claim(Claim(.address(index: 0), for: subject)), turn: &turn, using: &random)
        if let name {
            _ = sign(.claim(Claim(.name(name), for: subject)), turn: &turn, using: &random)
        }
        refreshStanding(turn: &turn, using: &random)
    }

    /// Begins to join with an invite string.
    static func join(
        _ text: String, name: MeshName?, seed: [UInt8]?, command: UInt64, _ settings: Settings,
        locators: [Address], turn: inout Turn, using random: inout some RandomNumberGenerator
    ) -> Result<Core, Failure> {
        let invite: InviteString
        do throws(InviteError) {
            invite = try InviteString(text)
        } catch {
            return .failure(.invite(error))
        }
        var core = Core(
            mesh: invite.mesh, seed: seed ?? random.octets(Ed25519.seedSize),
            dataKeys: DataKeys(current: random.octets(X25519.keySize), since: 0),
            floor: invite.object.statement.stamp, settings, locators: locators, turn: turn,
            using: &random)
        core.dataKeys.since = core.meshTime(turn)
        guard core.signNodeRecord(turn: &turn) != nil else { return .failure(.notAllowed) }
        guard let inviteKey = invite.inviteKey() else { return .failure(.invite(.damaged)) }
        core.joining = Joining(
            invite: invite, inviteKey: inviteKey, name: name, command: command,
            deadline: turn.now.moment, silentUntil: turn.now.moment + Joining.silence)
        core.writeIdentity(turn: &turn)
        core.callSeed(turn: &turn, using: &random)
        return .success(core)
    }

    /// From the first moment as a member on: it says where it is, and what it is.
    mutating func becameMember(
        turn: inout Turn, using random: inout some RandomNumberGenerator
    ) {
        memberSince = turn.now.moment
        refreshStanding(turn: &turn, using: &random)
        if let object = signNodeRecord(turn: &turn) {
            adopt(object, turn: &turn)
            refreshStanding(turn: &turn, using: &random)
            distribute(object, turn: &turn, using: &random)
        }
        wantOwnEIDs(turn: &turn, using: &random)
    }
}

// What the disk brings back.
extension Core {
    /// - Returns: `nil` if the disk holds no identity, or a damaged one.
    init?(
        restoring disk: [[UInt8]: [UInt8]], _ common: Common?, _ settings: Settings,
        turn: inout Turn, using random: inout some RandomNumberGenerator
    ) {
        guard let identity = disk[DiskKey.identity],
            identity.count == 32 + Ed25519.seedSize,
            let mesh = MeshID(octets: [UInt8](identity.prefix(32))),
            let dataKeys = disk[DiskKey.dataKeys].flatMap(DataKeys.init(octets:))
        else {
            if !disk.isEmpty { turn.send(.notice(.damagedState(key: DiskKey.identity))) }
            return nil
        }
        let floor = disk[DiskKey.floor].flatMap(UInt64.init(octets:)) ?? 0
        self.init(
            mesh: mesh, seed: [UInt8](identity.suffix(Ed25519.seedSize)), dataKeys: dataKeys,
            floor: floor, settings, locators: [], turn: turn, using: &random)
        if let common { (trust, records) = (common.trust, common.records) }
        // In the order of the keys: a dictionary's own order differs from process to process.
        let sorted = disk.sorted { $0.key.lexicographicallyPrecedes($1.key) }
        func all(_ kind: UInt8) -> [(key: [UInt8], value: [UInt8])] {
            sorted.filter { $0.key.first == kind }
        }
        var objects: [TrustObject] = []
        for (key, octets) in all(DiskKey.object) {
            guard let object = try? TrustObject(octets: octets), object.isSigned(in: mesh) else {
                turn.send(.notice(.damagedState(key: key)))
                continue
            }
            objects.append(object)
        }
        trust.restore(objects)
        for (_, octets) in all(DiskKey.keepList) {
            _ = trust.insert(keepList: [ObjectID](packed: octets))
        }
        for (key, octets) in all(DiskKey.path) {
            guard let node = NodeID(octets: [UInt8](key.dropFirst())) else { continue }
            knownPaths.restore(octets, of: node)
        }
        for (key, octets) in all(DiskKey.reached) {
            guard let node = NodeID(octets: [UInt8](key.dropFirst())) else { continue }
            reached[node] = UInt64(octets: octets)
        }
        let now = clock.time(at: turn.now)
        believe(trust.standing(at: now))
        missingLists = standing.heeded(keepLists: trust.missingKeepLists)
        for object in objects.sorted(by: { $0.statement.stamp < $1.statement.stamp }) {
            noteMeaning(of: object)
        }
        takeTimes()
        guard standing.genesis != nil else {
            // A process that ended while it joined: what it began counts for nothing. Who was a member once, and
            // is none now, may be one again.
            turn.removeAll(disk.keys.sorted { $0.lexicographicallyPrecedes($1) })
            return nil
        }
        for (key, octets) in all(DiskKey.record) {
            let offer = records.offer(
                octets, from: .disk, rights: standing, meshTime: now, at: turn.now.moment)
            if case .refused = offer { turn.write(key, nil) }
        }
        restoreOwn(
            sequences: all(DiskKey.sequence), registrations: all(DiskKey.registration),
            turn: &turn)
        if let seen = disk[DiskKey.partlyJoined].flatMap(UInt32.init(octets:)) {
            partlyJoined = PartlyJoined(revocations: seen)
        }
        targets = chooseTargets()
        if let record = member?.nodeRecordOctets { useNodeRecord(record) }
        if let record = member?.nodeRecord,
            record.dataKey != Self.secret(dataKeys.current).publicKey
        {
            // A second copy has signed it, or a process that ended between the two.
            mustRenewRecord = true
        }
        wantOwnEIDs(turn: &turn, using: &random)
    }
}

extension Core.DataKeys {
    /// `since 8 | current 32 | previous 32, or nothing`
    var octets: [UInt8] {
        withUnsafeBytes(of: since.bigEndian) { [UInt8]($0) } + current + (previous ?? [])
    }

    init?(octets: [UInt8]) {
        guard octets.count == 40 || octets.count == 72,
            let since = UInt64(octets: [UInt8](octets.prefix(8)))
        else { return nil }
        self.since = since
        current = [UInt8](octets[8..<40])
        previous = octets.count == 72 ? [UInt8](octets[40...]) : nil
    }
}

extension FixedWidthInteger where Self: UnsignedInteger {
    /// Big-endian; `nil` if there are not as many octets as it has.
    init?(octets: [UInt8]) {
        guard octets.count == Self.bitWidth / 8 else { return nil }
        self = octets.reduce(0) { $0 << 8 | Self($1) }
    }

    var bigEndianOctets: [UInt8] { withUnsafeBytes(of: bigEndian) { [UInt8]($0) } }
}

extension [ObjectID] {
    /// 16 octets each; an incomplete last one is left out.
    init(packed octets: [UInt8]) {
        self = stride(from: 0, to: octets.count, by: ObjectID.size).compactMap {
            ObjectID(octets: [UInt8](octets[$0..<Swift.min($0 + ObjectID.size, octets.count)]))
        }
    }
}
