package import Clocks
import Laboratory
package import Trust

/// Brings changes to members at once and again until each has said that it holds them: what head-end
/// replication (RFC 9962 §4.1) leaves to luck. What it gives up, reconciling repairs.
package struct Spread: Sendable {
    /// In the order in which members came; few, so that no order of hashing can matter.
    private var queues: [NodeID: Queue] = [:]
    /// The keys of ``queues``, sorted.
    private var nodes: [NodeID] = []
    package private(set) var nextDeadline = Moment.never

    /// Something that changed.
    package struct Change: Hashable, Sendable {
        /// The record's id, or the first 8 octets of the object's: what the receiver acknowledges.
        package var id: UInt64
        /// What is sealed and sent.
        package var plaintext: [UInt8]
        /// Goes before all others.
        package var isUrgent: Bool

        package init(id: UInt64, plaintext: [UInt8], isUrgent: Bool = false) {
            self.id = id
            self.plaintext = plaintext
            self.isUrgent = isUrgent
        }
    }

    private struct Queue: Sendable {
        var tries: [Try] = []
    }

    private struct Try: Sendable {
        var change: Change
        var attempts: Int
        var next: Moment
    }

    /// How long after each try the next follows. The second comes before a loss could be noticed: a
    /// change is rare and small, and waiting for it is what people notice.
    private static let pauses: [Span] = [
        .milliseconds(2), .milliseconds(250), .milliseconds(500), .seconds(1), .seconds(2),
        .seconds(4),
    ]

    /// Changes that wait for one member; what is more, reconciling brings.
    package static let maximumWaiting = 256

    package init() {}

    /// - Returns: whether the change must be sent to the node now, which counts as the first try.
    package mutating func add(_ change: Change, for node: NodeID, at now: Moment) -> Bool {
        if queues[node] == nil {
            queues[node] = Queue()
            nodes.insert(node, at: nodes.firstIndex { node < $0 } ?? nodes.endIndex)
        }
        guard let queue = queues[node], queue.tries.count < Self.maximumWaiting,
            !queue.tries.contains(where: { $0.change.id == change.id })
        else { return false }
        let next = now + Self.pauses[0]
        queues[node]?.tries.append(Try(change: change, attempts: 1, next: next))
        nextDeadline = min(nextDeadline, next)
        return true
    }

    package mutating func acknowledge(_ ids: [UInt64], by node: NodeID) {
        queues[node]?.tries.removeAll { ids.contains($0.change.id) }
        forgetEmpty(node)
    }

    /// What must be sent again now, urgent things first.
    package mutating func due(at now: Moment) -> [(node: NodeID, plaintext: [UInt8])] {
        guard nextDeadline <= now else { return [] }
        var due: [(node: NodeID, change: Change)] = []
        nextDeadline = .never
        for node in nodes {
            guard var queue = queues[node] else { continue }
            queue.tries.removeAll { $0.next <= now && $0.attempts >= Self.pauses.count }
            for index in queue.tries.indices {
                if queue.tries[index].next <= now {
                    let attempts = queue.tries[index].attempts
                    due.append((node, queue.tries[index].change))
                    queue.tries[index].attempts += 1
                    queue.tries[index].next = now + Self.pauses[attempts]
                }
                nextDeadline = min(nextDeadline, queue.tries[index].next)
            }
            queues[node] = queue
        }
        for node in nodes { forgetEmpty(node) }
        if isPlanted(.retransmissionForgotten) { return [] }
        return due.filter(\.change.isUrgent).map { ($0.node, $0.change.plaintext) }
            + due.filter { !$0.change.isUrgent }.map { ($0.node, $0.change.plaintext) }
    }

    /// Nobody waits for this node any more: it was revoked.
    package mutating func forget(_ node: NodeID) {
        queues[node] = nil
        nodes.removeAll { $0 == node }
    }

    private mutating func forgetEmpty(_ node: NodeID) {
        if queues[node]?.tries.isEmpty == true { forget(node) }
    }

    /// Changes that still wait for an acknowledgement.
    package var waiting: Int { nodes.reduce(0) { $0 + (queues[$1]?.tries.count ?? 0) } }
}
