import Cryptography
import LISP
import Laboratory

/// The rounds of an evaluation. Round n finds what hangs on the root by n links, then what those who are
/// n links away have revoked; equals all count, also against each other.
struct Rounds {
    let book: Book
    var state: State

    struct State {
        var facts: [[Fact]]
        /// The fewest links of each key.
        var levels: [Int]
        /// Who, without being a revoker, may revoke a key: all shortest chains go through them.
        var lords: [[Int]]
        var rulings: [Int: Ruling] = [:]
        var objectRulings: [Int: Ruling] = [:]
        var terms: [Int: InviteTerms] = [:]
        /// By the place of an invite: the admissions that count, by node, and those that do not.
        var counted: [Int: [Int: Int]] = [:]
        var suspended: [Int: Set<Int>] = [:]
        /// Who has a fact of the last round, and of this one.
        var last: [Int] = []
        var fresh: [Int] = []
    }

    static let unknown = Int.max

    init(_ book: Book) {
        self.book = book
        let count = book.keys.count
        state = State(
            facts: Array(repeating: [], count: count),
            levels: Array(repeating: Self.unknown, count: count),
            lords: Array(repeating: [], count: count))
    }

    mutating func run() {
        for (root, ruling) in book.rotations { state.rulings[root] = ruling }
        for level in 0...Fact.maximumLevel {
            round(level)
            if state.fresh.isEmpty { return }
            (state.last, state.fresh) = (state.fresh, [])
        }
    }

    /// What those of this level revoke may take the ground from others of it, who were admitted by them,
    /// and let yet others in instead: so the round is done again until no revocation is added.
    private mutating func round(_ level: Int) {
        let before = state
        var collected: [(place: Int, depth: Int)] = []
        var known: Set<Int> = []
        while true {
            for (place, depth) in collected { apply(place, depth: depth) }
            level == 0 ? crown() : extend(to: level)
            let more = revocations(at: level).filter { known.insert($0.place).inserted }
            guard !more.isEmpty else { return }
            collected += more
            state = before
        }
    }

    private mutating func crown() {
        for root in book.roots {
            state.facts[root] = [.ofRoot()]
            state.levels[root] = 0
            state.fresh.append(root)
        }
    }

    private mutating func apply(_ place: Int, depth: Int) {
        guard let ruling = book.ruling(of: place, depth: depth) else { return }
        if let object = book.object(of: place) {
            if state.objectRulings[object].map(ruling.outweighs) ?? true {
                state.objectRulings[object] = ruling
            }
        } else if let key = book.subject(of: place) {
            if state.rulings[key].map(ruling.outweighs) ?? true { state.rulings[key] = ruling }
        }
    }
}

// Revocations
extension Rounds {
    /// Those that count and whose signers are of this level.
    private func revocations(at level: Int) -> [(place: Int, depth: Int)] {
        var found: [(place: Int, depth: Int)] = []
        for signer in state.fresh {
            for place in book.revocations[signer] where counts(place, by: signer, level: level) {
                found.append((place, level))
            }
            guard state.levels[signer] == level else { continue }
            for place in book.accusations[signer] {
                let lord = book.signers[place]
                let depth = state.levels[lord]
                if state.lords[signer].contains(lord), !isVoid(place, above: depth) {
                    found.append((place, depth))
                }
            }
        }
        return found
    }

    private func counts(_ place: Int, by signer: Int, level: Int) -> Bool {
        guard let accused = book.accused(by: place), !book.roots.contains(accused),
            !isVoid(place, above: level)
        else { return false }
        if accused == signer { return state.levels[signer] == level }
        guard state.levels[accused] >= level else { return false }
        let stamp = book.entries[place].stamp
        return state.facts[signer].contains {
            $0.level == level && $0.until >= stamp && roles(of: $0).contains(.revoker)
        }
    }

    /// Whether its signer was revoked by somebody shallower, who did not keep it.
    private func isVoid(_ place: Int, above depth: Int) -> Bool {
        guard let ruling = state.rulings[book.signers[place]], ruling.depth < depth else {
            return false
        }
        return !ruling.keeps(book.entries[place].id)
    }
}

// Grants and invites
extension Rounds {
    private mutating func extend(to level: Int) {
        var ready = Heap()
        for signer in state.last {
            let given = state.facts[signer].filter { $0.level == level - 1 }
            for place in book.grants[signer] where !isVoid(place) {
                guard case .grant(let grant) = book.entries[place].kind,
                    state.objectRulings[place] == nil, let subject = book.subject(of: place),
                    given.contains(where: { suffices($0, of: signer, for: grant) })
                else { continue }
                let fact = Fact(
                    item: place, level: level, until: end(grant.notAfter), depth: Int(grant.depth))
                add(fact, to: subject, ready: &ready)
            }
            for place in book.invites[signer] where !isVoid(place) {
                guard case .invite(let invite) = book.entries[place].kind else { continue }
                let carriers = given.filter { carries($0, of: signer, invite) }
                guard !carriers.isEmpty else { continue }
                var terms = state.terms[place] ?? InviteTerms()
                if terms.level == nil,
                    carriers.contains(where: { $0.until >= end(invite.notAfter) })
                {
                    terms.level = level
                }
                terms.carriers.append(
                    .init(
                        level: level, until: carriers.map(\.until).max() ?? 0,
                        depth: (carriers.map(\.depth).max() ?? 1) - 1))
                state.terms[place] = terms
                for admission in book.admissionsUnder[place] ?? [] { ready.push(admission) }
            }
        }
        admit(&ready, at: level)
        for key in state.fresh where state.levels[key] == level {
            state.lords[key] = lords(of: key)
        }
    }

    private mutating func add(_ fact: Fact, to key: Int, ready: inout Heap) {
        if state.facts[key].last?.level != fact.level { state.fresh.append(key) }
        state.facts[key].append(fact)
        if state.levels[key] == Self.unknown { state.levels[key] = fact.level }
        if roles(of: fact).contains(.admitter) {
            for admission in book.admissions[key] { ready.push(admission) }
        }
    }

    private func end(_ notAfter: UInt64) -> UInt64 {
        notAfter == 0 || isPlanted(.expiredGrantCounts) ? .max : notAfter
    }

    private func isVoid(_ place: Int) -> Bool {
        guard let ruling = state.rulings[book.signers[place]] else { return false }
        return !ruling.keeps(book.entries[place].id)
    }

    func roles(of fact: Fact) -> Roles {
        roles(of: fact.item).expanded(under: book.genesis?.policy ?? 0)
    }

    private func roles(of item: Int) -> Roles {
        item >= 0 ? book.giver(of: item)?.roles ?? [] : .all
    }

    private func suffices(_ fact: Fact, of signer: Int, for grant: Grant) -> Bool {
        let roles = roles(of: fact)
        return (!grant.needsGrantor || roles.contains(.grantor))
            && roles.isSuperset(of: grant.roles)
            && fact.until >= end(grant.notAfter)
            && (Int(grant.depth) < fact.depth || isPlanted(.depthIgnored))
            && hold(grant.ranges, fact, of: signer)
    }

    /// Whether it is enough for an invite but for its end.
    private func carries(_ fact: Fact, of signer: Int, _ invite: Invite) -> Bool {
        let roles = roles(of: fact)
        return roles.contains(.inviter) && roles.isSuperset(of: invite.roles)
            && (fact.depth > 0 || isPlanted(.depthIgnored)) && hold(invite.ranges, fact, of: signer)
    }

    /// Whether each range lies inside one of what the fact gives, or is the signer's own crypto-EID.
    private func hold(_ ranges: [EID], _ fact: Fact, of signer: Int) -> Bool {
        guard !ranges.isEmpty, fact.item >= 0, !isPlanted(.rangesUnchecked) else { return true }
        let held = book.giver(of: fact.item)?.ranges ?? []
        return ranges.allSatisfy { range in
            held.contains { $0.contains(range) }
                || book.mesh.isCryptoEID(range, of: book.keys[signer].key)
        }
    }
}

// Admissions
extension Rounds {
    /// Those that have a place at this level, in the order of (stamp, id) as far as their admitters are
    /// there before them.
    private mutating func admit(_ ready: inout Heap, at level: Int) {
        var done: Set<Int> = []
        while let place = ready.pop() {
            guard !done.contains(place), let fact = fact(of: place, at: level),
                let node = book.subject(of: place), let invite = invite(of: place)
            else { continue }
            done.insert(place)
            if let earlier = state.counted[invite.place]?[node] {
                if earlier == place { add(fact, to: node, ready: &ready) }
                continue
            }
            let used = state.counted[invite.place]?.count ?? 0
            guard used < Int(invite.value.uses) || isPlanted(.usesNotCounted) else {
                state.suspended[invite.place, default: []].insert(place)
                continue
            }
            state.counted[invite.place, default: [:]][node] = place
            add(fact, to: node, ready: &ready)
        }
    }

    private func invite(of admission: Int) -> (place: Int, value: Invite)? {
        guard admission >= 0, book.inviteOf[admission] >= 0 else { return nil }
        let place = book.inviteOf[admission]
        guard case .invite(let invite) = book.entries[place].kind else { return nil }
        return (place, invite)
    }

    /// - Returns: `nil` if it is not effective, or on another level.
    private func fact(of place: Int, at level: Int) -> Fact? {
        let entry = book.entries[place]
        guard !isVoid(place), state.objectRulings[place] == nil, let invite = invite(of: place),
            state.objectRulings[invite.place]?.keeps(entry.id) ?? true,
            let terms = state.terms[invite.place], let inviteLevel = terms.level,
            entry.stamp <= end(invite.value.notAfter),
            let admitterLevel = state.facts[book.signers[place]].filter({
                $0.until >= entry.stamp && roles(of: $0).contains(.admitter)
            }).map(\.level).min()
        else { return nil }
        let base = max(inviteLevel, admitterLevel)
        let carriers = terms.carriers.filter { max($0.level, base) == level }
        guard let until = carriers.map(\.until).max(), let depth = carriers.map(\.depth).max()
        else {
            return nil
        }
        return Fact(item: place, level: level, until: until, depth: depth)
    }

    /// The signers whom all shortest chains of a key have in common. An admitter is on none of them: it
    /// only acts for the inviter. Nor is who gave ranges alone: that can be taken back by itself.
    private func lords(of key: Int) -> [Int] {
        var common: [Int]?
        for fact in state.facts[key] where fact.level == state.levels[key] {
            guard !roles(of: fact.item).isEmpty else { return [] }
            let signer =
                invite(of: fact.item).map { book.signers[$0.place] }
                ?? book.signers[fact.item]
            let chain = state.lords[signer] + [signer]
            common = common.map { $0.filter(chain.contains) } ?? chain
        }
        return common ?? []
    }
}
