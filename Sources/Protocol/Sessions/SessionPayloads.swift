package import Clocks
import Cryptography
package import LISP
package import Trust

/// Fields of the payloads of handshakes: `{tag:8, length:16, value}*`, tags ascending strictly. Tags
/// below 128 that are not known refuse the payload.
enum SessionField: UInt8, CaseIterable {
    case stamp = 8
    case node = 30
    case ciphers, lanes, bootID, clock, nodeRecord, invite, proof
    case early = 40
    case taken = 41
    case padding = 250
}

/// What an opener says: Noise message 1.
package struct OpenerPayload: Hashable, Sendable {
    package var stamp: UInt64
    package var node: NodeID
    package var profile: SessionProfile
    /// Where the peer may lack it.
    package var nodeRecord: [UInt8]?
    package var early: [EarlyPacket] = []

    package struct EarlyPacket: Hashable, Sendable {
        /// 24 bits.
        package var instance: UInt32
        package var octets: [UInt8]

        package init(_ octets: [UInt8], instance: UInt32) {
            self.octets = octets
            self.instance = instance
        }
        /// What it takes in an opener.
        var size: Int { 5 + octets.count }
    }

    package init(stamp: UInt64, node: NodeID, profile: SessionProfile) {
        self.stamp = stamp
        self.node = node
        self.profile = profile
    }
}

/// How a side of a session wants it, and what it tells of itself.
package struct SessionProfile: Hashable, Sendable {
    /// Numbers of ciphers, the best liked first; one, where it is the choice. 1 to 16.
    package var ciphers: [UInt8]
    /// How many data lanes may be used towards it, 1 to 16.
    package var lanes: UInt8
    /// 16 octets.
    package var bootID: [UInt8]
    package var clock: ClockReading

    package static let maximumCiphers = 16

    package init(ciphers: [UInt8], lanes: UInt8, bootID: [UInt8], clock: ClockReading) {
        self.ciphers = ciphers
        self.lanes = lanes
        self.bootID = bootID
        self.clock = clock
    }
}

/// What the answer says: Noise message 2.
package struct AnswerPayload: Hashable, Sendable {
    /// With one cipher: the chosen one.
    package var profile: SessionProfile
    /// How many early packets were taken, from the first on.
    package var taken: UInt8

    package init(profile: SessionProfile, taken: UInt8) {
        self.profile = profile
        self.taken = taken
    }
}

/// What a joiner says first, in the clear.
package struct JoinRequest: Hashable, Sendable {
    package var stamp: UInt64
    /// A trust object's octets.
    package var invite: [UInt8]
    /// By the invite's key, over the Noise ephemeral and the stamp.
    package var proof: [UInt8]
    /// Octets of padding behind.
    package var padding = 0

    package init(stamp: UInt64, invite: [UInt8], proof: [UInt8]) {
        self.stamp = stamp
        self.invite = invite
        self.proof = proof
    }
}

/// What both sides of a joining handshake say of themselves: Noise messages 2 and 3.
package struct JoinIntroduction: Hashable, Sendable {
    /// Message 2 offers ciphers, message 3 has the chosen one.
    package var profile: SessionProfile
    package var nodeRecord: [UInt8]

    package init(profile: SessionProfile, nodeRecord: [UInt8]) {
        self.profile = profile
        self.nodeRecord = nodeRecord
    }
}

/// Values of fields by tag. The list is short, so it is searched from one end.
private struct FieldList {
    private var values: [(tag: UInt8, octets: [UInt8])] = []

    init() {}

    init(from reader: inout OctetReader) throws(WireError) {
        var last = -1
        while reader.remaining > 0 {
            let start = reader.offset
            let tag: UInt8 = try reader.read("tag")
            guard Int(tag) > last else {
                throw .invalid("order of field", value: Int(tag), at: start)
            }
            let length: UInt16 = try reader.read("length of field")
            values.append((tag, try reader.readOctets("field \(tag)", count: Int(length))))
            last = Int(tag)
        }
    }

    mutating func set(_ tag: SessionField, _ octets: [UInt8]) {
        values.append((tag.rawValue, octets))
    }

    mutating func take(_ tag: SessionField) -> [UInt8]? {
        guard let index = values.firstIndex(where: { $0.tag == tag.rawValue }) else { return nil }
        return values.remove(at: index).octets
    }

    mutating func need(_ tag: SessionField, size: ClosedRange<Int>) throws(WireError) -> [UInt8] {
        guard let octets = take(tag) else { throw .truncated("field \(tag.rawValue)", at: 0) }
        guard size ~= octets.count else {
            throw .invalid("length of field \(tag.rawValue)", value: octets.count, at: 0)
        }
        return octets
    }

    mutating func need(_ tag: SessionField, size: Int) throws(WireError) -> [UInt8] {
        try need(tag, size: size...size)
    }

    mutating func needStamp() throws(WireError) -> UInt64 {
        try need(.stamp, size: 8).number(at: 0, size: 8)
    }

    mutating func needProfile() throws(WireError) -> SessionProfile {
        let ciphers = try need(.ciphers, size: 1...SessionProfile.maximumCiphers)
        let lanes = try need(.lanes, size: 1)[0]
        guard 1...SessionLimit.lanes ~= lanes else {
            throw .invalid("lanes", value: Int(lanes), at: 0)
        }
        let bootID = try need(.bootID, size: 16)
        let clock = try need(.clock, size: 9)
        return SessionProfile(
            ciphers: ciphers, lanes: lanes, bootID: bootID, clock: try ClockReading(field: clock))
    }

    mutating func set(_ profile: SessionProfile) {
        set(.ciphers, profile.ciphers)
        set(.lanes, [profile.lanes])
        set(.bootID, profile.bootID)
        set(.clock, profile.clock.field)
    }

    /// - Throws: ``WireError`` if a field is left that may not be ignored.
    func finish() throws(WireError) {
        for value in values where value.tag < TrustObject.firstIgnoredTag {
            throw .unsupported("field", value: Int(value.tag), at: 0)
        }
    }

    func write(to writer: inout OctetWriter) {
        for (tag, octets) in values {
            writer.write(tag)
            writer.write(UInt16(clamping: octets.count))
            writer.write(octets: octets)
        }
    }
}

extension ClockReading {
    /// Milliseconds, quality: 9 octets.
    init(field octets: [UInt8]) throws(WireError) {
        guard octets.count == 9, let quality = ClockQuality(rawValue: octets[8]) else {
            throw .invalid("clock of length", value: octets.count, at: 0)
        }
        self.init(milliseconds: octets.number(at: 0, size: 8), quality: quality)
    }

    var field: [UInt8] { SessionSecret.octets(of: milliseconds) + [quality.rawValue] }
}

extension OpenerPayload: WireValue {
    package init(from reader: inout OctetReader) throws(WireError) {
        var fields = try FieldList(from: &reader)
        stamp = try fields.needStamp()
        guard let node = NodeID(octets: try fields.need(.node, size: NodeID.size)) else {
            throw .truncated("node id", at: 0)
        }
        self.node = node
        profile = try fields.needProfile()
        nodeRecord = fields.take(.nodeRecord)
        if let octets = fields.take(.early) {
            var packets = OctetReader(octets.span.bytes)
            repeat {
                guard early.count < SessionLimit.queuedData else {
                    throw .invalid("early packets, more than", value: early.count, at: 0)
                }
                let high: UInt8 = try packets.read("Instance-ID")
                let low: UInt16 = try packets.read("Instance-ID")
                let length: UInt16 = try packets.read("length of packet")
                let packet = try packets.readOctets("early packet", count: Int(length))
                early.append(EarlyPacket(packet, instance: UInt32(high) << 16 | UInt32(low)))
            } while packets.remaining > 0
        }
        try fields.finish()
    }

    package func write(to writer: inout OctetWriter) {
        var fields = FieldList()
        fields.set(.stamp, SessionSecret.octets(of: stamp))
        fields.set(.node, node.octets)
        fields.set(profile)
        if let nodeRecord { fields.set(.nodeRecord, nodeRecord) }
        if !early.isEmpty {
            var packets = OctetWriter()
            for packet in early {
                packets.write(UInt8(truncatingIfNeeded: packet.instance >> 16))
                packets.write(UInt16(truncatingIfNeeded: packet.instance))
                packets.write(UInt16(clamping: packet.octets.count))
                packets.write(octets: packet.octets)
            }
            fields.set(.early, packets.octets)
        }
        fields.write(to: &writer)
    }
}

extension AnswerPayload: WireValue {
    package init(from reader: inout OctetReader) throws(WireError) {
        var fields = try FieldList(from: &reader)
        profile = try fields.needProfile()
        taken = try fields.need(.taken, size: 1)[0]
        try fields.finish()
    }

    package func write(to writer: inout OctetWriter) {
        var fields = FieldList()
        fields.set(profile)
        fields.set(.taken, [taken])
        fields.write(to: &writer)
    }
}

extension JoinRequest: WireValue {
    package init(from reader: inout OctetReader) throws(WireError) {
        var fields = try FieldList(from: &reader)
        stamp = try fields.needStamp()
        invite = try fields.need(.invite, size: 1...TrustObject.maximumSize)
        proof = try fields.need(.proof, size: Ed25519.signatureSize)
        padding = fields.take(.padding)?.count ?? 0
        try fields.finish()
    }

    package func write(to writer: inout OctetWriter) {
        var fields = FieldList()
        fields.set(.stamp, SessionSecret.octets(of: stamp))
        fields.set(.invite, invite)
        fields.set(.proof, proof)
        if padding > 0 { fields.set(.padding, [UInt8](repeating: 0, count: padding)) }
        fields.write(to: &writer)
    }
}

extension JoinIntroduction: WireValue {
    package init(from reader: inout OctetReader) throws(WireError) {
        var fields = try FieldList(from: &reader)
        profile = try fields.needProfile()
        nodeRecord = try fields.need(.nodeRecord, size: 1...TrustObject.maximumSize)
        try fields.finish()
    }

    package func write(to writer: inout OctetWriter) {
        var fields = FieldList()
        fields.set(profile)
        fields.set(.nodeRecord, nodeRecord)
        fields.write(to: &writer)
    }
}
