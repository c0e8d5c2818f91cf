import Cryptography
import LISP

/// What a set means, whatever the time: which grants and admissions are rightly given and until when,
/// and who is revoked. It goes from the root outwards, link by link: what was decided with fewer links is
/// never undone by what has more.
final class Evaluation: Sendable {
    let mesh: MeshID
    let genesis: Genesis?
    /// From the first to the present one.
    let roots: [Ed25519.PublicKey]
    /// In the order of (stamp, id).
    let entries: [Entry]
    /// Keys have numbers; these arrays go by them.
    let keys: [Ed25519.PublicKey]
    let facts: [[Fact]]
    let levels: [Int]
    let rulings: [Int: Ruling]
    /// On single objects, by their place.
    let objectRulings: [Int: Ruling]
    let terms: [Int: InviteTerms]
    /// The admissions under each invite that count, and those that came too late.
    let counted: [Int: [Int]]
    let suspended: [Int: [Int]]
    let suspendedNodes: Set<Int>
    let revocationCount: Int

    private let numbers: [Ed25519.PublicKey: Int]
    private let places: [ObjectID: Int]

    init(of entries: [Entry], lists: KeepLists, mesh: MeshID) {
        var rounds = Rounds(Book(of: entries, lists: lists, mesh: mesh))
        rounds.run()
        let book = rounds.book
        self.mesh = mesh
        genesis = book.genesis
        roots = book.roots.map { book.keys[$0] }
        self.entries = book.entries
        keys = book.keys
        facts = rounds.state.facts
        levels = rounds.state.levels
        rulings = rounds.state.rulings
        objectRulings = rounds.state.objectRulings
        terms = rounds.state.terms
        counted = rounds.state.counted.mapValues { $0.values.sorted() }
        suspended = rounds.state.suspended.mapValues { $0.sorted() }
        suspendedNodes = Set(
            rounds.state.suspended.values.joined().compactMap { book.subjects[$0] })
        revocationCount = book.revocationCount
        numbers = book.numbers
        places = book.places
    }

    func number(of key: Ed25519.PublicKey) -> Int? { numbers[key] }
    func place(of id: ObjectID) -> Int? { places[id] }

    /// Of a grant or an admission.
    func roles(of item: Int) -> Roles {
        offer(of: item).roles.expanded(under: genesis?.policy ?? 0)
    }

    /// What a grant or the invite of an admission gives.
    func offer(of item: Int) -> (roles: Roles, ranges: [EID]) {
        guard item >= 0 else { return (.all, []) }
        switch entries[item].kind {
        case .grant(let grant): return (grant.roles, grant.ranges)
        case .admission(let admission):
            if let place = places[admission.invite], case .invite(let invite) = entries[place].kind
            {
                return (invite.roles, invite.ranges)
            }
            return ([], [])
        default: return ([], [])
        }
    }

    /// Whether what a key signed does not count since the key is revoked.
    func isVoidBySigner(_ place: Int) -> Ruling? {
        guard let signer = numbers[entries[place].signer], let ruling = rulings[signer],
            !ruling.keeps(entries[place].id)
        else { return nil }
        return ruling
    }
}
