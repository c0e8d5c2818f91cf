import CLinux
package import LISP

/// An address of this host by which others can reach it: an RLOC.
package struct UnderlayAddress: Hashable, Sendable {
    /// IPv4 or IPv6.
    package var address: Address
    package var interface: String
    package var index: Int32
    /// Of the interface, in octets.
    package var mtu: Int

    package init(_ address: Address, interface: String, index: Int32, mtu: Int) {
        self.address = address
        self.interface = interface
        self.index = index
        self.mtu = mtu
    }
}

extension Netlink {
    /// Usable RLOCs of this host; see ``UnderlayAddress/choose(_:_:excluding:including:)``.
    package static func locators(
        excluding: Set<String> = [], including: Set<String> = []
    ) throws(HostError) -> [UnderlayAddress] {
        let netlink = try Netlink()
        return UnderlayAddress.choose(
            try netlink.links(), try netlink.addresses(), excluding: excluding,
            including: including)
    }
}

extension UnderlayAddress {
    /// Which addresses are RLOCs. In this order, an address is left out
    ///
    /// 1. if its interface is excluded, unknown, the loopback, or down or without a carrier;
    /// 2. unless its interface is included by name: if the interface is a container's or virtual
    ///    machine's (its name begins as Docker's and others' bridges do, or it is a veth that is a
    ///    port of a bridge), or another mesh's TUN device, whatever its name (``Link/isMesh``);
    /// 3. if it is tentative, a duplicate, or deprecated;
    /// 4. if its scope is less than a site: loopback, link-local, multicast and the like. RFC 1918 and
    ///    ULA addresses stay: whether they are reached, only a probe can tell.
    ///
    /// - Parameters:
    ///   - excluding: Names of interfaces, such as our own TUN device's.
    ///   - including: Names of interfaces that rule 2 would leave out.
    /// - Returns: By interface index, temporary addresses behind lasting ones, then by address: the same
    ///   addresses in the same order, in whatever order the kernel told them.
    package static func choose(
        _ links: [Link], _ addresses: [InterfaceAddress], excluding: Set<String>,
        including: Set<String> = []
    ) -> [UnderlayAddress] {
        var byIndex: [Int32: Link] = [:]
        for link in links { byIndex[link.index] = link }
        var chosen: [(isTemporary: Bool, key: (UInt64, UInt64), value: UnderlayAddress)] = []
        for address in addresses {
            guard let link = byIndex[address.index], !excluding.contains(link.name),
                !link.isLoopback, link.isRunning,
                including.contains(link.name)
                    || !link.isInner(master: link.master.flatMap { byIndex[$0] }),
                address.isUsable, address.isRoutable
            else { continue }
            let value = UnderlayAddress(
                address.prefix.address, interface: link.name, index: link.index, mtu: link.mtu)
            chosen.append((address.isTemporary, address.prefix.sortKey, value))
        }
        chosen.sort {
            if $0.value.index != $1.value.index { return $0.value.index < $1.value.index }
            if $0.isTemporary != $1.isTemporary { return !$0.isTemporary }
            return $0.key < $1.key
        }
        // One of two interfaces is one RLOC, of the first.
        var seen: Set<Address> = []
        return chosen.map(\.value).filter { seen.insert($0.address).inserted }
    }
}

extension Link {
    /// Beginnings of the names that container and virtual machine software gives its bridges, and
    /// that we give TUN devices unless somebody names them.
    private static let innerNames = [
        "docker", "br-", "virbr", "lxcbr", "lxdbr", "podman", "cni", "whither",
    ]

    /// It leads into this host, not out of it.
    fileprivate func isInner(master: Link?) -> Bool {
        if isMesh || Self.innerNames.contains(where: name.hasPrefix) { return true }
        return kind == "veth" && master?.kind == "bridge"
    }
}

extension InterfaceAddress {
    fileprivate var isRoutable: Bool {
        // 0 is the universe, 200 a site, 253 a link, 254 the host.
        guard scope <= 200 else { return false }
        switch prefix {
        case .ipv4(let address, _):
            switch address.rawValue {
            case 0...0x00FF_FFFF, 0x7F00_0000...0x7FFF_FFFF,  // "this network", loopback
                0xA9FE_0000...0xA9FE_FFFF, 0xE000_0000...0xFFFF_FFFF:  // link-local, multicast on
                return false
            default: return true
            }
        case .ipv6(let address, _):
            if address.isMulticast || address.high >> 54 == 0x3FA { return false }  // fe80::/10
            // ::/96 with the loopback and "none", and IPv4 as IPv6 maps it.
            return address.high != 0 || address.low >> 48 != 0
        }
    }
}

extension IPPrefix {
    /// IPv4 before IPv6.
    fileprivate var sortKey: (UInt64, UInt64) {
        switch self {
        case .ipv4(let address, _): return (0, UInt64(address.rawValue))
        case .ipv6(let address, _): return (address.high, address.low)
        }
    }
}
