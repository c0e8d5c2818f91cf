/// Answers a Map-Request with mappings (RFC 9301 §5.4).
///
///     | Type=2:4 P E S Reserved:17 | Record Count:8 |
///     | Nonce:64 |
///     | EID-records, Record Count times… |
///     | LISP-SEC authentication data… |      if S
package struct MapReply: Hashable, Sendable {
    package var flags: Flags
    package var nonce: UInt64
    /// At most 255.
    package var records: Few<EIDRecord>
    /// The octets behind the last record: LISP-SEC authentication data (RFC 9303 §6.2) if S is set,
    /// else the padding of a probe's answer.
    package var trailing: [UInt8]

    /// Bits 4 to 23 of the first word; reserved bits are kept.
    package struct Flags: OptionSet, Hashable, Sendable {
        package let rawValue: UInt32
        package init(rawValue: UInt32) { self.rawValue = rawValue }
        /// P: answers an RLOC-probe.
        package static let probe = Flags(rawValue: 0x0800_0000)
        /// E: the sender echoes nonces.
        package static let echoNonce = Flags(rawValue: 0x0400_0000)
        /// S: LISP-SEC authentication data follows the records.
        package static let security = Flags(rawValue: 0x0200_0000)
        static let mask: UInt32 = 0x0FFF_FF00
    }

    package init(
        flags: Flags = [], nonce: UInt64, records: Few<EIDRecord>, trailing: [UInt8] = []
    ) {
        self.flags = flags
        self.nonce = nonce
        self.records = records
        self.trailing = trailing
    }
}

extension MapReply: WireValue {
    package static let type: UInt8 = 2

    package init(from reader: inout OctetReader) throws(WireError) {
        let word = try reader.readHeader("Map-Reply", type: Self.type)
        let nonce: UInt64 = try reader.read("Nonce")
        let records = try reader.readRecords(count: word & 0xFF)
        self.flags = Flags(rawValue: word & Flags.mask)
        self.nonce = nonce
        self.records = records
        self.trailing = reader.readRest()
    }

    package func write(to writer: inout OctetWriter) {
        precondition(records.count <= 255, "Record Count has 8 bits")
        writer.write(
            UInt32(Self.type) << 28 | flags.rawValue & Flags.mask | UInt32(records.count))
        writer.write(nonce)
        for record in records { record.write(to: &writer) }
        writer.write(octets: trailing)
    }
}

extension OctetReader {
    /// The first word of a message.
    mutating func readHeader(_ message: String, type: UInt8) throws(WireError) -> UInt32 {
        let start = offset
        let word: UInt32 = try read(message)
        guard word >> 28 == UInt32(type) else {
            throw .invalid("Type of \(message)", value: Int(word >> 28), at: start)
        }
        return word
    }

    mutating func readRecords(count: UInt32) throws(WireError) -> Few<EIDRecord> {
        var records = Few<EIDRecord>()
        for _ in 0..<count { records.append(try EIDRecord(from: &self)) }
        return records
    }
}
