import Host
import LISP
import TestKit
import Testing

@Suite("RLOCs of this host")
struct UnderlayAddressTests {
    static let running: UInt32 = 0x1_1043  // UP, BROADCAST, RUNNING, MULTICAST, LOWER_UP
    static let links = [
        Link(index: 1, name: "lo", mtu: 65536, flags: 0x1_0049),
        Link(index: 2, name: "eth0", mtu: 1500, flags: running),
        Link(index: 3, name: "wlan0", mtu: 1400, flags: running),
        Link(index: 4, name: "down0", mtu: 1500, flags: 0x1002),
        Link(index: 5, name: "unplugged0", mtu: 1500, flags: 0x1003),
        Link(index: 6, name: "docker0", mtu: 1500, flags: running, kind: "bridge"),
        Link(index: 7, name: "br-12ab", mtu: 1500, flags: running, kind: "bridge"),
        Link(index: 8, name: "br0", mtu: 9000, flags: running, kind: "bridge"),
        Link(index: 9, name: "veth1", mtu: 1500, flags: running, kind: "veth", master: 8),
        Link(index: 10, name: "veth2", mtu: 1500, flags: running, kind: "veth"),
        Link(index: 11, name: "whither7", mtu: 1400, flags: running, kind: "tun"),
        Link(index: 12, name: "relief", mtu: 1400, flags: running, kind: "tun"),
        Link(index: 13, name: "wg0", mtu: 1420, flags: running, kind: "wireguard"),
        Link(index: 14, name: "tun0", mtu: 1500, flags: running, kind: "tun"),
        Link(
            index: 15, name: "harbour", mtu: 1400, flags: running, kind: "tun",
            alias: Link.meshAlias),
    ]

    static func address(
        _ text: String, _ index: Int32, flags: UInt32 = 0x80, scope: UInt8 = 0
    ) -> InterfaceAddress {
        guard let prefix = IPPrefix(text) else { preconditionFailure("\(text) is no prefix") }
        return InterfaceAddress(prefix, index: index, flags: flags, scope: scope)
    }

    static func chosen(
        _ addresses: [InterfaceAddress], excluding: Set<String> = [], including: Set<String> = []
    ) -> [String] {
        UnderlayAddress.choose(links, addresses, excluding: excluding, including: including)
            .map { found in
                guard let prefix = IPPrefix(host: found.address) else { return "?" }
                return "\(prefix) \(found.interface) \(found.mtu)"
            }
    }

    @Test("1: not of the loopback, of what is down, unplugged, unknown or excluded")
    func interfaces() {
        let all =
            (1...5).map { Self.address("192.0.2.\($0)/24", $0) }
            + [Self.address("192.0.2.99/24", 99)]
        #expect(Self.chosen(all) == ["192.0.2.2/32 eth0 1500", "192.0.2.3/32 wlan0 1400"])
        #expect(Self.chosen(all, excluding: ["eth0"]) == ["192.0.2.3/32 wlan0 1400"])
        #expect(
            Self.chosen(all, excluding: ["eth0"], including: ["eth0", "lo", "down0"]).count == 1)
    }

    @Test("2: not of bridges and cables into this host, nor of a mesh's device, unless asked")
    func inner() {
        let all = (6...15).map { Self.address("192.0.2.\($0)/24", $0) }
        #expect(
            Self.chosen(all, excluding: ["relief"]) == [
                "192.0.2.8/32 br0 9000", "192.0.2.10/32 veth2 1500", "192.0.2.13/32 wg0 1420",
                "192.0.2.14/32 tun0 1500",
            ])
        #expect(
            Self.chosen(
                all, excluding: ["relief"], including: ["docker0", "veth1", "whither7", "harbour"]
            )
            .map { $0.split(separator: " ")[1] } == [
                "docker0", "br0", "veth1", "veth2", "whither7", "wg0", "tun0", "harbour",
            ])
    }

    @Test("3: not what is tentative, a duplicate or deprecated")
    func states() {
        let flags: [UInt32] = [0x80, 0x40, 0xC0, 0x08, 0x20, 0xA0, 0x00, 0x02, 0x300]
        let all = flags.enumerated().map {
            Self.address("2001:db8::\($0.offset + 1)/64", 2, flags: $0.element)
        }
        #expect(Self.chosen(all).map { $0.prefix(11) } == [1, 7, 8, 9].map { "2001:db8::\($0)" })
    }

    @Test(
        "4: not what nobody outside the link can reach",
        arguments: [
            ("127.0.0.1", false), ("169.254.1.1", false), ("224.0.0.1", false), ("0.0.0.0", false),
            ("0.255.255.255", false), ("255.255.255.255", false), ("::1", false), ("::", false),
            ("fe80::1", false), ("febf::1", false), ("ff02::1", false), ("::ffff:192.0.2.1", false),
            ("1.0.0.1", true), ("126.255.255.255", true), ("128.0.0.1", true), ("10.0.0.1", true),
            ("172.16.0.1", true), ("192.168.1.1", true), ("100.64.0.1", true),
            ("169.253.255.255", true), ("169.255.0.0", true), ("223.255.255.255", true),
            ("fd00::1", true), ("2001:db8::1", true), ("fec0::1", true), ("64:ff9b::1", true),
        ])
    func scopes(text: String, isChosen: Bool) {
        #expect(Self.chosen([Self.address(text, 2)]).count == (isChosen ? 1 : 0))
        #expect(Self.chosen([Self.address(text, 2, scope: 253)]).isEmpty)
        #expect(Self.chosen([Self.address(text, 2, scope: 200)]).count == (isChosen ? 1 : 0))
    }

    @Test(
        "the order is the same whatever order the kernel tells them in",
        arguments: 0..<20 as Range<UInt64>)
    func order(seed: UInt64) {
        var random = SeededRandom(seed: seed)
        let all = [
            Self.address("198.51.100.1/24", 3), Self.address("2001:db8:1::5/64", 2, flags: 1),
            Self.address("2001:db8:1::9/64", 2), Self.address("192.0.2.2/24", 2),
            Self.address("192.0.2.1/24", 2), Self.address("192.0.2.1/24", 2),
            Self.address("192.0.2.1/32", 3),
        ]
        let first = Self.chosen(all).map { $0.split(separator: " ")[0] }
        #expect(
            first.prefix(4) == [
                "192.0.2.1/32", "192.0.2.2/32", "2001:db8:1::9/128", "2001:db8:1::5/128",
            ])
        #expect(first.count == 5, "an address of two interfaces is one RLOC")
        let links = Self.links.shuffled(using: &random)
        let shuffled = UnderlayAddress.choose(links, all.shuffled(using: &random), excluding: [])
        #expect(Set(shuffled.map(\.address)).count == 5, "seed \(seed)")
        #expect(shuffled.map { "\(IPPrefix(host: $0.address)!)" } == first, "seed \(seed)")
    }

    @Test("prefixes are read, written, cut and compared")
    func prefixes() throws {
        for text in ["10.1.2.3/16", "2001:db8::1/64", "0.0.0.0/0", "::/0", "1.2.3.4/32"] {
            #expect(try #require(IPPrefix(text)).description == text)
        }
        #expect(IPPrefix("10.1.2.3")?.length == 32 && IPPrefix("::1")?.length == 128)
        for text in [
            "", "/", "10.1.2.3/", "10.1.2.3/33", "::/129", "10.1.2.3/-1", "10/8", "::/+1", "::/01",
            "::/1/1", "mars/1",
        ] {
            #expect(IPPrefix(text) == nil, "\(text)")
        }
        #expect(IPPrefix("10.1.2.3/16")?.network == IPPrefix("10.1.0.0/16"))
        #expect(IPPrefix.ipv4(IPv4Address(rawValue: 1), length: 99).network.length == 32)
        func overlap(_ left: String, _ right: String) throws -> Bool {
            let (left, right) = (try #require(IPPrefix(left)), try #require(IPPrefix(right)))
            #expect(left.overlaps(right) == right.overlaps(left))
            return left.overlaps(right)
        }
        #expect(try overlap("10.1.0.0/16", "10.0.0.0/8"))
        #expect(try overlap("10.1.0.0/16", "10.1.200.7/24"))
        #expect(try !overlap("10.1.0.0/16", "10.2.0.0/16"))
        #expect(try overlap("0.0.0.0/0", "10.2.0.0/16"))
        #expect(try !overlap("::/0", "10.2.0.0/16"))
    }
}
