import Host
import TestKit
import Testing

@Suite("A mesh's IPv4 pool and what this host has")
struct PoolOverlapTests {
    struct Host: Sendable {
        var routes: [Route] = []
        var addresses: [InterfaceAddress] = []
        var indices: [String: Int32] = [:]
    }

    /// With a LAN, an interface that is down, the devices of two meshes, a default route, and the halves of it
    /// that VPNs set.
    static let host = Result { () throws -> Host in
        try Namespace().inside {
            let netlink = try Netlink()
            var host = Host()
            for name in ["lan", "dark", "mesh", "other"] {
                try netlink.addLink(name, kind: "bridge")
            }
            for link in try netlink.links() { host.indices[link.name] = link.index }
            for (name, address, routes) in [
                ("lo", "127.0.0.1/8", []),
                (
                    "lan", "192.168.1.5/24",
                    ["192.168.1.0/24", "0.0.0.0/0", "0.0.0.0/1", "128.0.0.0/1"]
                ),
                ("lan", "10.9.0.1/32", ["172.16.0.0/12"]), ("dark", "10.20.30.40/24", []),
                ("mesh", "10.70.1.1/32", ["10.70.0.0/16"]),
                ("other", "10.80.1.1/32", ["10.80.0.0/16"]),
            ] {
                let index = try #require(host.indices[name])
                if name != "dark" { try netlink.setUp(index, linkLocal: false) }
                try netlink.addAddress(try #require(IPPrefix(address)), index: index)
                for route in routes {
                    try netlink.addRoute(try #require(IPPrefix(route)), index: index)
                }
            }
            (host.routes, host.addresses) = (try netlink.routes(), try netlink.addresses())
            return host
        }
    }

    static func overlap(_ pool: String, except devices: [String] = ["mesh"]) throws -> PoolOverlap?
    {
        let host = try host.get()
        return PoolOverlap(
            of: try #require(IPPrefix(pool)), with: host.routes, host.addresses,
            except: Set(try devices.map { try #require(host.indices[$0]) }))
    }

    @Test(
        "a route or an address of the host is in the way, whichever of the two is longer",
        arguments: [
            ("192.168.1.0/24", "192.168.1.0/24", "lan"),
            ("192.168.0.0/16", "192.168.1.0/24", "lan"), ("172.20.0.0/16", "172.16.0.0/12", "lan"),
            ("10.9.0.0/16", "10.9.0.1/32", "lan"), ("10.20.30.128/25", "10.20.30.0/24", "dark"),
            ("10.20.0.0/16", "10.20.30.0/24", "dark"), ("10.80.0.0/16", "10.80.0.0/16", "other"),
            ("127.0.0.0/8", "127.0.0.0/8", "lo"),
        ])
    func taken(pool: String, other: String, interface: String) throws {
        let found = try #require(try Self.overlap(pool))
        #expect(found.prefix == IPPrefix(other))
        #expect(try found.index == Self.host.get().indices[interface])
    }

    @Test(
        "the mesh's own device is not, nor what leads everywhere",
        arguments: ["10.64.0.0/16", "10.70.0.0/16", "192.168.2.0/24", "100.64.0.0/10", "fd00::/48"])
    func free(pool: String) throws {
        #expect(try Self.overlap(pool) == nil)
    }

    @Test("devices that do not count are named")
    func devices() throws {
        #expect(try Self.overlap("10.80.0.0/16", except: ["mesh", "other"]) == nil)
        #expect(try Self.overlap("10.70.0.0/16", except: [])?.prefix == IPPrefix("10.70.0.0/16"))
    }
}
