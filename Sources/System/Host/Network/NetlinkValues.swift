import CLinux
import Glibc
package import LISP

/// An interface of this host.
package struct Link: Hashable, Sendable {
    package var index: Int32
    package var name: String
    package var mtu: Int
    /// IFF_UP and its like.
    package var flags: UInt32
    /// "tun", "veth", "bridge", "wireguard"…; `nil`: the driver has no name for it, as for hardware.
    package var kind: String?
    /// The bridge or bond that it is a port of.
    package var master: Int32?
    package var alias: String?

    /// Of the TUN device of a mesh's daemon, whatever its name.
    package static let meshAlias = "whither"

    package init(
        index: Int32, name: String, mtu: Int, flags: UInt32, kind: String? = nil,
        master: Int32? = nil, alias: String? = nil
    ) {
        self.index = index
        self.name = name
        self.mtu = mtu
        self.flags = flags
        self.kind = kind
        self.master = master
        self.alias = alias
    }

    /// Somebody wants it up.
    package var isUp: Bool { flags & UInt32(IFF_UP) != 0 }
    /// It is up and could carry packets. A cable that was pulled is seen in IFF_LOWER_UP at once, in
    /// IFF_RUNNING a moment later; what the driver knows beyond the cable, in IFF_RUNNING alone.
    package var isRunning: Bool {
        let lowerUp: UInt32 = 1 << 16  // in linux/if.h, which does not go with net/if.h
        let all = UInt32(IFF_UP | IFF_RUNNING) | lowerUp
        return flags & all == all
    }
    package var isLoopback: Bool { flags & UInt32(IFF_LOOPBACK) != 0 }
    /// What comes out of it is inside a mesh.
    package var isMesh: Bool { alias == Self.meshAlias }

    /// - Returns: `nil` if the message is of another kind, or nonsense.
    package init?(_ message: NetlinkMessage) {
        guard message.type == UInt16(RTM_NEWLINK), let fixed = message.fixed(ifinfomsg.self)
        else { return nil }
        let attributes = message.attributes(after: ifinfomsg.self)
        guard fixed.ifi_index > 0, let name = attributes.text(Int(IFLA_IFNAME)), !name.isEmpty
        else { return nil }
        self.init(
            index: fixed.ifi_index, name: name, mtu: Int(attributes.number(Int(IFLA_MTU)) ?? 0),
            flags: fixed.ifi_flags,
            kind: attributes.nested(Int(IFLA_LINKINFO))?.text(Int(IFLA_INFO_KIND)),
            master: attributes.number(Int(IFLA_MASTER)).map(Int32.init(truncatingIfNeeded:)),
            alias: attributes.text(Int(IFLA_IFALIAS)))
    }
}

/// An address of an interface.
package struct InterfaceAddress: Hashable, Sendable {
    package var prefix: IPPrefix
    /// Of the interface.
    package var index: Int32
    /// IFA_F_DEPRECATED and its like.
    package var flags: UInt32
    /// RT_SCOPE_UNIVERSE, RT_SCOPE_LINK…
    package var scope: UInt8

    package init(_ prefix: IPPrefix, index: Int32, flags: UInt32 = 0, scope: UInt8 = 0) {
        self.prefix = prefix
        self.index = index
        self.flags = flags
        self.scope = scope
    }

    /// Nobody else on the link has it, as far as is known, and new connections may use it.
    package var isUsable: Bool {
        flags & UInt32(IFA_F_TENTATIVE | IFA_F_DADFAILED | IFA_F_DEPRECATED) == 0
    }
    /// It changes every day or so, for privacy (RFC 8981).
    package var isTemporary: Bool {
        if case .ipv6 = prefix { return flags & UInt32(IFA_F_TEMPORARY) != 0 }
        return false
    }

    /// - Returns: `nil` if the message is of another kind, or nonsense.
    package init?(_ message: NetlinkMessage) {
        guard message.type == UInt16(RTM_NEWADDR), let fixed = message.fixed(ifaddrmsg.self)
        else { return nil }
        let attributes = message.attributes(after: ifaddrmsg.self)
        // On point-to-point links IFA_ADDRESS is the other side's.
        guard
            let octets = attributes[Int(IFA_LOCAL)] ?? attributes[Int(IFA_ADDRESS)],
            octets.count == octetCount(fixed.ifa_family),
            let prefix = IPPrefix(octets: [UInt8](octets), length: Int(fixed.ifa_prefixlen))
        else { return nil }
        self.init(
            prefix, index: Int32(truncatingIfNeeded: fixed.ifa_index),
            flags: attributes.number(Int(IFA_FLAGS)) ?? UInt32(fixed.ifa_flags),
            scope: fixed.ifa_scope)
    }
}

/// A route of this host.
package struct Route: Hashable, Sendable {
    package var prefix: IPPrefix
    /// Of the interface that it leads to; `nil`: to none (blackhole), or to several.
    package var index: Int32?
    package var gateway: Address?
    /// RT_TABLE_MAIN is 254.
    package var table: UInt32
    /// RTPROT_KERNEL, RTPROT_STATIC…
    package var origin: UInt8
    /// RTN_UNICAST, RTN_LOCAL…
    package var type: UInt8
    /// The lower, the better.
    package var metric: UInt32

    package var isUnicastInMain: Bool { table == 254 && type == 1 }

    /// One that there is, came or went.
    /// - Returns: `nil` if the message is of another kind, or nonsense.
    package init?(_ message: NetlinkMessage) {
        guard [UInt16(RTM_NEWROUTE), UInt16(RTM_DELROUTE)].contains(message.type),
            let fixed = message.fixed(rtmsg.self), let count = octetCount(fixed.rtm_family)
        else { return nil }
        let attributes = message.attributes(after: rtmsg.self)
        let octets =
            attributes[Int(RTA_DST.rawValue)].map { [UInt8]($0) }
            ?? (fixed.rtm_dst_len == 0 ? [UInt8](repeating: 0, count: count) : [])
        guard octets.count == count,
            let prefix = IPPrefix(octets: octets, length: Int(fixed.rtm_dst_len))
        else { return nil }
        self.prefix = prefix
        index = attributes.number(Int(RTA_OIF.rawValue)).map(Int32.init(truncatingIfNeeded:))
        gateway = attributes[Int(RTA_GATEWAY.rawValue)]
            .flatMap { IPPrefix(octets: [UInt8]($0), length: 0)?.address }
        table = attributes.number(Int(RTA_TABLE.rawValue)) ?? UInt32(fixed.rtm_table)
        origin = fixed.rtm_protocol
        type = fixed.rtm_type
        metric = attributes.number(Int(RTA_PRIORITY.rawValue)) ?? 0
    }
}

/// Of an address of a family; `nil` for families other than IPv4 and IPv6.
private func octetCount(_ family: UInt8) -> Int? {
    switch Int32(family) {
    case AF_INET: return 4
    case AF_INET6: return 16
    default: return nil
    }
}
