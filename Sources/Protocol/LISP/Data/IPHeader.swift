/// The header of an IPv4 or IPv6 packet, told apart by its first four bits.
package enum IPHeader: Hashable, Sendable {
    case ipv4(IPv4Header)
    case ipv6(IPv6Header)
}

/// RFC 791 §3.1. The fields are carried as they came; ``expectedChecksum`` tells the right one.
///
///     | Version=4:4 IHL:4 | TOS:8 | Total Length:16 |
///     | Identification:16 | Flags:3 Fragment Offset:13 |
///     | TTL:8 | Protocol:8 | Header Checksum:16 |
///     | Source:32 | Destination:32 | Options… |
package struct IPv4Header: Hashable, Sendable {
    /// DSCP (6 bits) and ECN (2 bits).
    package var trafficClass: UInt8
    /// Header and payload, in octets.
    package var totalLength: UInt16
    package var identification: UInt16
    /// Reserved, DF and MF, then 13 bits of offset in units of 8 octets.
    package var fragment: UInt16
    package var ttl: UInt8
    package var `protocol`: UInt8
    package var checksum: UInt16
    package var source: IPv4Address
    package var destination: IPv4Address
    /// 0 to 40 octets, a multiple of 4.
    package var options: [UInt8]

    /// Without options.
    package static let minimumSize = 20
    package static let dontFragment: UInt16 = 0x4000

    package init(
        trafficClass: UInt8, totalLength: UInt16, identification: UInt16, fragment: UInt16,
        ttl: UInt8, protocol: UInt8, checksum: UInt16, source: IPv4Address,
        destination: IPv4Address, options: [UInt8] = []
    ) {
        self.trafficClass = trafficClass
        self.totalLength = totalLength
        self.identification = identification
        self.fragment = fragment
        self.ttl = ttl
        self.protocol = `protocol`
        self.checksum = checksum
        self.source = source
        self.destination = destination
        self.options = options
    }

    /// MF is set or the offset is not 0.
    package var isFragment: Bool { fragment & 0x3FFF != 0 }
    package var size: Int { Self.minimumSize + options.count }
    /// How many octets follow the header; negative if the total length contradicts the header's.
    package var payloadLength: Int { Int(totalLength) - size }
}

/// RFC 8200 §3.
///
///     | Version=6:4 Traffic Class:8 Flow Label:20 |
///     | Payload Length:16 | Next Header:8 | Hop Limit:8 |
///     | Source:128 | Destination:128 |
package struct IPv6Header: Hashable, Sendable {
    /// DSCP (6 bits) and ECN (2 bits).
    package var trafficClass: UInt8
    /// 20 bits.
    package var flowLabel: UInt32
    /// What follows this header, in octets.
    package var payloadLength: UInt16
    package var nextHeader: UInt8
    package var hopLimit: UInt8
    package var source: IPv6Address
    package var destination: IPv6Address

    package static let size = 40

    package init(
        trafficClass: UInt8, flowLabel: UInt32, payloadLength: UInt16, nextHeader: UInt8,
        hopLimit: UInt8, source: IPv6Address, destination: IPv6Address
    ) {
        self.trafficClass = trafficClass
        self.flowLabel = flowLabel
        self.payloadLength = payloadLength
        self.nextHeader = nextHeader
        self.hopLimit = hopLimit
        self.source = source
        self.destination = destination
    }
}

/// Protocol numbers that this package looks at (IANA).
package enum IPProtocol {
    package static let icmp: UInt8 = 1
    package static let tcp: UInt8 = 6
    package static let udp: UInt8 = 17
    package static let icmpv6: UInt8 = 58
    package static let sctp: UInt8 = 132
}

extension IPv4Header {
    /// What ``checksum`` must be.
    package var expectedChecksum: UInt16 {
        var zeroed = self
        zeroed.checksum = 0
        var checksum = InternetChecksum()
        checksum.add(octets: zeroed.octets())
        return checksum.value
    }
}

extension IPv4Header: WireValue {
    @inline(__always)
    package init(from reader: inout OctetReader) throws(WireError) {
        let start = reader.offset
        let word: UInt32 = try reader.read("IPv4 Version")
        guard word >> 28 == 4 else {
            throw .invalid("IP Version", value: Int(word >> 28), at: start)
        }
        let headerLength = Int(word >> 24 & 0xF) * 4
        guard headerLength >= Self.minimumSize else {
            throw .invalid("IHL", value: headerLength / 4, at: start)
        }
        trafficClass = UInt8(truncatingIfNeeded: word >> 16)
        totalLength = UInt16(truncatingIfNeeded: word)
        identification = try reader.read("Identification")
        fragment = try reader.read("Fragment Offset")
        ttl = try reader.read("TTL")
        self.protocol = try reader.read("Protocol")
        checksum = try reader.read("Header Checksum")
        source = IPv4Address(rawValue: try reader.read("Source Address"))
        destination = IPv4Address(rawValue: try reader.read("Destination Address"))
        options = try reader.readOctets("Options", count: headerLength - Self.minimumSize)
    }

    package func write(to writer: inout OctetWriter) {
        precondition(
            options.count <= 40 && options.count % 4 == 0, "IHL counts words and has 4 bits")
        writer.write(UInt8(0x40) | UInt8(size / 4))
        writer.write(trafficClass)
        writer.write(totalLength)
        writer.write(identification)
        writer.write(fragment)
        writer.write(ttl)
        writer.write(self.protocol)
        writer.write(checksum)
        writer.write(source.rawValue)
        writer.write(destination.rawValue)
        writer.write(octets: options)
    }
}

extension IPv6Header: WireValue {
    @inline(__always)
    package init(from reader: inout OctetReader) throws(WireError) {
        let start = reader.offset
        let word: UInt32 = try reader.read("IPv6 Version")
        guard word >> 28 == 6 else {
            throw .invalid("IP Version", value: Int(word >> 28), at: start)
        }
        trafficClass = UInt8(truncatingIfNeeded: word >> 20)
        flowLabel = word & 0xF_FFFF
        payloadLength = try reader.read("Payload Length")
        nextHeader = try reader.read("Next Header")
        hopLimit = try reader.read("Hop Limit")
        source = IPv6Address(
            high: try reader.read("Source Address"), low: try reader.read("Source Address"))
        destination = IPv6Address(
            high: try reader.read("Destination Address"),
            low: try reader.read("Destination Address"))
    }

    package func write(to writer: inout OctetWriter) {
        writer.write(UInt32(6) << 28 | UInt32(trafficClass) << 20 | flowLabel & 0xF_FFFF)
        writer.write(payloadLength)
        writer.write(nextHeader)
        writer.write(hopLimit)
        writer.write(source.high)
        writer.write(source.low)
        writer.write(destination.high)
        writer.write(destination.low)
    }
}

extension IPHeader: WireValue {
    @inline(__always)
    package init(from reader: inout OctetReader) throws(WireError) {
        guard let first = reader.peek() else { throw .truncated("IP Version", at: reader.offset) }
        switch first >> 4 {
        case 4: self = .ipv4(try IPv4Header(from: &reader))
        case 6: self = .ipv6(try IPv6Header(from: &reader))
        case let version: throw .invalid("IP Version", value: Int(version), at: reader.offset)
        }
    }

    package func write(to writer: inout OctetWriter) {
        switch self {
        case .ipv4(let header): header.write(to: &writer)
        case .ipv6(let header): header.write(to: &writer)
        }
    }
}

extension IPHeader {
    package var source: Address {
        switch self {
        case .ipv4(let header): return .ipv4(header.source)
        case .ipv6(let header): return .ipv6(header.source)
        }
    }

    package var destination: Address {
        switch self {
        case .ipv4(let header): return .ipv4(header.destination)
        case .ipv6(let header): return .ipv6(header.destination)
        }
    }

    /// The protocol of what follows; for IPv6 it may be an extension header's.
    package var `protocol`: UInt8 {
        switch self {
        case .ipv4(let header): return header.protocol
        case .ipv6(let header): return header.nextHeader
        }
    }

    /// How many octets follow, as the header says; negative if it contradicts itself.
    package var payloadLength: Int {
        switch self {
        case .ipv4(let header): return header.payloadLength
        case .ipv6(let header): return Int(header.payloadLength)
        }
    }

    package var timeToLive: UInt8 {
        switch self {
        case .ipv4(let header): return header.ttl
        case .ipv6(let header): return header.hopLimit
        }
    }

    package var trafficClass: UInt8 {
        switch self {
        case .ipv4(let header): return header.trafficClass
        case .ipv6(let header): return header.trafficClass
        }
    }

    package var isFragment: Bool {
        if case .ipv4(let header) = self { return header.isFragment }
        return false
    }
}
