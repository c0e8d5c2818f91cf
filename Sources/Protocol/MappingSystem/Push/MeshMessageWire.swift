import Cryptography
package import LISP
import Mappings
import Sessions
import Trust

extension MeshMessage {
    package var kind: UInt8 {
        switch self {
        case .lisp: return 1
        case .summary: return 16
        case .buckets: return 17
        case .objectIDs: return 18
        case .objectsWanted: return 19
        case .objects: return 20
        case .hours: return 21
        case .recordIDs: return 22
        case .recordsWanted: return 23
        case .records: return 24
        case .acknowledged: return 25
        case .touch: return 26
        case .keepListWanted: return 27
        case .keepList: return 28
        case .claimWanted: return 29
        case .chainWanted: return 32
        case .chain: return 33
        case .redeem: return 34
        case .admitted: return 35
        case .refused: return 36
        case .goodbye: return 37
        case .seen: return 38
        }
    }

    /// Everything that a plaintext says. A kind that we do not know is passed over: it is from a
    /// later version.
    /// - Throws: ``WireError`` for the first message that is not whole.
    package static func all(in octets: [UInt8]) throws(WireError) -> [MeshMessage] {
        var reader = OctetReader(octets.span.bytes)
        var messages: [MeshMessage] = []
        while reader.remaining > 0 {
            let kind: UInt8 = try reader.read("kind")
            let length: UInt16 = try reader.read("length")
            let start = reader.offset
            let content = try reader.readOctets("content", count: Int(length))
            do throws(WireError) {
                if let message = try MeshMessage(kind: kind, content) { messages.append(message) }
            } catch {
                throw error.moved(by: start)
            }
        }
        return messages
    }

    package func write(to writer: inout OctetWriter) {
        writer.write(kind)
        let place = writer.count
        writer.write(UInt16(0))
        writeContent(to: &writer)
        writer.patch(UInt16(clamping: writer.count - place - 2), at: place)
    }

    package var octets: [UInt8] {
        var writer = OctetWriter(capacity: 256)
        write(to: &writer)
        return writer.octets
    }
}

extension MeshMessage {
    private init?(kind: UInt8, _ content: [UInt8]) throws(WireError) {
        var reader = OctetReader(content.span.bytes)
        guard let message = try Self.read(kind, from: &reader) else { return nil }
        try reader.finish("message of kind \(kind)")
        self = message
    }

    private static func read(
        _ kind: UInt8, from reader: inout OctetReader
    ) throws(WireError) -> MeshMessage? {
        switch kind {
        case 1: return .lisp(try ControlMessage(from: &reader))
        case 16: return .summary(try Summary(from: &reader))
        case 17:
            return .buckets(
                first: try reader.read("first bucket"), last: try reader.read("last bucket"),
                try reader.readAll())
        case 18:
            return .objectIDs(
                first: try ObjectID(from: &reader), last: try ObjectID(from: &reader),
                try reader.readAll())
        case 19: return .objectsWanted(try reader.readAll())
        case 20: return .objects(try reader.readPieces())
        case 21:
            return .hours(
                first: try reader.read("first hour"), last: try reader.read("last hour"),
                try reader.readAll())
        case 22:
            return .recordIDs(
                hour: try reader.read("hour"), first: try RecordID(from: &reader),
                last: try RecordID(from: &reader), try reader.readAll())
        case 23: return .recordsWanted(try reader.readAll())
        case 24: return .records(try reader.readPieces())
        case 25:
            var ids: [UInt64] = []
            while reader.remaining > 0 { ids.append(try reader.read("id")) }
            return .acknowledged(ids)
        case 26: return .touch(try reader.readAll())
        case 27:
            return .keepListWanted(
                hash: try reader.readOctets("hash of keep list", count: SHA256.size),
                from: try reader.read("index"))
        case 28:
            return .keepList(
                hash: try reader.readOctets("hash of keep list", count: SHA256.size),
                from: try reader.read("index"), total: try reader.read("total"),
                try reader.readAll())
        case 29: return .claimWanted(try reader.readClaim())
        case 32: return .chainWanted(from: try reader.read("index"))
        case 33:
            return .chain(
                from: try reader.read("index"), total: try reader.read("total"),
                try reader.readPieces())
        case 34:
            let proof = try reader.readOctets("invite proof", count: Ed25519.signatureSize)
            return .redeem(proof: proof, name: try reader.readName())
        case 35: return .admitted(try reader.readPieces())
        case 36:
            let code: UInt8 = try reader.read("refusal")
            guard let refusal = JoinRefusal(rawValue: code) else {
                throw .unsupported("refusal", value: Int(code), at: 0)
            }
            return .refused(refusal)
        case 37:
            return .goodbye(bootID: try reader.readOctets("boot id", count: bootIDSize))
        case 38: return .seen(try Sighting(from: &reader))
        default:
            _ = reader.readRest()
            return nil
        }
    }

    private func writeContent(to writer: inout OctetWriter) {
        switch self {
        case .lisp(let message): message.write(to: &writer)
        case .summary(let summary): summary.write(to: &writer)
        case .buckets(let first, let last, let digests):
            writer.write(first)
            writer.write(last)
            for digest in digests { digest.write(to: &writer) }
        case .objectIDs(let first, let last, let ids):
            first.write(to: &writer)
            last.write(to: &writer)
            for id in ids { id.write(to: &writer) }
        case .objectsWanted(let ids): for id in ids { id.write(to: &writer) }
        case .hours(let first, let last, let digests):
            writer.write(first)
            writer.write(last)
            for digest in digests { digest.write(to: &writer) }
        case .recordIDs(let hour, let first, let last, let ids):
            writer.write(hour)
            first.write(to: &writer)
            last.write(to: &writer)
            for id in ids { id.write(to: &writer) }
        case .recordsWanted(let ids), .touch(let ids): for id in ids { id.write(to: &writer) }
        case .objects(let pieces), .records(let pieces), .admitted(let pieces):
            writer.write(pieces: pieces)
        case .acknowledged(let ids): for id in ids { writer.write(id) }
        case .keepListWanted(let hash, let from):
            writer.write(octets: hash)
            writer.write(from)
        case .keepList(let hash, let from, let total, let ids):
            writer.write(octets: hash)
            writer.write(from)
            writer.write(total)
            for id in ids { id.write(to: &writer) }
        case .claimWanted(.name(let name)):
            writer.write(UInt8(0))
            writer.write(octets: [UInt8](name.description.utf8))
        case .claimWanted(.address(let index)):
            writer.write(UInt8(1))
            writer.write(index)
        case .chainWanted(let from): writer.write(from)
        case .chain(let from, let total, let pieces):
            writer.write(from)
            writer.write(total)
            writer.write(pieces: pieces)
        case .redeem(let proof, let name):
            writer.write(octets: proof)
            writer.write(octets: [UInt8]((name?.description ?? "").utf8))
        case .refused(let refusal): writer.write(refusal.rawValue)
        case .goodbye(let bootID): writer.write(octets: bootID)
        case .seen(let sighting): sighting.write(to: &writer)
        }
    }
}

extension MeshMessage.Summary: WireValue {
    package init(from reader: inout OctetReader) throws(WireError) {
        trust = try reader.readOctets("digest of trust", count: SHA256.size)
        records = try reader.readOctets("digest of records", count: SHA256.size)
        let flags: UInt8 = try reader.read("summary flags")
        wantsAnswer = flags & 1 != 0
    }

    package func write(to writer: inout OctetWriter) {
        writer.write(octets: trust)
        writer.write(octets: records)
        writer.write(UInt8(wantsAnswer ? 1 : 0))
    }
}

extension MeshMessage.Sighting: WireValue {
    package init(from reader: inout OctetReader) throws(WireError) {
        let host = IPv6Address(high: try reader.read("host"), low: try reader.read("host"))
        path = Path(host, port: try reader.read("port"))
        let flags: UInt8 = try reader.read("sighting flags")
        wantsAnswer = flags & 1 != 0
        isLocator = flags & 2 != 0
        let number = flags >> 4
        trial = flags & 8 != 0 ? .came(number) : flags & 4 != 0 ? .this(number) : .noneCame
    }

    package func write(to writer: inout OctetWriter) {
        writer.write(path.host.high)
        writer.write(path.host.low)
        writer.write(path.port)
        var flags: UInt8 = (wantsAnswer ? 1 : 0) | (isLocator ? 2 : 0)
        switch trial {
        case .noneCame: break
        case .this(let number): flags |= 4 | number << 4
        case .came(let number): flags |= 8 | number << 4
        }
        writer.write(flags)
    }
}

extension MeshMessage.BucketDigest: WireValue {
    package init(from reader: inout OctetReader) throws(WireError) {
        bucket = try reader.read("bucket")
        digest = try reader.read("digest of bucket")
    }

    package func write(to writer: inout OctetWriter) {
        writer.write(bucket)
        writer.write(digest)
    }
}

extension MeshMessage.HourDigest: WireValue {
    package init(from reader: inout OctetReader) throws(WireError) {
        hour = try reader.read("hour")
        digest = try reader.read("digest of hour")
    }

    package func write(to writer: inout OctetWriter) {
        writer.write(hour)
        writer.write(digest)
    }
}

extension ObjectID {
    fileprivate init(from reader: inout OctetReader) throws(WireError) {
        let octets = try reader.readOctets("object id", count: ObjectID.size)
        guard let id = ObjectID(octets: octets) else {
            throw .truncated("object id", at: reader.offset)
        }
        self = id
    }

    fileprivate func write(to writer: inout OctetWriter) { writer.write(octets: octets) }
}

extension RecordID {
    fileprivate init(from reader: inout OctetReader) throws(WireError) {
        self.init(rawValue: try reader.read("record id"))
    }

    fileprivate func write(to writer: inout OctetWriter) { writer.write(rawValue) }
}

extension OctetReader {
    fileprivate mutating func readAll<Value: WireValue>() throws(WireError) -> [Value] {
        var values: [Value] = []
        while remaining > 0 { values.append(try Value(from: &self)) }
        return values
    }

    fileprivate mutating func readAll() throws(WireError) -> [ObjectID] {
        var ids: [ObjectID] = []
        while remaining > 0 { ids.append(try ObjectID(from: &self)) }
        return ids
    }

    fileprivate mutating func readAll() throws(WireError) -> [RecordID] {
        var ids: [RecordID] = []
        while remaining > 0 { ids.append(try RecordID(from: &self)) }
        return ids
    }

    /// `{length 2, octets}*`
    fileprivate mutating func readPieces() throws(WireError) -> [[UInt8]] {
        var pieces: [[UInt8]] = []
        while remaining > 0 {
            let length: UInt16 = try read("length of piece")
            pieces.append(try readOctets("piece", count: Int(length)))
        }
        return pieces
    }

    /// The rest of the content; none if nothing is left.
    fileprivate mutating func readName() throws(WireError) -> MeshName? {
        let start = offset
        let text = readRest()
        if text.isEmpty { return nil }
        guard let name = MeshName(String(decoding: text, as: UTF8.self)) else {
            throw .invalid("name of length", value: text.count, at: start)
        }
        return name
    }

    fileprivate mutating func readClaim() throws(WireError) -> Claim.What {
        let start = offset
        switch try read("what is claimed", as: UInt8.self) {
        case 0:
            guard let name = try readName() else { throw .truncated("name", at: offset) }
            return .name(name)
        case 1:
            let index: UInt8 = try read("address index")
            guard index <= Claim.maximumIndex else {
                throw .invalid("address index", value: Int(index), at: start + 1)
            }
            return .address(index: index)
        case let kind: throw .unsupported("what is claimed", value: Int(kind), at: start)
        }
    }
}

extension OctetWriter {
    fileprivate mutating func write(pieces: [[UInt8]]) {
        for piece in pieces {
            write(UInt16(clamping: piece.count))
            write(octets: piece)
        }
    }
}
