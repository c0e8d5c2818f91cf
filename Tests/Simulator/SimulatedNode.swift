package import Clocks
package import LISPNode

/// All that a world knows of a node.
package protocol SimulatedNode {
    mutating func handle(
        _ event: Event, at now: Now, using random: inout some RandomNumberGenerator
    ) -> [Effect]
    var nextDeadline: Moment { get }
}

extension Node: SimulatedNode {}

package typealias DiskContents = [[UInt8]: [UInt8]]

/// Why a process begins, and with which disk.
package enum Restart: UInt8, Hashable, Sendable, CaseIterable {
    /// The first time; the disk is empty.
    case first
    /// With everything that was durable.
    case sameDisk
    /// With a snapshot: somebody restored a backup.
    case oldDisk
    /// With an empty one.
    case noDisk
}
