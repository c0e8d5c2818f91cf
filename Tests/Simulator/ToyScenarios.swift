import Clocks
import LISP
import LISPNode
import Sessions
import TestKit

/// A counter that everybody may raise and everybody must learn: small nodes that try the world.
struct GossipToy: SimulatedNode {
    let index: Int
    let peers: [Path]
    /// By machine: how far that machine has counted.
    var counts: [UInt64]
    var nextDeadline = Moment.never
    var batch: UInt64 = 0
    /// A planted mistake: what was received is believed without its checksum.
    let isGullible: Bool

    static let interval = Span.milliseconds(200)
    /// Each counts so far, then is quiet.
    static let target: UInt64 = 40

    init(index: Int, peers: [Path], disk: DiskContents, isGullible: Bool) {
        (self.index, self.peers, self.isGullible) = (index, peers, isGullible)
        counts = [UInt64](repeating: 0, count: peers.count)
        if let saved = disk[[0]] { counts = Self.read(saved, count: peers.count) ?? counts }
    }

    mutating func handle(
        _ event: Event, at now: Now, using random: inout some RandomNumberGenerator
    ) -> [Effect] {
        switch event {
        case .start:
            nextDeadline = now.moment + Self.interval
            return []
        case .deadline:
            nextDeadline = now.moment + Self.interval
            var effects: [Effect] = []
            if counts[index] < Self.target {
                counts[index] += 1
                batch += 1
                effects.append(
                    .write([DiskWrite([0], Self.write(counts))], batch: batch))
            }
            guard peers.count > 1 else { return effects }
            let peer = peers[Int(random.next() % UInt64(peers.count))]
            effects.append(
                .send(Datagram(Self.write(counts), on: .control, remote: peer)))
            return effects
        case .datagram(let datagram):
            guard let theirs = read(datagram.octets) else { return [] }
            for place in counts.indices { counts[place] = max(counts[place], theirs[place]) }
            return []
        default: return []
        }
    }

    private func read(_ octets: [UInt8]) -> [UInt64]? {
        if isGullible, octets.count == 8 * (peers.count + 1) {
            return (0..<peers.count).map { Self.word(octets, $0) }
        }
        return Self.read(octets, count: peers.count)
    }

    private static func word(_ octets: [UInt8], _ place: Int) -> UInt64 {
        octets[place * 8..<place * 8 + 8].reduce(0) { $0 << 8 | UInt64($1) }
    }

    private static func read(_ octets: [UInt8], count: Int) -> [UInt64]? {
        guard octets.count == 8 * (count + 1) else { return nil }
        let words = (0..<count).map { word(octets, $0) }
        return checksum(words) == word(octets, count) ? words : nil
    }

    private static func write(_ words: [UInt64]) -> [UInt8] {
        (words + [checksum(words)]).flatMap { word in
            (0..<8).map { UInt8(truncatingIfNeeded: word >> UInt64(56 - 8 * $0)) }
        }
    }

    private static func checksum(_ words: [UInt64]) -> UInt64 {
        var hash = TraceHash()
        for word in words { hash.mix(word) }
        return hash.value
    }
}

/// Sends so much and thinks so little that the world's own cost is all there is.
struct IdleToy: SimulatedNode {
    let peers: [Path]
    let octets = [UInt8](repeating: 7, count: 100)
    var nextDeadline = Moment.start
    var received = 0

    mutating func handle(
        _ event: Event, at now: Now, using random: inout some RandomNumberGenerator
    ) -> [Effect] {
        switch event {
        case .deadline:
            nextDeadline = now.moment + .milliseconds(100)
            let peer = peers[Int(random.next() % UInt64(peers.count))]
            return [.send(Datagram(octets, on: .data, remote: peer))]
        case .datagram:
            received += 1
            return []
        default: return []
        }
    }
}

extension Scenario {
    package static let gossip = Scenario(
        "gossip", "toy nodes count and gossip, under faults drawn from the seed, then without any",
        nodes: 9, minutes: 5
    ) { gossip($0, isGullible: false) }

    static let faulty = Scenario(
        "gossip-wrong", "the same, with toys that check no checksum: must fail for most seeds",
        nodes: 9, minutes: 5
    ) { gossip($0, isGullible: true) }

    static let trap = Scenario(
        "trap", "ends its process at every fourth seed: tries what runs many seeds", nodes: 1,
        minutes: 1
    ) { options in
        precondition(options.seed % 4 != 3, "planted trap")
        return gossip(options, isGullible: false)
    }

    static let idle = Scenario(
        "idle", "nodes that only send: what the world itself costs", nodes: 1000, minutes: 2
    ) { options in
        let peers = paths(options.nodes, port: 4341)
        let world = World(seed: options.seed, machines: options.nodes) { _, _, _ in
            IdleToy(peers: peers)
        }
        world.link.jitter = .milliseconds(20)
        world.link.loss = .percent(1)
        world.hooks.line = options.line
        world.start()
        world.run(for: .minutes(options.minutes))
        return Outcome(world)
    }

    private static func paths(_ count: Int, port: UInt16) -> [Path] {
        (0..<count).compactMap { Path(World<IdleToy>.defaultAddress(of: $0), port: port) }
    }

    private static func gossip(_ options: Options, isGullible: Bool) -> Outcome {
        let peers = paths(options.nodes, port: 4342)
        let world = World(seed: options.seed, machines: options.nodes) { index, disk, _ in
            GossipToy(index: index, peers: peers, disk: disk, isGullible: isGullible)
        }
        world.hooks.line = options.line
        world.hooks.afterEvent = { world, machine, _, _, _ in
            let counts = world.members[machine].counts
            for other in counts.indices where counts[other] > GossipToy.target {
                world.fail(
                    "node \(machine) believes that node \(other) counted to \(counts[other])")
            }
        }
        world.start()
        var faults = Faults.random(seed: options.seed)
        // Toys do not tell each other where they went.
        faults.moves = nil
        world.apply(faults)
        world.run(for: .minutes(options.minutes))
        world.heal()
        let all = [UInt64](repeating: GossipToy.target, count: options.nodes)
        if !world.run(until: { $0.members.allSatisfy { $0.counts == all } }, within: .minutes(2)) {
            world.fail("not all know all counts 2 minutes after the faults ended")
        }
        return Outcome(world)
    }
}
