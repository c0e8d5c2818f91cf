import TestKit
import Testing

@testable import Simulator

@Suite("Queues of the world")
struct QueueTests {
    @Test("the heap gives what a sorted list gives", arguments: UInt64(1)...30)
    func heap(seed: UInt64) {
        var random = SeededRandom(seed: seed)
        var queue = EventQueue()
        var twin: [(time: Int64, index: Int)] = []
        for index in 0..<3000 {
            if random.below(5) < 3 || twin.isEmpty {
                let time = Int64(random.below(200))
                queue.insert(.action, index, at: time)
                let place = twin.firstIndex { $0.time > time } ?? twin.endIndex
                twin.insert((time, index), at: place)
            } else {
                let entry = queue.removeFirst()
                let expected = twin.removeFirst()
                #expect(
                    entry?.time == expected.time && entry.map { Int($0.index) } == expected.index,
                    "seed \(seed), step \(index)")
            }
            #expect(queue.count == twin.count && queue.first?.time == twin.first?.time)
        }
    }

    @Test("deadlines that move come when a scan of all says so", arguments: UInt64(1)...30)
    func deadlines(seed: UInt64) {
        var random = SeededRandom(seed: seed)
        var queue = DeadlineQueue()
        var twin: [Int64] = []
        for step in 0..<2000 {
            if twin.count < 20 {
                queue.append()
                twin.append(.max)
            }
            let index = random.below(twin.count)
            let time = random.chance(oneIn: 8) ? Int64.max : Int64(random.below(300))
            queue[index] = time
            twin[index] = time
            guard random.chance(oneIn: 2) else { continue }
            let first = queue.first()
            let least = twin.min() ?? .max
            #expect(first.time == least, "seed \(seed), step \(step)")
            if least != .max {
                #expect(first.index == twin.firstIndex(of: least), "seed \(seed), step \(step)")
            }
        }
    }
}
