/// What an Encapsulated Control Message puts around a message (RFC 9301 §5.8).
///
///     | Type=8:4 S D E M Reserved:24 |
///     | AD Type:8 | authentication data… |        if S (RFC 9303 §6.1)
///     | IPv4 or IPv6 header… |
///     | UDP header:64 |
package struct Encapsulation: Hashable, Sendable {
    /// Without S, which follows from ``authentication``.
    package var flags: Flags
    /// The authentication data, AD Type included; none if empty.
    package var authentication: [UInt8]
    package var ip: IPHeader
    package var udp: UDPHeader

    /// Bits 4 to 31 of the first word; reserved bits are kept.
    package struct Flags: OptionSet, Hashable, Sendable {
        package let rawValue: UInt32
        package init(rawValue: UInt32) { self.rawValue = rawValue }
        /// S: authentication data follows.
        package static let security = Flags(rawValue: 0x0800_0000)
        /// D: sent to a DDT node.
        package static let ddt = Flags(rawValue: 0x0400_0000)
        /// E: from a Map-Server to an ETR.
        package static let toETR = Flags(rawValue: 0x0200_0000)
        /// M: from an ETR to a Map-Server.
        package static let toMapServer = Flags(rawValue: 0x0100_0000)
        /// R of draft-ermagan-lisp-nat-traversal: to an RTR.
        package static let toRTR = Flags(rawValue: 0x0040_0000)
        /// N of draft-ermagan-lisp-nat-traversal: relayed by an RTR.
        package static let fromRTR = Flags(rawValue: 0x0020_0000)
        static let mask: UInt32 = 0x0FFF_FFFF
    }

    package static let type: UInt8 = 8

    package var allFlags: Flags { authentication.isEmpty ? flags : flags.union(.security) }

    package init(flags: Flags = [], authentication: [UInt8] = [], ip: IPHeader, udp: UDPHeader) {
        self.flags = flags.subtracting(.security)
        self.authentication = authentication
        self.ip = ip
        self.udp = udp
    }
}

extension Encapsulation {
    /// Reads what stands in front of the message, if it is an ECM whose inside we can read.
    @inline(__always)
    static func readIfPresent(from reader: inout OctetReader) throws(WireError) -> Encapsulation? {
        guard let first = reader.peek(), first >> 4 == type else { return nil }
        let start = reader.mark
        if let encapsulation = try Encapsulation(boundingMessageIn: &reader) {
            return encapsulation
        }
        reader.rewind(to: start)
        return nil
    }

    /// Reads up to the message inside and bounds the reader to it.
    ///
    /// - Returns: `nil` if what follows is of a kind we do not read: authentication data of another
    ///   type, something that is not UDP over IP, a fragment.
    /// - Throws: ``WireError`` if it is of a kind we read, and wrong.
    @inline(__always)
    private init?(boundingMessageIn reader: inout OctetReader) throws(WireError) {
        let word = try reader.readHeader("Encapsulated Control Message", type: Self.type)
        let all = Flags(rawValue: word & Flags.mask)
        var authentication: [UInt8] = []
        if all.contains(.security) {
            guard let data = try Self.readAuthentication(from: &reader) else { return nil }
            authentication = data
        }
        guard let version = reader.peek() else { throw .truncated("IP Version", at: reader.offset) }
        guard version >> 4 == 4 || version >> 4 == 6 else { return nil }
        let ipStart = reader.offset
        let ip = try IPHeader(from: &reader)
        guard ip.protocol == IPProtocol.udp, !ip.isFragment else { return nil }
        let length = ip.payloadLength
        guard length >= UDPHeader.size else {
            throw .invalid("IP payload length", value: length, at: ipStart)
        }
        guard length <= reader.remaining else {
            throw .truncated("inner packet", at: ipStart)
        }
        guard length == reader.remaining else {
            throw .leftOver(
                "inner packet", count: reader.remaining - length, at: reader.offset + length)
        }
        let udpStart = reader.offset
        let udp = try UDPHeader(from: &reader)
        guard Int(udp.length) == length else {
            throw .invalid("UDP Length", value: Int(udp.length), at: udpStart + 4)
        }
        self.init(flags: all, authentication: authentication, ip: ip, udp: udp)
    }

    /// AD Type 1 is LISP-SEC's, type 2 that of NAT traversal; others have no length that we know.
    private static func readAuthentication(
        from reader: inout OctetReader
    ) throws(WireError) -> [UInt8]? {
        let start = reader.mark
        let field = "Authentication Data"
        var size: Int
        switch try reader.read("AD Type", as: UInt8.self) {
        case 1:
            // Type, then OTK-AD of 28 octets. Its own length field may or may not count the 4
            // octets that begin it (RFC 9303 §6.1 can be read both ways); EID-AD Length counts itself.
            _ = try reader.readOctets(field, count: 3)
            let otkLength: UInt16 = try reader.read("OTK Length")
            guard otkLength == 24 || otkLength == 28 else { return nil }
            _ = try reader.readOctets(field, count: 26)
            let eidLength: UInt16 = try reader.read("EID-AD Length")
            size = 32 + Int(eidLength)
        case 2:
            _ = try reader.readOctets(field, count: 5)
            let length: UInt16 = try reader.read("Authentication Data Length")
            size = 8 + Int(length)
        default:
            return nil
        }
        reader.rewind(to: start)
        return try reader.readOctets(field, count: size)
    }

    func write(to writer: inout OctetWriter) {
        writer.write(UInt32(Self.type) << 28 | allFlags.rawValue & Flags.mask)
        writer.write(octets: authentication)
        ip.write(to: &writer)
        udp.write(to: &writer)
    }
}
