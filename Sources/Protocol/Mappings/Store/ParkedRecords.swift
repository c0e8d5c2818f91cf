package import Cryptography
import Trust

/// Why a record waits before the door.
package enum Parking: Hashable, Sendable {
    /// Its sequence is too far ahead of mesh time.
    case future(sequence: UInt64)
    /// The chain of its signer is not here: the sender shall be asked for it.
    case unknownSigner(Ed25519.PublicKey)
}

/// Records that wait for time or for trust objects. Their signatures are not verified yet, and
/// nothing of them is believed, counted or served.
struct ParkedRecords: Sendable {
    struct Record: Sendable {
        let octets: [UInt8]
        let id: RecordID
        let source: RecordStore.Source
        let sequence: UInt64
        let reason: Parking
    }

    /// Of all senders together: 4,096 of 1,100 octets are 4.5 MB.
    static let maximum = 4096

    /// In the order in which they came.
    private(set) var all: [Record] = []
    private var counts: [RecordStore.Source: Int] = [:]
    private var present: Set<RecordID> = []

    mutating func insert(_ record: Record) {
        guard present.insert(record.id).inserted else { return }
        if all.count >= Self.maximum { removeOldestOfLargestSender() }
        all.append(record)
        counts[record.source, default: 0] += 1
    }

    private mutating func removeOldestOfLargestSender() {
        // The oldest record among the largest senders' decides between equals: never the table.
        let largest = counts.values.max() ?? 0
        guard let index = all.firstIndex(where: { counts[$0.source] == largest }) else { return }
        let removed = all.remove(at: index)
        let source = removed.source
        present.remove(removed.id)
        counts[source] = largest > 1 ? largest - 1 : nil
    }

    mutating func removeAll(where isOut: (Record) -> Bool) {
        all.removeAll(where: isOut)
        present = Set(all.map(\.id))
        counts = all.reduce(into: [:]) { $0[$1.source, default: 0] += 1 }
    }

    /// Takes those out that can be tried again.
    mutating func take(where isReady: (Record) -> Bool) -> [Record] {
        let ready = all.filter(isReady)
        if !ready.isEmpty { removeAll(where: isReady) }
        return ready
    }
}
