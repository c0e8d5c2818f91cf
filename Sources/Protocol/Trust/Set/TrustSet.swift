import Cryptography
import Laboratory

/// What a node knows of who may do what: trust objects, each with a signature that was verified once,
/// when it came. The set only grows, and what is in it does not depend on the order of arrival: an
/// object whose right to be here cannot be seen yet is parked until it can.
package struct TrustSet: Sendable {
    package let mesh: MeshID

    private var entries: [ObjectID: Entry] = [:]
    private var holdings: [Quota.Subject: Holdings] = [:]
    private var buckets = Buckets()
    private var parking = Parking()
    private var lists = KeepLists()
    /// What keys were ever given, rightly or not: who was given nothing need not be listened to.
    private var introduced: [Ed25519.PublicKey: Roles] = [:]
    private var commitments: Set<RootCommitment> = []
    private var records: [Ed25519.PublicKey: Entry] = [:]
    private var policy: UInt32 = 0
    private var revocations = 0
    private var memo = Memo()
    /// What is not in the set any more since somebody asked.
    private var gone = Gone()

    /// Objects that others took the place of, and lists that nothing asks for any more.
    package struct Gone: Sendable {
        package fileprivate(set) var objects: [ObjectID] = []
        package fileprivate(set) var keepLists: [[UInt8]] = []
    }

    /// All objects of one mesh together, so that no chain of grants fills a memory.
    package static let limit = 65_536

    package enum Insertion: Hashable, Sendable {
        /// It is in the set now, and so are parked ones that had waited for it.
        case new([ObjectID])
        case known
        /// Its signer, its invite or its root is not known yet.
        case parked
        case refused(Refusal)
    }

    package enum Refusal: Hashable, Sendable {
        case signature
        /// A genesis of another mesh.
        case unknownRoot
        /// The node has signed a newer record, the steward a newer time.
        case superseded
        /// Its signer has as many as one may have.
        case bound
        /// An admission that the invite's key has not signed.
        case proof
        /// The invite is for another node.
        case boundToAnother
    }

    package init(mesh: MeshID) { self.mesh = mesh }

    @discardableResult
    package mutating func insert(_ object: TrustObject) -> Insertion {
        let id = object.id(in: mesh)
        guard entries[id] == nil else { return .known }
        guard !parking.contains(id) else { return .parked }
        let entry = Entry(object, id: id, in: mesh)
        if let refusal = refusal(of: entry) { return .refused(refusal) }
        guard object.isSigned(in: mesh) || isPlanted(.objectSignatureUnchecked) else {
            return .refused(.signature)
        }
        guard isIntroduced(entry) else {
            parking.park(entry)
            return .parked
        }
        if let refusal = refusalOfUse(entry) { return .refused(refusal) }
        var new: [ObjectID] = []
        store(entry, new: &new)
        return .new(new)
    }
}

// From the disk
extension TrustSet {
    /// Takes back what a set held before. In the order in which they were signed, as far as clocks agree,
    /// since what comes before its signer's right waits, and only so much can wait; what found no place is
    /// offered again as long as that helps.
    package mutating func restore(_ objects: [TrustObject]) {
        var left = objects.map { (id: $0.id(in: mesh), object: $0) }.sorted {
            ($0.object.statement.stamp, $0.id) < ($1.object.statement.stamp, $1.id)
        }
        while !left.isEmpty {
            let before = count
            for (_, object) in left { _ = insert(object) }
            left.removeAll { entries[$0.id] != nil || parking.contains($0.id) }
            guard count > before else { return }
        }
    }
}

// Which objects may be here
extension TrustSet {
    /// What can be said before the signature is looked at.
    private func refusal(of entry: Entry) -> Refusal? {
        if case .genesis(let genesis) = entry.kind {
            let named = MeshID(firstRoot: entry.signer, commitment: genesis.commitment)
            guard named == mesh else { return .unknownRoot }
        }
        guard let quota = quota(of: entry) else { return nil }
        guard holdings[quota.subject]?.admits(entry, under: quota) ?? true else {
            return quota.limit == 1 ? .superseded : .bound
        }
        // A newer node record takes the place of one that is here.
        let isRenewal = entry.form == .nodeRecord && records[entry.signer] != nil
        return entries.count < Self.limit || isRenewal ? nil : .bound
    }

    /// - Returns: `nil` if it is an admission and its invite is not here.
    private func quota(of entry: Entry) -> Quota? {
        guard case .admission(let admission) = entry.kind else { return Quota(of: entry, uses: 0) }
        return invite(admission.invite).map { Quota(of: entry, uses: Int($0.uses)) }
    }

    private func invite(_ id: ObjectID) -> Invite? {
        guard case .invite(let invite)? = entries[id]?.kind else { return nil }
        return invite
    }

    /// Whether its signer was ever given what such an object takes. Revocations and times do not matter
    /// here: the set must not depend on them.
    private func isIntroduced(_ entry: Entry) -> Bool {
        switch entry.kind {
        case .genesis: return true
        case .rotation:
            return commitments.contains(RootCommitment(to: entry.signer))
                || (isPlanted(.rotationByAnyKey) && introduced[entry.signer] != nil)
        case .grant(let grant):
            return grant.needsGrantor ? has(.grantor, entry.signer) : has([], entry.signer)
        case .invite: return has(.inviter, entry.signer)
        case .admission(let admission):
            return invite(admission.invite) != nil && has(.admitter, entry.signer)
        // Each subject has a quota of its own, so it must be somebody.
        case .claim(let claim):
            return has(.admitter, entry.signer) && introduced[claim.subject] != nil
        case .nodeRecord, .revocation: return has([], entry.signer)
        case .salt, .time: return has(.steward, entry.signer)
        }
    }

    private func has(_ role: Roles, _ key: Ed25519.PublicKey) -> Bool {
        introduced[key]?.expanded(under: policy).isSuperset(of: role) ?? false
    }

    /// Whether the invite's key has let this node in. It is looked at once, here.
    private func refusalOfUse(_ entry: Entry) -> Refusal? {
        guard case .admission(let admission) = entry.kind, let invite = invite(admission.invite)
        else { return nil }
        if isPlanted(.usesByArrival),
            holdings[.admissions(by: admission.invite)]?.count ?? 0 >= Int(invite.uses)
        {
            return .bound
        }
        guard (invite.boundKey ?? admission.node) == admission.node || isPlanted(.boundKeyUnchecked)
        else { return .boundToAnother }
        let isProved =
            Redemption.isProved(
                admission.proof, invite: admission.invite, key: invite.key, node: admission.node,
                in: mesh) || isPlanted(.inviteProofUnchecked)
        return isProved ? nil : .proof
    }
}

// Storing
extension TrustSet {
    private mutating func store(_ first: Entry, new: inout [ObjectID]) {
        var ready = [first]
        var lost = false
        while let entry = ready.popLast() {
            guard let quota = quota(of: entry),
                holdings[quota.subject]?.admits(entry, under: quota) ?? true
            else { continue }
            if let gone = holdings[quota.subject, default: Holdings()].insert(
                entry, under: quota)
            {
                lost = remove(gone) || lost
                new.removeAll { $0 == gone }
            }
            keep(entry)
            new.append(entry.id)
            for id in parking.waiting(for: entry) {
                guard let waiting = parking.remove(id) else { continue }
                if !isIntroduced(waiting) {
                    parking.park(waiting)
                } else if refusalOfUse(waiting) == nil {
                    ready.append(waiting)
                }
            }
        }
        if lost {
            trace()
            new.removeAll { entries[$0] == nil }
        }
    }

    private mutating func keep(_ entry: Entry) {
        entries[entry.id] = entry
        buckets.insert(entry.id)
        var staysMeaning = false
        switch entry.kind {
        case .genesis(let genesis):
            policy = genesis.policy
            commitments.insert(genesis.commitment)
            introduced[entry.signer] = .all
        case .rotation(let rotation):
            commitments.insert(rotation.commitment)
            introduced[entry.signer] = .all
            lists.want(rotation.keepList)
        case .grant(let grant): introduced[grant.subject, default: []].formUnion(grant.roles)
        case .admission(let admission):
            introduced[admission.node, default: []]
                .formUnion(invite(admission.invite)?.roles ?? [])
        case .revocation(let revocation):
            lists.want(revocation.keepList)
            revocations += 1
        case .nodeRecord:
            records[entry.signer] = entry
            staysMeaning = true
        case .invite, .claim, .salt, .time: break
        }
        memo = staysMeaning ? memo.with(record: entry) : memo.with(entry)
    }

    /// - Returns: whether others may have stood on it.
    private mutating func remove(_ id: ObjectID) -> Bool {
        guard let entry = entries.removeValue(forKey: id) else { return false }
        buckets.remove(id)
        gone.objects.append(id)
        if entry.form != .nodeRecord { memo = Memo() }
        switch entry.kind {
        case .nodeRecord, .time, .salt, .claim: return false
        case .revocation(let revocation):
            unwant(revocation.keepList)
            revocations -= 1
            return false
        case .rotation(let rotation):
            unwant(rotation.keepList)
            return true
        case .genesis, .grant, .invite, .admission: return true
        }
    }

    private mutating func unwant(_ hash: [UInt8]?) {
        if lists.unwant(hash), let hash { gone.keepLists.append(hash) }
    }

    /// Begins again with what is here, since something went on which others may have stood; what nothing
    /// supports any more is parked. No signature is verified again.
    private mutating func trace() {
        let all = entries.values.sorted { $0.rank < $1.rank }
        let lists = lists
        var fresh = TrustSet(mesh: mesh)
        fresh.parking = parking
        for entry in all where fresh.entries[entry.id] == nil {
            if fresh.isIntroduced(entry) {
                var new: [ObjectID] = []
                fresh.store(entry, new: &new)
            } else {
                fresh.parking.park(entry)
            }
        }
        fresh.gone = gone
        for entry in all where fresh.entries[entry.id] == nil {
            fresh.gone.objects.append(entry.id)
        }
        for list in lists.all where !fresh.lists.insert(list) {
            fresh.gone.keepLists.append(SHA256.hash(list.flatMap(\.octets)))
        }
        self = fresh
    }
}

// What is in it
extension TrustSet {
    /// Takes the memory of an equal set in place of its own. What is parked stays: it is not part of the
    /// set.
    /// - Returns: whether they are equal.
    package mutating func share(with other: TrustSet) -> Bool {
        guard mesh == other.mesh, digest == other.digest, lists == other.lists else { return false }
        let parking = parking
        self = other
        self.parking = parking
        return true
    }

    /// - Returns: whether some object asks for the hash of these and did not have it.
    package mutating func insert(keepList ids: [ObjectID]) -> Bool {
        guard lists.insert(ids) else { return false }
        memo = memo.with(nil)
        return true
    }

    /// The hashes of lists that objects name and that are not here, sorted. Until they are, all counts
    /// as kept.
    package var missingKeepLists: [[UInt8]] { lists.missing }

    package func isMissing(keepList hash: [UInt8]) -> Bool { lists.isMissing(hash) }

    package func keepList(_ hash: [UInt8]) -> [ObjectID]? { lists[hash] }

    /// What went since the last call, and has not come again.
    package mutating func takeGone() -> Gone {
        defer { gone = Gone() }
        return Gone(
            objects: gone.objects.filter { entries[$0] == nil },
            keepLists: gone.keepLists.filter { lists[$0] == nil })
    }

    package func object(_ id: ObjectID) -> TrustObject? { entries[id]?.object }
    package func contains(_ id: ObjectID) -> Bool { entries[id] != nil }
    package var count: Int { entries.count }
    package var parkedCount: Int { parking.count }

    /// How many revocations are here: a joiner that holds fewer than its inviter is not done.
    package var revocationCount: Int { revocations }

    /// 32 octets; of equal sets equal.
    package var digest: [UInt8] { buckets.digest }

    /// Ids fall into buckets by their first octet.
    package static let buckets = Buckets.count

    /// The first 8 octets of H(sorted ids of the bucket).
    package func bucketDigest(_ bucket: UInt8) -> UInt64 { buckets.digest(of: bucket) }

    /// Sorted.
    package func ids(inBucket bucket: UInt8) -> [ObjectID] { buckets.ids(in: bucket) }

    /// What the set means at a time: a pure function of the two.
    package func standing(at meshTime: UInt64) -> Standing {
        memo.standing(at: meshTime) { ground, added in
            if let ground {
                return Evaluation(of: ground.adding(added), lists: lists)
            }
            let all = entries.values.filter { $0.form != .nodeRecord }
            return Evaluation(of: Ground(of: all, in: mesh), lists: lists)
        } records: {
            records
        }
    }
}

extension Grant {
    /// Ranges may be delegated by whoever holds them; everything else takes a grantor.
    var needsGrantor: Bool { !roles.isEmpty || !names.isEmpty || ranges.isEmpty }
}

extension Roles {
    /// What a root has.
    static let all = Roles(rawValue: .max)

    /// Members are admitters too, unless bit 0 of the policy says no.
    func expanded(under policy: UInt32) -> Roles {
        contains(.member) && policy & 1 == 0 ? union(.admitter) : self
    }
}
