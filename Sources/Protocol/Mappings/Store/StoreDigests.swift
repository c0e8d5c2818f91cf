import Cryptography
import Laboratory

/// What two stores compare to find out whether, and where, they differ.
///
/// A record belongs to the hour of its sequence, so what changed lately is in the last hours. The
/// digests are hashes over sorted ids and not sums of them: whoever chooses records cannot choose the
/// digest.
extension RecordStore {
    /// Hours since 1970 of the records held, sorted.
    package var hours: [UInt32] { table.hours.all.map(\.number) }

    /// The first 8 octets of H(sorted ids of the hour's records, 8 octets each); 0 if there is none.
    package func digest(ofHour hour: UInt32) -> UInt64 {
        table.hours[hour].map { RecordID(hash: digest(of: $0)).rawValue } ?? 0
    }

    /// H({hour 4, H(sorted ids of the hour's records)}*) over all hours in order: 32 octets.
    package var digest: [UInt8] { table.hours.digest.octets { digestOfAll } }

    private var digestOfAll: [UInt8] {
        let hours = isPlanted(.digestMissesHour) ? table.hours.all.dropLast() : table.hours.all[...]
        var octets: [UInt8] = []
        octets.reserveCapacity(hours.count * (4 + SHA256.size))
        for hour in hours {
            withUnsafeBytes(of: hour.number.bigEndian) { octets.append(contentsOf: $0) }
            octets.append(contentsOf: digest(of: hour))
        }
        return SHA256.hash(octets)
    }

    /// Sorted.
    package func recordIDs(inHour hour: UInt32) -> [RecordID] {
        table.records(inHour: hour).map { table.entries[$0].id }.sorted()
    }

    private func digest(of hour: HourLists.Hour) -> [UInt8] {
        hour.digest.octets {
            var octets: [UInt8] = []
            octets.reserveCapacity(hour.count * 8)
            for id in recordIDs(inHour: hour.number) {
                withUnsafeBytes(of: id.rawValue.bigEndian) { octets.append(contentsOf: $0) }
            }
            return SHA256.hash(octets)
        }
    }
}
