import Trust

/// What of this host a mesh's IPv4 pool collides with: one of the two would take packets from the other.
package struct PoolOverlap: Hashable, Sendable {
    /// Of a route or of an interface's address.
    package var prefix: IPPrefix
    /// Of the interface that it is on; `nil`: on none, or on several.
    package var index: Int32?

    /// Shorter routes are no network of somebody: the default route, and the halves of it that VPNs set. A
    /// pool is an exception to them, as every network is.
    private static let leastLength = Genesis.poolLengths.lowerBound

    /// Looks at the main table, then at addresses, whose networks have no routes while their interface is down,
    /// then at all tables.
    /// - Parameter devices: indices of interfaces that do not count, such as the mesh's own.
    /// - Returns: `nil` if nothing overlaps.
    package init?(
        of pool: IPPrefix, with routes: [Route], _ addresses: [InterfaceAddress],
        except devices: Set<Int32> = []
    ) {
        func overlaps(_ prefix: IPPrefix, on index: Int32?) -> Bool {
            prefix.length >= Self.leastLength && prefix.overlaps(pool)
                && !(index.map(devices.contains) ?? false)
        }
        let found = routes.filter { overlaps($0.prefix, on: $0.index) }
        if let route = found.first(where: \.isUnicastInMain) {
            (prefix, index) = (route.prefix, route.index)
        } else if let address = addresses.first(where: { overlaps($0.prefix, on: $0.index) }) {
            (prefix, index) = (address.prefix.network, address.index)
        } else if let route = found.first {
            (prefix, index) = (route.prefix, route.index)
        } else {
            return nil
        }
    }

    /// Whether a route that came or went may have changed the answer.
    static func concerns(_ route: Route, _ pool: IPPrefix) -> Bool {
        route.prefix.length >= leastLength && route.prefix.overlaps(pool)
    }
}
