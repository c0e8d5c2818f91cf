import Cryptography
import LISP

/// What an evaluation comes to at a time: who is effective, with what, and who holds which EID.
final class Effect: Sendable {
    let evaluation: Evaluation
    let changesAt: UInt64?
    /// Members, sorted by node id.
    let profiles: [Profile]
    private let indexByID: [NodeID: Int]
    /// By the number of the key: its place among ``profiles``, and what it has that is effective, also
    /// if it is no member.
    private let indices: [Int?]
    let actors: [Actor?]
    /// By the name's skeleton.
    let nameHolders: [String: Ed25519.PublicKey]
    /// Names and addresses as EIDs of instance 0.
    let claimed: [EID: Ed25519.PublicKey]
    private let ranges: RangeTable

    /// A key that has something effective.
    struct Actor: Sendable {
        var roles: Roles
        var ranges: [EID]
        let level: Int
    }

    init(of evaluation: Evaluation, at time: UInt64) {
        self.evaluation = evaluation
        let count = evaluation.keys.count
        var horizon = Horizon(after: time)
        var actors = [Actor?](repeating: nil, count: count)
        var profiles: [Profile] = []
        var table = RangeTable(room: count * 3)
        for number in 0..<count where evaluation.rulings[number] == nil {
            let effective = evaluation.facts[number].filter { fact in
                fact.item != Fact.root && horizon.isReached(by: fact.until)
            }
            guard !effective.isEmpty else { continue }
            let key = evaluation.keys[number]
            let level = evaluation.levels[number]
            var actor = Actor(roles: [], ranges: [], level: level)
            for fact in effective {
                actor.roles.formUnion(evaluation.roles(of: fact.item))
                for range in evaluation.giver(of: fact.item)?.ranges ?? [] {
                    if !actor.ranges.contains(range) { actor.ranges.append(range) }
                    let rank = evaluation.entries[fact.item].rank
                    table.insert(range, .init(key: key.key, level: fact.level, rank: rank))
                }
            }
            actors[number] = actor
            if actor.roles.contains(.member),
                let profile = Profile(number, actor, effective, in: evaluation)
            {
                profiles.append(profile)
                table.insert(
                    key.cryptoEID,
                    .init(
                        key: key.key, level: level,
                        rank: Rank(stamp: profile.admittedAt, id: profile.admission)))
            }
        }
        profiles.sort { $0.id < $1.id }
        var indices = [Int?](repeating: nil, count: count)
        for index in profiles.indices { indices[profiles[index].number] = index }

        let claims = Claims(of: evaluation, at: time, horizon: &horizon)
        var claimed: [EID: Ed25519.PublicKey] = [:]
        claimed.reserveCapacity(claims.names.count + claims.addresses.count)
        for holding in claims.names {
            guard let index = indices[holding.number] else { continue }
            profiles[index].names.append(holding.name)
            guard let text = OctetName(holding.name.description) else { continue }
            let (eid, key) = (EID(.name(text)), profiles[index].key)
            claimed[eid] = key
            let level = evaluation.levels[holding.number]
            table.insert(eid, .init(key: key, level: level, rank: holding.rank))
        }
        for holding in claims.addresses {
            guard let index = indices[holding.number] else { continue }
            profiles[index].addresses.append(holding.address)
            let (eid, key) = (EID(.ipv4(Prefix(host: holding.address))), profiles[index].key)
            claimed[eid] = key
            let level = evaluation.levels[holding.number]
            table.insert(eid, .init(key: key, level: level, rank: holding.rank))
        }
        self.profiles = profiles
        self.indices = indices
        indexByID = Dictionary(
            profiles.indices.map { (profiles[$0].id, $0) }, uniquingKeysWith: { a, _ in a })
        self.actors = actors
        nameHolders = claims.holders
        self.claimed = claimed
        ranges = table
        changesAt = horizon.next
    }

    func actor(_ key: Ed25519.PublicKey) -> Actor? {
        evaluation.number(of: key).flatMap { actors[$0] }
    }

    /// The place of a member.
    func index(of key: Ed25519.PublicKey) -> Int? {
        evaluation.number(of: key).flatMap { indices[$0] }
    }

    func index(of id: NodeID) -> Int? { indexByID[id] }

    func holders(of eid: EID) -> [Ed25519.PublicKey] {
        if evaluation.mesh.hasCryptoPrefix(eid), eid.instance != 0 {
            // The table has the crypto-EIDs of instance 0; others are computed, which is seldom.
            let own = profiles.filter { evaluation.mesh.isCryptoEID(eid, of: $0.key) }.map {
                RangeTable.Holding(
                    key: $0.key, level: Int($0.depth),
                    rank: Rank(stamp: $0.admittedAt, id: $0.admission))
            }
            return ranges.holders(of: eid, beside: own)
        }
        return ranges.holders(of: eid, beside: [])
    }
}

/// The next time at which something ends.
struct Horizon {
    let now: UInt64
    private(set) var next: UInt64?

    init(after now: UInt64) { self.now = now }

    /// Whether something that is effective up to this time is so now.
    mutating func isReached(by end: UInt64) -> Bool {
        guard end >= now else { return false }
        if end < .max { note(end + 1) }
        return true
    }

    mutating func note(_ time: UInt64) {
        if time > now { next = min(next ?? time, time) }
    }
}

extension Profile {
    /// - Parameter effective: what makes it a member among other things.
    init?(_ number: Int, _ actor: Effect.Actor, _ effective: [Fact], in evaluation: Evaluation) {
        let memberships = effective.filter { evaluation.roles(of: $0.item).contains(.member) }
        // Of one node the lowest (stamp, id) counts, which is the order of the items.
        guard let item = memberships.map(\.item).min() else { return nil }
        let entry = evaluation.entries[item]
        self.number = number
        key = evaluation.keys[number].key
        id = evaluation.keys[number].node
        roles = actor.roles
        ranges = actor.ranges
        depth = UInt8(clamping: actor.level)
        admission = entry.id
        admittedAt = entry.stamp
        if case .admission(let value) = entry.kind {
            admitter = entry.signer
            inviter = evaluation.place(ofInvite: value.invite).map { evaluation.entries[$0].signer }
            nonce = value.nonce
        } else {
            admitter = evaluation.roots.contains(entry.signer) ? nil : entry.signer
            inviter = nil
            nonce = nil
        }
    }
}
