import Clocks
import Cryptography
import LISP
import Mappings
import TestKit
import Testing
import Trust

@testable import MappingSystem

/// Two members with different records and objects, and a wire that loses.
@Suite("Reconciling")
struct ReconcilerTests {
    /// One side: what it holds, and its reconciler.
    private struct Side {
        var trust: TrustSet
        var records: RecordStore
        var reconciler = Reconciler(at: .start)

        mutating func take(_ message: MeshMessage, now: UInt64) {
            switch message {
            case .objects(let pieces):
                for piece in pieces {
                    if let object = try? TrustObject(octets: piece) { _ = trust.insert(object) }
                }
            case .records(let pieces):
                for piece in pieces {
                    _ = records.offer(
                        piece, from: .disk, rights: Everything(), meshTime: now, at: .start)
                }
            default: break
            }
        }
    }

    private struct Everything: RegistrationRights {
        func isKnown(_ key: Ed25519.PublicKey) -> Bool { true }
        func isRevoked(_ key: Ed25519.PublicKey) -> Bool { false }
        func covers(_ eid: EID, by key: Ed25519.PublicKey) -> Bool { true }
        func holders(of eid: EID) -> [Ed25519.PublicKey] { [] }
        func isRegistrar(_ key: Ed25519.PublicKey, of eid: EID) -> Bool { false }
    }

    private static let now: UInt64 = 1_763_718_000_000

    /// A mesh, its root key, and all that somebody could hold of it.
    private struct Stock {
        let mesh: MeshID
        var objects: [TrustObject] = []
        var records: [[UInt8]] = []

        init(objects objectCount: Int, records recordCount: Int, using random: inout SeededRandom)
            throws
        {
            let root = try #require(Ed25519.SecretKey(seed: random.octets(count: 32)))
            let next = try #require(Ed25519.SecretKey(seed: random.octets(count: 32)))
            let commitment = RootCommitment(to: next.publicKey)
            mesh = MeshID(firstRoot: root.publicKey, commitment: commitment)
            let pool = try #require(Prefix(IPv4Address(rawValue: 0x0A00_0000), length: 8))
            let name = try #require(MeshName("relief"))
            objects.append(
                try TrustObject(
                    signing: Statement(
                        .genesis(Genesis(name: name, commitment: commitment, pool: pool)),
                        stamp: now), by: root, in: mesh))
            for number in 0..<objectCount {
                let key = try #require(Ed25519.SecretKey(seed: random.octets(count: 32)))
                objects.append(
                    try TrustObject(
                        signing: Statement(
                            .grant(Grant(to: key.publicKey, roles: .member)),
                            stamp: now + UInt64(number)), by: root, in: mesh))
            }
            for number in 0..<recordCount {
                let address = IPv4Address(rawValue: 0x0A00_0000 + UInt32(number))
                let locator = LocatorRecord(
                    .ipv4(IPv4Address(rawValue: 0xC000_0201)),
                    unicast: .init(priority: 1, weight: 100))
                let hours = UInt64(random.below(20)) * 3_600_000
                records.append(
                    try SignedRecord(
                        signing: .init(
                            eid: EID(.ipv4(Prefix(host: address))), ttl: 60, locators: [locator],
                            sequence: now - hours), by: root, in: mesh
                    ).octets)
            }
        }

        /// A part of it, never without the genesis.
        func side(percent: Int, using random: inout SeededRandom) -> Side {
            var side = Side(trust: TrustSet(mesh: mesh), records: RecordStore(mesh: mesh))
            for (index, object) in objects.enumerated()
            where index == 0 || random.below(100) < percent {
                _ = side.trust.insert(object)
            }
            for record in records where random.below(100) < percent {
                side.take(.records([record]), now: now)
            }
            return side
        }
    }

    private func node(_ number: UInt8) throws -> NodeID {
        try #require(NodeID(octets: [UInt8](repeating: number, count: NodeID.size)))
    }

    @Test("Both hold everything in the end, whatever is lost", arguments: UInt64(0)..<8)
    func converges(seed: UInt64) throws {
        var random = SeededRandom(seed: seed)
        let stock = try Stock(
            objects: 5 + random.below(100), records: random.below(100), using: &random)
        let shares = [0, 50, 97, 100]
        var one = stock.side(percent: random.pick(shares), using: &random)
        var two = stock.side(percent: random.pick(shares), using: &random)
        // What one of the two has both must have, and nothing else.
        var union = one
        for object in stock.objects where two.trust.contains(object.id(in: stock.mesh)) {
            _ = union.trust.insert(object)
        }
        for record in stock.records where two.records.contains(RecordID(of: record)) {
            union.take(.records([record]), now: Self.now)
        }
        let (first, second) = (try node(1), try node(2))
        let loss = random.below(40)
        var messages = 0
        var rounds = 0
        while one.trust.digest != two.trust.digest || one.records.digest != two.records.digest {
            rounds += 1
            try #require(rounds < 100, "seed \(seed)")
            let now = Moment.start + .seconds(rounds)
            var wire: [(toTwo: Bool, MeshMessage)] = [
                (
                    true,
                    Reconciler.summary(trust: one.trust, records: one.records, wantsAnswer: true)
                )
            ]
            while let (toTwo, message) = wire.popLast() {
                messages += 1
                try #require(message.octets.count <= MeshMessage.maximumSize, "seed \(seed)")
                if random.below(100) < loss { continue }
                if toTwo {
                    two.take(message, now: Self.now)
                } else {
                    one.take(message, now: Self.now)
                }
                let answers =
                    toTwo
                    ? two.reconciler.answer(
                        message, from: first, trust: two.trust, records: two.records, at: now)
                    : one.reconciler.answer(
                        message, from: second, trust: one.trust, records: one.records, at: now)
                wire += answers.map { (!toTwo, $0) }
            }
        }
        #expect(one.trust.digest == union.trust.digest, "seed \(seed)")
        #expect(one.records.digest == union.records.digest, "seed \(seed)")
        #expect(two.records.count == union.records.count, "seed \(seed)")
    }

    @Test("Equal stores cost one message each way")
    func equal() throws {
        var random = SeededRandom(seed: 1)
        let stock = try Stock(objects: 20, records: 20, using: &random)
        let one = stock.side(percent: 100, using: &random)
        var two = stock.side(percent: 100, using: &random)
        let (first, second) = (try node(1), try node(2))
        let summary = Reconciler.summary(
            trust: one.trust, records: one.records, wantsAnswer: true)
        let answers = two.reconciler.answer(
            summary, from: first, trust: two.trust, records: two.records, at: .start)
        #expect(
            answers == [
                Reconciler.summary(trust: one.trust, records: one.records, wantsAnswer: false)
            ])
        #expect(two.reconciler.agreed == [first])
        var reconciler = one.reconciler
        let last = reconciler.answer(
            answers[0], from: second, trust: one.trust, records: one.records, at: .start)
        #expect(last.isEmpty && reconciler.agreed == [second])
    }

    @Test(
        "One who agrees may only have said back what it heard; two are enough, or one after a while"
    )
    func witnesses() throws {
        var random = SeededRandom(seed: 4)
        let stock = try Stock(objects: 3, records: 3, using: &random)
        var side = stock.side(percent: 100, using: &random)
        let echo = Reconciler.summary(
            trust: side.trust, records: side.records, wantsAnswer: false)
        func agree(_ number: UInt8, at now: Moment) throws {
            _ = side.reconciler.answer(
                echo, from: try node(number), trust: side.trust, records: side.records, at: now)
        }
        let soon = Moment.start + .seconds(5)
        #expect(side.reconciler.isWitnessed(among: 0, at: soon))
        #expect(!side.reconciler.isWitnessed(among: 1, at: .start + .hours(9)))
        try agree(1, at: soon)
        try agree(1, at: soon)
        #expect(side.reconciler.isWitnessed(among: 1, at: soon))
        #expect(!side.reconciler.isWitnessed(among: 2, at: soon))
        let late = soon + Reconciler.patience
        #expect(!side.reconciler.isWitnessed(among: 9, at: late - .microseconds(1)))
        #expect(side.reconciler.isWitnessed(among: 9, at: late))
        try agree(2, at: soon)
        #expect(side.reconciler.isWitnessed(among: 9, at: soon))
        // Who is out of the mesh is no witness, and what it began is over.
        side.reconciler.forget(try node(1))
        side.reconciler.forget(try node(2))
        #expect(!side.reconciler.isWitnessed(among: 9, at: late))
        try agree(3, at: late)
        #expect(!side.reconciler.isWitnessed(among: 9, at: late + .seconds(1)))
    }

    @Test("Who asks for everything again and again is not answered for ever")
    func budget() throws {
        var random = SeededRandom(seed: 2)
        let stock = try Stock(objects: 5, records: 5, using: &random)
        var side = stock.side(percent: 100, using: &random)
        let liar = try node(9)
        let lie = MeshMessage.summary(
            .init(
                trust: [UInt8](repeating: 0, count: 32), records: [UInt8](repeating: 0, count: 32),
                wantsAnswer: true))
        var answers = 0
        for _ in 0..<10_000 {
            answers +=
                side.reconciler.answer(
                    lie, from: liar, trust: side.trust, records: side.records, at: .start
                ).count
        }
        #expect(1...512 ~= answers)
    }

    @Test("However much a disk has taken at once, each message fits its packet")
    func acknowledgements() {
        for count in [0, 1, 139, 1000, 20_000] {
            let ids = (0..<UInt64(count)).map { $0 }
            let messages = Batches.acknowledged(ids)
            #expect(messages.allSatisfy { $0.octets.count <= MeshMessage.maximumSize })
            let told = messages.flatMap { message -> [UInt64] in
                guard case .acknowledged(let ids) = message else { return [] }
                return ids
            }
            #expect(told == ids)
        }
    }

    @Test("Ranges that run backwards, or over all, say nothing and ask for nothing")
    func oddRanges() throws {
        var random = SeededRandom(seed: 3)
        let stock = try Stock(objects: 5, records: 5, using: &random)
        var side = stock.side(percent: 100, using: &random)
        let node = try node(1)
        let low = try #require(ObjectID(octets: [UInt8](repeating: 0, count: 16)))
        let high = try #require(ObjectID(octets: [UInt8](repeating: 255, count: 16)))
        for message: MeshMessage in [
            .buckets(first: 9, last: 3, []), .objectIDs(first: high, last: low, []),
            .objectIDs(first: low, last: high, []), .hours(first: 9, last: 3, []),
            .recordIDs(hour: 0, first: .init(rawValue: 9), last: .init(rawValue: 3), []),
        ] {
            let answers = side.reconciler.answer(
                message, from: node, trust: side.trust, records: side.records, at: .start)
            #expect(answers.isEmpty)
        }
    }
}
