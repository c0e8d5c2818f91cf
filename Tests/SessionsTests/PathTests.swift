import Clocks
import Cryptography
import LISP
import TestKit
import Testing
import Trust

@testable import Sessions

@Suite("Sessions: paths")
struct PathTests {
    let stranger = Path(IPv4Address(rawValue: 0x0A00_0001), port: 777)

    @Test("where a node was is not remembered after its sessions ended")
    func ownersAreForgotten() {
        var wire = Wire(nodes: 2)
        for round in 0..<5 {
            wire.send(.control([16, 0, 0]), from: 0, to: 1)
            wire.run(for: .seconds(1))
            #expect(wire.isEstablished(0, 1), "round \(round)")
            #expect(wire.nodes[0].table.owners.count == 1)
            let (one, two) = (wire.nodes[0].id, wire.nodes[1].id)
            wire.act(0) { node, time in
                round % 2 == 0 ? node.table.close(two) : node.table.endAll(at: time)
            }
            wire.act(1) { node, _ in node.table.close(one) }
            #expect(wire.nodes[0].table.owners.isEmpty, "round \(round)")
        }
    }

    @Test("two ends with two addresses each do not change places for ever")
    func twoAddressesSettle() {
        for quicker in 0..<2 {
            var wire = Wire(nodes: 2)
            let first = wire.nodes.map(\.path)
            let second = (0..<2).map { number in
                Path(IPv4Address(rawValue: 0x0A32_0001 + UInt32(number)), port: 4341)
            }
            for node in 0..<2 {
                let other = 1 - node
                wire.nodes[node].directory.known[wire.nodes[other].id] = [
                    first[other], second[other],
                ]
            }
            wire.connect()
            // A packet to an address of one kind comes from the sender's of the same kind.
            func deliver(_ logged: ArraySlice<(from: Int, datagram: Datagram)>) {
                for (from, datagram) in logged {
                    let to = 1 - from
                    let isSecond = datagram.remote == second[to]
                    wire.inject(datagram.octets, into: to, from: (isSecond ? second : first)[from])
                }
            }
            func paths() -> [Path?] {
                (0..<2).map { wire.state(of: 1 - $0, at: $0)?.path }
            }
            func new(since start: Int) -> ArraySlice<(from: Int, datagram: Datagram)> {
                wire.flying = []
                return wire.log.map { ($0.from, $0.datagram) }[start...]
            }
            // One hears the other from its second address, in the moment in which that one sends to
            // and from the first.
            var start = wire.log.count
            wire.send(.control([16, 0, 0]), from: quicker, to: 1 - quicker)
            let stray = new(since: start)
            start = wire.log.count
            wire.inject(
                stray[stray.startIndex].datagram.octets, into: 1 - quicker, from: second[quicker])
            let isLower = wire.nodes[1 - quicker].id < wire.nodes[quicker].id
            #expect(paths()[1 - quicker] == (isLower ? first : second)[quicker])
            var moves = 0
            for round in 0..<40 {
                for node in 0..<2 { wire.send(.control([16, 0, 0]), from: node, to: 1 - node) }
                let crossing = new(since: start)
                start = wire.log.count
                let before = paths()
                deliver(crossing)
                wire.run(for: .milliseconds(10))
                if round >= 20, paths() != before { moves += 1 }
            }
            #expect(moves == 0, "node \(quicker) was quicker: \(moves) moves")
            let settled = paths()
            #expect((settled[0] == second[1]) == (settled[1] == second[0]))
        }
    }

    @Test("an address that never answered gets openers, few, and nothing else")
    func victimLocatorGetsOnlyOpeners() {
        // A lying member lists the victim's address first, and its own second.
        var wire = Wire(nodes: 2)
        let lie = [stranger, wire.nodes[1].path]
        wire.nodes[0].directory.known[wire.nodes[1].id] = lie
        for second in 0..<600 {
            for number in 0..<10 { wire.send(packet(second + number), from: 0, to: 1) }
            wire.send(.control([16, 0, 0]), from: 0, to: 1)
            wire.run(for: .seconds(1))
        }
        #expect(wire.isEstablished(0, 1))
        let got = wire.log.filter { $0.datagram.remote == stranger }
        #expect(got.allSatisfy { $0.datagram.form == 1 })
        #expect(got.count >= 1 && got.count < 15)
        #expect(got.allSatisfy { $0.datagram.octets.count <= SessionLimit.openerSize })
        // Nor does it help to answer in the victim's name what came at the own address.
        var other = Wire(nodes: 2)
        other.nodes[0].directory.known[other.nodes[1].id] = lie
        other.nodes[1].directory.known = [:]
        let real = other.nodes[1].path
        other.send(packet(1), from: 0, to: 1)
        other.run(for: .milliseconds(1010))
        #expect(other.log.count == 2)
        other.flying = []
        other.inject(other.log[1].datagram.octets, into: 1, from: other.nodes[0].path)
        guard let answer = other.nodes[1].sent.first else {
            Issue.record("no answer")
            return
        }
        other.inject(answer.octets, into: 0, from: stranger)
        for number in 0..<100 { other.send(packet(number), from: 0, to: 1) }
        let spent = other.log.filter { $0.datagram.remote == stranger && $0.datagram.form != 1 }
            .map(\.datagram.octets.count).reduce(0, +)
        #expect(spent <= 3 * answer.octets.count)
        #expect(other.state(of: 1, at: 0)?.isProved == false)
        _ = real
    }

    @Test(
        "who copies a packet and sends it on from elsewhere holds the path for 3 s, and little of it"
    )
    func copiedPacketDoesNotKeepThePath() {
        var wire = Wire()
        wire.connect()
        let home = wire.nodes[0].path
        wire.cut = { $0.from == 0 && $0.datagram.form == 3 && $0.number < 8 }
        wire.send(packet(1), from: 0, to: 1)
        let copy = wire.log[wire.log.count - 1]
        wire.cut = { _ in false }
        wire.flying = []
        wire.nodes[1].effects = []
        wire.inject(copy.datagram.octets, into: 1, from: stranger)
        #expect(wire.nodes[1].has(.pathMoved(wire.nodes[0].id, stranger)))
        #expect(wire.state(of: 0, at: 1)?.path == stranger)
        // The original comes too late; the load of the 3 s goes home.
        wire.inject(copy.datagram.octets, into: 1, from: home)
        for _ in 0..<50 { wire.send(packet(2), from: 1, to: 0) }
        let spent = wire.log.filter { $0.datagram.remote == stranger }
            .map(\.datagram.octets.count).reduce(0, +)
        #expect(spent <= 3 * copy.datagram.octets.count)
        wire.run(for: .seconds(4))
        #expect(wire.state(of: 0, at: 1)?.path == home)
        #expect(wire.state(of: 0, at: 1)?.isProved == true)
        #expect(wire.nodes[0].delivered.count >= 40)
        #expect(wire.nodes[1].has(.pathMoved(wire.nodes[0].id, home)))
    }

    @Test("a node that moves takes its session along, at once")
    func roams() {
        var wire = Wire()
        wire.connect()
        wire.nodes[0].path = stranger
        wire.send(packet(1), from: 0, to: 1)
        wire.run(for: .milliseconds(200))
        #expect(wire.state(of: 0, at: 1)?.path == stranger)
        #expect(wire.state(of: 0, at: 1)?.isProved == true)
        for number in 0..<100 { wire.send(packet(number), from: 1, to: 0) }
        wire.run(for: .seconds(5))
        #expect(wire.nodes[0].delivered.count == 100)
        #expect(wire.state(of: 0, at: 1)?.path == stranger)
    }

    @Test("many source ports of an address in the node record are one path")
    func sourcePorts() {
        var wire = Wire()
        wire.connect()
        let home = wire.nodes[0].path
        for number in 0..<50 {
            wire.nodes[0].path = Path(
                IPv4Address(rawValue: 0xC000_0201), port: UInt16(40_000 + number))
            wire.send(packet(number), from: 0, to: 1)
            wire.run(for: .milliseconds(30))
        }
        #expect(wire.nodes[1].delivered.count == 51)
        #expect(wire.state(of: 0, at: 1)?.path == home)
        #expect(wire.nodes[1].sent.allSatisfy { $0.remote == home })
    }

    @Test("a probe measures the round trip")
    func probes() {
        var wire = Wire()
        wire.connect()
        wire.delay = .milliseconds(60)
        for _ in 0..<60 {
            wire.act(0) { [id = wire.nodes[1].id] node, time in
                node.table.probe(id, at: time, using: &node.random)
            }
            wire.run(for: .seconds(1))
        }
        let trip = wire.state(of: 1, at: 0)?.roundTrip?.milliseconds ?? 0
        #expect(115...120 ~= trip)
        #expect(wire.nodes[1].delivered.count == 1)
    }

    @Test("a node behind a relay is reached, and the relay opens nothing")
    func relayCannotRead() {
        var wire = Wire(nodes: 3)
        // 1 is hidden; 2 is its relay. Both 0 and 1 have sessions with 2.
        wire.nodes[2].directory.relayed = [wire.nodes[1].id]
        wire.connect(0, 2)
        wire.connect(1, 2)
        wire.nodes[0].directory.known[wire.nodes[1].id] = []
        wire.nodes[1].directory.known[wire.nodes[0].id] = []
        wire.nodes[0].directory.relayWays[wire.nodes[1].id] = [wire.nodes[2].path]
        wire.nodes[2].effects = []
        wire.send(packet(1), from: 0, to: 1)
        wire.run(for: .seconds(1))
        wire.send(packet(2), from: 1, to: 0)
        wire.send(.control([16, 0, 0]), from: 0, to: 1)
        wire.run(for: .seconds(1))
        #expect(wire.nodes[1].delivered == [packet(1), .control([16, 0, 0])])
        #expect(wire.nodes[0].delivered == [packet(2)])
        #expect(wire.nodes[2].delivered == [])
        #expect(wire.nodes[2].table.relayedPackets >= 5)
        #expect(wire.state(of: 1, at: 0)?.isRelayed == true)
        // It relays for nobody else, and for no stranger.
        let passed = wire.log.first { $0.from == 0 && $0.datagram.form == 5 }
        let count = wire.nodes[2].table.relayedPackets
        wire.inject(passed?.datagram.octets ?? [], into: 2, from: stranger)
        wire.nodes[2].directory.relayed = []
        wire.inject(passed?.datagram.octets ?? [], into: 2, from: wire.nodes[0].path)
        #expect(wire.nodes[2].table.relayedPackets == count)
    }
}

@Suite("Sessions: sizes")
struct SizeTests {
    @Test("what a node keeps of a peer stays small: a thousand nodes know a thousand each")
    func sizes() {
        #expect(MemoryLayout<PeerEntry>.stride <= 648)
        #expect(MemoryLayout<SessionKeys>.stride <= 96)
    }
}
