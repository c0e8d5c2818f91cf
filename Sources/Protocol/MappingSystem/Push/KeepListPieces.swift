package import Clocks
import Laboratory
package import Trust

/// Keep lists that come in pieces, each from one member: a list is what one sender says it is, so that
/// nobody's piece spoils what another has begun.
package struct KeepListPieces: Sendable {
    private var lists: [List] = []
    /// Whom we asked lately: nobody else begins a list here.
    private var asked: [(node: NodeID, at: Moment)] = []
    /// Which of the missing lists is asked for next.
    private var next = 0

    private struct List: Sendable {
        let node: NodeID
        let hash: [UInt8]
        var ids: [ObjectID] = []
        let began: Moment
        var heard: Moment
        var asked: Moment
    }

    /// Lists on their way at one time: of full length, 16 MiB.
    package static let maximum = 16
    /// Of one sender.
    package static let maximumEach = 4
    /// One plaintext of questions. A member can make up hashes by the thousand; all get their turn.
    package static let questions = 24
    /// A sender that has nothing more to say, or says too little to come to an end, is given up.
    private static let patience = Span.seconds(60)
    private static let life = Span.minutes(20)
    /// A piece, or the question for it, was lost.
    private static let repetition = Span.seconds(1)

    package init() {}

    /// How many are on their way.
    package var count: Int { lists.count }

    /// Asks a member for lists, and those that have begun for what comes next.
    /// - Parameter missing: their hashes.
    package mutating func ask(
        _ node: NodeID, for missing: [[UInt8]], at now: Moment
    ) -> [(node: NodeID, messages: [MeshMessage])] {
        lists.removeAll {
            $0.heard + Self.patience <= now || $0.began + Self.life <= now
                || !missing.contains($0.hash)
        }
        asked.removeAll { $0.at + Self.patience <= now || $0.node == node }
        guard !missing.isEmpty else { return [] }
        var messages: [(node: NodeID, messages: [MeshMessage])] = []
        for index in lists.indices where lists[index].asked + Self.repetition <= now {
            lists[index].asked = now
            messages.append((lists[index].node, [Self.question(lists[index])]))
        }
        if asked.count >= Self.maximum { asked.removeFirst() }
        asked.append((node, now))
        let wanted = (0..<min(missing.count, Self.questions)).map {
            missing[(next % missing.count + $0) % missing.count]
        }
        next = (next % missing.count + wanted.count) % missing.count
        let new = wanted.filter { hash in
            !lists.contains { $0.node == node && $0.hash == hash }
        }
        if !new.isEmpty {
            messages.append((node, new.map { .keepListWanted(hash: $0, from: 0) }))
        }
        return messages
    }

    private static func question(_ list: List) -> MeshMessage {
        .keepListWanted(hash: list.hash, from: UInt32(clamping: list.ids.count))
    }

    package enum Outcome: Hashable, Sendable {
        /// It is not what comes next, or from nobody who was asked.
        case nothing
        case next(MeshMessage)
        /// As the sender has it; whether it is the one that has this hash is another question.
        case whole([ObjectID])
    }

    /// Takes a piece of a list that is missing.
    /// - Parameter limit: ids in a list.
    package mutating func take(
        _ hash: [UInt8], from: UInt32, total: UInt32, _ ids: [ObjectID], by node: NodeID,
        limit: Int, at now: Moment
    ) -> Outcome {
        guard total <= limit, !ids.isEmpty else { return .nothing }
        // Without a list begun there is nothing to mix up.
        if from == 0, ids.count >= total {
            lists.removeAll { $0.node == node && $0.hash == hash }
            return .whole(ids)
        }
        let index: Int
        if let begun = lists.firstIndex(where: {
            ($0.node == node || isPlanted(.keepListPiecesMixed)) && $0.hash == hash
        }) {
            index = begun
        } else {
            guard lists.count < Self.maximum, asked.contains(where: { $0.node == node }),
                lists.count(where: { $0.node == node }) < Self.maximumEach
            else { return .nothing }
            lists.append(List(node: node, hash: hash, began: now, heard: now, asked: now))
            index = lists.count - 1
        }
        guard Int(from) == lists[index].ids.count else { return .nothing }
        lists[index].ids += ids
        lists[index].heard = now
        lists[index].asked = now
        guard lists[index].ids.count >= Int(total) else {
            return .next(Self.question(lists[index]))
        }
        return .whole(lists.remove(at: index).ids)
    }

    package mutating func forget(_ node: NodeID) {
        lists.removeAll { $0.node == node }
        asked.removeAll { $0.node == node }
    }
}
