import Cryptography
import Synchronization

/// What was worked out of one content of a set. Copies of the set share it; a set that changes takes
/// another one. It changes no answer, only how soon it comes.
final class Memo: Sendable {
    private struct Known: Sendable {
        var evaluation: Evaluation?
        var standing: Standing?
        /// Of an evaluation before, and what came since then.
        var ground: Ground?
        var added: [Entry] = []
    }

    private let known: Mutex<Known>

    init() { known = Mutex(Known()) }
    private init(_ value: Known) { known = Mutex(value) }

    func standing(
        at time: UInt64, evaluate: (Ground?, [Entry]) -> Evaluation,
        records: () -> [Ed25519.PublicKey: Entry]
    ) -> Standing {
        let before = known.withLock { $0 }
        if let standing = before.standing, standing.isSame(at: time) {
            return Standing(time: time, storage: standing.storage)
        }
        let evaluation = before.evaluation ?? evaluate(before.ground, before.added)
        let effect = Effect(of: evaluation, at: time)
        let records = records()
        let members = effect.profiles.map { Member($0, record: records[$0.key]) }
        let standing = Standing(
            time: time, storage: Standing.Storage(effect: effect, members: members))
        known.withLock { $0 = Known(evaluation: evaluation, standing: standing) }
        return standing
    }

    /// With one object more, or with a keep list: either may change all that the set means, but not what
    /// was sorted and numbered.
    func with(_ entry: Entry?) -> Memo {
        let before = known.withLock { $0 }
        var value = Known()
        if let ground = before.evaluation?.ground ?? before.ground {
            value.ground = ground
            value.added = before.evaluation == nil ? before.added : []
            if let entry { value.added.append(entry) }
            // Then everything may as well be sorted anew.
            if value.added.count > Ground.maximumAdded { return Memo() }
        }
        return Memo(value)
    }

    /// The same but for one node record: nothing else depends on those.
    func with(record: Entry) -> Memo {
        var value = known.withLock { $0 }
        guard let standing = value.standing else { return Memo(value) }
        let effect = standing.storage.effect
        guard let index = effect.index(of: record.signer) else { return Memo(value) }
        var members = standing.storage.members
        members[index] = Member(effect.profiles[index], record: record)
        value.standing = Standing(
            time: standing.time, storage: Standing.Storage(effect: effect, members: members))
        return Memo(value)
    }
}

extension Standing {
    func isSame(at other: UInt64) -> Bool {
        time <= other && (changesAt.map { other < $0 } ?? true)
    }
}
