import Cryptography
import Laboratory

/// Of what a set keeps only so many. Which ones stay depends on the objects alone and not on the order
/// in which they came, so that bounded sets still converge.
struct Quota: Hashable, Sendable {
    let subject: Subject
    let limit: Int
    /// The greatest by (stamp, id) stay, not the lowest.
    let newestStay: Bool
    /// Everybody's first stays before anybody's second: the limit is of what several sign about one
    /// subject, and a stamp can be dated back.
    let takesTurns: Bool

    enum Subject: Hashable, Sendable {
        case genesis
        case rotations(by: Ed25519.PublicKey)
        case grants(by: Ed25519.PublicKey)
        case invites(by: Ed25519.PublicKey)
        case claims(for: Ed25519.PublicKey)
        case admissions(by: ObjectID)
        case nodeRecord(of: Ed25519.PublicKey)
        case revocations(by: Ed25519.PublicKey)
        case salts(by: Ed25519.PublicKey)
        case time(by: Ed25519.PublicKey)
    }

    /// trust.md 10: an issuer can make a mesh hold so many of either.
    static let grants = 256
    static let claims = 16
    /// Beside the uses of an invite, so that those who came too late can be told why.
    static let lateAdmissions = 8
    /// One signer may end a whole mesh of 1,000 and more, but not fill every memory with it.
    static let revocations = 4096
    /// One counts; a few more show that somebody else has the key.
    static let rotations = 4
    /// The newest and the one before serve; two more may be in flight.
    static let salts = 4

    private init(
        _ subject: Subject, limit: Int, newestStay: Bool = false, takesTurns: Bool = false
    ) {
        self.subject = subject
        self.limit = limit
        self.newestStay = newestStay
        self.takesTurns = takesTurns
    }

    /// - Parameter uses: of the invite of an admission.
    init(of entry: Entry, uses: Int) {
        let signer = entry.signer
        switch entry.kind {
        case .genesis: self.init(.genesis, limit: 1)
        case .rotation: self.init(.rotations(by: signer), limit: Self.rotations)
        case .grant: self.init(.grants(by: signer), limit: Self.grants)
        case .invite: self.init(.invites(by: signer), limit: Self.grants)
        case .claim(let claim):
            self.init(
                .claims(for: claim.subject), limit: Self.claims,
                takesTurns: !isPlanted(.claimsByStampAlone))
        case .admission(let admission):
            self.init(.admissions(by: admission.invite), limit: uses + Self.lateAdmissions)
        case .nodeRecord: self.init(.nodeRecord(of: signer), limit: 1, newestStay: true)
        case .revocation: self.init(.revocations(by: signer), limit: Self.revocations)
        case .salt: self.init(.salts(by: signer), limit: Self.salts, newestStay: true)
        case .time: self.init(.time(by: signer), limit: 1, newestStay: true)
        }
    }
}

/// What a set holds under one ``Quota``, sorted by rank. Whoever went once has no place in any set with
/// more objects, so that their order of arrival does not matter.
struct Holdings: Sendable {
    private var held: [Held] = []

    private struct Held: Sendable {
        let rank: Rank
        let signer: Ed25519.PublicKey
    }

    var count: Int { held.count }

    /// Whether there is room for it, or one must go that has less right to stay.
    func admits(_ entry: Entry, under quota: Quota) -> Bool {
        guard held.count >= quota.limit, let first = held.first, let last = held.last else {
            return quota.limit > 0
        }
        if quota.takesTurns {
            var copy = self
            return copy.insert(entry, under: quota) != entry.id
        }
        return quota.newestStay ? entry.rank > first.rank : entry.rank < last.rank
    }

    /// - Returns: what had to go for it.
    mutating func insert(_ entry: Entry, under quota: Quota) -> ObjectID? {
        held.insert(Held(rank: entry.rank, signer: entry.signer), at: index(of: entry.rank))
        guard held.count > quota.limit else { return nil }
        if quota.newestStay { return held.removeFirst().rank.id }
        return held.remove(at: quota.takesTurns ? lastInTurn : held.count - 1).rank.id
    }

    /// The last of those whose signers have most before them.
    private var lastInTurn: Int {
        var turns: [Ed25519.PublicKey: Int] = [:]
        var last = (turn: 0, index: 0)
        for (index, one) in held.enumerated() {
            let turn = turns[one.signer, default: 0]
            turns[one.signer] = turn + 1
            if turn >= last.turn { last = (turn, index) }
        }
        return last.index
    }

    private func index(of rank: Rank) -> Int {
        var (low, high) = (0, held.count)
        while low < high {
            let middle = (low + high) / 2
            if held[middle].rank < rank { low = middle + 1 } else { high = middle }
        }
        return low
    }
}
