/// Why an address and mask length from the wire are no EID.
package enum EIDWireError: Error, Hashable, Sendable {
    /// AFI 0 where an EID must be.
    case noAddress
    case maskTooLong(UInt8, kind: String)
    /// An Instance-ID inside an Instance-ID, or around an (S,G) that has its own.
    case nestedInstance
    /// An (S,G) of two families, or of something that is neither IP nor MAC.
    case mixedFamilies
}

extension EIDWireError: CustomStringConvertible {
    package var description: String {
        switch self {
        case .noAddress: return "there is no address (AFI 0)"
        case .maskTooLong(let length, let kind):
            return "mask length \(length) is too long for \(kind)"
        case .nestedInstance: return "an Instance-ID stands inside another"
        case .mixedFamilies: return "source and group are not of one family"
        }
    }
}

extension EID {
    /// What an EID-record or Map-Request record says: `EID mask-len` and `EID-Prefix`.
    package init(maskLength: UInt8, address: Address) throws(EIDWireError) {
        if case .lcaf(let lcaf) = address, case .instanceID(let value) = lcaf.payload {
            if value.address == .none {
                let length = min(lcaf.reserved2, 32)
                self.init(
                    .instances(maskLength: length),
                    instance: value.instance.keepingFirst(Int(length)))
            } else {
                self.init(
                    try Self.kind(value.address, maskLength, inInstance: true),
                    instance: value.instance)
            }
        } else if case .lcaf(let lcaf) = address, case .multicastInfo(let info) = lcaf.payload {
            guard
                let eid = EID(
                    source: try MulticastPart(info.source, info.sourceMaskLength),
                    group: try MulticastPart(info.group, info.groupMaskLength),
                    instance: info.instance)
            else { throw .mixedFamilies }
            self = eid
        } else {
            self.init(try Self.kind(address, maskLength, inInstance: false))
        }
    }

    /// One whole EID, as a Map-Request's Source EID says it: without a mask length.
    package init(host address: Address) throws(EIDWireError) {
        var inner = address
        if case .lcaf(let lcaf) = address, case .instanceID(let value) = lcaf.payload {
            inner = value.address
        }
        let maskLength: Int
        switch inner {
        case .ipv4: maskLength = IPv4Address.bitWidth
        case .ipv6: maskLength = IPv6Address.bitWidth
        case .mac: maskLength = MACAddress.bitWidth
        case .e164: maskLength = E164Number.bitWidth
        case .none, .dnsName, .distinguishedName, .lcaf: maskLength = 0
        }
        try self.init(maskLength: UInt8(maskLength), address: address)
    }

    private static func kind(
        _ address: Address, _ maskLength: UInt8, inInstance: Bool
    ) throws(EIDWireError) -> Kind {
        switch address {
        case .none: throw .noAddress
        case .ipv4(let address): return .ipv4(try prefix(address, maskLength))
        case .ipv6(let address): return .ipv6(try prefix(address, maskLength))
        case .mac(let address): return .mac(try prefix(address, maskLength))
        case .e164(let number): return .e164(try prefix(number, maskLength))
        // RFC 9735 §4 states the length of the name, lispers.net states 0: the name itself decides.
        case .distinguishedName(let name): return .name(name)
        case .dnsName: return .opaque(address, maskLength: maskLength)
        case .lcaf(let lcaf):
            switch lcaf.payload {
            case .instanceID, .multicastInfo:
                if inInstance { throw .nestedInstance }
                return .opaque(address, maskLength: maskLength)
            case .geoLocation(let geo):
                return GeoPoint(geo).map(Kind.geo) ?? .opaque(address, maskLength: maskLength)
            case .geoCoordinates(let geo):
                return GeoPoint(geo).map(Kind.geo) ?? .opaque(address, maskLength: maskLength)
            case .asNumber(let value) where value.address == .none:
                return .asNumber(value.number)
            default:
                return .opaque(address, maskLength: maskLength)
            }
        }
    }

    fileprivate static func prefix<Address: FixedWidthAddress>(
        _ address: Address, _ maskLength: UInt8
    ) throws(EIDWireError) -> Prefix<Address> {
        guard let prefix = Prefix(address, length: Int(maskLength)) else {
            throw .maskTooLong(maskLength, kind: Address.kind)
        }
        return prefix
    }

    /// `EID mask-len` and `EID-Prefix`: the one spelling of this EID.
    package var wire: (maskLength: UInt8, address: Address) {
        switch kind {
        case .ipv4(let prefix): return inInstance(prefix.length, .ipv4(prefix.address))
        case .ipv6(let prefix): return inInstance(prefix.length, .ipv6(prefix.address))
        case .mac(let prefix): return inInstance(prefix.length, .mac(prefix.address))
        case .e164(let prefix): return inInstance(prefix.length, .e164(prefix.address))
        case .name(let name): return inInstance(Int(name.maskLength), .distinguishedName(name))
        case .geo(let point): return inInstance(0, .lcaf(LCAF(.geoLocation(point.location))))
        case .asNumber(let number):
            return inInstance(
                0, .lcaf(LCAF(.asNumber(ASNumberAddress(number: number, address: .none)))))
        case .opaque(let address, let maskLength): return inInstance(Int(maskLength), address)
        case .instances(let maskLength):
            let value = InstanceIDAddress(instance: instance, address: .none)
            return (0, .lcaf(LCAF(.instanceID(value), reserved2: maskLength)))
        case .multicast(let source, let group):
            let (sourceLength, sourceAddress) = source.wire
            let (groupLength, groupAddress) = group.wire
            let info = MulticastInfo(
                instance: instance, source: sourceAddress, sourceMaskLength: sourceLength,
                group: groupAddress, groupMaskLength: groupLength)
            return (groupLength, .lcaf(LCAF(.multicastInfo(info))))
        }
    }

    private func inInstance(
        _ maskLength: Int, _ address: Address
    ) -> (maskLength: UInt8, address: Address) {
        let length = UInt8(clamping: maskLength)
        if instance == 0 { return (length, address) }
        let value = InstanceIDAddress(instance: instance, address: address)
        return (length, .lcaf(LCAF(.instanceID(value))))
    }
}

extension MulticastPart {
    fileprivate init(_ address: Address, _ maskLength: UInt8) throws(EIDWireError) {
        switch address {
        case .ipv4(let address): self = .ipv4(try EID.prefix(address, maskLength))
        case .ipv6(let address): self = .ipv6(try EID.prefix(address, maskLength))
        case .mac(let address): self = .mac(try EID.prefix(address, maskLength))
        default: throw .mixedFamilies
        }
    }

    fileprivate var wire: (UInt8, Address) {
        switch self {
        case .ipv4(let prefix): return (UInt8(prefix.length), .ipv4(prefix.address))
        case .ipv6(let prefix): return (UInt8(prefix.length), .ipv6(prefix.address))
        case .mac(let prefix): return (UInt8(prefix.length), .mac(prefix.address))
        }
    }
}

extension EIDRecord {
    package var prefix: EID {
        get throws(EIDWireError) { try EID(maskLength: maskLength, address: eid) }
    }
}

extension MapRequest.Record {
    package var prefix: EID {
        get throws(EIDWireError) { try EID(maskLength: maskLength, address: eid) }
    }

    package init(_ eid: EID, flags: UInt8 = 0) {
        let (maskLength, address) = eid.wire
        self.init(eid: address, maskLength: maskLength, flags: flags)
    }
}
