import Clocks
import Cryptography
import LISP
import TestKit
import Testing
import Trust

@testable import Sessions

@Suite("Sessions: their lives and ends")
struct SessionLifeTests {
    @Test("new keys every ten seconds lose, double and forge nothing", arguments: UInt64(0)..<4)
    func rotationEveryTenSecondsLosesNothing(seed: UInt64) {
        var settings = Wire.settings
        settings.rotateAfter = .seconds(10)
        settings.refuseAfter = .seconds(60)
        var wire = Wire(seed: seed, settings: settings)
        wire.jitter = .milliseconds(200)
        wire.connect()
        for node in wire.nodes.indices { wire.nodes[node].effects = [] }
        var sinces: Set<Moment> = []
        for number in 0..<1200 {
            wire.send(packet(number), from: 0, to: 1, lane: UInt8(number % 4))
            if number % 3 == 0 { wire.send(packet(number), from: 1, to: 0) }
            wire.run(for: .milliseconds(100))
            if let since = wire.state(of: 1, at: 0)?.since { sinces.insert(since) }
        }
        wire.run(for: .seconds(2))
        let expected = (0..<1200).map(packet)
        #expect(wire.nodes[1].delivered.count == 1200, "seed \(seed)")
        #expect(Set(wire.nodes[1].delivered) == Set(expected), "seed \(seed)")
        #expect(wire.nodes[0].delivered.count == 400, "seed \(seed)")
        #expect(sinces.count >= 10, "seed \(seed)")
        #expect(!wire.nodes[0].effects.contains { if case .ended = $0 { true } else { false } })
    }

    @Test("a quiet session ends after 180 s, and its keys open nothing from then on")
    func oldKeysAreErased() {
        var wire = Wire()
        wire.connect()
        wire.cut = { _ in true }
        wire.send(packet(1), from: 0, to: 1)
        let late = wire.log[wire.log.count - 1]
        wire.run(for: .seconds(185))
        wire.nodes[1].effects = []
        wire.inject(late.datagram.octets, into: 1, from: late.source)
        // It is taken for a call, once, and for nothing else.
        wire.inject(late.datagram.octets, into: 1, from: late.source)
        #expect(wire.nodes[1].effects.count == 1)
        #expect(wire.nodes[1].effects.allSatisfy { if case .send = $0 { true } else { false } })
        #expect(!wire.isEstablished(0, 1) && !wire.isEstablished(1, 0))
        #expect(wire.nodes[0].has(.ended(.member(wire.nodes[1].id), .expired)))
        #expect(wire.nodes[0].table.established == [])
    }

    @Test("a closed session is over at once, also for packets on the way")
    func closes() {
        var wire = Wire()
        wire.connect()
        wire.send(packet(1), from: 0, to: 1)
        let id = wire.nodes[0].id
        wire.nodes[1].directory.keys[id] = nil
        wire.act(1) { node, _ in node.table.close(id) }
        wire.run(for: .seconds(30))
        wire.send(packet(2), from: 0, to: 1)
        wire.run(for: .seconds(60))
        #expect(wire.nodes[1].delivered == [.control([16, 0, 0])])
        #expect(wire.nodes[1].has(.ended(.member(id), .closed)))
        #expect(!wire.isEstablished(1, 0))
    }

    @Test("a peer that starts again is met again, and its old session ends")
    func restart() {
        var wire = Wire()
        wire.connect()
        wire.nodes[1].identity.bootID = [UInt8](repeating: 200, count: 16)
        wire.nodes[1].identity.startedAt = wire.time().meshTime
        wire.nodes[1].table = SessionTable(wire.nodes[1].identity, settings: Wire.settings)
        // It does not know the session; the silence is noticed.
        for _ in 0..<60 {
            wire.send(packet(3), from: 0, to: 1)
            wire.run(for: .seconds(1))
        }
        #expect(wire.isEstablished(1, 0))
        #expect(wire.nodes[0].has(.ended(.member(wire.nodes[1].id), .restarted)))
        #expect(wire.nodes[1].delivered.contains(packet(3)))
    }

    @Test("a process whose peer has met another one of its node hears so at once")
    func replaced() {
        var wire = Wire()
        wire.connect()
        let first = wire.nodes[1].table
        wire.nodes[1].identity.bootID = [UInt8](repeating: 200, count: 16)
        wire.nodes[1].table = SessionTable(wire.nodes[1].identity, settings: Wire.settings)
        wire.send(packet(3), from: 1, to: 0)
        let before = wire.log.count
        wire.run(for: .seconds(5))
        let peer = wire.nodes[0]
        #expect(peer.has(.ended(.member(wire.nodes[1].id), .restarted)))
        // The first process is still there, and gets what was sent to it.
        let second = wire.nodes[1].table
        wire.nodes[1].table = first
        wire.nodes[1].effects = []
        for passing in wire.log[before...] where passing.from == 0 {
            var datagram = passing.datagram
            datagram.remote = peer.path
            wire.act(1) { node, time in
                node.table.handle(
                    datagram, at: time, directory: &node.directory, using: &node.random)
            }
        }
        #expect(wire.nodes[1].has(.ended(.member(peer.id), .replaced)))
        #expect(wire.nodes[1].table.nextDeadline <= wire.now + .seconds(1))
        // Whoever has the present session hears nothing of the kind.
        wire.nodes[1].table = second
        wire.run(for: .seconds(5))
        #expect(wire.isEstablished(1, 0) && wire.isEstablished(0, 1))
    }

    @Test("what is sent at the very end of old keys waits for new ones")
    func sendsAtTheEnd() {
        var wire = Wire()
        wire.connect()
        // The deadline of the old keys is a moment away; the sender comes first.
        wire.now = .start + .seconds(181)
        wire.send(packet(1), from: 0, to: 1)
        wire.run(for: .seconds(1))
        #expect(wire.nodes[1].delivered.contains(packet(1)))
    }

    @Test("who is sent packets under keys that it never had calls whoever is known to be there")
    func strayIsACall() {
        var wire = Wire()
        wire.connect()
        wire.nodes[1].identity.bootID = [UInt8](repeating: 200, count: 16)
        wire.nodes[1].identity.startedAt = wire.time().meshTime
        // The new process has nobody in its table.
        wire.nodes[1].table = SessionTable(wire.nodes[1].identity, settings: Wire.settings)
        wire.send(packet(3), from: 0, to: 1)
        wire.run(for: .milliseconds(200))
        #expect(wire.isEstablished(1, 0) && wire.isEstablished(0, 1))
        // What was on the way under the former keys calls nobody any more.
        let calls = wire.log.count { $0.datagram.form == 1 }
        for passing in wire.log where passing.from == 0 && passing.datagram.form == 3 {
            wire.inject(passing.datagram.octets, into: 1, from: passing.source)
        }
        wire.run(for: .seconds(3))
        #expect(wire.log.count { $0.datagram.form == 1 } == calls)
    }
}
