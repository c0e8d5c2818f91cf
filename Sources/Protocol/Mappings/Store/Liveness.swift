package import Clocks
import Laboratory
package import Trust

/// Liveness is not validity: a touch says that whoever registered a mapping still stands by it, and
/// changes nothing but a note beside it.
extension RecordStore {
    /// Notes a Map-Register of unchanged octets.
    /// - Returns: whether the record is here; if not, its octets are needed.
    @discardableResult
    package mutating func touch(_ id: RecordID, at now: Moment) -> Bool {
        guard let handle = table.find(id) else { return false }
        table.touch(handle, at: Self.touchTime(now))
        return true
    }

    /// Notes it if it came in the session of the record's signer, or of a node that it lists.
    /// - Returns: whether it did, and the record is here.
    @discardableResult
    package mutating func touch(_ id: RecordID, by node: NodeID, at now: Moment) -> Bool {
        guard let handle = table.find(id), let signer = table.signer(handle) else { return false }
        guard
            NodeID(of: signer, in: mesh) == node || isPlanted(.touchByOthersCounts)
                || isListed(node, handle)
        else { return false }
        table.touch(handle, at: Self.touchTime(now))
        return true
    }

    private func isListed(_ node: NodeID, _ handle: Handle) -> Bool {
        guard let record = try? SignedRecord(octets: table.octets(handle)) else { return false }
        return record.signature.nodes.contains { $0.node == node }
    }

    /// Whether the record came, or was touched, in the last 180 s.
    package func isTouched(_ id: RecordID, at now: Moment) -> Bool {
        guard let handle = table.find(id) else { return false }
        let since = Self.touchTime(now) &- table.entries[handle].touched
        return Int64(since) < Self.touchedFor.microseconds / 100_000
    }

    /// Tenths of a second since the node's start.
    static func touchTime(_ moment: Moment) -> UInt32 {
        UInt32(clamping: moment.microseconds / 100_000)
    }
}
