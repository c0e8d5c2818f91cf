/// What will happen when: a heap with four children a parent, which touches fewer cache lines than
/// one with two. What comes at the same time comes in the order in which it was scheduled.
struct EventQueue {
    enum Kind: UInt8 {
        /// A datagram reaches its destination; index: of the flight.
        case arrival
        /// A batch of writes may have become durable; index: of the machine.
        case durable
        /// A machine that was paused or busy goes on; index: of the machine.
        case resumption
        /// The scenario or a fault acts; index: of the action.
        case action
    }

    struct Entry {
        let time: Int64
        fileprivate let order: UInt64
        let index: UInt32
        let kind: Kind

        fileprivate func precedes(_ other: Entry) -> Bool {
            time != other.time ? time < other.time : order < other.order
        }
    }

    private var entries: [Entry] = []
    private var order: UInt64 = 0

    var count: Int { entries.count }
    var first: Entry? { entries.first }

    mutating func insert(_ kind: Kind, _ index: Int, at time: Int64) {
        order += 1
        let new = Entry(
            time: time, order: order, index: UInt32(truncatingIfNeeded: index), kind: kind)
        entries.append(new)
        entries.withUnsafeMutableBufferPointer { entries in
            var hole = entries.count - 1
            while hole > 0 {
                let parent = (hole - 1) >> 2
                guard new.precedes(entries[parent]) else { break }
                entries[hole] = entries[parent]
                hole = parent
            }
            entries[hole] = new
        }
    }

    mutating func removeFirst() -> Entry? {
        guard let first = entries.first, let moved = entries.popLast() else { return nil }
        guard !entries.isEmpty else { return first }
        entries.withUnsafeMutableBufferPointer { entries in
            var hole = 0
            while true {
                let child = hole << 2 + 1
                guard child < entries.count else { break }
                var least = child
                for other in child + 1..<max(child + 1, min(child + 4, entries.count))
                where entries[other].precedes(entries[least]) {
                    least = other
                }
                guard entries[least].precedes(moved) else { break }
                entries[hole] = entries[least]
                hole = least
            }
            entries[hole] = moved
        }
        return first
    }
}
