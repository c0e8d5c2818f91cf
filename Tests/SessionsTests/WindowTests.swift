import Clocks
import TestKit
import Testing

@testable import Sessions

@Suite("Sessions: windows and lanes")
struct WindowTests {
    /// Every sequence that was seen, and nothing clever.
    struct SlowWindow {
        var seen: Set<UInt64> = []
        var newest: UInt64?

        func accepts(_ sequence: UInt64) -> Bool {
            guard let newest, sequence <= newest else { return true }
            return newest - sequence < 2048 && !seen.contains(sequence)
        }

        mutating func mark(_ sequence: UInt64) -> Bool {
            let isNewest = newest.map { sequence > $0 } ?? true
            seen.insert(sequence)
            if isNewest { newest = sequence }
            return isNewest
        }
    }

    @Test("the window answers as a set of everything seen does", arguments: UInt64(0)..<40)
    func likeTheSlowOne(seed: UInt64) {
        var random = SeededRandom(seed: seed)
        var window = ReplayWindow()
        var slow = SlowWindow()
        var base: UInt64 = random.chance(oneIn: 3) ? random.next() >> 9 : 0
        for _ in 0..<3000 {
            switch random.below(20) {
            case 0: base &+= UInt64(random.below(5000))
            case 1: base &+= UInt64(random.below(70))
            case 2: base += 1
            default: break
            }
            let back = UInt64(random.below(random.chance(oneIn: 5) ? 4000 : 60))
            let sequence = base &- min(base, back)
            let accepts = window.accepts(sequence)
            #expect(accepts == slow.accepts(sequence), "seed \(seed), sequence \(sequence)")
            if accepts, random.below(10) > 0 {
                #expect(window.mark(sequence) == slow.mark(sequence), "seed \(seed)")
            }
        }
    }

    @Test("a lane that runs ahead makes no other one's packets old")
    func lanesReorderIndependently() {
        var wire = Wire()
        wire.connect()
        let from = wire.nodes[0].effects.count
        wire.cut = { _ in true }
        var packets: [[UInt8]] = []
        wire.send(packet(1), from: 0, to: 1, lane: 2)
        for number in 0..<3000 { wire.send(packet(number), from: 0, to: 1, lane: 1) }
        wire.send(.control([16, 0, 1, 1]), from: 0, to: 1)
        wire.send(packet(2), from: 0, to: 1, lane: 2)
        for case .send(let datagram) in wire.nodes[0].effects[from...] {
            packets.append(datagram.octets)
        }
        #expect(packets.count == 3003)
        wire.cut = { _ in false }
        wire.nodes[1].effects = []
        // The fast lane's last comes first, then everything of the slow lanes.
        let order = [3000, 3002, 0, 3001, 954, 952, 1, 3000, 0, 3002]
        for index in order { wire.inject(packets[index], into: 1, from: wire.nodes[0].path) }
        // 954 is lane 1's sequence 953: the newest is 2999, so 2046 back; 952 is 2048 back.
        #expect(
            wire.nodes[1].delivered == [
                packet(2999), packet(2), packet(1), .control([16, 0, 1, 1]), packet(953),
            ])
    }

    @Test("a packet that was opened once is not opened again, also under the previous keys")
    func replays() {
        var wire = Wire()
        wire.connect()
        wire.send(packet(7), from: 0, to: 1)
        wire.run(for: .seconds(1))
        let before = wire.nodes[1].delivered.count
        for passing in wire.log {
            wire.inject(passing.datagram.octets, into: 1, from: passing.source)
        }
        wire.run(for: .seconds(5))
        for passing in wire.log {
            wire.inject(passing.datagram.octets, into: 1, from: passing.source)
        }
        #expect(wire.nodes[1].delivered.count == before)
    }
}
