import LISP

/// What this host has to be reached at, and how large packets may be that go there.
struct Underlay {
    private var wish: DaemonSettings.Locators
    private let tun: String
    private(set) var addresses: [UnderlayAddress] = []

    /// Outer headers of a sealed packet over IPv6: IPv6 40, UDP 8, LISP 8, form and counter 12, tag 16.
    private static let overhead = 84
    /// What IPv6 wants of every link (RFC 8200 §5), and what no overlay needs more than.
    private static let range = 1280...9000
    fileprivate static let usualMTU = 1500

    /// - Parameter tun: this mesh's own device.
    init(_ wish: DaemonSettings.Locators, tun: String) {
        self.wish = wish
        self.tun = tun
    }

    mutating func choose(_ wish: DaemonSettings.Locators) { self.wish = wish }

    /// - Returns: the addresses, if they are not what they were.
    mutating func refresh() throws(HostError) -> [Address]? {
        let found = wish.apply(to: try Netlink.locators(excluding: [tun], including: included()))
        guard found != addresses else { return nil }
        addresses = found
        return found.map(\.address)
    }

    /// Interfaces of kinds that are left out unless they are named.
    private func included() throws(HostError) -> Set<String> {
        guard !wish.include.isEmpty else { return [] }
        let names = try Netlink().links().map(\.name)
        return Set(names.filter { name in wish.include.contains { $0.matches(name) } })
    }

    /// The largest packet that the smallest link takes.
    var linkMTU: Int { addresses.map(\.mtu).min() ?? Self.usualMTU }

    /// For the TUN device: so that what it takes goes through the smallest link of this host in one
    /// piece.
    var mtu: Int {
        min(max(linkMTU - Self.overhead, Self.range.lowerBound), Self.range.upperBound)
    }
}

extension DaemonSettings.Locators {
    /// Those of the host's addresses that are wanted; fixed ones take their place.
    func apply(to found: [UnderlayAddress]) -> [UnderlayAddress] {
        let chosen = found.filter { address in
            (include.isEmpty || include.contains { $0.matches(address.interface) })
                && !exclude.contains { $0.matches(address.interface) }
        }
        guard !addresses.isEmpty else { return chosen }
        return addresses.map { fixed in
            chosen.first { $0.address == fixed }
                ?? UnderlayAddress(
                    fixed, interface: "-", index: 0,
                    mtu: chosen.map(\.mtu).min() ?? Underlay.usualMTU)
        }
    }
}
