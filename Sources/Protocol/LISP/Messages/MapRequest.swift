/// Asks for the mapping of an EID, probes an RLOC, or solicits such a question (RFC 9301 §5.2, with
/// I and N of RFC 9437 §4).
///
///     | Type=1:4 A M P S p s R I Rsvd:7 L D | IRC:5 | Record Count:8 |
///     | Nonce:64 |
///     | Source-EID-AFI:16 | Source EID Address… |
///     | ITR-RLOC-AFI:16 | ITR-RLOC Address… |                      IRC + 1 times
///     | N:1 Reserved:7 | EID mask-len:8 | EID-Prefix-AFI:16 | EID-Prefix… |  Record Count times
///     | Map-Reply Record… |                                        if M
///     | xTR-ID:128 | Site-ID:64 |                                  if I
package struct MapRequest: Hashable, Sendable {
    /// Without M and I, which follow from ``mapReplyRecord`` and ``identity``.
    package var flags: Flags
    package var nonce: UInt64
    package var sourceEID: Address
    /// 1 to 32 addresses for the answer.
    package var itrRLOCs: Few<Address>
    /// At most 255; RFC 9301 has a sender send one.
    package var records: Few<Record>
    private var extras: [Extras]

    /// What few requests have, kept apart so that the others need no room for it.
    private struct Extras: Hashable, Sendable {
        var mapReplyRecord: EIDRecord?
        var identity: XTRIdentity?
        var trailing: [UInt8] = []

        init() {}

        init(_ flags: Flags, from reader: inout OctetReader) throws(WireError) {
            mapReplyRecord = flags.contains(.mapData) ? try EIDRecord(from: &reader) : nil
            identity = flags.contains(.identity) ? try XTRIdentity(from: &reader) : nil
            trailing = reader.readRest()
        }
    }

    /// Bits 4 to 18 of the first word; reserved bits are kept.
    package struct Flags: OptionSet, Hashable, Sendable {
        package let rawValue: UInt32
        package init(rawValue: UInt32) { self.rawValue = rawValue }
        /// A: the site shall answer, not the mapping system.
        package static let authoritative = Flags(rawValue: 0x0800_0000)
        /// M: a Map-Reply record for the source EID is appended.
        package static let mapData = Flags(rawValue: 0x0400_0000)
        /// P: an RLOC-probe.
        package static let probe = Flags(rawValue: 0x0200_0000)
        /// S: a Solicit-Map-Request.
        package static let solicit = Flags(rawValue: 0x0100_0000)
        /// p: sent by a PITR.
        package static let proxyITR = Flags(rawValue: 0x0080_0000)
        /// s: invoked by a Solicit-Map-Request.
        package static let solicited = Flags(rawValue: 0x0040_0000)
        /// R: reserved in RFC 9301; LISP mobile nodes set it.
        package static let mobileNode = Flags(rawValue: 0x0020_0000)
        /// I: xTR-ID and Site-ID are appended.
        package static let identity = Flags(rawValue: 0x0010_0000)
        /// L: the sender's RLOC is one of its site's.
        package static let localXTR = Flags(rawValue: 0x0000_4000)
        /// D: do not answer with a Map-Reply.
        package static let dontReply = Flags(rawValue: 0x0000_2000)

        /// Those that the message's content decides.
        static let derived: Flags = [.mapData, .identity]
        static let mask: UInt32 = 0x0FFF_E000
    }

    /// One EID-Prefix that is asked for.
    package struct Record: Hashable, Sendable {
        /// N (0x80: notify me of changes) and seven reserved bits.
        package var flags: UInt8
        package var maskLength: UInt8
        package var eid: Address

        package static let notify: UInt8 = 0x80

        package init(eid: Address, maskLength: UInt8, flags: UInt8 = 0) {
            self.flags = flags
            self.maskLength = maskLength
            self.eid = eid
        }
    }

    package init(
        flags: Flags = [], nonce: UInt64, sourceEID: Address, itrRLOCs: Few<Address>,
        records: Few<Record>
    ) {
        self.flags = flags.subtracting(.derived)
        self.nonce = nonce
        self.sourceEID = sourceEID
        self.itrRLOCs = itrRLOCs
        self.records = records
        self.extras = []
    }

    /// The source EID's own mapping, unverified (RFC 9301 §5.3).
    package var mapReplyRecord: EIDRecord? {
        get { extras.first?.mapReplyRecord }
        set { setExtras { $0.mapReplyRecord = newValue } }
    }

    package var identity: XTRIdentity? {
        get { extras.first?.identity }
        set { setExtras { $0.identity = newValue } }
    }

    /// The octets behind the last field: the padding of an RLOC-probe, or what a later standard
    /// appends.
    package var trailing: [UInt8] {
        get { extras.first?.trailing ?? [] }
        set { setExtras { $0.trailing = newValue } }
    }

    /// ``flags`` and those that the message's content decides.
    package var allFlags: Flags {
        var all = flags
        if mapReplyRecord != nil { all.insert(.mapData) }
        if identity != nil { all.insert(.identity) }
        return all
    }

    private mutating func setExtras(_ change: (inout Extras) -> Void) {
        var new = extras.first ?? Extras()
        change(&new)
        extras = new == Extras() ? [] : [new]
    }
}

extension MapRequest: WireValue {
    package static let type: UInt8 = 1

    @inline(__always)
    package init(from reader: inout OctetReader) throws(WireError) {
        let word = try reader.readHeader("Map-Request", type: Self.type)
        let all = Flags(rawValue: word & Flags.mask)
        let nonce: UInt64 = try reader.read("Nonce")
        let sourceEID = try Address(from: &reader, "Source EID Address")
        var itrRLOCs = Few<Address>()
        for _ in 0...(word >> 8 & 0x1F) {
            itrRLOCs.append(try Address(from: &reader, "ITR-RLOC Address"))
        }
        var records = Few<Record>()
        for _ in 0..<(word & 0xFF) { records.append(try Record(from: &reader)) }
        let hasExtras = !all.isDisjoint(with: .derived) || reader.remaining > 0
        let extras = hasExtras ? [try Extras(all, from: &reader)] : []
        // All at once: assigned one by one, the whole would be copied at the end.
        self.flags = all.subtracting(.derived)
        self.nonce = nonce
        self.sourceEID = sourceEID
        self.itrRLOCs = itrRLOCs
        self.records = records
        self.extras = extras
    }

    package func write(to writer: inout OctetWriter) {
        precondition(1...32 ~= itrRLOCs.count, "IRC has 5 bits and means one more")
        precondition(records.count <= 255, "Record Count has 8 bits")
        writer.write(
            UInt32(Self.type) << 28 | allFlags.rawValue & Flags.mask
                | UInt32(itrRLOCs.count - 1) << 8 | UInt32(records.count))
        writer.write(nonce)
        sourceEID.write(to: &writer)
        for rloc in itrRLOCs { rloc.write(to: &writer) }
        for record in records { record.write(to: &writer) }
        guard let extras = extras.first else { return }
        extras.mapReplyRecord?.write(to: &writer)
        extras.identity?.write(to: &writer)
        writer.write(octets: extras.trailing)
    }
}

extension MapRequest.Record: WireValue {
    @inline(__always)
    package init(from reader: inout OctetReader) throws(WireError) {
        let flags: UInt8 = try reader.read("N")
        let maskLength: UInt8 = try reader.read("EID mask-len")
        let eid = try Address(from: &reader, "EID-Prefix")
        self.flags = flags
        self.maskLength = maskLength
        self.eid = eid
    }

    package func write(to writer: inout OctetWriter) {
        writer.write(flags)
        writer.write(maskLength)
        eid.write(to: &writer)
    }
}
