import Clocks
import LISP
import LISPNode

/// The node's side of the kernel: which addresses the TUN device has, and which prefixes go to it. They
/// follow the node's own; nothing of it outlives the device, which the kernel takes away with the process.
struct Overlay {
    private let tun: TUNDevice
    private let netlink: Netlink
    /// What the device has now.
    private(set) var current = Wanted()
    private var mtu: Int

    struct Wanted: Hashable {
        /// Addresses of this node, and the prefixes of the mesh.
        var addresses: [IPPrefix] = []
        var routes: [IPPrefix] = []
    }

    init(_ tun: TUNDevice, mtu: Int) throws(HostError) {
        self.tun = tun
        self.mtu = mtu
        netlink = try Netlink()
        // Before it has an address, so that no other mesh's daemon takes that for an RLOC.
        try netlink.setAlias(tun.index, Link.meshAlias)
        try netlink.setUp(tun.index, mtu: mtu, linkLocal: false)
    }

    /// Takes what the node has now.
    /// - Returns: what could not be done, for the log.
    mutating func follow(_ node: Node) -> [HostError] {
        let wanted = Wanted(of: node)
        guard wanted != current else { return [] }
        var errors: [HostError] = []
        func each(
            _ prefixes: [IPPrefix], except others: [IPPrefix],
            _ change: (IPPrefix) throws(HostError) -> Void
        ) {
            for prefix in prefixes where !others.contains(prefix) {
                do throws(HostError) { try change(prefix) } catch { errors.append(error) }
            }
        }
        // Routes need addresses, so they go before them and come after them.
        each(current.routes, except: wanted.routes) { prefix throws(HostError) in
            try netlink.removeRoute(prefix, index: tun.index)
        }
        each(current.addresses, except: wanted.addresses) { prefix throws(HostError) in
            try netlink.removeAddress(prefix, index: tun.index)
        }
        each(wanted.addresses, except: current.addresses) { prefix throws(HostError) in
            try netlink.addAddress(prefix, index: tun.index)
        }
        each(wanted.routes, except: current.routes) { prefix throws(HostError) in
            try netlink.addRoute(prefix, index: tun.index)
        }
        current = wanted
        return errors
    }

    mutating func setMTU(_ mtu: Int) throws(HostError) {
        guard mtu != self.mtu else { return }
        try netlink.setMTU(tun.index, mtu)
        self.mtu = mtu
    }
}

extension Overlay.Wanted {
    init(of node: Node) {
        guard let core = node.core, let member = core.member else { return }
        addresses = [IPPrefix(Prefix(host: core.cryptoAddress))]
        routes = [IPPrefix(core.mesh.prefix)]
        if !member.addresses.isEmpty, let pool = core.standing.genesis?.pool {
            addresses += member.addresses.map { IPPrefix(Prefix(host: $0)) }
            routes.append(IPPrefix(pool))
        }
        for eid in core.legacyPrefixes where eid.instance == 0 {
            let prefix: IPPrefix
            switch eid.kind {
            case .ipv4(let found): prefix = IPPrefix(found)
            case .ipv6(let found): prefix = IPPrefix(found)
            default: continue
            }
            if !routes.contains(prefix) { routes.append(prefix) }
        }
    }
}
