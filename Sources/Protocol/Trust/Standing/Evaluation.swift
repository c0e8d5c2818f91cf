import Cryptography
import LISP

/// What a set means, whatever the time: which grants and admissions are rightly given and until when,
/// and who is revoked. It goes from the root outwards, link by link: what was decided with fewer links is
/// never undone by what has more.
final class Evaluation: Sendable {
    let ground: Ground
    let genesis: Genesis?
    /// From the first to the present one.
    let roots: [Ed25519.PublicKey]
    /// By place: that of the invite of an admission.
    let inviteOf: [Int]
    // Keys have numbers; these arrays go by them.
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

    private let places: [ObjectID: Int]

    var mesh: MeshID { ground.mesh }
    /// In the order of (stamp, id).
    var entries: [Entry] { ground.entries }
    var keys: [Ground.Key] { ground.keys }

    init(of ground: Ground, lists: KeepLists) {
        var rounds = Rounds(Book(of: ground, lists: lists))
        rounds.run()
        let book = rounds.book
        self.ground = ground
        genesis = book.genesis
        roots = book.roots.map { book.keys[$0].key }
        inviteOf = book.inviteOf
        facts = rounds.state.facts
        levels = rounds.state.levels
        rulings = rounds.state.rulings
        objectRulings = rounds.state.objectRulings
        terms = rounds.state.terms
        counted = rounds.state.counted.mapValues { $0.values.sorted() }
        suspended = rounds.state.suspended.mapValues { $0.sorted() }
        suspendedNodes = Set(
            rounds.state.suspended.values.joined().compactMap { book.subject(of: $0) })
        revocationCount = book.revocationCount
        places = book.places
    }

    func number(of key: Ed25519.PublicKey) -> Int? { ground.numbers[key] }

    func place(of id: ObjectID) -> Int? { places[id] }

    func place(ofInvite id: ObjectID) -> Int? {
        places[id].flatMap { entries[$0].form == .invite ? $0 : nil }
    }

    /// Of a grant or an admission.
    func roles(of item: Int) -> Roles {
        (item >= 0 ? giver(of: item)?.roles ?? [] : .all)
            .expanded(under: genesis?.policy ?? 0)
    }

    func giver(of item: Int) -> Entry? { ground.giver(of: item, inviteOf: inviteOf) }

    /// Whether what a key signed does not count since the key is revoked.
    func isVoidBySigner(_ place: Int) -> Ruling? {
        guard let ruling = rulings[ground.signers[place]], !ruling.keeps(entries[place].id)
        else { return nil }
        return ruling
    }
}
