import Clocks
import Cryptography
import LISP
import TestKit
import Testing
import Trust

@testable import Sessions

@Suite("Sessions: handshakes")
struct HandshakeTests {
    @Test("the first packet goes inside the opener, and the session follows")
    func opensWithEarlyData() {
        var wire = Wire()
        wire.send(packet(1), from: 0, to: 1)
        wire.send(packet(2), from: 0, to: 1)
        wire.run(for: .milliseconds(30))
        #expect(wire.nodes[1].early == [packet(1)] && wire.nodes[1].delivered == [packet(1)])
        wire.run(for: .seconds(1))
        #expect(wire.nodes[1].delivered == [packet(1), packet(2)])
        #expect(wire.isEstablished(0, 1) && wire.isEstablished(1, 0))
        #expect(wire.state(of: 1, at: 0)?.roundTrip == .milliseconds(40))
        #expect(wire.state(of: 0, at: 1)?.roundTrip == .milliseconds(40))
        #expect(wire.state(of: 1, at: 0)?.isProved == true)
        wire.send(.control([16, 0, 1, 9]), from: 1, to: 0)
        wire.run(for: .seconds(1))
        #expect(wire.nodes[0].delivered == [.control([16, 0, 1, 9])])
        #expect(wire.nodes[0].has(.established(.member(wire.nodes[1].id))))
        #expect(wire.nodes[1].has(.established(.member(wire.nodes[0].id))))
        let clock = ClockReading(milliseconds: Wire.meshStart, quality: .synchronised)
        #expect(wire.nodes[1].has(.clock(wire.nodes[0].id, clock)))
        let answer = wire.log.first { $0.datagram.form == 2 }
        let opener = wire.log.first { $0.datagram.form == 1 }
        #expect((answer?.datagram.octets.count ?? 9999) <= (opener?.datagram.octets.count ?? 0))
    }

    @Test("openers at 0, 1, 3 and 7 s, then every 30 s doubling to 10 min, the same while young")
    func openersAreRepeated() {
        var wire = Wire()
        wire.cut = { _ in true }
        for second in 0..<3000 {
            if second % 10 == 0 { wire.send(.control([16, 0, 0]), from: 0, to: 1) }
            wire.run(for: .seconds(1))
        }
        let times = wire.log.map { ($0.at - .start).milliseconds / 1000 }
        #expect(times == [0, 1, 3, 7, 37, 97, 217, 457, 937, 1537, 2137, 2737])
        #expect(wire.log[0].datagram == wire.log[3].datagram)
        #expect(wire.log[4].datagram != wire.log[3].datagram)
        #expect(!wire.isEstablished(0, 1))
        // Nobody wants it any more: nothing is sent.
        wire.log = []
        wire.run(for: .minutes(30))
        #expect(wire.log.count <= 1)
        wire.cut = { _ in false }
        wire.act(0) { [id = wire.nodes[1].id] node, time in
            node.table.retry(id, at: time, directory: &node.directory, using: &node.random)
        }
        wire.run(for: .seconds(1))
        #expect(wire.isEstablished(0, 1))
    }

    @Test("three data packets wait 3 s, 64 control messages 30 s; then they are given back")
    func queuesAreBounded() {
        var wire = Wire()
        wire.cut = { _ in true }
        for number in 0..<5 { wire.send(packet(number), from: 0, to: 1) }
        for _ in 0..<70 { wire.send(.control([16, 0, 0]), from: 0, to: 1) }
        let undeliverable = { (wire: Wire) in
            wire.nodes[0].effects.count {
                if case .undeliverable = $0 { return true }
                return false
            }
        }
        #expect(undeliverable(wire) == 2 + 6)
        #expect(wire.state(of: 1, at: 0)?.queued == 67)
        wire.run(for: .seconds(4))
        // The first of the data went early: it may have arrived.
        #expect(undeliverable(wire) == 2 + 6 + 2)
        wire.run(for: .seconds(30))
        #expect(undeliverable(wire) == 2 + 6 + 2 + 64)
        #expect(wire.state(of: 1, at: 0)?.queued == 0)
        wire.nodes[0].directory.known = [:]
        wire.run(for: .minutes(60))
        wire.send(packet(9), from: 0, to: 1)
        #expect(wire.nodes[0].has(.undeliverable(packet(9), to: .member(wire.nodes[1].id))))
    }

    @Test(
        "early packets that the peer does not take are sent again in the session",
        arguments: [
            0, 1, 2,
        ])
    func earlyDataRefusedAfterRestart(how: Int) {
        var wire = Wire()
        switch how {
        case 0: wire.nodes[1].identity.startedAt = Wire.meshStart
        case 1: wire.nodes[1].identity.startedAt = Wire.meshStart + 50_000
        default: break
        }
        var settings = Wire.settings
        settings.hasEarlyData = how != 2
        wire.nodes[1].table = SessionTable(wire.nodes[1].identity, settings: settings)
        wire.send(packet(1), from: 0, to: 1)
        wire.run(for: .seconds(1))
        #expect(wire.nodes[1].early == [] && wire.nodes[1].delivered == [packet(1)])
    }

    @Test("a copy of an opener delivers nothing, whenever it comes and wherever from")
    func replayedOpenerDeliversNothing() throws {
        var wire = Wire()
        wire.send(packet(1), from: 0, to: 1)
        let opener = wire.log[0]
        for _ in 0..<6 {
            wire.inject(opener.datagram.octets, into: 1, from: opener.source)
            wire.run(for: .seconds(2))
        }
        #expect(wire.nodes[1].delivered == [packet(1)])
        let strange = Path(IPv4Address(rawValue: 0x0A00_0001), port: 9)
        wire.run(for: .seconds(20))
        wire.inject(opener.datagram.octets, into: 1, from: strange)
        wire.inject(opener.datagram.octets, into: 1, from: strange)
        wire.run(for: .seconds(1))
        #expect(wire.nodes[1].delivered == [packet(1)])
        // Answered at most once a second, and no session was displaced.
        #expect(wire.state(of: 0, at: 1)?.path == wire.nodes[0].path)
        let answers = wire.log.count { $0.datagram.form == 2 && $0.datagram.remote == strange }
        #expect(answers <= 2)
        wire.send(packet(2), from: 1, to: 0)
        wire.run(for: .seconds(1))
        #expect(wire.nodes[0].delivered == [packet(2)])
    }

    @Test("the same random numbers after a restart, or an old copy, give no key twice")
    func restartNeverRepeatsANonce() {
        var wire = Wire()
        var boot: UInt8 = 100
        var seen: [[UInt8]: [UInt8]] = [:]  // head and first octets of the ephemeral -> whole
        for round in 0..<6 {
            // The same table, the same random numbers; another plaintext.
            wire.nodes[0].random = SeededRandom(seed: 77)
            boot += 1
            if round % 2 == 0 {
                wire.nodes[0].identity.bootID = [UInt8](repeating: boot, count: 16)
            } else {
                wire.now += .milliseconds(1)
            }
            wire.nodes[0].table = SessionTable(wire.nodes[0].identity, settings: Wire.settings)
            let first = wire.log.count
            wire.send(packet(round), from: 0, to: 1)
            let opener = wire.log[first].datagram.octets
            let ephemeral = [UInt8](opener[12..<44])
            #expect(seen[ephemeral] == nil, "round \(round)")
            seen[ephemeral] = opener
        }
        #expect(seen.count == 6)
        // Responders too: their random numbers repeat, their boot id does not.
        var answers: Set<[UInt8]> = []
        for round in 0..<3 {
            var other = Wire()
            other.nodes[1].identity.bootID = [UInt8](repeating: UInt8(round), count: 16)
            other.nodes[1].table = SessionTable(other.nodes[1].identity, settings: Wire.settings)
            other.connect()
            guard let answer = other.log.first(where: { $0.datagram.form == 2 })?.datagram.octets
            else { continue }
            answers.insert([UInt8](answer[16..<48]))
        }
        #expect(answers.count == 3)
        // And in one session no counter comes twice.
        var one = Wire()
        one.connect()
        var counters: Set<[UInt8]> = []
        let start = one.log.count
        for number in 0..<100 {
            one.send(packet(number), from: 0, to: 1, lane: UInt8(number % 3))
            one.send(.control([16, 0, 1, UInt8(number)]), from: 0, to: 1)
        }
        for passing in one.log[start...] {
            counters.insert([UInt8](passing.datagram.octets[8..<20]))
        }
        #expect(counters.count == 200)
        one.run(for: .seconds(1))
        #expect(one.nodes[1].delivered.count >= 200)
    }

    @Test(
        "with both data keys, all octets of a past session stay shut, and old openers tell no keys")
    func stolenDataKeyOpensNothingOld() throws {
        var wire = Wire()
        wire.connect()
        wire.send(packet(5), from: 0, to: 1)
        wire.run(for: .seconds(1))
        let opener = try #require(wire.log.first { $0.datagram.form == 1 }?.datagram.octets)
        let answer = try #require(wire.log.first { $0.datagram.form == 2 }?.datagram.octets)
        let sealed = wire.log.filter { $0.datagram.form == 3 }.map(\.datagram.octets)
        let prologue = SessionSecret.prologue(Wire.mesh, responder: wire.nodes[1].id)
        // The thief plays the responder with the stolen key and any ephemeral.
        var thief = try #require(
            NoiseHandshake(
                .ik, as: .responder, prologue: prologue, static: wire.nodes[1].identity.dataKey,
                ephemeral: Wire.dataKey(99)))
        _ = try thief.read([UInt8](opener[12..<opener.count - 32]))
        _ = try thief.write(payload: [])
        let split = try #require(thief.split())
        for key in [split.fromInitiator, split.fromResponder] {
            for packet in sealed {
                let counter: UInt64 = packet.number(at: 12, size: 8)
                let key = SessionSecret.packetKey(key, .chaCha20Poly1305)
                #expect(
                    PacketCipher.chaCha20Poly1305.open(
                        packet, headSize: 20, key: key, counter: counter) == nil)
            }
        }
        // Nor does the initiator's key make its ephemeral: that needs 32 random octets.
        let guess = SessionSecret.ephemeral(
            random: [UInt8](repeating: 0, count: 32), dataKey: wire.nodes[0].identity.dataKey,
            stamp: Wire.meshStart, bootID: wire.nodes[0].identity.bootID)
        #expect(X25519.SecretKey(octets: guess)?.publicKey.octets != [UInt8](opener[12..<44]))
        #expect(answer.count > 48)
    }

    @Test("who answered sends nothing under new keys, and drops nothing, before it is confirmed")
    func responderWaitsForConfirmation() throws {
        var wire = Wire()
        wire.connect()
        let since = wire.state(of: 0, at: 1)?.since
        // A second opener of node 0, whose confirmation never comes.
        wire.cut = { $0.from == 1 && $0.datagram.form == 2 }
        wire.run(for: .seconds(125))
        wire.send(packet(1), from: 0, to: 1)
        wire.run(for: .seconds(1))
        #expect(
            wire.log.contains {
                $0.from == 1 && $0.datagram.form == 2 && $0.at > .start + .seconds(60)
            })
        #expect(wire.state(of: 0, at: 1)?.since == since)
        let start = wire.log.count
        wire.send(packet(2), from: 1, to: 0)
        wire.run(for: .seconds(1))
        #expect(wire.log[start...].contains { $0.from == 1 && $0.datagram.form == 3 })
        #expect(wire.nodes[0].delivered == [packet(2)])
        #expect(wire.nodes[1].delivered.contains(packet(1)))
        // At first there is nothing to send under: the payload waits.
        var other = Wire()
        other.cut = { $0.from == 0 && $0.datagram.form == 3 }
        other.send(.control([16, 0, 0]), from: 0, to: 1)
        other.run(for: .milliseconds(200))
        #expect(other.nodes[1].table.halfOpen == 1 && !other.isEstablished(1, 0))
        #expect(!other.log.contains { $0.from == 1 && $0.datagram.form == 3 })
        other.run(for: .seconds(20))
        #expect(other.nodes[1].table.halfOpen == 0)
    }

    @Test("two that open at once meet in one session", arguments: UInt64(0)..<10)
    func simultaneousOpenersMeet(seed: UInt64) {
        var wire = Wire(seed: seed)
        wire.jitter = .milliseconds(30)
        wire.send(packet(1), from: 0, to: 1)
        wire.run(for: .milliseconds(Int(seed)))
        wire.send(packet(2), from: 1, to: 0)
        wire.run(for: .milliseconds(900))
        #expect(wire.isEstablished(0, 1) && wire.isEstablished(1, 0), "seed \(seed)")
        #expect(wire.nodes[0].delivered == [packet(2)], "seed \(seed)")
        #expect(wire.nodes[1].delivered == [packet(1)], "seed \(seed)")
        // The lower node id's went on.
        #expect(wire.log.filter { $0.datagram.form == 2 }.allSatisfy { $0.from != wire.lower })
    }

    @Test("an opener whose static key is not the node's is not answered")
    func foreignStatic() {
        var wire = Wire(nodes: 3)
        // Node 2 says that it is node 0.
        wire.nodes[2].identity.node = wire.nodes[0].id
        wire.nodes[2].table = SessionTable(wire.nodes[2].identity, settings: Wire.settings)
        wire.send(packet(1), from: 2, to: 1)
        wire.run(for: .seconds(10))
        #expect(wire.nodes[1].delivered == [] && wire.nodes[1].sent == [])
    }

    @Test("a new data key is announced in the opener, and the old one still opens")
    func newDataKey() {
        var wire = Wire()
        let old = wire.nodes[0].identity.dataKey
        wire.nodes[0].identity.dataKey = Wire.dataKey(90)
        wire.nodes[0].identity.previousDataKey = old
        wire.nodes[0].identity.nodeRecord = Wire.nodeRecord(
            wire.nodes[0].key, Wire.dataKey(90).publicKey, stamp: Wire.meshStart + 1)
        wire.nodes[0].table.update(wire.nodes[0].identity)
        var other = wire
        wire.connect(0, 1)  // node 1 learns it
        #expect(wire.isEstablished(0, 1) && wire.nodes[1].directory.learned.count == 1)
        other.connect(1, 0)  // node 1 uses the old one
        #expect(other.isEstablished(0, 1) && other.isEstablished(1, 0))
    }

    @Test("under load, only who shows a cookie is answered")
    func cookies() {
        var settings = Wire.settings
        settings.openersUnderLoad = 0
        var wire = Wire(settings: settings)
        wire.cut = { $0.datagram.form == 4 }
        wire.send(packet(1), from: 0, to: 1)
        wire.run(for: .milliseconds(500))
        #expect(wire.nodes[1].table.halfOpen == 0 && wire.nodes[1].delivered == [])
        #expect(wire.nodes[1].sent.map(\.form) == [4])
        #expect(wire.nodes[1].sent[0].octets.count < wire.log[0].datagram.octets.count)
        wire.cut = { _ in false }
        wire.run(for: .seconds(2))
        #expect(wire.isEstablished(0, 1) && wire.isEstablished(1, 0))
        // A cookie is one address's.
        let shown = wire.log.last { $0.datagram.form == 1 }
        wire.nodes[1].effects = []
        let strange = Path(IPv4Address(rawValue: 0x0A00_0001), port: 9)
        wire.inject(shown?.datagram.octets ?? [], into: 1, from: strange)
        #expect(wire.nodes[1].sent.map(\.form) == [4])
    }

    @Test(
        "through loss and disorder everything sent twice a second comes to a session",
        arguments: UInt64(0)..<8)
    func lossyWire(seed: UInt64) {
        var wire = Wire(nodes: 3, seed: seed)
        wire.loss = 200
        wire.jitter = .milliseconds(300)
        for _ in 0..<40 {
            for node in 0..<3 {
                wire.send(.control([16, 0, 0]), from: node, to: (node + 1) % 3)
            }
            wire.run(for: .milliseconds(500))
        }
        for node in 0..<3 {
            #expect(wire.nodes[node].table.established.count == 2, "seed \(seed)")
        }
        var again = Wire(nodes: 3, seed: seed)
        again.loss = 200
        again.jitter = .milliseconds(300)
        for _ in 0..<40 {
            for node in 0..<3 {
                again.send(.control([16, 0, 0]), from: node, to: (node + 1) % 3)
            }
            again.run(for: .milliseconds(500))
        }
        #expect(again.log.map(\.datagram) == wire.log.map(\.datagram), "seed \(seed)")
    }

    @Test("beyond 16,384 the least recently used goes, and its openers stay useless")
    func evicts() {
        var wire = Wire()
        wire.send(packet(1), from: 0, to: 1)
        wire.run(for: .seconds(2))
        let opener = wire.log[0]
        let first = wire.nodes[0].id
        wire.act(1) { node, time in
            var effects: [SessionEffect] = []
            var random = SeededRandom(seed: 3)
            for _ in 0..<SessionLimit.sessions {
                guard let id = NodeID(octets: random.octets(count: 16)) else { continue }
                effects += node.table.send(
                    .control([16, 0, 0]), to: .member(id), at: time, directory: &node.directory,
                    using: &node.random)
            }
            return effects
        }
        #expect(wire.nodes[1].has(.ended(.member(first), .evicted)))
        #expect(wire.nodes[1].table.peers.count == SessionLimit.sessions)
        wire.inject(opener.datagram.octets, into: 1, from: opener.source)
        #expect(wire.nodes[1].delivered == [packet(1)])
    }

    @Test("who gave way to another's opener tries again if that comes to nothing")
    func givesWayAndReturns() {
        var wire = Wire()
        let higher = 1 - wire.lower
        let lower = wire.lower
        wire.cut = { $0.from == higher }
        wire.send(.control([16, 0, 1, 1]), from: higher, to: lower)
        wire.send(.control([16, 0, 1, 2]), from: lower, to: higher)
        wire.run(for: .milliseconds(100))
        wire.cut = { $0.from == lower }
        wire.run(for: .seconds(14))
        wire.cut = { _ in false }
        wire.nodes[lower].table = SessionTable(
            wire.nodes[lower].identity, settings: Wire.settings)
        wire.run(for: .seconds(15))
        #expect(wire.nodes[lower].delivered == [.control([16, 0, 1, 1])])
    }
}
