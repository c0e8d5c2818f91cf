package import Clocks
import LISPNode

/// What of a machine outlives its processes.
package struct SimulatedDisk {
    struct Pending {
        let batch: UInt64
        let writes: [DiskWrite]
        var time: Int64
    }

    /// What happens at a crash to writes that were not yet durable.
    package enum CrashOutcome: Hashable, Sendable, CaseIterable {
        case lost
        /// A beginning of the oldest batch stays.
        case torn
        /// They are all there, although the process was never told.
        case kept
    }

    package internal(set) var durable: DiskContents = [:]
    /// Newest last.
    private(set) var snapshots: [(time: Int64, contents: DiskContents)] = []
    var pending: [Pending] = []
    package internal(set) var isFull = false
    /// A batch takes this long, and up to as much again as ``spread``.
    package var delay = Span.milliseconds(1)
    package var spread = Span.milliseconds(4)

    /// Backups that are kept.
    static let snapshotLimit = 8

    mutating func apply(_ writes: some Sequence<DiskWrite>) {
        for write in writes { durable[write.key] = write.value }
    }

    mutating func takeSnapshot(at time: Int64) {
        if snapshots.count == Self.snapshotLimit { snapshots.removeFirst() }
        snapshots.append((time, durable))
    }

    /// - Parameter tear: how many writes of the oldest batch stay if it is torn.
    mutating func crash(_ outcome: CrashOutcome, tear: Int) {
        switch isFull ? .lost : outcome {
        case .lost: break
        case .torn: if let oldest = pending.first { apply(oldest.writes.prefix(tear)) }
        case .kept: for batch in pending { apply(batch.writes) }
        }
        pending = []
    }

    /// - Parameter number: which snapshot an old disk comes from; 0 is the oldest.
    mutating func restore(_ restart: Restart, snapshot number: Int) {
        switch restart {
        case .first, .noDisk:
            durable = [:]
            snapshots = []
        case .sameDisk: break
        case .oldDisk:
            guard !snapshots.isEmpty else { return }
            durable = snapshots[min(number, snapshots.count - 1)].contents
        }
    }
}
