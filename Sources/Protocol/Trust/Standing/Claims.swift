package import Cryptography
package import LISP
import Laboratory

/// Who has which name and which address of the pool. The first in order has it; what one had who is gone
/// stays nobody's for a while, so that nobody slips into a dead node's place.
struct Claims {
    private(set) var names: [(key: Ed25519.PublicKey, name: MeshName, rank: Rank)] = []
    private(set) var addresses: [(key: Ed25519.PublicKey, address: IPv4Address, rank: Rank)] = []
    /// By the name's skeleton.
    private(set) var holders: [String: Ed25519.PublicKey] = [:]

    /// How long what was lost or freed is given to nobody else: as long as a record of it may live.
    static let quarantine: UInt64 = 96 * 3_600_000
    /// trust.md 4.
    static let namesPerNode = 16

    private struct Candidate {
        let key: Ed25519.PublicKey
        /// A grant that lists the name precedes all claims.
        let byGrant: Bool
        let rank: Rank
        let name: MeshName?
        let index: UInt8
        /// When it ended; `nil`: it has not.
        let freedAt: UInt64?

        static func precedes(_ left: Candidate, _ right: Candidate) -> Bool {
            left.byGrant != right.byGrant ? left.byGrant : left.rank < right.rank
        }
    }

    private let evaluation: Evaluation
    private let time: UInt64
    private let members: [Ed25519.PublicKey: Int]

    init(
        of evaluation: Evaluation, at time: UInt64, members: [Ed25519.PublicKey: Int],
        horizon: inout Horizon
    ) {
        self.evaluation = evaluation
        self.time = time
        self.members = members
        var byName: [String: [Candidate]] = [:]
        var byAddress: [IPv4Address: [Candidate]] = [:]
        for (number, facts) in evaluation.facts.enumerated() {
            for candidate in granted(number, facts) {
                byName[candidate.name?.skeleton ?? "", default: []].append(candidate)
            }
        }
        for (place, entry) in evaluation.entries.enumerated() {
            guard case .claim(let claim) = entry.kind,
                let candidate = candidate(claim, at: place, entry)
            else { continue }
            switch claim.what {
            case .name(let name): byName[name.skeleton, default: []].append(candidate)
            case .address(let index):
                guard let address = evaluation.address(of: claim.subject, index: index) else {
                    continue
                }
                byAddress[address, default: []].append(candidate)
            }
        }
        award(byName, byAddress, &horizon)
    }

    private mutating func award(
        _ byName: [String: [Candidate]], _ byAddress: [IPv4Address: [Candidate]],
        _ horizon: inout Horizon
    ) {
        var won: [Candidate] = []
        for skeleton in byName.keys.sorted() {
            if let winner = winner(of: byName[skeleton] ?? [], &horizon) { won.append(winner) }
        }
        var counts: [Ed25519.PublicKey: Int] = [:]
        for winner in won.sorted(by: Candidate.precedes) {
            guard let name = winner.name, counts[winner.key, default: 0] < Self.namesPerNode else {
                continue
            }
            counts[winner.key, default: 0] += 1
            names.append((winner.key, name, winner.rank))
            holders[name.skeleton] = winner.key
        }
        names.sort { $0.name.description < $1.name.description }
        var indexed: [(Candidate, IPv4Address)] = []
        for address in byAddress.keys.sorted(by: { $0.rawValue < $1.rawValue }) {
            if let winner = winner(of: byAddress[address] ?? [], &horizon) {
                indexed.append((winner, address))
            }
        }
        indexed.sort { ($0.0.index, $0.0.rank) < ($1.0.index, $1.0.rank) }
        addresses = indexed.map { ($0.0.key, $0.1, $0.0.rank) }
    }

    private func winner(of candidates: [Candidate], _ horizon: inout Horizon) -> Candidate? {
        for candidate in candidates.sorted(by: Candidate.precedes) {
            guard let freed = candidate.freedAt else { return candidate }
            let (end, overflows) = freed.addingReportingOverflow(Self.quarantine)
            if overflows || end > time {
                if !overflows { horizon.note(end) }
                return nil
            }
        }
        return nil
    }
}

extension Claims {
    /// The names that a key's grants list.
    private func granted(_ number: Int, _ facts: [Fact]) -> [Candidate] {
        var candidates: [Candidate] = []
        var items: [Int: UInt64] = [:]
        for fact in facts where fact.item >= 0 {
            items[fact.item] = max(items[fact.item] ?? 0, fact.until)
        }
        for (item, until) in items.sorted(by: { $0.key < $1.key }) {
            guard case .grant(let grant) = evaluation.entries[item].kind else { continue }
            for name in grant.names {
                candidates.append(
                    Candidate(
                        key: grant.subject, byGrant: true, rank: evaluation.entries[item].rank,
                        name: name, index: 0,
                        freedAt: evaluation.rulings[number]?.rank.stamp
                            ?? (until < time ? until : nil)))
            }
        }
        return candidates
    }

    /// - Returns: `nil` if the claim was never right.
    private func candidate(_ claim: Claim, at place: Int, _ entry: Entry) -> Candidate? {
        guard let signer = evaluation.number(of: entry.signer),
            let subject = evaluation.number(of: claim.subject)
        else { return nil }
        let roles = evaluation.facts[signer].filter { $0.until >= entry.stamp }
            .reduce(into: Roles()) { $0.formUnion(evaluation.roles(of: $1.item)) }
        guard roles.contains(.admitter), signer != subject || roles.contains(.grantor) else {
            return nil
        }
        let membership = evaluation.facts[subject].filter {
            $0.item >= 0 && evaluation.roles(of: $0.item).contains(.member)
        }
        guard let until = membership.map(\.until).max() else { return nil }
        var freed: [UInt64] = []
        if let ruling = evaluation.isVoidBySigner(place) { freed.append(ruling.rank.stamp) }
        if let ruling = evaluation.objectRulings[place] { freed.append(ruling.rank.stamp) }
        if let ruling = evaluation.rulings[subject] { freed.append(ruling.rank.stamp) }
        if until < time { freed.append(until) }
        var name: MeshName?
        var index: UInt8 = 0
        switch claim.what {
        case .name(let value): name = value
        case .address(let value): index = value
        }
        return Candidate(
            key: claim.subject, byGrant: false, rank: entry.rank, name: name, index: index,
            freedAt: freed.min())
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

extension Evaluation {
    /// - Returns: `nil` if the pool has no room for addresses.
    func address(of key: Ed25519.PublicKey, index: UInt8) -> IPv4Address? {
        genesis.flatMap { mesh.address(of: key, index: index, pool: $0.pool) }
    }
}

extension MeshID {
    /// The pool's addresses that a node may claim: its first and its last are left out.
    /// - Parameter index: 0 to ``Claim/maximumIndex``.
    /// - Returns: `nil` if the pool has no other.
    package func address(
        of key: Ed25519.PublicKey, index: UInt8, pool: Prefix<IPv4Address>
    ) -> IPv4Address? {
        let size = UInt64(1) << UInt64(32 - pool.length)
        guard size > 2 else { return nil }
        let hash = Tag.ipv4.hash(octets + key.octets + [index])
        let number = hash.prefix(4).reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        return IPv4Address(
            rawValue: UInt32(
                truncatingIfNeeded: UInt64(pool.address.rawValue) + 1 + number % (size - 2)))
    }
}
