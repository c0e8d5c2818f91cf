import Clocks
import TestKit
import Testing
import Trust

@testable import MappingSystem

@Suite("Spread of changes")
struct SpreadTests {
    private func node(_ number: UInt8) throws -> NodeID {
        try #require(NodeID(octets: [UInt8](repeating: number, count: NodeID.size)))
    }

    private let change = Spread.Change(id: 7, plaintext: [1, 2, 3])

    @Test("A change is sent again until it is acknowledged, and given up at last")
    func retries() throws {
        var spread = Spread()
        let node = try node(1)
        let (first, second) = (
            spread.add(change, for: node, at: .start), spread.add(change, for: node, at: .start)
        )
        #expect(first && !second)
        var sent: [Int64] = []
        while spread.nextDeadline < .never {
            let now = spread.nextDeadline
            for _ in spread.due(at: now) { sent.append(now.microseconds / 1000) }
        }
        #expect(sent == [2, 252, 752, 1752, 3752])
        #expect(spread.waiting == 0)
    }

    @Test("An acknowledgement ends it, for its sender alone")
    func acknowledgement() throws {
        var spread = Spread()
        let (one, two) = (try node(1), try node(2))
        _ = spread.add(change, for: one, at: .start)
        _ = spread.add(change, for: two, at: .start)
        spread.acknowledge([7], by: one)
        let due = spread.due(at: .start + .milliseconds(2)).map(\.node)
        #expect(due == [two])
        spread.acknowledge([8], by: two)
        #expect(spread.waiting == 1)
    }

    @Test("Revocations go before everything else")
    func urgency() throws {
        var spread = Spread()
        let node = try node(1)
        _ = spread.add(change, for: node, at: .start)
        _ = spread.add(.init(id: 8, plaintext: [9], isUrgent: true), for: node, at: .start)
        let due = spread.due(at: .start + .seconds(1)).map(\.plaintext)
        #expect(due == [[9], [1, 2, 3]])
    }

    @Test("What waits for one member is bounded")
    func bound() throws {
        var spread = Spread()
        let node = try node(1)
        for id in 0..<UInt64(Spread.maximumWaiting) + 10 {
            _ = spread.add(.init(id: id, plaintext: []), for: node, at: .start)
        }
        #expect(spread.waiting == Spread.maximumWaiting)
    }
}
