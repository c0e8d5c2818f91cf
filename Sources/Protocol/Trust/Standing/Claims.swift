package import Cryptography
package import LISP
import Laboratory

/// Who has which name and which address of the pool. The first in order has it; what one had who is gone
/// stays nobody's for a while, so that nobody slips into a dead node's place.
struct Claims {
    /// Keys by their numbers.
    private(set) var names: [(number: Int, name: MeshName, rank: Rank)] = []
    private(set) var addresses: [(number: Int, address: IPv4Address, rank: Rank)] = []
    /// By the name's skeleton.
    private(set) var holders: [String: Ed25519.PublicKey] = [:]

    /// How long what was lost or freed is given to nobody else: as long as a record of it may live.
    static let quarantine: UInt64 = 96 * 3_600_000
    /// trust.md 4.
    static let namesPerNode = 16

    private struct Candidate {
        let number: Int
        /// A grant that lists the name precedes all claims.
        let byGrant: Bool
        let rank: Rank
        /// When it ended; `nil`: it has not.
        let freedAt: UInt64?

        static func precedes(_ left: Candidate, _ right: Candidate) -> Bool {
            left.byGrant != right.byGrant ? left.byGrant : left.rank < right.rank
        }
    }

    private typealias Named = (candidate: Candidate, name: MeshName, skeleton: String)
    private typealias Addressed = (candidate: Candidate, address: IPv4Address, index: UInt8)

    private let evaluation: Evaluation
    private let time: UInt64

    init(of evaluation: Evaluation, at time: UInt64, horizon: inout Horizon) {
        self.evaluation = evaluation
        self.time = time
        var named: [Named] = []
        var addressed: [Addressed] = []
        for (number, facts) in evaluation.facts.enumerated() where !facts.isEmpty {
            named += granted(number, facts)
        }
        for (place, entry) in evaluation.entries.enumerated() {
            guard let claimed = entry.claimed, let candidate = candidate(at: place, entry) else {
                continue
            }
            switch claimed {
            case .name(let name, let skeleton): named.append((candidate, name, skeleton))
            case .address(let index, let number):
                guard let pool = evaluation.genesis?.pool,
                    let address = pool.claimable(number: number)
                else { continue }
                addressed.append((candidate, address, index))
            }
        }
        award(named, &horizon)
        award(addressed, &horizon)
    }

    private mutating func award(_ named: [Named], _ horizon: inout Horizon) {
        let order = named.indices.sorted {
            named[$0].skeleton != named[$1].skeleton
                ? named[$0].skeleton < named[$1].skeleton
                : Candidate.precedes(named[$0].candidate, named[$1].candidate)
        }
        var won: [Int] = []
        for group in order.runs(where: { named[$0].skeleton == named[$1].skeleton }) {
            let winner = winner(of: group, &horizon) { named[$0].candidate }
            if let winner { won.append(winner) }
        }
        var counts = [Int](repeating: 0, count: evaluation.keys.count)
        holders.reserveCapacity(won.count)
        // One grant may list several names: those stay in the order of their skeletons.
        won.sort { Candidate.precedes(named[$0].candidate, named[$1].candidate) }
        for winner in won {
            let (candidate, name, skeleton) = named[winner]
            guard counts[candidate.number] < Self.namesPerNode else { continue }
            counts[candidate.number] += 1
            names.append((candidate.number, name, candidate.rank))
            holders[skeleton] = evaluation.keys[candidate.number].key
        }
        names.sort { $0.name.description < $1.name.description }
    }

    private mutating func award(_ addressed: [Addressed], _ horizon: inout Horizon) {
        let order = addressed.indices.sorted {
            addressed[$0].address != addressed[$1].address
                ? addressed[$0].address.rawValue < addressed[$1].address.rawValue
                : Candidate.precedes(addressed[$0].candidate, addressed[$1].candidate)
        }
        var won: [Int] = []
        for group in order.runs(where: { addressed[$0].address == addressed[$1].address }) {
            let winner = winner(of: group, &horizon) { addressed[$0].candidate }
            if let winner { won.append(winner) }
        }
        won.sort {
            (addressed[$0].index, addressed[$0].candidate.rank)
                < (addressed[$1].index, addressed[$1].candidate.rank)
        }
        addresses = won.map {
            (addressed[$0].candidate.number, addressed[$0].address, addressed[$0].candidate.rank)
        }
    }

    /// - Parameter group: places of those that want the same, in their order.
    private func winner(
        of group: ArraySlice<Int>, _ horizon: inout Horizon, _ candidate: (Int) -> Candidate
    ) -> Int? {
        for place in group {
            guard let freed = candidate(place).freedAt else { return place }
            let (end, overflows) = freed.addingReportingOverflow(Self.quarantine)
            if overflows || end > time {
                if !overflows { horizon.note(end) }
                return nil
            }
        }
        return nil
    }
}

extension [Int] {
    /// Neighbours of which each is like the one before.
    fileprivate func runs(where areAlike: (Int, Int) -> Bool) -> [ArraySlice<Int>] {
        var runs: [ArraySlice<Int>] = []
        var start = 0
        for place in indices where place + 1 == count || !areAlike(self[place], self[place + 1]) {
            runs.append(self[start...place])
            start = place + 1
        }
        return runs
    }
}

extension Claims {
    /// The names that a key's grants list.
    private func granted(_ number: Int, _ facts: [Fact]) -> [Named] {
        guard facts.contains(where: { $0.item >= 0 && evaluation.entries[$0.item].form == .grant })
        else { return [] }
        var named: [Named] = []
        var items: [Int: UInt64] = [:]
        for fact in facts where fact.item >= 0 {
            items[fact.item] = max(items[fact.item] ?? 0, fact.until)
        }
        for (item, until) in items.sorted(by: { $0.key < $1.key }) {
            guard case .grant(let grant) = evaluation.entries[item].kind else { continue }
            for name in grant.names {
                let candidate = Candidate(
                    number: number, byGrant: true, rank: evaluation.entries[item].rank,
                    freedAt: evaluation.rulings[number]?.rank.stamp
                        ?? (until < time ? until : nil))
                named.append((candidate, name, name.skeleton))
            }
        }
        return named
    }

    /// - Returns: `nil` if the claim was never right.
    private func candidate(at place: Int, _ entry: Entry) -> Candidate? {
        let (signer, subject) = (
            evaluation.ground.signers[place], evaluation.ground.subjects[place]
        )
        guard subject != Ground.nobody else { return nil }
        var roles = Roles()
        for fact in evaluation.facts[signer] where fact.until >= entry.stamp {
            roles.formUnion(evaluation.roles(of: fact.item))
        }
        guard roles.contains(.admitter), signer != subject || roles.contains(.grantor) else {
            return nil
        }
        var until: UInt64?
        for fact in evaluation.facts[subject]
        where fact.item >= 0 && evaluation.roles(of: fact.item).contains(.member) {
            until = max(until ?? 0, fact.until)
        }
        guard let until else { return nil }
        var freed: UInt64?
        func end(at stamp: UInt64) { freed = min(freed ?? stamp, stamp) }
        if let ruling = evaluation.isVoidBySigner(place) { end(at: ruling.rank.stamp) }
        if let ruling = evaluation.objectRulings[place] { end(at: ruling.rank.stamp) }
        if let ruling = evaluation.rulings[subject] { end(at: ruling.rank.stamp) }
        if until < time { end(at: until) }
        return Candidate(number: subject, byGrant: false, rank: entry.rank, freedAt: freed)
    }
}

extension MeshName {
    /// What is left when letters that look alike are the same: 0 and o; 1, l and i; 5 and s; m and rn;
    /// w and vv. Long spellings stand for short ones, so that "vvv" has one skeleton.
    package var skeleton: String {
        if isPlanted(.homographsDiffer) { return description }
        var text = ""
        for letter in description {
            switch letter {
            case "0": text += "o"
            case "1", "i": text += "l"
            case "5": text += "s"
            case "m": text += "rn"
            case "w": text += "vv"
            default: text.append(letter)
            }
        }
        return text
    }
}

extension MeshID {
    /// The pool's addresses that a node may claim: its first and its last are left out.
    /// - Parameter index: 0 to ``Claim/maximumIndex``.
    /// - Returns: `nil` if the pool has no other.
    package func address(
        of key: Ed25519.PublicKey, index: UInt8, pool: Prefix<IPv4Address>
    ) -> IPv4Address? {
        pool.claimable(number: addressNumber(of: key, index: index))
    }

    /// Which address of a pool it is, whatever the pool.
    func addressNumber(of key: Ed25519.PublicKey, index: UInt8) -> UInt32 {
        Tag.ipv4.hash(octets + key.octets + [index]).prefix(4).reduce(0) { $0 << 8 | UInt32($1) }
    }
}

extension Prefix<IPv4Address> {
    fileprivate func claimable(number: UInt32) -> IPv4Address? {
        let size = UInt64(1) << UInt64(32 - length)
        guard size > 2 else { return nil }
        return IPv4Address(
            rawValue: UInt32(
                truncatingIfNeeded: UInt64(address.rawValue) + 1 + UInt64(number) % (size - 2)))
    }
}
