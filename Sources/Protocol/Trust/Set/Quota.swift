import Cryptography

/// Of what a set keeps only so many. Which ones stay depends on the objects alone and not on the order
/// in which they came, so that bounded sets still converge.
struct Quota: Hashable, Sendable {
    let subject: Subject
    let limit: Int
    /// The greatest by (stamp, id) stay, not the lowest.
    let newestStay: Bool

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

    private init(_ subject: Subject, limit: Int, newestStay: Bool = false) {
        self.subject = subject
        self.limit = limit
        self.newestStay = newestStay
    }

    /// - Parameter uses: of the invite of an admission.
    init(of entry: Entry, uses: Int) {
        let signer = entry.signer
        switch entry.kind {
        case .genesis: self.init(.genesis, limit: 1)
        case .rotation: self.init(.rotations(by: signer), limit: Self.rotations)
        case .grant: self.init(.grants(by: signer), limit: Self.grants)
        case .invite: self.init(.invites(by: signer), limit: Self.grants)
        case .claim(let claim): self.init(.claims(for: claim.subject), limit: Self.claims)
        case .admission(let admission):
            self.init(.admissions(by: admission.invite), limit: uses + Self.lateAdmissions)
        case .nodeRecord: self.init(.nodeRecord(of: signer), limit: 1, newestStay: true)
        case .revocation: self.init(.revocations(by: signer), limit: Self.revocations)
        case .salt: self.init(.salts(by: signer), limit: Self.salts, newestStay: true)
        case .time: self.init(.time(by: signer), limit: 1, newestStay: true)
        }
    }
}

/// What a set holds under one ``Quota``: sorted ranks.
struct Holdings: Sendable {
    private(set) var ranks: [Rank] = []

    /// Whether there is room for it, or one must go that has less right to stay.
    func admits(_ rank: Rank, under quota: Quota) -> Bool {
        guard ranks.count >= quota.limit, let first = ranks.first, let last = ranks.last else {
            return quota.limit > 0
        }
        return quota.newestStay ? rank > first : rank < last
    }

    /// - Returns: what had to go for it.
    mutating func insert(_ rank: Rank, under quota: Quota) -> ObjectID? {
        ranks.insert(rank, at: index(of: rank))
        guard ranks.count > quota.limit else { return nil }
        return (quota.newestStay ? ranks.removeFirst() : ranks.removeLast()).id
    }

    mutating func remove(_ rank: Rank) {
        let index = index(of: rank)
        if index < ranks.count, ranks[index] == rank { ranks.remove(at: index) }
    }

    private func index(of rank: Rank) -> Int {
        var (low, high) = (0, ranks.count)
        while low < high {
            let middle = (low + high) / 2
            if ranks[middle] < rank { low = middle + 1 } else { high = middle }
        }
        return low
    }
}
