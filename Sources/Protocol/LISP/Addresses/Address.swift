/// An address of any family, as LISP writes it everywhere: an AFI and then as many octets as that
/// family has. An RLOC is one; so are the address parts of an EID.
///
/// RFC 9301 §5.1, RFC 8060 §3.
///
///     | AFI:16 | address… |
package enum Address: Hashable, Sendable {
    /// AFI 0: no address.
    case none
    /// AFI 1.
    case ipv4(IPv4Address)
    /// AFI 2.
    case ipv6(IPv6Address)
    /// AFI 6.
    case mac(MACAddress)
    /// AFI 8.
    case e164(E164Number)
    /// AFI 16, ended by a zero octet.
    case dnsName(OctetName)
    /// AFI 17 (RFC 9735), ended by a zero octet.
    case distinguishedName(OctetName)
    /// AFI 16387 (RFC 8060).
    indirect case lcaf(LCAF)
}

/// Address Family Identifiers, from IANA's registry, that LISP uses.
package enum AFI {
    package static let none: UInt16 = 0
    package static let ipv4: UInt16 = 1
    package static let ipv6: UInt16 = 2
    package static let mac: UInt16 = 6
    package static let e164: UInt16 = 8
    package static let dnsName: UInt16 = 16
    package static let distinguishedName: UInt16 = 17
    package static let lcaf: UInt16 = 16387
}

extension Address {
    package var afi: UInt16 {
        switch self {
        case .none: return AFI.none
        case .ipv4: return AFI.ipv4
        case .ipv6: return AFI.ipv6
        case .mac: return AFI.mac
        case .e164: return AFI.e164
        case .dnsName: return AFI.dnsName
        case .distinguishedName: return AFI.distinguishedName
        case .lcaf: return AFI.lcaf
        }
    }
}

extension Address: WireValue {
    package init(from reader: inout OctetReader) throws(WireError) {
        try self.init(from: &reader, "address")
    }

    /// - Parameter field: the RFC's name of the field, for errors.
    @inline(__always)
    init(from reader: inout OctetReader, _ field: String) throws(WireError) {
        let start = reader.offset
        switch try reader.read(field, as: UInt16.self) {
        case AFI.ipv4:
            self = .ipv4(IPv4Address(rawValue: try reader.read(field)))
        case AFI.ipv6:
            self = .ipv6(IPv6Address(high: try reader.read(field), low: try reader.read(field)))
        case AFI.none:
            self = .none
        case let afi:
            self = try Self.rare(afi, from: &reader, field, start: start)
        }
    }

    @inline(never)
    private static func rare(
        _ afi: UInt16, from reader: inout OctetReader, _ field: String, start: Int
    ) throws(WireError) -> Address {
        switch afi {
        case AFI.mac:
            let high: UInt16 = try reader.read(field)
            let low: UInt32 = try reader.read(field)
            let mac = MACAddress(rawValue: UInt64(high) << 32 | UInt64(low))
            return .mac(reader.compatibility.contains(.swappedMAC) ? mac.swapped : mac)
        case AFI.e164:
            let number = E164Number(rawValue: try reader.read(field))
            return .e164(reader.compatibility.contains(.swappedE164) ? number.swapped : number)
        case AFI.dnsName:
            return .dnsName(OctetName(terminated: try reader.readTerminated(field)))
        case AFI.distinguishedName:
            return .distinguishedName(OctetName(terminated: try reader.readTerminated(field)))
        case AFI.lcaf:
            return .lcaf(try LCAF(from: &reader))
        default:
            throw .unsupported("AFI of \(field)", value: Int(afi), at: start)
        }
    }

    package func write(to writer: inout OctetWriter) {
        writer.write(afi)
        switch self {
        case .none: break
        case .ipv4(let address): writer.write(address.rawValue)
        case .ipv6(let address):
            writer.write(address.high)
            writer.write(address.low)
        case .mac(let address):
            let mac = writer.compatibility.contains(.swappedMAC) ? address.swapped : address
            writer.write(UInt16(truncatingIfNeeded: mac.rawValue >> 32))
            writer.write(UInt32(truncatingIfNeeded: mac.rawValue))
        case .e164(let number):
            let swaps = writer.compatibility.contains(.swappedE164)
            writer.write(swaps ? number.swapped.rawValue : number.rawValue)
        case .dnsName(let name), .distinguishedName(let name):
            writer.write(octets: name.octets)
            writer.write(UInt8(0))
        case .lcaf(let lcaf): lcaf.write(to: &writer)
        }
    }
}

extension Address {
    /// An IPv4 or IPv6 RLOC from its text.
    package init?(rloc text: String) {
        if let address = IPv4Address(text) {
            self = .ipv4(address)
        } else if let address = IPv6Address(text) {
            self = .ipv6(address)
        } else {
            return nil
        }
    }
}
