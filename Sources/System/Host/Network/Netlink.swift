import CLinux
import Glibc
package import LISP

/// Asks and tells the kernel about interfaces, addresses and routes of the network namespace that it
/// was made in. Each call is acknowledged by the kernel, or says what was refused and why.
///
/// What is set stays until it is removed, or until its interface goes: a TUN device's goes with it.
package struct Netlink: Sendable {
    private let socket: NetlinkSocket

    package init() throws(HostError) { socket = try NetlinkSocket(groups: 0) }

    // MARK: What there is

    package func links() throws(HostError) -> [Link] {
        var message = NetlinkMessage(Int(RTM_GETLINK), flags: 0)
        message.append(ifinfomsg())
        return try socket.dump(message, "interfaces").compactMap(Link.init)
    }

    package func addresses() throws(HostError) -> [InterfaceAddress] {
        var message = NetlinkMessage(Int(RTM_GETADDR), flags: 0)
        message.append(ifaddrmsg())
        return try socket.dump(message, "addresses").compactMap(InterfaceAddress.init)
    }

    /// Of all tables.
    package func routes() throws(HostError) -> [Route] {
        var message = NetlinkMessage(Int(RTM_GETROUTE), flags: 0)
        message.append(rtmsg())
        return try socket.dump(message, "routes").compactMap(Route.init)
    }

    /// - Returns: `nil` if there is no such interface.
    package func link(named name: String) throws(HostError) -> Link? {
        try links().first { $0.name == name }
    }

    // MARK: Interfaces

    /// - Parameters:
    ///   - mtu: `nil`: as it is.
    ///   - linkLocal: Whether the kernel gives it an address in fe80::/10 and looks for routers there;
    ///     not on a TUN device, where nobody would answer.
    package func setUp(_ index: Int32, mtu: Int? = nil, linkLocal: Bool = true) throws(HostError) {
        if !linkLocal {
            var message = linkMessage(index)
            message.nest(Int(IFLA_AF_SPEC)) {
                $0.nest(Int(AF_INET6)) {
                    $0.attribute(
                        Int(IFLA_INET6_ADDR_GEN_MODE), [UInt8(IN6_ADDR_GEN_MODE_NONE.rawValue)])
                }
            }
            do throws(HostError) {
                try socket.ask(message, "have no link-local address on interface \(index)")
            } catch  where error.code == EAFNOSUPPORT || error.code == EOPNOTSUPP {
                // No IPv6 here: no such address either.
            }
        }
        var message = linkMessage(index, up: true)
        if let mtu { message.attribute(Int(IFLA_MTU), UInt32(clamping: mtu)) }
        try socket.ask(message, "set interface \(index) up\(mtu.map { " with MTU \($0)" } ?? "")")
    }

    package func setDown(_ index: Int32) throws(HostError) {
        try socket.ask(linkMessage(index, up: false), "set interface \(index) down")
    }

    package func setMTU(_ index: Int32, _ mtu: Int) throws(HostError) {
        var message = linkMessage(index)
        message.attribute(Int(IFLA_MTU), UInt32(clamping: mtu))
        try socket.ask(message, "set the MTU of interface \(index) to \(mtu)")
    }

    /// A text for people and programs, beside the name (`ip link` shows it).
    package func setAlias(_ index: Int32, _ alias: String) throws(HostError) {
        var message = linkMessage(index)
        message.attribute(Int(IFLA_IFALIAS), [UInt8](alias.utf8))
        try socket.ask(message, "give interface \(index) the alias \(alias)")
    }

    /// Makes an interface a port of a bridge.
    package func setMaster(_ index: Int32, _ master: Int32) throws(HostError) {
        var message = linkMessage(index)
        message.attribute(Int(IFLA_MASTER), UInt32(bitPattern: master))
        try socket.ask(message, "make interface \(index) a port of \(master)")
    }

    /// Makes an interface out of nothing, such as a "bridge".
    package func addLink(_ name: String, kind: String) throws(HostError) {
        var message = linkMessage(0, creates: true)
        message.attribute(Int(IFLA_IFNAME), name)
        message.nest(Int(IFLA_LINKINFO)) { $0.attribute(Int(IFLA_INFO_KIND), kind) }
        try socket.ask(message, "make \(kind) interface \(name)")
    }

    /// Makes a cable: two interfaces, the second one in another namespace.
    package func addCable(
        _ name: String, to far: String, in namespace: Namespace, mtu: Int = 1500
    ) throws(HostError) {
        var message = linkMessage(0, creates: true)
        message.attribute(Int(IFLA_IFNAME), name)
        message.attribute(Int(IFLA_MTU), UInt32(clamping: mtu))
        message.nest(Int(IFLA_LINKINFO)) {
            $0.attribute(Int(IFLA_INFO_KIND), "veth")
            $0.nest(Int(IFLA_INFO_DATA)) {
                $0.nest(Int(VETH_INFO_PEER)) {
                    $0.append(ifinfomsg())
                    $0.attribute(Int(IFLA_IFNAME), far)
                    $0.attribute(Int(IFLA_MTU), UInt32(clamping: mtu))
                    $0.attribute(Int(IFLA_NET_NS_FD), UInt32(bitPattern: namespace.descriptor))
                }
            }
        }
        try socket.ask(message, "make the veth interfaces \(name) and \(far)")
    }

    package func removeLink(_ index: Int32) throws(HostError) {
        var message = NetlinkMessage(Int(RTM_DELLINK), flags: 0)
        var fixed = ifinfomsg()
        fixed.ifi_index = index
        message.append(fixed)
        try socket.ask(message, "remove interface \(index)")
    }

    private func linkMessage(
        _ index: Int32, up: Bool? = nil, creates: Bool = false
    ) -> NetlinkMessage {
        var message = NetlinkMessage(
            Int(RTM_NEWLINK), flags: creates ? NLM_F_CREATE | NLM_F_EXCL : 0)
        var fixed = ifinfomsg()
        fixed.ifi_index = index
        if let up {
            fixed.ifi_flags = up ? UInt32(IFF_UP) : 0
            fixed.ifi_change = UInt32(IFF_UP)
        }
        message.append(fixed)
        return message
    }

    // MARK: Addresses

    /// Gives an interface an address, usable at once (no duplicate address detection) and without a
    /// route to its network; one that it has already is no error.
    package func addAddress(_ prefix: IPPrefix, index: Int32) throws(HostError) {
        try socket.ask(
            addressMessage(Int(RTM_NEWADDR), NLM_F_CREATE | NLM_F_REPLACE, prefix, index),
            "add address \(prefix) to interface \(index)")
        if case .ipv6 = prefix { waitUntilReceived(prefix) }
    }

    /// The kernel acknowledges an IPv6 address before it takes packets for it: that is left to a queue.
    /// Waits for it, 20 ms at most; while the interface is down it does not come.
    private func waitUntilReceived(_ prefix: IPPrefix) {
        var message = NetlinkMessage(Int(RTM_GETROUTE), flags: 0)
        var fixed = rtmsg()
        fixed.rtm_family = prefix.family
        fixed.rtm_dst_len = 128
        message.append(fixed)
        message.attribute(Int(RTA_DST.rawValue), prefix.octets)
        for _ in 0..<40 {
            let found = try? socket.ask(message, "look up \(prefix)")
            if found?.compactMap(Route.init).first?.type == UInt8(RTN_LOCAL) { return }
            usleep(500)
        }
    }

    package func removeAddress(_ prefix: IPPrefix, index: Int32) throws(HostError) {
        try socket.ask(
            addressMessage(Int(RTM_DELADDR), 0, prefix, index),
            "remove address \(prefix) from interface \(index)")
    }

    private func addressMessage(
        _ type: Int, _ flags: Int32, _ prefix: IPPrefix, _ index: Int32
    ) -> NetlinkMessage {
        var message = NetlinkMessage(type, flags: flags)
        var fixed = ifaddrmsg()
        fixed.ifa_family = prefix.family
        fixed.ifa_prefixlen = UInt8(clamping: prefix.length)
        fixed.ifa_index = UInt32(bitPattern: index)
        message.append(fixed)
        message.attribute(Int(IFA_LOCAL), prefix.octets)
        message.attribute(Int(IFA_ADDRESS), prefix.octets)
        if type == Int(RTM_NEWADDR) {
            let isIPv6 = fixed.ifa_family == UInt8(AF_INET6)
            let kept = UInt32(IFA_F_NOPREFIXROUTE) | (isIPv6 ? UInt32(IFA_F_NODAD) : 0)
            message.attribute(Int(IFA_FLAGS), kept)
        }
        return message
    }

    // MARK: Routes

    /// The mark of our routes (`ip route` shows the number): above those that iproute2 knows.
    package static let routeOrigin: UInt8 = 193

    /// Leads a network to an interface. Never in place of another route of the same network and metric: that
    /// one is somebody else's, and the kernel says that it is there (EEXIST).
    /// - Parameters:
    ///   - gateway: A router on the way; `nil`: the network is on the interface's own link.
    ///   - metric: 0: the kernel's own (1024 for IPv6).
    package func addRoute(
        _ prefix: IPPrefix, index: Int32, gateway: Address? = nil, metric: UInt32 = 0
    ) throws(HostError) {
        try socket.ask(
            routeMessage(
                Int(RTM_NEWROUTE), NLM_F_CREATE | NLM_F_EXCL, prefix, index, gateway, metric),
            "add route \(prefix.network) to interface \(index)")
    }

    package func removeRoute(
        _ prefix: IPPrefix, index: Int32, metric: UInt32 = 0
    ) throws(HostError) {
        try socket.ask(
            routeMessage(Int(RTM_DELROUTE), 0, prefix, index, nil, metric),
            "remove route \(prefix.network) from interface \(index)")
    }

    private func routeMessage(
        _ type: Int, _ flags: Int32, _ prefix: IPPrefix, _ index: Int32, _ gateway: Address?,
        _ metric: UInt32
    ) -> NetlinkMessage {
        let network = prefix.network
        var message = NetlinkMessage(type, flags: flags)
        var fixed = rtmsg()
        fixed.rtm_family = network.family
        fixed.rtm_dst_len = UInt8(clamping: network.length)
        fixed.rtm_table = UInt8(RT_TABLE_MAIN.rawValue)
        fixed.rtm_protocol = Self.routeOrigin
        if type == Int(RTM_DELROUTE) {
            fixed.rtm_scope = UInt8(RT_SCOPE_NOWHERE.rawValue)  // of whatever scope it is
        } else if gateway == nil {
            fixed.rtm_scope = UInt8(RT_SCOPE_LINK.rawValue)
        }
        fixed.rtm_type = UInt8(RTN_UNICAST)
        message.append(fixed)
        message.attribute(Int(RTA_DST.rawValue), network.octets)
        message.attribute(Int(RTA_OIF.rawValue), UInt32(bitPattern: index))
        if let gateway = gateway.flatMap(IPPrefix.init(host:)) {
            message.attribute(Int(RTA_GATEWAY.rawValue), gateway.octets)
        }
        if metric != 0 { message.attribute(Int(RTA_PRIORITY.rawValue), metric) }
        return message
    }
}

extension IPPrefix {
    var family: UInt8 {
        switch self {
        case .ipv4: return UInt8(AF_INET)
        case .ipv6: return UInt8(AF_INET6)
        }
    }
}
