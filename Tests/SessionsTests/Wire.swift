import Clocks
import Cryptography
import LISP
import TestKit
import Trust

@testable import Sessions

/// What a node knows of the others, made by hand.
struct TestDirectory: PeerDirectory {
    var mesh: MeshID
    var keys: [NodeID: X25519.PublicKey] = [:]
    var incarnations: [NodeID: UInt32] = [:]
    var known: [NodeID: [Path]] = [:]
    var relayed: Set<NodeID> = []
    var relayWays: [NodeID: [Path]] = [:]
    var invites: Set<[UInt8]> = []
    var learned: [[UInt8]] = []

    mutating func learn(nodeRecord octets: [UInt8]) {
        learned.append(octets)
        guard let object = try? TrustObject(octets: octets), object.isSigned(in: mesh),
            case .nodeRecord(let record) = object.statement.kind
        else { return }
        let node = NodeID(of: object.signer, in: mesh)
        if incarnations[node] != nil { keys[node] = record.dataKey }
    }

    func dataKey(of node: NodeID) -> X25519.PublicKey? { keys[node] }
    func incarnation(of node: NodeID) -> UInt32? { incarnations[node] }
    func paths(to node: NodeID) -> [Path] { known[node] ?? [] }
    func nodes(at host: IPv6Address) -> [NodeID] {
        known.filter { $0.value.contains { $0.host == host } }.map(\.key).sorted()
    }
    func mayRedeem(_ invite: TrustObject) -> Bool {
        invites.contains(invite.octets) && invite.isSigned(in: mesh)
    }
    func relays(for node: NodeID) -> Bool { relayed.contains(node) }
    func relayPaths(to node: NodeID) -> [Path] { relayWays[node] ?? [] }
}

/// One node of a test: its keys, its table, and what came of it.
struct TestNode {
    let key: Ed25519.SecretKey
    let id: NodeID
    var identity: SessionTable.Identity
    var table: SessionTable
    var directory: TestDirectory
    var path: Path
    var random: SeededRandom
    var effects: [SessionEffect] = []

    var delivered: [Payload] {
        effects.compactMap {
            if case .deliver(let payload, _, _) = $0 { return payload }
            return nil
        }
    }
    var early: [Payload] {
        effects.compactMap {
            if case .deliver(let payload, _, true) = $0 { return payload }
            return nil
        }
    }
    var sent: [Datagram] {
        effects.compactMap {
            if case .send(let datagram) = $0 { return datagram }
            return nil
        }
    }
    func has(_ effect: SessionEffect) -> Bool { effects.contains(effect) }
}

/// Nodes and a wire that loses, delays and reorders, on virtual time; the same for the same seed.
struct Wire {
    struct Passing {
        let at: Moment
        let number: Int
        let from: Int
        var source: Path
        let datagram: Datagram
    }

    static let meshStart: UInt64 = 1_763_718_000_000
    static let root = key(1)
    /// Of Docs/Trust.md's first vector.
    static let mesh: MeshID = {
        let hex = "42e3fd8d1e309946ba8ddd545ce1096040b9e93cc2ce1c8d8779912ffd9044bb"
        guard let mesh = MeshID(octets: [UInt8](hex: hex)) else {
            preconditionFailure("a mesh id has 32 octets")
        }
        return mesh
    }()

    var nodes: [TestNode] = []
    var now = Moment.start
    var random: SeededRandom
    var flying: [Passing] = []
    /// Everything that was ever sent, with its source.
    var log: [Passing] = []
    /// Per thousand.
    var loss = 0
    var delay = Span.milliseconds(20)
    var jitter = Span.zero
    /// Drops what it answers `true` to.
    var cut: (Passing) -> Bool = { _ in false }
    private var count = 0

    init(nodes count: Int = 2, seed: UInt64 = 1, settings: SessionSettings = Self.settings) {
        random = SeededRandom(seed: seed)
        for number in 0..<count { nodes.append(Self.node(number, seed: seed, settings)) }
        introduce()
    }

    /// The same on every machine.
    static var settings: SessionSettings {
        var settings = SessionSettings()
        settings.ciphers = [.chaCha20Poly1305]
        return settings
    }

    static func key(_ seed: UInt8) -> Ed25519.SecretKey {
        guard let key = Ed25519.SecretKey(seed: [UInt8](repeating: seed, count: 32)) else {
            preconditionFailure("a seed has 32 octets")
        }
        return key
    }

    static func dataKey(_ seed: UInt8) -> X25519.SecretKey {
        guard let key = X25519.SecretKey(octets: [UInt8](repeating: seed, count: 32)) else {
            preconditionFailure("a key has 32 octets")
        }
        return key
    }

    static func nodeRecord(
        _ key: Ed25519.SecretKey, _ dataKey: X25519.PublicKey, stamp: UInt64 = meshStart
    ) -> [UInt8] {
        let statement = Statement(
            .nodeRecord(NodeRecord(dataKey: dataKey, incarnation: 1)), stamp: stamp)
        guard let object = try? TrustObject(signing: statement, by: key, in: mesh) else {
            preconditionFailure("a node record can be signed")
        }
        return object.octets
    }

    private static func node(_ number: Int, seed: UInt64, _ settings: SessionSettings) -> TestNode {
        let key = key(UInt8(10 + number))
        let dataKey = dataKey(UInt8(40 + number))
        let id = NodeID(of: key.publicKey, in: mesh)
        let identity = SessionTable.Identity(
            mesh: mesh, node: id, dataKey: dataKey,
            bootID: [UInt8](repeating: UInt8(70 + number), count: 16),
            nodeRecord: nodeRecord(key, dataKey.publicKey), startedAt: meshStart - 1000)
        return TestNode(
            key: key, id: id, identity: identity,
            table: SessionTable(identity, settings: settings),
            directory: TestDirectory(mesh: mesh),
            path: Path(IPv4Address(rawValue: 0xC000_0200 + UInt32(number) + 1), port: 4341),
            random: SeededRandom(seed: seed &* 1000 &+ UInt64(number)))
    }

    /// Everybody knows everybody's key and path.
    mutating func introduce() {
        for reader in nodes.indices {
            for other in nodes.indices where other != reader {
                let id = nodes[other].id
                nodes[reader].directory.keys[id] = nodes[other].identity.dataKey.publicKey
                nodes[reader].directory.incarnations[id] = 1
                nodes[reader].directory.known[id] = [nodes[other].path]
            }
        }
    }

    /// Which of the first two nodes has the lower id.
    var lower: Int {
        nodes[0].id.octets.lexicographicallyPrecedes(nodes[1].id.octets) ? 0 : 1
    }

    func time(_ node: Int = 0) -> SessionTime {
        let mesh = Self.meshStart + UInt64(max(0, now.microseconds / 1000))
        return SessionTime(
            now, meshTime: mesh,
            clock: ClockReading(milliseconds: mesh, quality: .synchronised))
    }

    mutating func send(_ payload: Payload, from node: Int, to other: Int, lane: UInt8 = 0) {
        let peer = Peer.member(nodes[other].id)
        act(node) { node, time in
            node.table.send(
                payload, to: peer, lane: lane, at: time, directory: &node.directory,
                using: &node.random)
        }
    }

    mutating func take(_ effects: [SessionEffect], of node: Int) {
        nodes[node].effects += effects
        for case .send(let datagram) in effects {
            count += 1
            let jitter = jitter > .zero ? random.below(Int(jitter.microseconds)) : 0
            let passing = Passing(
                at: now + delay + .microseconds(jitter), number: count, from: node,
                source: nodes[node].path, datagram: datagram)
            log.append(passing)
            if random.below(1000) < loss || cut(passing) { continue }
            flying.append(passing)
        }
    }

    /// Hands a datagram to a node, wherever it came from.
    mutating func inject(_ octets: [UInt8], into node: Int, from source: Path) {
        act(node) { node, time in
            node.table.handle(
                Datagram(octets, on: .data, remote: source), at: time,
                directory: &node.directory, using: &node.random)
        }
    }

    /// Has a node do something, and takes what comes of it.
    mutating func act(
        _ node: Int, _ body: (inout TestNode, SessionTime) -> [SessionEffect]
    ) {
        let time = time()
        take(body(&nodes[node], time), of: node)
    }

    /// Lets time pass.
    mutating func run(for span: Span) {
        let end = now + span
        while true {
            let next = flying.indices.min {
                (flying[$0].at, flying[$0].number) < (flying[$1].at, flying[$1].number)
            }
            let arrival = next.map { flying[$0].at } ?? .never
            let deadline = nodes.map(\.table.nextDeadline).min() ?? .never
            let moment = min(arrival, deadline)
            guard moment <= end else { break }
            now = max(now, moment)
            if let next, arrival <= deadline {
                let passing = flying.remove(at: next)
                guard let target = nodes.firstIndex(where: { $0.path == passing.datagram.remote })
                else { continue }
                inject(passing.datagram.octets, into: target, from: passing.source)
            } else {
                for node in nodes.indices where nodes[node].table.nextDeadline <= now {
                    act(node) { node, time in
                        node.table.handleDeadline(
                            at: time, directory: &node.directory, using: &node.random)
                    }
                }
            }
        }
        now = end
    }

    func state(of other: Int, at node: Int) -> SessionState? {
        nodes[node].table.session(with: nodes[other].id)
    }

    func isEstablished(_ node: Int, _ other: Int) -> Bool {
        state(of: other, at: node)?.isEstablished ?? false
    }

    /// A session between the first two, with both sides able to send.
    mutating func connect(_ node: Int = 0, _ other: Int = 1) {
        send(.control([16, 0, 0]), from: node, to: other)
        run(for: .seconds(1))
    }
}

extension Datagram {
    /// The octet behind the head.
    var form: UInt8 { octets[port == .data ? 8 : 4] }
}

func packet(_ number: Int) -> Payload {
    .data([0x45, UInt8(number / 256), UInt8(number % 256)], instance: 7)
}
