import LISP
import Mappings
package import Trust

/// Cuts long answers into messages that fit one sealed packet each.
package enum Batches {
    /// What stands around the pieces of a message: kind, length, ranges.
    private static let head = 64

    /// Ids of 16 octets, or digests of 9 to 12, that one message takes.
    private static let idsAMessage = (MeshMessage.maximumSize - head) / ObjectID.size
    private static let shortIDsAMessage = (MeshMessage.maximumSize - head) / 12

    package static func objects(_ octets: [[UInt8]]) -> [MeshMessage] {
        packed(octets).map(MeshMessage.objects)
    }

    package static func records(_ octets: [[UInt8]]) -> [MeshMessage] {
        packed(octets).map(MeshMessage.records)
    }

    /// As many in one message as fit, in their order.
    package static func packed(_ pieces: [[UInt8]]) -> [[[UInt8]]] {
        var batches: [[[UInt8]]] = []
        var room = 0
        for piece in pieces {
            let size = piece.count + 2
            if size > room {
                batches.append([])
                room = MeshMessage.maximumSize - head
            }
            batches[batches.count - 1].append(piece)
            room -= size
        }
        return batches
    }

    /// A slow disk has much to tell at once.
    package static func acknowledged(_ ids: [UInt64]) -> [MeshMessage] {
        chunks(ids, of: shortIDsAMessage).map(MeshMessage.acknowledged)
    }

    static func wanted(_ ids: [ObjectID]) -> [MeshMessage] {
        chunks(ids, of: idsAMessage).map(MeshMessage.objectsWanted)
    }

    static func wanted(_ ids: [RecordID]) -> [MeshMessage] {
        chunks(ids, of: shortIDsAMessage).map(MeshMessage.recordsWanted)
    }

    static func buckets(of trust: TrustSet) -> [MeshMessage] {
        stride(from: 0, to: TrustSet.buckets, by: shortIDsAMessage).map { start in
            let last = UInt8(clamping: min(start + shortIDsAMessage, TrustSet.buckets) - 1)
            let first = UInt8(clamping: start)
            let digests = (first...last).compactMap { bucket -> MeshMessage.BucketDigest? in
                trust.ids(inBucket: bucket).isEmpty
                    ? nil : .init(bucket: bucket, digest: trust.bucketDigest(bucket))
            }
            return .buckets(first: first, last: last, digests)
        }
    }

    static func hours(of records: RecordStore) -> [MeshMessage] {
        let all = records.hours.map {
            MeshMessage.HourDigest(hour: $0, digest: records.digest(ofHour: $0))
        }
        let pieces = all.isEmpty ? [[]] : chunks(all, of: shortIDsAMessage)
        return pieces.indices.map { index in
            let first = index == 0 ? 0 : (pieces[index].first?.hour ?? 0)
            let next = index + 1 < pieces.count ? pieces[index + 1].first?.hour : nil
            return .hours(first: first, last: next.map { $0 - 1 } ?? .max, pieces[index])
        }
    }

    /// All ids of a bucket, in messages that say from where through where they speak. A message ends
    /// with the id that the next begins with, so that there is no gap to say nothing about.
    static func ids(_ ids: [ObjectID], ofBucket bucket: UInt8) -> [MeshMessage] {
        guard let lowest = ObjectID(lowestOf: bucket), let highest = ObjectID(highestOf: bucket)
        else { return [] }
        var messages: [MeshMessage] = []
        var start = 0
        repeat {
            let end = min(start + idsAMessage, ids.count)
            let isLast = end == ids.count
            let piece = [ObjectID](ids[start..<end])
            messages.append(
                .objectIDs(
                    first: start == 0 ? lowest : piece.first ?? lowest,
                    last: isLast ? highest : piece.last ?? highest, piece))
            start = isLast ? end : end - 1
        } while start < ids.count
        return messages
    }

    static func ids(_ ids: [RecordID], ofHour hour: UInt32) -> [MeshMessage] {
        let pieces = ids.isEmpty ? [[]] : chunks(ids, of: shortIDsAMessage)
        return pieces.indices.map { index in
            let first = index == 0 ? 0 : (pieces[index].first?.rawValue ?? 0)
            let next = index + 1 < pieces.count ? pieces[index + 1].first?.rawValue : nil
            return .recordIDs(
                hour: hour, first: RecordID(rawValue: first),
                last: RecordID(rawValue: next.map { $0 - 1 } ?? .max), pieces[index])
        }
    }

    /// A keep list from an index on; one message, the receiver asks for the next.
    package static func keepList(
        _ ids: [ObjectID], hash: [UInt8], from: UInt32
    ) -> [MeshMessage] {
        let total = UInt32(clamping: ids.count)
        guard from < total else { return [] }
        let piece = [ObjectID](ids[Int(from)...].prefix(idsAMessage))
        return [.keepList(hash: hash, from: from, total: total, piece)]
    }

    private static func chunks<Element>(_ all: [Element], of size: Int) -> [[Element]] {
        stride(from: 0, to: all.count, by: size).map {
            [Element](all[$0..<min($0 + size, all.count)])
        }
    }
}

extension ObjectID {
    fileprivate init?(lowestOf bucket: UInt8) {
        self.init(octets: [bucket] + [UInt8](repeating: 0, count: ObjectID.size - 1))
    }

    fileprivate init?(highestOf bucket: UInt8) {
        self.init(octets: [bucket] + [UInt8](repeating: 255, count: ObjectID.size - 1))
    }
}
