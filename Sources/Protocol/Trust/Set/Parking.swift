import Cryptography

/// Objects whose right to be here cannot be seen yet: their signer, invite, subject or root is not known. They
/// are signed, wait, and are not part of the set.
struct Parking: Sendable {
    /// trust.md 10.
    static let limit = 4096

    private var entries: [ObjectID: Waiting] = [:]
    /// In the order of arrival.
    private var byIssuer: [Ed25519.PublicKey: [ObjectID]] = [:]
    private var byInvite: [ObjectID: [ObjectID]] = [:]
    /// Claims for a key.
    private var byClaimant: [Ed25519.PublicKey: [ObjectID]] = [:]
    private var rotations: [RootCommitment: [ObjectID]] = [:]
    private var arrivals = 0

    private struct Waiting: Sendable {
        let entry: Entry
        let arrival: Int
    }

    var count: Int { entries.count }
    func contains(_ id: ObjectID) -> Bool { entries[id] != nil }

    mutating func park(_ entry: Entry) {
        guard entries[entry.id] == nil else { return }
        if entries.count >= Self.limit { evict() }
        arrivals += 1
        entries[entry.id] = Waiting(entry: entry, arrival: arrivals)
        byIssuer[entry.signer, default: []].append(entry.id)
        switch entry.kind {
        case .admission(let admission): byInvite[admission.invite, default: []].append(entry.id)
        case .claim(let claim): byClaimant[claim.subject, default: []].append(entry.id)
        case .rotation:
            rotations[RootCommitment(to: entry.signer), default: []].append(entry.id)
        default: break
        }
    }

    /// The oldest of the issuer with most of them; of several, of the one that has waited longest.
    private mutating func evict() {
        var worst: (count: Int, arrival: Int, id: ObjectID)?
        for ids in byIssuer.values {
            guard let id = ids.first, let waiting = entries[id] else { continue }
            if let known = worst,
                (known.count, -known.arrival) >= (ids.count, -waiting.arrival)
            {
                continue
            }
            worst = (ids.count, waiting.arrival, id)
        }
        if let worst { remove(worst.id) }
    }

    @discardableResult
    mutating func remove(_ id: ObjectID) -> Entry? {
        guard let entry = entries.removeValue(forKey: id)?.entry else { return nil }
        Self.drop(id, from: &byIssuer, at: entry.signer)
        switch entry.kind {
        case .admission(let admission): Self.drop(id, from: &byInvite, at: admission.invite)
        case .claim(let claim): Self.drop(id, from: &byClaimant, at: claim.subject)
        case .rotation: Self.drop(id, from: &rotations, at: RootCommitment(to: entry.signer))
        default: break
        }
        return entry
    }

    private static func drop<Key: Hashable>(
        _ id: ObjectID, from index: inout [Key: [ObjectID]], at key: Key
    ) {
        index[key]?.removeAll { $0 == id }
        if index[key]?.isEmpty == true { index[key] = nil }
    }

    /// What may have waited for this one.
    func waiting(for entry: Entry) -> [ObjectID] {
        switch entry.kind {
        case .genesis(let genesis):
            return introducing(entry.signer) + (rotations[genesis.commitment] ?? [])
        case .rotation(let rotation):
            return introducing(entry.signer) + (rotations[rotation.commitment] ?? [])
        case .grant(let grant): return introducing(grant.subject)
        case .invite: return byInvite[entry.id] ?? []
        case .admission(let admission): return introducing(admission.node)
        case .nodeRecord, .claim, .revocation, .salt, .time: return []
        }
    }

    /// What a key has signed, and what somebody has claimed for it.
    private func introducing(_ key: Ed25519.PublicKey) -> [ObjectID] {
        let signed = byIssuer[key] ?? []
        return signed + (byClaimant[key] ?? []).filter { !signed.contains($0) }
    }
}
