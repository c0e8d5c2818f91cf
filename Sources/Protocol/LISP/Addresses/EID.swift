/// An Endpoint Identifier, or a prefix of them, in one of 2^32 instances.
///
/// It is canonical: host bits are zero, and each EID has one value whatever the spelling was. The
/// wire form is `EID.init(maskLength:address:)` and ``wire``; the text form `EID.init(_:)` and
/// ``description``.
package struct EID: Hashable, Sendable {
    /// Instance-ID (RFC 8060 §4.1).
    package var instance: UInt32
    package var kind: Kind

    package enum Kind: Hashable, Sendable {
        case ipv4(Prefix<IPv4Address>)
        case ipv6(Prefix<IPv6Address>)
        case mac(Prefix<MACAddress>)
        case e164(Prefix<E164Number>)
        /// A distinguished name (RFC 9735).
        case name(OctetName)
        case geo(GeoPoint)
        /// (S,G); (*,G) is a source of length 0 (RFC 8378).
        case multicast(source: MulticastPart, group: MulticastPart)
        case asNumber(UInt32)
        /// No address: the instances that share the first so many bits, 0 to 32, with `instance`.
        case instances(maskLength: UInt8)
        /// An address of a kind that has no meaning of its own here.
        case opaque(Address, maskLength: UInt8)
    }

    package init(_ kind: Kind, instance: UInt32 = 0) {
        self.kind = kind
        self.instance = instance
    }
}

/// Either side of an (S,G).
package enum MulticastPart: Hashable, Sendable, CustomStringConvertible {
    case ipv4(Prefix<IPv4Address>)
    case ipv6(Prefix<IPv6Address>)
    case mac(Prefix<MACAddress>)

    package var description: String {
        switch self {
        case .ipv4(let prefix): return prefix.description
        case .ipv6(let prefix): return prefix.description
        case .mac(let prefix): return prefix.description
        }
    }

    /// Its prefix as an EID of its own.
    package var kind: EID.Kind {
        switch self {
        case .ipv4(let prefix): return .ipv4(prefix)
        case .ipv6(let prefix): return .ipv6(prefix)
        case .mac(let prefix): return .mac(prefix)
        }
    }

    /// The address without the mask length.
    package var addressText: String {
        switch self {
        case .ipv4(let prefix): return prefix.address.description
        case .ipv6(let prefix): return prefix.address.description
        case .mac(let prefix): return prefix.address.description
        }
    }

    fileprivate var family: Int {
        switch self {
        case .ipv4: return 4
        case .ipv6: return 6
        case .mac: return 48
        }
    }
}

extension EID {
    /// An (S,G) whose two sides are of one family.
    /// - Returns: `nil` if they are not.
    package init?(source: MulticastPart, group: MulticastPart, instance: UInt32 = 0) {
        guard source.family == group.family else { return nil }
        self.init(.multicast(source: source, group: group), instance: instance)
    }

    /// The first `length` bits, for the lookup prefix lengths of RFC 9962 §5.2.
    /// - Returns: `nil` if this kind of EID has no bits to mask.
    package func shortened(to length: Int) -> EID? {
        switch kind {
        case .ipv4(let prefix): return EID(.ipv4(prefix.shortened(to: length)), instance: instance)
        case .ipv6(let prefix): return EID(.ipv6(prefix.shortened(to: length)), instance: instance)
        case .mac(let prefix): return EID(.mac(prefix.shortened(to: length)), instance: instance)
        case .e164(let prefix): return EID(.e164(prefix.shortened(to: length)), instance: instance)
        case .name, .geo, .multicast, .asNumber, .instances, .opaque: return nil
        }
    }
}
