/// Asks a Map-Server how a NAT changes our address, or answers that
/// (draft-ermagan-lisp-nat-traversal-19 §4.1; draft-farinacci-lisp-lispers-net-nat).
///
///     | Type=7:4 R:1 Reserved:27 |
///     | Nonce:64 |
///     | Key ID:16 | Authentication Data Length:16 | Authentication Data… |
///     | TTL:32 |
///     | Reserved:8 | EID mask-len:8 | EID-Prefix-AFI:16 | EID-Prefix… |
///     | AFI:16 | …  |    request: AFI 0, or a host name (AFI 17); reply: NAT Traversal LCAF
package struct InfoMessage: Hashable, Sendable {
    /// R and the reserved bits.
    package var flags: Flags
    package var nonce: UInt64
    package var keyID: UInt16
    /// At most 65,535 octets.
    package var authenticationData: [UInt8]
    /// Minutes for which the receiver of a reply keeps the RTRs.
    package var ttl: UInt32
    package var reserved: UInt8
    package var maskLength: UInt8
    package var eid: Address
    /// What a request says of itself, what a reply has found.
    package var subject: Address

    package struct Flags: OptionSet, Hashable, Sendable {
        package let rawValue: UInt32
        package init(rawValue: UInt32) { self.rawValue = rawValue }
        /// R: an Info-Reply.
        package static let reply = Flags(rawValue: 0x0800_0000)
        static let mask: UInt32 = 0x0FFF_FFFF
    }

    package init(
        flags: Flags = [], nonce: UInt64, keyID: UInt16 = 0, authenticationData: [UInt8] = [],
        ttl: UInt32 = 0, reserved: UInt8 = 0, maskLength: UInt8 = 0, eid: Address = .none,
        subject: Address = .none
    ) {
        self.flags = flags
        self.nonce = nonce
        self.keyID = keyID
        self.authenticationData = authenticationData
        self.ttl = ttl
        self.reserved = reserved
        self.maskLength = maskLength
        self.eid = eid
        self.subject = subject
    }

    package var isReply: Bool { flags.contains(.reply) }
}

extension InfoMessage: WireValue {
    package static let type: UInt8 = 7

    package init(from reader: inout OctetReader) throws(WireError) {
        let word = try reader.readHeader("Info-Request", type: Self.type)
        flags = Flags(rawValue: word & Flags.mask)
        nonce = try reader.read("Nonce")
        keyID = try reader.read("Key ID")
        let length: UInt16 = try reader.read("Authentication Data Length")
        authenticationData = try reader.readOctets("Authentication Data", count: Int(length))
        ttl = try reader.read("TTL")
        reserved = try reader.read("Reserved")
        maskLength = try reader.read("EID mask-len")
        eid = try Address(from: &reader, "EID-Prefix")
        reader.addressIsLast = true
        subject = try Address(from: &reader, "AFI behind the EID-Prefix")
        try reader.finish(isReply ? "Info-Reply" : "Info-Request")
    }

    package func write(to writer: inout OctetWriter) {
        precondition(authenticationData.count <= 65535, "the length has 16 bits")
        writer.write(UInt32(Self.type) << 28 | flags.rawValue & Flags.mask)
        writer.write(nonce)
        writer.write(keyID)
        writer.write(UInt16(authenticationData.count))
        writer.write(octets: authenticationData)
        writer.write(ttl)
        writer.write(reserved)
        writer.write(maskLength)
        eid.write(to: &writer)
        subject.write(to: &writer)
    }
}
