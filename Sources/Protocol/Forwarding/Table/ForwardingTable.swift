package import Clocks
package import LISP
import Synchronization

/// All that a packet thread reads: made by the node, published by the host, never changed.
package final class ForwardingTable: Sendable {
    package let flows: FlowTable
    package let sessions: SessionRows
    /// From then on some of ``flows`` may be wrong, and the node is asked.
    package let flowsUntil: Moment
    /// No other table of this process has it.
    let number: UInt64

    private static let numbers = Atomic<UInt64>(1)

    package init(_ flows: FlowTable, _ sessions: SessionRows, flowsUntil: Moment) {
        self.flows = flows
        self.sessions = sessions
        self.flowsUntil = flowsUntil
        number = Self.numbers.wrappingAdd(1, ordering: .relaxed).oldValue
    }

    /// In whose name this node writes to its own host.
    package var ipv4: IPv4Address? { flows.ipv4 }
    package var ipv6: IPv6Address? { flows.ipv6 }
}

/// Where the node's thread leaves the newest table, and packet threads find it. They keep a reference of
/// their own, so that a look costs one load.
package final class ForwardingBoard: Sendable {
    private let version = Atomic<UInt64>(0)
    private let newest = Mutex<ForwardingTable?>(nil)

    package init() {}

    package func publish(_ table: ForwardingTable) {
        newest.withLock { $0 = table }
        version.add(1, ordering: .releasing)
    }

    /// What one packet thread holds.
    package struct Reader {
        package private(set) var table: ForwardingTable?
        private var version: UInt64 = 0

        package init() {}

        /// Before every batch of packets.
        package mutating func refresh(from board: ForwardingBoard) {
            let version = board.version.load(ordering: .acquiring)
            guard version != self.version else { return }
            self.version = version
            table = board.newest.withLock { $0 }
        }
    }
}
