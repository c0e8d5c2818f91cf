import Clocks
import Cryptography
import TestKit
import Testing
import Trust

@Suite("Mesh time")
struct MeshClockTests {
    static let build = TrustWorld.start
    static let minute: UInt64 = 60_000

    /// Nodes that tell each other the time every 10 seconds; messages take 50 ms.
    struct Nodes {
        struct Node {
            var clock: MeshClock
            let id: NodeID
            let admitter: Ed25519.PublicKey?
            /// What the machine's clock says at the start; it runs right.
            let hardware: ClockReading
            /// A liar announces this instead, running.
            var lie: ClockReading?
            var events: [MeshClock.Event] = []
        }

        var nodes: [Node] = []
        var seconds = 0

        mutating func add(
            _ quality: ClockQuality, _ milliseconds: UInt64, floor: UInt64 = build,
            admitter: Int? = nil, lie: ClockReading? = nil
        ) throws {
            let number = nodes.count
            let id = try #require(NodeID(octets: [UInt8](repeating: UInt8(number + 1), count: 16)))
            nodes.append(
                Node(
                    clock: MeshClock(floor: floor), id: id,
                    admitter: TrustWorld.key(admitter ?? 500 + number).publicKey,
                    hardware: ClockReading(milliseconds: milliseconds, quality: quality), lie: lie))
        }

        var moment: Moment { .start + .seconds(seconds) }
        private var passed: UInt64 { UInt64(seconds) * 1000 }

        func now(_ node: Int) -> Now {
            var reading = nodes[node].hardware
            reading.milliseconds += passed
            return Now(moment, clock: reading)
        }

        func time(_ node: Int) -> UInt64 { nodes[node].clock.time(at: now(node)) }

        mutating func run(rounds: Int, links: ((Int, Int) -> Bool)? = nil) {
            for _ in 0..<rounds {
                for node in nodes.indices {
                    nodes[node].events += nodes[node].clock.update(at: now(node))
                }
                let said = nodes.map { node in
                    node.lie.map {
                        ClockReading(
                            milliseconds: $0.milliseconds + passed, quality: $0.quality)
                    } ?? node.clock.announcement(at: moment)
                }
                for to in nodes.indices {
                    for from in nodes.indices where from != to && links?(from, to) ?? true {
                        nodes[to].clock.heard(
                            said[from], from: nodes[from].id, admitter: nodes[from].admitter,
                            at: moment + .milliseconds(50))
                    }
                }
                seconds += 10
            }
        }
    }

    @Test func meshWithoutClocksForms() throws {
        // Boards that woke at different times, none with a clock: the furthest is not gone back from.
        var boards = Nodes()
        for number in 0..<6 {
            try boards.add(.none, UInt64(number), floor: Self.build + UInt64(number) * 40_000)
        }
        boards.run(rounds: 60)
        let times = boards.nodes.indices.map(boards.time)
        let (least, most) = (times.min() ?? 0, times.max() ?? 0)
        #expect(most - least <= 2 * MeshClock.tolerance)
        #expect(least >= Self.build + 600_000 && most <= Self.build + 200_000 + 600_000)

        // A laptop with a good clock comes, a year later than the build.
        let year: UInt64 = 365 * 24 * 3_600_000
        try boards.add(.synchronised, Self.build + year)
        boards.run(rounds: 4)
        for node in boards.nodes.indices {
            let off =
                Int64(boards.time(node)) - Int64(Self.build + year + UInt64(boards.seconds) * 1000)
            #expect(abs(off) <= Int64(MeshClock.tolerance), "\(node)")
        }
        #expect(boards.nodes[0].events.contains { if case .stepped = $0 { true } else { false } })
        #expect(
            !boards.nodes[0].events.contains { if case .disagrees = $0 { true } else { false } })
    }

    @Test("over several hops, and each hop believes it less")
    func hops() throws {
        var nodes = Nodes()
        let real = Self.build + 1_000 * Self.minute
        try nodes.add(.synchronised, real)
        for _ in 0..<3 { try nodes.add(.none, 5) }
        nodes.run(rounds: 12) { abs($0 - $1) == 1 }
        let qualities = nodes.nodes.map { $0.clock.announcement(at: nodes.moment).quality }
        #expect(qualities == [.synchronised, .chip, .none, .none])
        #expect(nodes.time(2) >= real && nodes.time(2) <= nodes.time(0))
    }

    @Test func oneLyingClockMovesNobody() throws {
        let real = Self.build + 100 * Self.minute
        let day: UInt64 = 24 * 60 * Self.minute
        for lieQuality in ClockQuality.allCases {
            for lie in [real + 30 * day, real - 30 * day, real + 20 * Self.minute] {
                // The only clock among boards that have none looks the same honest or not.
                let qualities = [ClockQuality.none, .chip, .synchronised]
                for good in qualities where good != .none || lieQuality == .none {
                    var nodes = Nodes()
                    for number in 0..<5 {
                        try nodes.add(good, real + UInt64(number) * 100, floor: real)
                    }
                    nodes.run(rounds: 3)
                    // Two boards without clocks, and the liar.
                    for _ in 0..<2 { try nodes.add(.none, 7, floor: real) }
                    try nodes.add(
                        lieQuality, 0, floor: real,
                        lie: ClockReading(milliseconds: lie, quality: lieQuality))
                    nodes.run(rounds: 30)
                    let expected = real + UInt64(nodes.seconds) * 1000
                    for node in 0..<7 {
                        let off = Int64(nodes.time(node)) - Int64(expected)
                        #expect(
                            abs(off) <= 2 * Int64(MeshClock.tolerance),
                            "\(good) \(lieQuality) \(Int64(lie) - Int64(real)): \(node) by \(off)")
                        if good == .synchronised, node < 5 {
                            #expect(abs(off) <= Int64(MeshClock.tolerance))
                        }
                    }
                }
            }
        }
    }

    @Test("nor does one who goes on in small steps")
    func ratchet() throws {
        let real = Self.build
        var nodes = Nodes()
        for _ in 0..<4 { try nodes.add(.chip, real) }
        try nodes.add(.none, 7)
        try nodes.add(.stated, 0, lie: ClockReading(milliseconds: real, quality: .stated))
        for _ in 0..<100 {
            nodes.nodes[5].lie?.milliseconds += 9 * Self.minute
            nodes.run(rounds: 1)
        }
        let expected = real + UInt64(nodes.seconds) * 1000
        for node in 0..<5 { #expect(nodes.time(node) <= expected + 2 * MeshClock.tolerance) }
    }

    @Test("a good clock that three disagree with is reported and not followed")
    func goodClockThatIsWrong() throws {
        var nodes = Nodes()
        for _ in 0..<3 { try nodes.add(.synchronised, Self.build + 10_000) }
        try nodes.add(.none, 9)
        nodes.run(rounds: 3)
        try nodes.add(.synchronised, Self.build + 90 * Self.minute, floor: Self.build)
        nodes.nodes[4].clock.heard(
            ClockReading(milliseconds: nodes.time(0), quality: .synchronised),
            from: nodes.nodes[0].id, admitter: nil, at: nodes.moment)
        var wrong = nodes
        wrong.run(rounds: 10)
        // Until it has met three it could not know.
        #expect(wrong.nodes[4].events.contains { if case .disagrees = $0 { true } else { false } })
        #expect(wrong.time(0) < Self.build + 10 * Self.minute)
        #expect(
            wrong.nodes[0].events.allSatisfy { if case .disagrees = $0 { false } else { true } })
    }

    @Test("never below the floor, never back; a time object allows what a single peer may not")
    func floorAndTimeObject() throws {
        var clock = MeshClock(floor: Self.build)
        let id = try #require(NodeID(octets: [UInt8](repeating: 1, count: 16)))
        let early = Now(.start, clock: ClockReading(milliseconds: 5, quality: .synchronised))
        #expect(clock.update(at: early).isEmpty && clock.time(at: early) == Self.build)
        // It waits for its own clock, which will need long.
        let later = Now(
            .start + .hours(1),
            clock: ClockReading(milliseconds: 3_600_005, quality: .synchronised))
        #expect(clock.time(at: later) == Self.build)
        clock.raise(floor: Self.build + 99, at: later.moment)
        #expect(clock.time(at: later) == Self.build + 99)
        #expect(clock.floor(at: later.moment) == Self.build + 99)

        let others = try (2...4).map {
            try #require(NodeID(octets: [UInt8](repeating: UInt8($0), count: 16)))
        }
        clock = MeshClock(floor: Self.build)
        let board = Now(.start, clock: ClockReading(milliseconds: 0, quality: .none))
        clock.heard(
            ClockReading(milliseconds: Self.build + 60 * Self.minute, quality: .chip), from: id,
            admitter: TrustWorld.key(1).publicKey, at: .start)
        for (number, other) in others.enumerated() {
            clock.heard(
                ClockReading(milliseconds: Self.build, quality: .chip), from: other,
                admitter: TrustWorld.key(number + 2).publicKey, at: .start)
        }
        #expect(clock.update(at: board).isEmpty)
        clock.accept(timeObject: Self.build + 50 * Self.minute)
        #expect(clock.update(at: board) == [.stepped(by: 50 * Self.minute)])
    }

    @Test("time runs, and only the newest announcements of at most 64 peers are kept")
    func bounds() throws {
        var clock = MeshClock(floor: Self.build)
        var random = SeededRandom(seed: 3)
        var last: UInt64 = 0
        for number in 0..<2_000 {
            let moment = Moment.start + .milliseconds(number * 700)
            let node = try #require(NodeID(octets: random.octets(count: 16)))
            clock.heard(
                ClockReading(
                    milliseconds: random.chance(oneIn: 3) ? random.next() : Self.build,
                    quality: random.pick(ClockQuality.allCases)),
                from: node, admitter: TrustWorld.key(random.below(5)).publicKey, at: moment)
            let now = Now(
                moment,
                clock: ClockReading(
                    milliseconds: random.next(), quality: random.pick(ClockQuality.allCases)))
            _ = clock.update(at: now)
            #expect(clock.time(at: now) >= last)
            last = clock.time(at: now)
        }
    }

    @Test(
        "a clock that leaps is used again when a peer says the same, and at once where none is known"
    )
    func leap() throws {
        func off(_ clock: inout MeshClock, _ seconds: Int, _ ahead: UInt64) -> UInt64 {
            let moment = Moment.start + .seconds(seconds)
            let right = Self.build + UInt64(seconds) * 1000
            let now = Now(
                moment, clock: ClockReading(milliseconds: right + ahead, quality: .synchronised))
            _ = clock.update(at: now)
            return clock.time(at: now) - right
        }
        func hear(_ clock: inout MeshClock, _ seconds: Int, _ ahead: UInt64) throws {
            let reading = ClockReading(
                milliseconds: Self.build + UInt64(seconds) * 1000 + ahead, quality: .synchronised)
            let node = try #require(NodeID(octets: [UInt8](repeating: 9, count: 16)))
            clock.heard(reading, from: node, admitter: nil, at: .start + .seconds(seconds))
        }
        let day = MeshClock.longSleep
        var clock = MeshClock(floor: Self.build)
        #expect(off(&clock, 0, 0) == 0)
        // Alone.
        #expect(off(&clock, 1, day) == day)
        clock = MeshClock(floor: Self.build)
        #expect(off(&clock, 0, 0) == 0)
        try hear(&clock, 1, 0)
        #expect(off(&clock, 2, day) == 0)
        #expect(off(&clock, 3, day) == 0)
        // The machine slept: the first that is heard says so too.
        try hear(&clock, 4, day)
        #expect(off(&clock, 4, day) == day)
        #expect(off(&clock, 5, day) == day)
    }
}
