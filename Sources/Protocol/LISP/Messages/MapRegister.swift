/// Registers mappings with a Map-Server (RFC 9301 §5.6).
///
///     | Type=3:4 P S I Reserved:12 E T a R M | Record Count:8 |
///     | Nonce:64 |
///     | Key ID:8 | Algorithm ID:8 | Authentication Data Length:16 | Authentication Data… |
///     | EID-records, Record Count times… |
///     | xTR-ID:128 | Site-ID:64 |            if I
package struct MapRegister: Hashable, Sendable {
    /// Without I, which follows from ``identity``.
    package var flags: Flags
    package var nonce: UInt64
    package var authentication: AuthenticationField
    /// At most 255.
    package var records: Few<EIDRecord>
    package var identity: XTRIdentity?

    /// Bits 4 to 23 of the first word; reserved bits are kept.
    package struct Flags: OptionSet, Hashable, Sendable {
        package let rawValue: UInt32
        package init(rawValue: UInt32) { self.rawValue = rawValue }
        /// P: the Map-Server shall answer Map-Requests for us.
        package static let proxyReply = Flags(rawValue: 0x0800_0000)
        /// S: LISP-SEC capable.
        package static let security = Flags(rawValue: 0x0400_0000)
        /// I: xTR-ID and Site-ID are appended.
        package static let identity = Flags(rawValue: 0x0200_0000)
        /// R of draft-ermagan-lisp-nat-traversal: registers through an RTR.
        package static let throughRTR = Flags(rawValue: 0x0100_0000)
        /// E: EID-notify (RFC 9301 §5.6 by way of LISP mobility).
        package static let eidNotify = Flags(rawValue: 0x0000_1000)
        /// T: time the registration out by the records' TTL.
        package static let useTTL = Flags(rawValue: 0x0000_0800)
        /// a: merge the locators of all who register this EID.
        package static let merge = Flags(rawValue: 0x0000_0400)
        /// R: reserved in RFC 9301; LISP mobile nodes set it.
        package static let mobileNode = Flags(rawValue: 0x0000_0200)
        /// M: answer with a Map-Notify.
        package static let wantMapNotify = Flags(rawValue: 0x0000_0100)
        static let mask: UInt32 = 0x0FFF_FF00
    }

    package init(
        flags: Flags = [], nonce: UInt64, authentication: AuthenticationField = .init(),
        records: Few<EIDRecord>, identity: XTRIdentity? = nil
    ) {
        self.flags = flags.subtracting(.identity)
        self.nonce = nonce
        self.authentication = authentication
        self.records = records
        self.identity = identity
    }

    package var allFlags: Flags { identity == nil ? flags : flags.union(.identity) }
}

extension MapRegister: WireValue {
    package static let type: UInt8 = 3

    package init(from reader: inout OctetReader) throws(WireError) {
        let word = try reader.readHeader("Map-Register", type: Self.type)
        let all = Flags(rawValue: word & Flags.mask)
        let flags = all.subtracting(.identity)
        let nonce: UInt64 = try reader.read("Nonce")
        let authentication = try AuthenticationField(from: &reader)
        let records = try reader.readRecords(count: word & 0xFF)
        let identity = all.contains(.identity) ? try XTRIdentity(from: &reader) : nil
        try reader.finish("Map-Register")
        self.flags = flags
        self.nonce = nonce
        self.authentication = authentication
        self.records = records
        self.identity = identity
    }

    package func write(to writer: inout OctetWriter) {
        precondition(records.count <= 255, "Record Count has 8 bits")
        writer.write(
            UInt32(Self.type) << 28 | allFlags.rawValue & Flags.mask | UInt32(records.count))
        writer.write(nonce)
        authentication.write(to: &writer)
        for record in records { record.write(to: &writer) }
        identity?.write(to: &writer)
    }
}
