import Clocks
import Cryptography
import TestKit
import Testing
import Trust

@testable import MappingSystem

/// A list of a revocation that comes in pieces, some of them a liar's.
@Suite("Pieces of keep lists")
struct KeepListPiecesTests {
    private static let limit = 65_536

    private func node(_ number: UInt8) throws -> NodeID {
        try #require(NodeID(octets: [UInt8](repeating: number, count: NodeID.size)))
    }

    private func ids(_ count: Int, seed: UInt64) -> [ObjectID] {
        var random = SeededRandom(seed: seed)
        return (0..<count).compactMap { _ in
            ObjectID(octets: random.octets(count: ObjectID.size))
        }.sorted()
    }

    private func hash(_ ids: [ObjectID]) -> [UInt8] { SHA256.hash(ids.flatMap(\.octets)) }

    /// What somebody who has a list answers to a question.
    private func answer(
        _ question: MeshMessage, _ list: [ObjectID]
    ) throws -> (from: UInt32, total: UInt32, ids: [ObjectID]) {
        guard case .keepListWanted(let hash, let from) = question,
            case .keepList(_, let start, let total, let ids)? = Batches.keepList(
                list, hash: hash, from: from
            ).first
        else { throw Failure.noPiece }
        return (start, total, ids)
    }

    private enum Failure: Error { case noPiece }

    @Test("one honest sender completes a list while others lie about it", arguments: UInt64(0)..<6)
    func liars(seed: UInt64) throws {
        var random = SeededRandom(seed: seed)
        let list = ids(1000, seed: seed)
        let hash = hash(list)
        let honest = try node(1)
        let liars = try (2..<7).map { try node($0) }
        var pieces = KeepListPieces()
        var now = Moment.start
        for node in ([honest] + liars).shuffled(using: &random) {
            _ = pieces.ask(node, for: [hash], at: now)
        }
        var question = MeshMessage.keepListWanted(hash: hash, from: 0)
        var whole: [ObjectID]?
        for _ in 0..<100 where whole == nil {
            now += .milliseconds(50)
            let honestly = try answer(question, list)
            // A liar's piece of the same place comes before, and one of any other after.
            for from in [honestly.from, UInt32(random.below(1000))] {
                _ = pieces.take(
                    hash, from: from, total: UInt32(random.below(3) * 500),
                    ids(1 + random.below(60), seed: random.next()), by: random.pick(liars),
                    limit: Self.limit, at: now)
            }
            switch pieces.take(
                hash, from: honestly.from, total: honestly.total, honestly.ids, by: honest,
                limit: Self.limit, at: now)
            {
            case .nothing: Issue.record("seed \(seed): an honest piece was not taken")
            case .next(let next): question = next
            case .whole(let ids): whole = ids
            }
        }
        #expect(whole == list, "seed \(seed)")
    }

    @Test("a piece that was lost is asked for again, and a silent sender is given up")
    func losses() throws {
        let list = ids(200, seed: 1)
        let hash = hash(list)
        let sender = try node(1)
        var pieces = KeepListPieces()
        let first = try #require(pieces.ask(sender, for: [hash], at: .start).first?.messages.first)
        let piece = try answer(first, list)
        guard
            case .next(let next) = pieces.take(
                hash, from: piece.from, total: piece.total, piece.ids, by: sender,
                limit: Self.limit, at: .start)
        else {
            Issue.record("a list of 200 has several pieces")
            return
        }
        // The answer never comes; whoever is asked then, the sender is asked again.
        let again = pieces.ask(try node(2), for: [hash], at: .start + .seconds(10))
        #expect(again.contains { $0.node == sender && $0.messages == [next] })
        // The same piece twice is one.
        #expect(
            pieces.take(
                hash, from: 0, total: piece.total, piece.ids, by: sender, limit: Self.limit,
                at: .start + .seconds(11)) == .nothing)
        _ = pieces.ask(try node(2), for: [hash], at: .start + .seconds(70))
        #expect(pieces.count == 0)
    }

    @Test("who was not asked begins nothing, and nobody begins many")
    func bounds() throws {
        let hashes = (0..<2000).map { SHA256.hash([UInt8($0 >> 8), UInt8($0 & 255)]) }.sorted {
            $0.lexicographicallyPrecedes($1)
        }
        var pieces = KeepListPieces()
        let piece = ids(69, seed: 3)
        func begin(_ hash: [UInt8], by node: NodeID) {
            _ = pieces.take(
                hash, from: 0, total: 1000, piece, by: node, limit: Self.limit,
                at: .start)
        }
        for hash in hashes { begin(hash, by: try node(9)) }
        #expect(pieces.count == 0)
        var asked: Set<[UInt8]> = []
        for number in UInt8(1)...200 {
            for (_, messages) in pieces.ask(try node(number), for: hashes, at: .start) {
                #expect(messages.flatMap(\.octets).count <= MeshMessage.maximumSize)
                for case .keepListWanted(let hash, _) in messages { asked.insert(hash) }
            }
            for hash in hashes.prefix(20) { begin(hash, by: try node(number)) }
            #expect(pieces.count <= KeepListPieces.maximum)
            if number == 1 { #expect(pieces.count == KeepListPieces.maximumEach) }
        }
        // However many a member has made up, each gets its turn.
        #expect(asked.count == hashes.count)
        #expect(
            pieces.take(
                hashes[30], from: 0, total: 70_000, ids(69, seed: 1), by: try node(200),
                limit: Self.limit, at: .start) == .nothing)
    }
}
