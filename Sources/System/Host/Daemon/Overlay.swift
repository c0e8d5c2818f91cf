import Clocks
import LISP
import LISPNode

/// The node's side of the kernel: which addresses the TUN device has, and which prefixes go to it. They
/// follow the node's own, and are put back if somebody else takes them away; nothing of it outlives the
/// device, which the kernel takes away with the process.
///
/// The mesh's IPv4 pool stays out while it overlaps what this host has already: the founder chose it without
/// knowing this host. IPv6 inside, whose prefix is a hash, goes on.
struct Overlay {
    private let tun: TUNDevice
    private let netlink: Netlink
    private var wanted = Wanted()
    /// What the device was given and should have; somebody else may have taken it away.
    private var given = Plan()
    /// What keeps the pool out; `nil`: nothing, or there is no pool.
    private(set) var overlap: Overlap?
    /// What the kernel refused when it was last told.
    private(set) var troubles: [HostError] = []
    /// The MTU that the device was given.
    private(set) var mtu: Int
    private var wantedMTU: Int
    private var lastLook = Moment.start
    /// When ``follow(_:at:)`` has something to do, though the node wants nothing else.
    private(set) var nextLook = Moment.never

    /// News of the kernel may come in thousands; a look lists all routes of the host.
    private static let pause = Span.seconds(1)
    /// What was refused is tried again; news of what was in the way comes sooner.
    private static let patience = Span.seconds(10)

    struct Plan: Hashable {
        var addresses: [IPPrefix] = []
        var routes: [IPPrefix] = []
    }

    /// What the node has: its addresses, and the prefixes of the mesh.
    struct Wanted: Hashable {
        var always = Plan()
        /// The IPv4 pool, and this node's addresses of it.
        var pool: (prefix: IPPrefix, addresses: [IPPrefix])? {
            get { poolPrefix.map { ($0, poolAddresses) } }
            set { (poolPrefix, poolAddresses) = (newValue?.prefix, newValue?.addresses ?? []) }
        }
        private var poolPrefix: IPPrefix?
        private var poolAddresses: [IPPrefix] = []
    }

    struct Overlap: Hashable, CustomStringConvertible {
        var pool: IPPrefix
        var other: IPPrefix
        var interface: String?

        /// "192.168.1.0/24 (via eth0)"
        var place: String { "\(other)\(interface.map { " (via \($0))" } ?? "")" }
        var description: String {
            "the mesh's IPv4 pool \(pool) overlaps this host's route to \(place): IPv4 inside does not "
                + "work here, IPv6 does"
        }
    }

    init(_ tun: TUNDevice, mtu: Int) throws(HostError) {
        self.tun = tun
        self.mtu = mtu
        wantedMTU = mtu
        netlink = try Netlink()
        // Before it has an address, so that no other mesh's daemon takes that for an RLOC.
        try netlink.setAlias(tun.index, Link.meshAlias)
        try netlink.setUp(tun.index, mtu: mtu, linkLocal: false)
    }

    /// Takes what the node has now.
    /// - Returns: what is wrong and was not when it was last looked at, for the log.
    mutating func follow(_ node: Node, at now: Moment) -> [String] {
        let wanted = Wanted(of: node)
        guard wanted != self.wanted || now >= nextLook else { return [] }
        self.wanted = wanted
        (lastLook, nextLook) = (now, .never)
        let known = Set(complaints)
        do throws(HostError) { troubles = try mend() } catch { troubles = [error] }
        if !troubles.isEmpty { nextLook = now + Self.patience }
        return complaints.filter { !known.contains($0) }
    }

    private var complaints: [String] {
        troubles.map(\.description) + (overlap.map { [$0.description] } ?? [])
    }

    mutating func setMTU(_ mtu: Int) {
        guard mtu != wantedMTU else { return }
        wantedMTU = mtu
        nextLook = .start
    }

    /// Something about interfaces, addresses or routes of this host has changed.
    mutating func hear(at now: Moment) { nextLook = min(nextLook, max(now, lastLook + Self.pause)) }

    /// Whether a route that came or went may be one of the device's, or be in the way of one.
    func concerns(_ route: Route) -> Bool {
        route.index == tun.index || wanted.always.routes.contains(route.prefix)
            || wanted.pool.map { PoolOverlap.concerns(route, $0.prefix) } ?? false
    }

    /// Makes what the device has what it should have.
    /// - Returns: what the kernel refused.
    private mutating func mend() throws(HostError) -> [HostError] {
        let links = try netlink.links()
        guard let own = links.first(where: { $0.index == tun.index }), own.isUp else {
            throw HostError("the TUN device is down: ip link set \(tun.name) up")
        }
        let (addresses, routes) = (try netlink.addresses(), try netlink.routes())
        let there = Plan(
            addresses: addresses.filter { $0.index == tun.index }.map(\.prefix),
            routes: routes.filter { $0.isUnicastInMain && $0.index == tun.index }.map(\.prefix))
        var plan = wanted.always
        overlap = overlap(links, addresses, routes, isInPlace: there.routes.contains)
        if let pool = wanted.pool, overlap == nil {
            plan.addresses += pool.addresses
            if !plan.routes.contains(pool.prefix) { plan.routes.append(pool.prefix) }
        }
        var errors: [HostError] = []
        func each(_ prefixes: [IPPrefix], _ change: (IPPrefix) throws(HostError) -> Void) {
            for prefix in prefixes {
                do throws(HostError) { try change(prefix) } catch { errors.append(error) }
            }
        }
        if wantedMTU != mtu {
            do throws(HostError) {
                try netlink.setMTU(tun.index, wantedMTU)
                mtu = wantedMTU
            } catch { errors.append(error) }
        }
        // Routes need addresses, so they go before them and come after them.
        let old = Plan(
            addresses: given.addresses.filter {
                !plan.addresses.contains($0) && there.addresses.contains($0)
            },
            routes: given.routes.filter {
                !plan.routes.contains($0) && there.routes.contains($0)
            })
        given = plan
        each(old.routes) { prefix throws(HostError) in
            given.routes.append(prefix)
            try netlink.removeRoute(prefix, index: tun.index)
            given.routes.removeLast()
        }
        each(old.addresses) { prefix throws(HostError) in
            given.addresses.append(prefix)
            try netlink.removeAddress(prefix, index: tun.index)
            given.addresses.removeLast()
        }
        each(plan.addresses.filter { !there.addresses.contains($0) }) { prefix throws(HostError) in
            try netlink.addAddress(prefix, index: tun.index)
        }
        each(plan.routes.filter { !there.routes.contains($0) }) { prefix throws(HostError) in
            try netlink.addRoute(prefix, index: tun.index)
        }
        return errors
    }

    /// Two meshes of one host may have pools that overlap. A pool that is in place gives way to those of
    /// devices made before its own, so that one of the two stays, and not none by turns.
    private func overlap(
        _ links: [Link], _ addresses: [InterfaceAddress], _ routes: [Route],
        isInPlace: (IPPrefix) -> Bool
    ) -> Overlap? {
        guard let pool = wanted.pool?.prefix else { return nil }
        let younger = links.filter { $0.isMesh && $0.index > tun.index }.map(\.index)
        let ignored = Set([tun.index] + (isInPlace(pool) ? younger : []))
        return PoolOverlap(of: pool, with: routes, addresses, except: ignored).map { found in
            Overlap(
                pool: pool, other: found.prefix,
                interface: links.first { $0.index == found.index }?.name)
        }
    }
}

extension Overlay.Wanted {
    init(of node: Node) {
        guard let core = node.core, let member = core.member else { return }
        always.addresses = [IPPrefix(Prefix(host: core.cryptoAddress))]
        always.routes = [IPPrefix(core.mesh.prefix)]
        if !member.addresses.isEmpty, let pool = core.standing.genesis?.pool {
            self.pool = (IPPrefix(pool), member.addresses.map { IPPrefix(Prefix(host: $0)) })
        }
        for eid in core.legacyPrefixes where eid.instance == 0 {
            let prefix: IPPrefix
            switch eid.kind {
            case .ipv4(let found): prefix = IPPrefix(found)
            case .ipv6(let found): prefix = IPPrefix(found)
            default: continue
            }
            if !always.routes.contains(prefix) { always.routes.append(prefix) }
        }
    }
}
