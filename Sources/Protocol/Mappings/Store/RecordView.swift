package import Clocks
import LISP

/// For those who look at a store as a whole. It reads every record: for people, not for packets.
extension RecordStore {
    /// All that is held, by EID and then by signer.
    package var all: [(id: RecordID, record: SignedRecord)] {
        hours.flatMap { recordIDs(inHour: $0) }.compactMap { id in
            octets(id).flatMap { try? SignedRecord(octets: $0) }.map { (id, $0) }
        }.sorted { left, right in
            let (one, other) = (left.record.eid.description, right.record.eid.description)
            if one != other { return one < other }
            let signers = (left.record.signature.signer, right.record.signature.signer)
            return signers.0.octets.lexicographicallyPrecedes(signers.1.octets)
        }
    }

    /// How long ago the record came, or its registrar touched it; in tenths of a second.
    package func untouchedFor(_ id: RecordID, at now: Moment) -> Span? {
        table.find(id).map { handle in
            let tenths = Self.touchTime(now) &- table.entries[handle].touched
            return .milliseconds(Int(Int32(truncatingIfNeeded: tenths)) * 100)
        }
    }
}
