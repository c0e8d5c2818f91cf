/// The next deadline of each machine: always exactly one entry a machine, so that deadlines which
/// move do not pile up. One that moves to a later time stays where it is until its old time comes.
struct DeadlineQueue {
    private struct Entry {
        var time: Int64
        var index: Int

        func precedes(_ other: Entry) -> Bool {
            time != other.time ? time < other.time : index < other.index
        }
    }

    static let never = Int64.max
    private var heap: [Entry] = []
    private var positions: [Int] = []
    private var due: [Int64] = []

    mutating func append() {
        positions.append(heap.count)
        due.append(Self.never)
        heap.append(Entry(time: Self.never, index: due.count - 1))
        rise(from: heap.count - 1)
    }

    subscript(index: Int) -> Int64 {
        get { due[index] }
        set {
            due[index] = newValue
            let position = positions[index]
            guard newValue < heap[position].time else { return }
            heap[position].time = newValue
            rise(from: position)
        }
    }

    /// The earliest, of equal ones that of the lowest index; time ``never`` if there is none.
    mutating func first() -> (time: Int64, index: Int) {
        while let top = heap.first {
            let time = due[top.index]
            guard time > top.time else { return (time, top.index) }
            heap[0].time = time
            sink()
        }
        return (Self.never, 0)
    }

    private mutating func rise(from start: Int) {
        var hole = start
        let moved = heap[start]
        while hole > 0 {
            let parent = (hole - 1) >> 2
            guard moved.precedes(heap[parent]) else { break }
            heap[hole] = heap[parent]
            positions[heap[hole].index] = hole
            hole = parent
        }
        heap[hole] = moved
        positions[moved.index] = hole
    }

    private mutating func sink() {
        var hole = 0
        let moved = heap[0]
        while true {
            let child = hole << 2 + 1
            guard child < heap.count else { break }
            var least = child
            for other in child + 1..<max(child + 1, min(child + 4, heap.count))
            where heap[other].precedes(heap[least]) {
                least = other
            }
            guard heap[least].precedes(moved) else { break }
            heap[hole] = heap[least]
            positions[heap[hole].index] = hole
            hole = least
        }
        heap[hole] = moved
        positions[moved.index] = hole
    }
}
