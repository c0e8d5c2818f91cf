import Clocks

/// Deadlines, the earliest first: a binary heap. Nothing is taken out before its time; whoever set a
/// timer knows whether it still means something.
struct Timers: Sendable {
    struct Timer: Sendable {
        let moment: Moment
        /// A peer's slot, or a joining session's number with bit 32 set.
        let key: Int

        func comes(before other: Timer) -> Bool {
            moment != other.moment ? moment < other.moment : key < other.key
        }
    }

    private var heap: [Timer] = []

    var next: Moment { heap.first?.moment ?? .never }

    mutating func set(_ moment: Moment, for key: Int) {
        heap.append(Timer(moment: moment, key: key))
        var child = heap.count - 1
        while child > 0 {
            let parent = (child - 1) / 2
            guard heap[child].comes(before: heap[parent]) else { return }
            heap.swapAt(child, parent)
            child = parent
        }
    }

    /// Takes out the earliest if it is due.
    mutating func pop(at now: Moment) -> Timer? {
        guard let first = heap.first, first.moment <= now else { return nil }
        let last = heap.removeLast()
        guard !heap.isEmpty else { return first }
        heap[0] = last
        var parent = 0
        while true {
            let left = 2 * parent + 1
            guard left < heap.count else { return first }
            let right = left + 1
            let child = right < heap.count && heap[right].comes(before: heap[left]) ? right : left
            guard heap[child].comes(before: heap[parent]) else { return first }
            heap.swapAt(child, parent)
            parent = child
        }
    }
}
