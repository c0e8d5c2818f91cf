import Glibc
import Host
import LISP
import TestKit
import Testing

@Suite("The routing socket", .serialized)
struct NetlinkTests {
    @Test("addresses come, come again without complaint, and go")
    func addresses() throws {
        try Namespace().inside {
            let netlink = try Netlink()
            let other = try plug("cloud")
            let link = try #require(try netlink.link(named: "cloud"))
            #expect(!link.isUp && link.kind == "veth")
            try netlink.setUp(link.index, mtu: 1412, linkLocal: false)
            let up = try #require(try netlink.link(named: "cloud"))
            #expect(up.isUp && !up.isRunning && up.mtu == 1412)
            try other.inside { try configure("far") }
            // The kernel tells the near end when it comes to it.
            #expect(
                try wait(atMost: 5) { try netlink.link(named: "cloud")?.isRunning == true } != nil)
            let prefixes = try ["10.44.1.2/16", "fd00:44::2/64", "10.44.9.9/32"].map {
                try #require(IPPrefix($0))
            }
            for prefix in prefixes + prefixes { try netlink.addAddress(prefix, index: link.index) }
            let there = try netlink.addresses().filter { $0.index == link.index }
            #expect(Set(there.map(\.prefix)) == Set(prefixes) && there.count == 3)
            #expect(there.allSatisfy { $0.isUsable }, "usable at once")
            let locators = try Netlink.locators()
            #expect(
                locators.map(\.address) == [prefixes[0], prefixes[2], prefixes[1]].map(\.address))
            #expect(locators.allSatisfy { $0.mtu == 1412 && $0.interface == "cloud" })
            #expect(try Netlink.locators(excluding: ["cloud"]).isEmpty)
            // No route came with them, but those to the addresses themselves.
            let routes = try netlink.routes().filter {
                $0.isUnicastInMain && $0.index == link.index
            }
            #expect(routes.isEmpty, "\(routes)")
            for prefix in prefixes { try netlink.removeAddress(prefix, index: link.index) }
            #expect(try netlink.addresses().allSatisfy { $0.index != link.index })
            try netlink.removeLink(link.index)
            #expect(try netlink.link(named: "cloud") == nil)
        }
    }

    @Test(
        "routes come, never in place of others, and go",
        arguments: ["10.55.7.7/16", "fd00:55::7/48"])
    func routes(text: String) throws {
        try Namespace().inside {
            let netlink = try Netlink()
            let prefix = try #require(IPPrefix(text))
            for name in ["one", "two"] { try netlink.addLink(name, kind: "bridge") }
            let indices = try netlink.links().filter { !$0.isLoopback }.map(\.index)
            for index in indices { try netlink.setUp(index) }
            func mine() throws -> [Route] {
                try netlink.routes().filter { $0.origin == Netlink.routeOrigin }
            }
            try netlink.addRoute(prefix, index: indices[1])
            #expect {
                try netlink.addRoute(prefix, index: indices[0])
            } throws: {
                ($0 as? HostError)?.code == EEXIST
            }
            let route = try #require(try mine().first)
            #expect(try mine().count == 1 && route.index == indices[1])
            #expect(route.prefix == prefix.network && route.isUnicastInMain)
            #expect(route.gateway == nil)
            try netlink.addRoute(prefix, index: indices[0], metric: 77)
            #expect(try Set(mine().map(\.metric)).contains(77) && mine().count == 2)
            try netlink.removeRoute(prefix, index: indices[0], metric: 77)
            try netlink.removeRoute(prefix, index: indices[1])
            #expect(try mine().isEmpty)
        }
    }

    @Test("what the kernel refuses is said with what was asked")
    func refusals() throws {
        try Namespace().inside {
            let netlink = try Netlink()
            let prefix = try #require(IPPrefix("10.1.2.3/24"))
            func said(_ body: () throws -> Void) -> String {
                do {
                    try body()
                    return "nothing"
                } catch {
                    return "\(error)"
                }
            }
            let noSuch = said { try netlink.addAddress(prefix, index: 4711) }
            #expect(noSuch.hasPrefix("cannot add address 10.1.2.3/24 to interface 4711"))
            #expect(noSuch.hasSuffix("No such device"))
            #expect(
                said { try netlink.removeAddress(prefix, index: 1) }
                    .hasSuffix("Cannot assign requested address"))
            #expect(
                said { try netlink.removeRoute(prefix, index: 1) }
                    == "cannot remove route 10.1.2.0/24 from interface 1: No such process")
            #expect(
                said { try netlink.setUp(4711, mtu: 9) }.contains("interface 4711 up with MTU 9"))
            // After a refusal the next answer is not mistaken for an old one.
            #expect(try netlink.links().count >= 1)
        }
    }

    @Test("more addresses than one answer holds are all listed")
    func manyAddresses() throws {
        try Namespace().inside {
            let netlink = try Netlink()
            for number in 0..<1000 {
                let address = IPv4Address(rawValue: 0x0A20_0000 + UInt32(number))
                try netlink.addAddress(.ipv4(address, length: 32), index: 1)
            }
            #expect(try netlink.addresses().count { $0.prefix.length == 32 } == 1000)
        }
    }

    @Test("the monitor hears an address, a route and an interface come and go, and nothing else")
    func monitor() throws {
        try Namespace().inside {
            let netlink = try Netlink()
            try netlink.addLink("cloud", kind: "bridge")
            let index = try #require(try netlink.link(named: "cloud")).index
            try netlink.setUp(index, linkLocal: false)
            usleep(20_000)
            let monitor = try UnderlayMonitor()
            #expect(monitor.drain().isEmpty)
            let prefix = try #require(IPPrefix("10.66.0.1/24"))
            for (change, news) in [
                ({ try netlink.addAddress(prefix, index: index) }, .all),
                ({ try netlink.addRoute(prefix, index: index) }, .routes),
                ({ try netlink.removeRoute(prefix, index: index) }, .routes),
                ({ try netlink.removeAddress(prefix, index: index) }, .all),
                ({ try netlink.setDown(index) }, .links),
                ({ try netlink.removeLink(index) }, .links),
            ] as [(() throws -> Void, UnderlayMonitor.News)] {
                try change()
                var polled = pollfd(fd: monitor.descriptor, events: Int16(POLLIN), revents: 0)
                #expect(poll(&polled, 1, 1000) == 1)
                usleep(5_000)  // a change may be several messages
                #expect(monitor.drain().isSuperset(of: news))
                #expect(monitor.drain().isEmpty)
            }
            try netlink.addLink("other", kind: "bridge")
            let other = try #require(try netlink.link(named: "other")).index
            try netlink.setUp(other, linkLocal: false)
            try netlink.addAddress(prefix, index: other)
            try netlink.setAlias(other, "far")
            #expect(try netlink.link(named: "other")?.alias == "far")
            _ = monitor.drain()
            try netlink.addRoute(prefix, index: other)
            #expect(monitor.drain { $0.index == index }.isEmpty, "nobody cares about that route")
            try netlink.removeRoute(prefix, index: other)
            #expect(monitor.drain { $0.prefix == prefix.network } == .routes)
            _ = try netlink.routes()
            #expect(monitor.drain().isEmpty, "to ask is no change")
        }
    }

    @Test("a monitor that lost what it should have heard says that something changed")
    func overrun() throws {
        try Namespace().inside {
            let netlink = try Netlink()
            let monitor = try UnderlayMonitor()
            let prefix = try #require(IPPrefix("10.66.0.1/24"))
            for _ in 0..<2000 {
                try netlink.addAddress(prefix, index: 1)
                try netlink.removeAddress(prefix, index: 1)
            }
            #expect(monitor.drain { _ in false } == .all)
            try netlink.addAddress(prefix, index: 1)
            #expect(monitor.drain().contains(.links))
        }
    }

    @Test("a named namespace is where ip looks for it, and one without goes by itself")
    func namespaces() throws {
        let name = "whither-test-\(getpid())"
        defer { Namespace.remove(name) }
        let named = try Namespace(name: name)
        #expect(access("/run/netns/\(name)", F_OK) == 0)
        try named.inside { try Netlink().addLink("seen", kind: "bridge") }
        var (byName, byDescriptor) = (stat(), stat())
        #expect(stat("/run/netns/\(name)", &byName) == 0)
        #expect(fstat(named.descriptor, &byDescriptor) == 0)
        #expect(byName.st_ino == byDescriptor.st_ino)
        #expect(throws: HostError.self) { try Namespace(name: name) }
        for wrong in ["", "a/b", ".", ".."] {
            #expect(throws: HostError.self) { try Namespace(name: wrong) }
        }
        // A program that is started inside stays inside.
        let links = try named.inside { try RunningProgram.run("cat", ["/proc/net/dev"]).output }
        let names = links.split(separator: "\n").dropFirst(2).map {
            $0.prefix { $0 != ":" }.drop { $0 == " " }
        }
        #expect(Set(names).isSuperset(of: ["lo", "seen"]) && !names.contains("eth0"))
        #expect(Namespace.remove(name) && !Namespace.remove(name))
        #expect(access("/run/netns/\(name)", F_OK) != 0)
    }

    // MARK: Octets

    static func parseAll(_ octets: [UInt8]) -> Int {
        var found = UnderlayMonitor.news(in: octets[...]).isEmpty ? 0 : 1
        for message in NetlinkMessage.all(in: octets[...]) {
            if Link(message) != nil { found += 1 }
            if InterfaceAddress(message) != nil { found += 1 }
            if Route(message) != nil { found += 1 }
            _ = message.refusal(of: "test")
        }
        return found
    }

    /// A link, an IPv4 and an IPv6 address, a route and an error, one behind the other.
    static let sample: [UInt8] = {
        var link = NetlinkMessage(16, flags: 2)
        link.body = [UInt8](hex: "0000 0100 02000000 43100100 00000000")
        link.body += [UInt8](hex: "0900 0300 65746830 00 000000  0800 0400 dc050000")
        link.body += [UInt8](hex: "1000 1280  0900 0100 76657468 00 000000  0800 0a00 07000000")
        var address = NetlinkMessage(20, flags: 2)
        address.body = [UInt8](hex: "02 18 80 00 02000000  0800 0100 c0000201  0800 0200 c0000202")
        var long = NetlinkMessage(20, flags: 2)
        long.body = [UInt8](hex: "0a 40 80 00 02000000")
        long.body += [UInt8](hex: "1400 0100 20010db8000000000000000000000001  0800 0800 40000000")
        var route = NetlinkMessage(24, flags: 2)
        route.body = [UInt8](hex: "02 10 00 00 fe c1 fd 01 00000000  0800 0100 0a010000")
        route.body += [UInt8](hex: "0800 0400 02000000  0800 0500 0a000001  0800 0600 4d000000")
        var error = NetlinkMessage(2, flags: 0x200)
        error.body = [UInt8](
            hex: "ffffffff 10000000 0000 0000 00000000 00000000  0800 0100 6e6f 00 00")
        return [link, address, long, route, error].flatMap(\.octets)
    }()

    @Test("messages say what they mean")
    func messages() throws {
        let messages = NetlinkMessage.all(in: Self.sample[...])
        try #require(messages.count == 5)
        #expect(
            Link(messages[0])
                == Link(index: 2, name: "eth0", mtu: 1500, flags: 0x11043, kind: "veth", master: 7))
        #expect(InterfaceAddress(messages[1])?.prefix == IPPrefix("192.0.2.2/24"))
        #expect(InterfaceAddress(messages[2])?.prefix == IPPrefix("2001:db8::1/64"))
        #expect(InterfaceAddress(messages[2])?.isUsable == false)
        let route = try #require(Route(messages[3]))
        #expect(route.prefix == IPPrefix("10.1.0.0/16") && route.index == 2 && route.metric == 77)
        #expect(route.gateway == Address(rloc: "10.0.0.1") && route.isUnicastInMain)
        let refusal = messages[4].refusal(of: "test")
        #expect(
            refusal?.description
                == "cannot test (needs root or CAP_NET_ADMIN) (no): Operation not permitted")
        #expect(Self.parseAll(Self.sample) == 5)
    }

    @Test("beginnings, changed octets and noise never trap", arguments: 0..<8 as Range<UInt64>)
    func noise(seed: UInt64) {
        var random = SeededRandom(seed: seed)
        for length in 0...Self.sample.count {
            _ = Self.parseAll([UInt8](Self.sample.prefix(length)))
        }
        var understood = 0
        for _ in 0..<300 {
            var octets = Self.sample
            for _ in 0...random.below(4) {
                octets[random.below(octets.count)] = random.pick([
                    0, 1, 3, 4, 0x7F, 0x80, 0xFF, random.bits(),
                ])
            }
            understood += Self.parseAll(octets)
            _ = Self.parseAll(random.octets(count: random.below(120)))
        }
        #expect(understood > 300, "seed \(seed): the changes leave most of it as it was")
    }
}
