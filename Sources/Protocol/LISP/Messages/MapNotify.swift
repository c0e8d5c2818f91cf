/// Confirms a registration, tells of a change, or acknowledges that (RFC 9301 §5.7).
///
///     | Type=4 or 5:4 I R Reserved:18 | Record Count:8 |
///     | Nonce:64 |
///     | Key ID:8 | Algorithm ID:8 | Authentication Data Length:16 | Authentication Data… |
///     | EID-records, Record Count times… |
///     | xTR-ID:128 | Site-ID:64 |            if I
///     | Key ID:16 | Length:16 | MS-RTR authentication data… |   if R
///
/// I and R are reserved in RFC 9301; draft-ermagan-lisp-nat-traversal and OpenOverlayRouter use them.
package struct MapNotify: Hashable, Sendable {
    package var kind: Kind
    /// Without I and R, which follow from the content.
    package var flags: Flags
    package var nonce: UInt64
    package var authentication: AuthenticationField
    /// At most 255.
    package var records: Few<EIDRecord>
    package var identity: XTRIdentity?
    /// Proves to an RTR that its Map-Server sent this.
    package var rtrAuthentication: RTRAuthentication?

    package enum Kind: UInt8, Hashable, Sendable {
        case notify = 4
        case acknowledgement = 5

        package var name: String { self == .notify ? "Map-Notify" : "Map-Notify-Ack" }
    }

    /// Bits 4 to 23 of the first word; reserved bits are kept.
    package struct Flags: OptionSet, Hashable, Sendable {
        package let rawValue: UInt32
        package init(rawValue: UInt32) { self.rawValue = rawValue }
        /// I: xTR-ID and Site-ID are appended.
        package static let identity = Flags(rawValue: 0x0800_0000)
        /// R: MS-RTR authentication data is appended.
        package static let rtrAuthentication = Flags(rawValue: 0x0400_0000)
        static let derived: Flags = [.identity, .rtrAuthentication]
        static let mask: UInt32 = 0x0FFF_FF00
    }

    package init(
        _ kind: Kind = .notify, flags: Flags = [], nonce: UInt64,
        authentication: AuthenticationField = .init(), records: Few<EIDRecord>,
        identity: XTRIdentity? = nil, rtrAuthentication: RTRAuthentication? = nil
    ) {
        self.kind = kind
        self.flags = flags.subtracting(.derived)
        self.nonce = nonce
        self.authentication = authentication
        self.records = records
        self.identity = identity
        self.rtrAuthentication = rtrAuthentication
    }

    package var allFlags: Flags {
        var all = flags
        if identity != nil { all.insert(.identity) }
        if rtrAuthentication != nil { all.insert(.rtrAuthentication) }
        return all
    }
}

extension MapNotify: WireValue {
    package init(from reader: inout OctetReader) throws(WireError) {
        let start = reader.offset
        let word: UInt32 = try reader.read("Map-Notify")
        guard let kind = Kind(rawValue: UInt8(word >> 28)) else {
            throw .invalid("Type of Map-Notify", value: Int(word >> 28), at: start)
        }
        let all = Flags(rawValue: word & Flags.mask)
        let flags = all.subtracting(.derived)
        let nonce: UInt64 = try reader.read("Nonce")
        let authentication = try AuthenticationField(from: &reader)
        let records = try reader.readRecords(count: word & 0xFF)
        let identity = all.contains(.identity) ? try XTRIdentity(from: &reader) : nil
        let rtrAuthentication =
            all.contains(.rtrAuthentication) ? try RTRAuthentication(from: &reader) : nil
        try reader.finish(kind.name)
        self.kind = kind
        self.flags = flags
        self.nonce = nonce
        self.authentication = authentication
        self.records = records
        self.identity = identity
        self.rtrAuthentication = rtrAuthentication
    }

    package func write(to writer: inout OctetWriter) {
        precondition(records.count <= 255, "Record Count has 8 bits")
        writer.write(
            UInt32(kind.rawValue) << 28 | allFlags.rawValue & Flags.mask | UInt32(records.count))
        writer.write(nonce)
        authentication.write(to: &writer)
        for record in records { record.write(to: &writer) }
        identity?.write(to: &writer)
        rtrAuthentication?.write(to: &writer)
    }
}

/// What a Map-Server adds for an RTR (draft-ermagan-lisp-nat-traversal-19 §4).
///
///     | MS-RTR Key ID:16 | Authentication Data Length:16 | Authentication Data… |
package struct RTRAuthentication: Hashable, Sendable, WireValue {
    package var keyID: UInt16
    /// At most 65,535 octets.
    package var data: [UInt8]

    package init(keyID: UInt16, data: [UInt8]) {
        self.keyID = keyID
        self.data = data
    }

    package init(from reader: inout OctetReader) throws(WireError) {
        keyID = try reader.read("MS-RTR Key ID")
        let length: UInt16 = try reader.read("MS-RTR Authentication Data Length")
        data = try reader.readOctets("MS-RTR Authentication Data", count: Int(length))
    }

    package func write(to writer: inout OctetWriter) {
        precondition(data.count <= 65535, "the length has 16 bits")
        writer.write(keyID)
        writer.write(UInt16(data.count))
        writer.write(octets: data)
    }
}
