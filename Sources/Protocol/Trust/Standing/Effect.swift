import Cryptography
import LISP

/// What an evaluation comes to at a time: who is effective, with what, and who holds which EID.
final class Effect: Sendable {
    let evaluation: Evaluation
    let changesAt: UInt64?
    /// Members, sorted by node id.
    let profiles: [Profile]
    let indexByID: [NodeID: Int]
    let indexByKey: [Ed25519.PublicKey: Int]
    /// All effective keys, also those that are no members.
    let actors: [Ed25519.PublicKey: Actor]
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
        var horizon = Horizon(after: time)
        var actors: [Ed25519.PublicKey: Actor] = [:]
        var profiles: [Profile] = []
        var table = RangeTable()
        var levels: [Ed25519.PublicKey: Int] = [:]
        for (number, key) in evaluation.keys.enumerated() {
            guard evaluation.rulings[number] == nil else { continue }
            let effective = evaluation.facts[number].filter { fact in
                fact.item != Fact.root && horizon.isReached(by: fact.until)
            }
            guard !effective.isEmpty else { continue }
            let level = evaluation.levels[number]
            levels[key] = level
            var actor = Actor(roles: [], ranges: [], level: level)
            for fact in effective {
                actor.roles.formUnion(evaluation.roles(of: fact.item))
                for range in evaluation.offer(of: fact.item).ranges {
                    if !actor.ranges.contains(range) { actor.ranges.append(range) }
                    let rank = evaluation.entries[fact.item].rank
                    table.insert(range, .init(key: key, level: fact.level, rank: rank))
                }
            }
            actors[key] = actor
            if actor.roles.contains(.member),
                let profile = Profile(number, actor, effective, in: evaluation)
            {
                profiles.append(profile)
                table.insert(
                    evaluation.mesh.cryptoEID(of: key),
                    .init(
                        key: key, level: level,
                        rank: Rank(stamp: profile.admittedAt, id: profile.admission)))
            }
        }
        profiles.sort { $0.id < $1.id }
        var indexByKey: [Ed25519.PublicKey: Int] = [:]
        for (index, profile) in profiles.enumerated() { indexByKey[profile.key] = index }

        let claims = Claims(of: evaluation, at: time, members: indexByKey, horizon: &horizon)
        var claimed: [EID: Ed25519.PublicKey] = [:]
        for holding in claims.names {
            guard let index = indexByKey[holding.key] else { continue }
            profiles[index].names.append(holding.name)
            guard let text = OctetName(holding.name.description) else { continue }
            let eid = EID(.name(text))
            claimed[eid] = holding.key
            table.insert(
                eid, .init(key: holding.key, level: levels[holding.key] ?? 0, rank: holding.rank))
        }
        for holding in claims.addresses {
            guard let index = indexByKey[holding.key] else { continue }
            profiles[index].addresses.append(holding.address)
            let eid = EID(.ipv4(Prefix(host: holding.address)))
            claimed[eid] = holding.key
            table.insert(
                eid, .init(key: holding.key, level: levels[holding.key] ?? 0, rank: holding.rank))
        }
        self.profiles = profiles
        self.indexByKey = indexByKey
        indexByID = Dictionary(
            profiles.enumerated().map { ($0.element.id, $0.offset) },
            uniquingKeysWith: { a, _ in a })
        self.actors = actors
        nameHolders = claims.holders
        self.claimed = claimed
        ranges = table
        changesAt = horizon.next
    }

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
        key = evaluation.keys[number]
        id = NodeID(of: key, in: evaluation.mesh)
        roles = actor.roles
        ranges = actor.ranges
        depth = UInt8(clamping: actor.level)
        admission = entry.id
        admittedAt = entry.stamp
        if case .admission(let value) = entry.kind {
            admitter = entry.signer
            inviter = evaluation.place(of: value.invite).map { evaluation.entries[$0].signer }
            nonce = value.nonce
        } else {
            admitter = evaluation.roots.contains(entry.signer) ? nil : entry.signer
            inviter = nil
            nonce = nil
        }
    }
}
