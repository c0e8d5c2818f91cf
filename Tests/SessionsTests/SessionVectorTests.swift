import Clocks
import Cryptography
import Foundation
import LISP
import TestKit
import Testing
import Trust

@testable import Sessions

/// Numbers that are given, one after another.
struct ScriptedRandom: RandomNumberGenerator {
    var numbers: [UInt64]
    mutating func next() -> UInt64 { numbers.isEmpty ? 0xF00 : numbers.removeFirst() }

    static func repeated(_ octet: UInt8, octets: Int) -> [UInt64] {
        [UInt64](repeating: UInt64(octet) * 0x0101_0101_0101_0101, count: octets / 8)
    }
}

/// The octets of Tests/Vectors/sessions.txt come from another implementation; ours makes the same and
/// reads them.
@Suite("Sessions: octets")
struct SessionVectorTests {
    static let vectors: [String: [UInt8]] = {
        let text = (try? String(contentsOfFile: Checkout.vector("sessions.txt"), encoding: .utf8))
        var vectors: [String: [UInt8]] = [:]
        for line in (text ?? "").split(separator: "\n") {
            let words = line.split(separator: " ").map(String.init)
            vectors[words[0]] = [UInt8](hex: words[1])
        }
        return vectors
    }()

    func vector(_ name: String) throws -> [UInt8] { try #require(Self.vectors[name]) }

    let early = Payload.data([0x45, 0, 1], instance: 7)
    let control = Payload.control([0x10, 0, 0])

    /// Both tables after the handshake of the vectors.
    private func handshake(_ wire: inout Wire) throws {
        var first = ScriptedRandom(numbers: ScriptedRandom.repeated(1, octets: 32) + [0x0A0B0C])
        var second = ScriptedRandom(numbers: ScriptedRandom.repeated(2, octets: 32) + [0x0D0E0F])
        wire.act(0) { [early] node, time in
            node.table.send(
                early, to: .member(Self.id("nodeB")), at: time, directory: &node.directory,
                using: &first)
        }
        #expect(wire.log.map(\.datagram.octets) == [try vector("opener")])
        wire.now = Moment(microseconds: 20_000)
        let opener = wire.log[0]
        wire.act(1) { node, time in
            node.table.handle(
                Datagram(opener.datagram.octets, on: .data, remote: opener.source), at: time,
                directory: &node.directory, using: &second)
        }
        #expect(try wire.log.last?.datagram.octets == vector("answer"))
        #expect(wire.nodes[1].early == [early])
    }

    static func id(_ name: String) -> NodeID {
        guard let id = NodeID(octets: vectors[name] ?? []) else {
            preconditionFailure("no vector \(name)")
        }
        return id
    }

    @Test("opener, answer, keys and packets are those of the other implementation")
    func session() throws {
        var wire = Wire()
        #expect(try wire.nodes[0].id.octets == vector("nodeA"))
        #expect(try wire.nodes[0].identity.nodeRecord == vector("recordA"))
        try handshake(&wire)
        wire.flying = []
        try wire.inject(vector("answer"), into: 0, from: wire.nodes[1].path)
        #expect(wire.isEstablished(0, 1))
        // The confirmation of an initiator that has nothing to say.
        #expect(wire.log.last?.datagram.octets.count == 36)
        var keys = try keysOfA()
        let data = [UInt8]([0x45, 0, 1])
        let instance = DataHeader.controlInstance
        #expect(
            try keys.seal([0x10, 0, 0], lane: 255, instance: instance, on: .data)
                == vector("control0"))
        #expect(
            try keys.seal([0x10, 0, 0], lane: 255, instance: instance, on: .control)
                == vector("controlOnControl1"))
        for name in ["data0", "data1"] {
            #expect(try keys.seal(data, lane: 0, instance: 7, on: .data) == vector(name))
        }
        #expect(try keys.seal(data, lane: 3, instance: 7, on: .data) == vector("lane3"))
        if PacketCipher.available.contains(.aes256GCM) {
            var keys = try keysOfA(.aes256GCM)
            #expect(try keys.seal(data, lane: 0, instance: 7, on: .data) == vector("aes0"))
        }
        for name in ["control0", "data1", "data0", "lane3"] {
            try wire.inject(vector(name), into: 1, from: wire.nodes[0].path)
        }
        #expect(wire.nodes[1].delivered == [early, control, early, early, early])
        #expect(wire.isEstablished(1, 0))
        let split = try vector("split")
        #expect(
            try SessionSecret.packetKey([UInt8](split.prefix(32)), .chaCha20Poly1305)
                == vector("keyFromA"))
        #expect(
            try SessionSecret.packetKey([UInt8](split.suffix(32)), .chaCha20Poly1305)
                == vector("keyFromB"))
        #expect(
            try SessionSecret.packetKey([UInt8](split.prefix(32)), .aes256GCM)
                == vector("keyFromAforAES"))
    }

    private func keysOfA(_ cipher: PacketCipher = .chaCha20Poly1305) throws -> SessionKeys {
        let split = try vector("split")
        return SessionKeys(
            cipher, send: [UInt8](split.prefix(32)), receive: [UInt8](split.suffix(32)),
            local: 0x0A0B0C, remote: 0x0D0E0F, isInitiator: true, since: .start, localLanes: 16,
            remoteLanes: 16)
    }

    @Test("the cookie reply, and the opener that shows it")
    func cookie() throws {
        var settings = Wire.settings
        settings.openersUnderLoad = 0
        var wire = Wire(settings: settings)
        var first = ScriptedRandom(numbers: ScriptedRandom.repeated(1, octets: 32) + [0x0A0B0C])
        let nonce: [UInt64] = [
            0x0001_0203_0405_0607, 0x0809_0A0B_0C0D_0E0F, 0x1011_1213_1415_1617,
        ]
        var second = ScriptedRandom(numbers: ScriptedRandom.repeated(9, octets: 32) + nonce)
        wire.act(0) { [early] node, time in
            node.table.send(
                early, to: .member(Self.id("nodeB")), at: time, directory: &node.directory,
                using: &first)
        }
        let opener = wire.log[0]
        wire.act(1) { node, time in
            node.table.handle(
                Datagram(opener.datagram.octets, on: .data, remote: opener.source), at: time,
                directory: &node.directory, using: &second)
        }
        #expect(try wire.log.last?.datagram.octets == vector("cookie"))
        try wire.inject(vector("cookie"), into: 0, from: wire.nodes[1].path)
        #expect(try wire.log.last?.datagram.octets == vector("openerWithCookie"))
        wire.run(for: .seconds(1))
        #expect(wire.isEstablished(0, 1) && wire.isEstablished(1, 0))
    }

    @Test("the joining handshake")
    func join() throws {
        var wire = Wire()
        let invite = try TrustObject(octets: vector("invite"))
        wire.nodes[1].directory.invites = [invite.octets]
        var first = ScriptedRandom(numbers: [0x0A0B0C] + ScriptedRandom.repeated(1, octets: 32))
        var second = ScriptedRandom(numbers: ScriptedRandom.repeated(2, octets: 32) + [0x0D0E0F])
        let path = wire.nodes[1].path
        wire.act(0) { node, time in
            node.table.join(
                through: path, on: .data, invite: invite, inviteKey: Wire.key(20), at: time,
                using: &first
            ).1
        }
        #expect(try wire.log[0].datagram.octets == vector("join1"))
        wire.now = Moment(microseconds: 20_000)
        let source = wire.nodes[0].path
        let step1 = try vector("join1")
        wire.act(1) { node, time in
            node.table.handle(
                Datagram(step1, on: .data, remote: source), at: time,
                directory: &node.directory, using: &second)
        }
        #expect(try wire.log[1].datagram.octets == vector("join2"))
        wire.now = Moment(microseconds: 40_000)
        try wire.inject(vector("join2"), into: 0, from: path)
        #expect(try wire.log[2].datagram.octets == vector("join3"))
        try wire.inject(vector("join3"), into: 1, from: source)
        let record = try TrustObject(octets: vector("recordA"))
        #expect(
            wire.nodes[1].has(
                .joinOpened(.joining(0x0D0E0F), nodeRecord: record, invite: invite)))
        try wire.inject(vector("joinControl0"), into: 1, from: source)
        #expect(wire.nodes[1].delivered == [control])
    }

    @Test(
        "messages read and write the same octets, and no beginning of one does anything",
        arguments: [
            "opener", "openerWithCookie", "answer", "cookie", "relayed", "join1", "join2",
            "join3", "joinClock",
        ])
    func codec(name: String) throws {
        let octets = try vector(name)
        let message = try SessionMessage(octets: [UInt8](octets.dropFirst(8)))
        #expect(message.octets() == [UInt8](octets.dropFirst(8)))
    }

    @Test("payloads read and write the same octets; beginnings that lack a field are refused")
    func payloads() throws {
        for name in ["payload1", "payload2", "joinPayload2"] {
            let octets = try vector(name)
            switch name {
            case "payload1":
                let payload = try OpenerPayload(octets: octets)
                #expect(payload.octets() == octets && payload.early.count == 1)
                // The node record and the early packets may both be absent.
                let early = octets.count - 11
                let record = early - 3 - (payload.nodeRecord?.count ?? 0)
                for length in 0..<octets.count where length != early && length != record {
                    #expect(throws: WireError.self) {
                        try OpenerPayload(octets: [UInt8](octets.prefix(length)))
                    }
                }
            case "payload2":
                #expect(try AnswerPayload(octets: octets).octets() == octets)
                for length in octets.indices {
                    #expect(throws: WireError.self) {
                        try AnswerPayload(octets: [UInt8](octets.prefix(length)))
                    }
                }
            default:
                #expect(try JoinIntroduction(octets: octets).octets() == octets)
                for length in octets.indices {
                    #expect(throws: WireError.self) {
                        try JoinIntroduction(octets: [UInt8](octets.prefix(length)))
                    }
                }
            }
        }
    }

    @Test("no changed bit and no beginning of an opener, answer or packet has any effect")
    func everyBitIsAuthenticated() throws {
        var wire = Wire()
        try handshake(&wire)
        var fresh = Wire()
        let source = fresh.nodes[0].path
        // An opener that became a packet under unknown keys would be a reason to call who is known there.
        fresh.nodes[1].directory.known = [:]
        try check(vector("opener"), skipping: 16, at: 20_000, &fresh, node: 1, from: source)
        try check(
            vector("answer"), skipping: 0, at: 40_000, &wire, node: 0, from: wire.nodes[1].path)
        try check(vector("control0"), skipping: 0, at: 40_000, &wire, node: 1, from: source)
        try check(vector("data0"), skipping: 0, at: 40_000, &wire, node: 1, from: source)
        wire.inject(try vector("control0"), into: 1, from: source)
        #expect(wire.nodes[1].delivered == [early, control])
    }

    private func check(
        _ octets: [UInt8], skipping mac2: Int, at moment: Int64, _ wire: inout Wire, node: Int,
        from source: Path
    ) throws {
        wire.now = Moment(microseconds: moment)
        let before = wire.nodes[node].effects
        for bit in 0..<(octets.count - mac2) * 8 {
            var changed = octets
            changed[bit / 8] ^= 0x80 >> UInt8(bit % 8)
            wire.inject(changed, into: node, from: source)
            #expect(wire.nodes[node].effects == before, "bit \(bit)")
        }
        for length in 0..<octets.count {
            wire.inject([UInt8](octets.prefix(length)), into: node, from: source)
            #expect(wire.nodes[node].effects == before, "length \(length)")
        }
    }

    @Test("random octets and random changes never trap")
    func noise() throws {
        var wire = Wire()
        var random = SeededRandom(seed: 5)
        try handshake(&wire)
        let corpus = Self.vectors.keys.sorted().compactMap { Self.vectors[$0] }
        for round in 0..<4000 {
            var octets = random.pick(corpus)
            for _ in 0..<random.below(4) where !octets.isEmpty {
                octets[random.below(octets.count)] = random.bits()
            }
            if random.chance(oneIn: 4) { octets = [UInt8](octets.prefix(random.below(80))) }
            if random.chance(oneIn: 8) {
                octets = [9, 0, 0, 0, 255, 255, 255, 0, random.bits()] + random.octets(count: 99)
            }
            let port: LocalPort = round % 5 == 0 ? .control : .data
            let source = wire.nodes[0].path
            wire.act(round % 2) { node, time in
                node.table.handle(
                    Datagram(octets, on: port, remote: source), at: time,
                    directory: &node.directory, using: &node.random)
            }
            _ = try? OpenerPayload(octets: octets)
            _ = try? JoinRequest(octets: octets)
        }
    }
}
