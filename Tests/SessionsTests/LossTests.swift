import Clocks
import TestKit
import Testing

@testable import Sessions

@Suite("Sessions: loss")
struct LossTests {
    /// Packets both ways, 100 a second.
    private func talk(_ wire: inout Wire, seconds: Int) {
        for number in 0..<(seconds * 100) {
            wire.send(packet(number % 60_000), from: 0, to: 1)
            if number % 2 == 0 { wire.send(packet(number % 60_000), from: 1, to: 0) }
            wire.run(for: .milliseconds(10))
        }
    }

    private func loss(_ wire: Wire, from node: Int, to other: Int) -> Double? {
        wire.nodes[node].table.loss(to: wire.nodes[other].id, at: wire.now)
    }

    @Test("what the wire loses is what both ends show", arguments: [0, 50, 200])
    func measured(perThousand: Int) throws {
        var wire = Wire(nodes: 2, seed: UInt64(perThousand + 1))
        wire.jitter = .milliseconds(30)
        wire.connect()
        wire.loss = perThousand
        // Over several keys: these live two minutes.
        talk(&wire, seconds: 300)
        let one = try #require(loss(wire, from: 0, to: 1))
        let two = try #require(loss(wire, from: 1, to: 0))
        let real = Double(perThousand) / 1000
        // Seeded; three standard deviations of 12,000 and 6,000 packets.
        #expect(abs(one - real) < 0.012 && abs(two - real) < 0.02, "\(one), \(two)")
        // Those on their way when the last report was made count as missing until the next.
        if perThousand == 0 { #expect(one < 0.001 && two < 0.001) }
    }

    @Test("one way loses, the other does not")
    func oneWay() throws {
        var wire = Wire(nodes: 2, seed: 3)
        wire.connect()
        wire.cut = { passing in passing.from == 0 && passing.number % 10 == 0 }
        talk(&wire, seconds: 60)
        #expect(try #require(loss(wire, from: 0, to: 1)) > 0.05)
        #expect(loss(wire, from: 1, to: 0) == 0)
    }

    @Test("a quiet session tells nothing, and what was measured is forgotten")
    func quiet() {
        var wire = Wire(nodes: 2)
        wire.connect()
        for number in 0..<20 {
            wire.send(packet(number), from: 0, to: 1)
            wire.run(for: .seconds(5))
        }
        #expect(loss(wire, from: 0, to: 1) == nil)
        talk(&wire, seconds: 10)
        #expect(loss(wire, from: 0, to: 1) == 0)
        wire.run(for: LossMeter.sample * 2)
        #expect(loss(wire, from: 0, to: 1) == nil)
    }

    @Test("late reports, and those that cannot be, change nothing")
    func believed() {
        var teller = LossMeter()
        var meter = LossMeter()
        let now = Moment.start
        func report(_ expected: UInt64, _ received: UInt64, index: UInt32 = 7) -> [UInt8] {
            [UInt8](
                (teller.report((expected, received), index: index, at: now) ?? []).dropFirst(3))
        }
        let first = report(100, 90)
        let second = report(200, 180)
        #expect(first.count == LossMeter.size && report(263, 240).isEmpty)
        meter.hear(second, index: 7, sent: 199, at: now)
        #expect(meter.ratio(at: now) == nil, "more than was sent")
        meter.hear(second, index: 8, sent: 300, at: now)
        #expect(meter.ratio(at: now) == nil, "of other keys")
        meter.hear(second, index: 7, sent: 300, at: now)
        meter.hear(first, index: 7, sent: 300, at: now)
        meter.hear(second, index: 7, sent: 300, at: now)
        let ratio = meter.ratio(at: now) ?? -1
        #expect(abs(ratio - 0.1) < 1e-9)
        meter.hear([0, 0, 0, 7], index: 7, sent: .max, at: now)
        meter.hear(
            [0, 0, 0, 7] + [UInt8](repeating: 0, count: 8) + [UInt8](repeating: 255, count: 8),
            index: 7, sent: .max, at: now)
        #expect(meter.ratio(at: now) == ratio)
    }
}
