/// An address in LISP Canonical Address Format, AFI 16387 (RFC 8060 §3).
///
///     | Rsvd1:8 | Flags:8 | Type:8 | Rsvd2:8 | Length:16 | payload… |
///
/// Length counts the octets behind it. The AFI stands before this value and belongs to ``Address``.
package struct LCAF: Hashable, Sendable {
    package var reserved1: UInt8 = 0
    package var flags: UInt8 = 0
    /// Reserved in RFC 8060 §3; some types use it: the mask length of an Instance-ID (type 2), R, L
    /// and J of Multicast Info (type 9), B of JSON (type 14).
    package var reserved2: UInt8 = 0
    package var payload: Payload

    package init(_ payload: Payload, reserved1: UInt8 = 0, flags: UInt8 = 0, reserved2: UInt8 = 0) {
        self.reserved1 = reserved1
        self.flags = flags
        self.reserved2 = reserved2
        self.payload = payload
    }

    /// What an LCAF holds, by Type.
    package enum Payload: Hashable, Sendable {
        /// Type 1: addresses of one thing in several families; their order carries no meaning.
        case afiList([Address])
        /// Type 2.
        case instanceID(InstanceIDAddress)
        /// Type 3.
        case asNumber(ASNumberAddress)
        /// Type 4.
        case applicationData(ApplicationData)
        /// Type 5, deprecated by RFC 10040.
        case geoCoordinates(GeoCoordinates)
        /// Type 6.
        case opaqueKey(OpaqueKey)
        /// Type 7.
        case natTraversal(NATTraversal)
        /// Type 8.
        case nonceLocator(NonceLocator)
        /// Type 9.
        case multicastInfo(MulticastInfo)
        /// Type 10.
        case explicitLocatorPath([ExplicitHop])
        /// Type 11.
        case securityKey(SecurityKey)
        /// Type 12.
        case sourceDestinationKey(SourceDestinationKey)
        /// Type 13.
        case replicationList([ReplicationEntry])
        /// Type 14.
        case json(JSONData)
        /// Type 15.
        case keyValue(KeyValue)
        /// Type 16.
        case encapsulationFormat(EncapsulationFormat)
        /// Type 17, or type 5 in drafts.
        case geoLocation(GeoLocation)
        /// Type 255.
        case vendor(VendorData)
        /// Any other type, a payload nested deeper than ``LCAF/maximumDepth``, or a type 5 payload
        /// that is not RFC 8060's: kept as it came.
        case opaque(type: UInt8, [UInt8])
    }

    /// How many LCAFs may enclose one another before the innermost is kept unread. The deepest that
    /// the standards describe is three (a Security Key around an AFI list of Instance-ID addresses).
    /// Reading is recursive, and reading two spellings one after the other doubles the work at each
    /// level, so there must be an end.
    package static let maximumDepth = 4

    /// The name RFC 8060 gives the type, for people.
    package static func name(ofType type: UInt8) -> String {
        switch type {
        case 0: return "Null Body"
        case 1: return "AFI List"
        case 2: return "Instance ID"
        case 3: return "AS Number"
        case 4: return "Application Data"
        case 5: return "Geo-Coordinates"
        case 6: return "Opaque Key"
        case 7: return "NAT Traversal"
        case 8: return "Nonce Locator"
        case 9: return "Multicast Info"
        case 10: return "Explicit Locator Path"
        case 11: return "Security Key"
        case 12: return "Source/Dest Key"
        case 13: return "Replication List Entry"
        case 14: return "JSON Data Model"
        case 15: return "Key/Value Address Pair"
        case 16: return "Encapsulation Format"
        case 17: return "Geo-Location"
        case 255: return "Vendor Specific"
        default: return "LCAF type \(type)"
        }
    }
}

extension LCAF {
    package var type: UInt8 {
        switch payload {
        case .afiList: return 1
        case .instanceID: return 2
        case .asNumber: return 3
        case .applicationData: return 4
        case .geoCoordinates: return 5
        case .opaqueKey: return 6
        case .natTraversal: return 7
        case .nonceLocator: return 8
        case .multicastInfo: return 9
        case .explicitLocatorPath: return 10
        case .securityKey: return 11
        case .sourceDestinationKey: return 12
        case .replicationList: return 13
        case .json: return 14
        case .keyValue: return 15
        case .encapsulationFormat: return 16
        case .geoLocation(let geo): return geo.isDraft ? 5 : 17
        case .vendor: return 255
        case .opaque(let type, _): return type
        }
    }
}

extension LCAF: WireValue {
    package init(from reader: inout OctetReader) throws(WireError) {
        reserved1 = try reader.read("LCAF Rsvd1")
        flags = try reader.read("LCAF Flags")
        let type: UInt8 = try reader.read("LCAF Type")
        reserved2 = try reader.read("LCAF Rsvd2")
        let length: UInt16 = try reader.read("LCAF Length")
        payload = try Payload(type: type, length: length, from: &reader)
    }

    package func write(to writer: inout OctetWriter) {
        writer.write(reserved1)
        writer.write(flags)
        writer.write(type)
        writer.write(reserved2)
        let lengthOffset = writer.count
        writer.write(UInt16(0))
        payload.write(to: &writer)
        let length = writer.count - lengthOffset - 2
        precondition(length <= UInt16.max, "an LCAF payload holds at most 65,535 octets")
        writer.patch(payload.statedLength ?? UInt16(length), at: lengthOffset)
    }
}

extension LCAF.Payload {
    init(type: UInt8, length: UInt16, from reader: inout OctetReader) throws(WireError) {
        reader.depth += 1
        defer { reader.depth -= 1 }
        let isTooDeep = reader.depth > LCAF.maximumDepth
        if reader.depth == 1, type == 7, reader.addressIsLast,
            reader.compatibility.contains(.constantLCAFLength)
        {
            self = .natTraversal(try NATTraversal(from: &reader, statedLength: length))
            return
        }
        if !isTooDeep, type == 9, reader.compatibility.contains(.paddedMulticastInfo) {
            self = .multicastInfo(try MulticastInfo(from: &reader, length: length))
            return
        }
        let name = LCAF.name(ofType: type)
        let outer = try reader.enter(name, length: Int(length))
        self =
            isTooDeep
            ? .opaque(type: type, reader.readRest())
            : try Self.content(type, from: &reader)
        try reader.leave(outer, of: name)
    }

    private static func content(
        _ type: UInt8, from reader: inout OctetReader
    ) throws(WireError) -> Self {
        switch type {
        case 1: return .afiList(try reader.readAll())
        case 2: return .instanceID(try InstanceIDAddress(from: &reader))
        case 3: return .asNumber(try ASNumberAddress(from: &reader))
        case 4: return .applicationData(try ApplicationData(from: &reader))
        case 5: return type5(from: &reader)
        case 6: return .opaqueKey(try OpaqueKey(from: &reader))
        case 7: return .natTraversal(try NATTraversal(from: &reader))
        case 8: return .nonceLocator(try NonceLocator(from: &reader))
        case 9: return .multicastInfo(try MulticastInfo(from: &reader))
        case 10: return .explicitLocatorPath(try reader.readAll())
        case 11: return .securityKey(try SecurityKey(from: &reader))
        case 12: return .sourceDestinationKey(try SourceDestinationKey(from: &reader))
        case 13: return .replicationList(try reader.readAll())
        case 14: return .json(try JSONData(from: &reader))
        case 15: return .keyValue(try KeyValue(from: &reader))
        case 16: return .encapsulationFormat(try EncapsulationFormat(from: &reader))
        case 17: return .geoLocation(try GeoLocation(from: &reader))
        case 255: return .vendor(try VendorData(from: &reader))
        default: return .opaque(type: type, reader.readRest())
        }
    }

    /// Two layouts have been sent under type 5 and only one is RFC 8060's. What is neither is kept.
    private static func type5(from reader: inout OctetReader) -> Self {
        let start = reader.mark
        if reader.compatibility.contains(.geoLocationAsType5) {
            if let geo = try? GeoLocation(from: &reader, isDraft: true), reader.remaining == 0 {
                return .geoLocation(geo)
            }
            reader.rewind(to: start)
        }
        if let geo = try? GeoCoordinates(from: &reader), reader.remaining == 0 {
            return .geoCoordinates(geo)
        }
        reader.rewind(to: start)
        return .opaque(type: 5, reader.readRest())
    }

    func write(to writer: inout OctetWriter) {
        switch self {
        case .afiList(let addresses): for address in addresses { address.write(to: &writer) }
        case .instanceID(let value): value.write(to: &writer)
        case .asNumber(let value): value.write(to: &writer)
        case .applicationData(let value): value.write(to: &writer)
        case .geoCoordinates(let value): value.write(to: &writer)
        case .opaqueKey(let value): value.write(to: &writer)
        case .natTraversal(let value): value.write(to: &writer)
        case .nonceLocator(let value): value.write(to: &writer)
        case .multicastInfo(let value): value.write(to: &writer)
        case .explicitLocatorPath(let hops): for hop in hops { hop.write(to: &writer) }
        case .securityKey(let value): value.write(to: &writer)
        case .sourceDestinationKey(let value): value.write(to: &writer)
        case .replicationList(let entries): for entry in entries { entry.write(to: &writer) }
        case .json(let value): value.write(to: &writer)
        case .keyValue(let value): value.write(to: &writer)
        case .encapsulationFormat(let value): value.write(to: &writer)
        case .geoLocation(let value): value.write(to: &writer)
        case .vendor(let value): value.write(to: &writer)
        case .opaque(_, let octets): writer.write(octets: octets)
        }
    }

    /// A Length that is not the payload's, in a spelling of ``Compatibility`` that has one.
    fileprivate var statedLength: UInt16? {
        switch self {
        case .natTraversal(let value): return value.statedLength
        case .multicastInfo(let value): return value.statedLength
        default: return nil
        }
    }
}

extension OctetReader {
    /// Values one after another up to the end of the enclosing length.
    mutating func readAll<Value: WireValue>() throws(WireError) -> [Value] {
        var values: [Value] = []
        while remaining > 0 { values.append(try Value(from: &self)) }
        return values
    }
}
