import Clocks
import LISP
import LISPNode
import Sessions
import Simulator
import TestKit
import Testing
import Trust

/// Sites that speak plain RFC 9300, as a node's settings name them; here an outsider plays them.
@Suite("Meshes: legacy xTRs")
struct MeshLegacyTests {
    static let xtr = IPv4Address(rawValue: 0xCB00_7107)
    static let path = Path(xtr, port: LISPPort.data)
    /// 2001:db8:9::/48.
    static let prefix = EID(
        .ipv6(Prefix(host: IPv6Address(high: 0x2001_0DB8_0009_0000, low: 0)).shortened(to: 48)))
    /// All unique local addresses, so the mesh's block too.
    static let wide = EID(
        .ipv6(Prefix(host: IPv6Address(high: 0xFD00_0000_0000_0000, low: 0)).shortened(to: 8)))

    static func host(_ network: UInt64 = 0, _ low: UInt64 = 5) -> IPv6Address {
        IPv6Address(high: 0x2001_0DB8_0009_0000 | network, low: low)
    }

    private func formed(_ nodes: Int = 2) throws -> MeshRun {
        let run = try MeshRun.formed(nodes) { plan in
            plan.settings.legacy = [Self.prefix, Self.wide].map {
                LegacyXTR(eid: $0, rloc: .ipv4(Self.xtr))
            }
            var inSeven = Self.prefix
            inSeven.instance = 7
            plan.settings.legacy.append(LegacyXTR(eid: inSeven, rloc: .ipv4(Self.xtr)))
        }
        run.checker.legacy = [Self.prefix]
        return run
    }

    /// 2001:db8:9:1::/64, which no admin has: the root gives it.
    private func giveRange(to machine: Int, in run: MeshRun) throws {
        let key = try run.inside(machine).key.publicKey
        var grant = Grant(to: key, roles: [])
        grant.ranges = [EID(.ipv6(Prefix(host: Self.host(1, 0)).shortened(to: 64)))]
        let object = try run.signed(.grant(grant), by: run.root())
        guard run.ask(0, .publish([object])) != nil else { throw LISPNode.Failure.unanswered }
        run.world.run(for: .seconds(2))
        try #require(
            run.inside(0).standing.member(key: key)?.ranges.contains(grant.ranges[0]) == true)
    }

    /// What a node does with an event, without the world.
    private func effects(
        of event: Event, at machine: Int, in run: MeshRun,
        after change: (inout Node) -> Void = { _ in }
    ) -> [Effect] {
        var node = run.world.members[machine]
        var random = SeededRandom(seed: 1)
        change(&node)
        return node.handle(event, at: run.world.now(of: machine), using: &random)
    }

    @Test("a packet to such a site is sent as RFC 9300 says, header and all")
    func plainTowardsLegacy() throws {
        let run = try formed()
        let heard = run.listen(at: Self.path)
        let core = try run.inside(0)
        let packet = TestPacket(from: core.cryptoAddress, to: Self.host(), number: 1).octets
        run.world.inject(packet: packet, instance: 0, at: 0)
        var source = core.mesh.cryptoEID(of: core.key.publicKey, instance: 7)
        source.instance = 7
        guard case .ipv6(let own) = source.kind else { return }
        let inSeven = TestPacket(from: own.address, to: Self.host(), number: 2).octets
        run.world.inject(packet: inSeven, instance: 7, at: 0)
        run.world.run(for: .milliseconds(100))
        #expect(
            heard.octets == [
                [0, 0, 0, 0, 0, 0, 0, 0] + packet, [8, 0, 0, 0, 0, 0, 7, 0] + inSeven,
            ])
        #expect(try run.inside(0).counters.plainSent == 2)
        // Not for somebody behind this node.
        let foreign = TestPacket(from: Self.host(1), to: Self.host(), number: 3).octets
        run.world.inject(packet: foreign, instance: 0, at: 0)
        run.world.run(for: .milliseconds(100))
        #expect(heard.octets.count == 2)
    }

    @Test("what the mesh could seal is not sent plain, whatever the settings say")
    func noDowngrade() throws {
        let run = try formed()
        let heard = run.listen(at: Self.path)
        run.checkReachable(within: .seconds(20))
        let own = try run.inside(0).cryptoAddress
        // A member's, and nobody's, inside the mesh's block, which the wide prefix covers.
        let nobody = IPv6Address(high: own.high, low: own.low ^ 1)
        for target in [try run.inside(1).cryptoAddress, nobody] {
            let packet = TestPacket(from: own, to: target, number: 9).octets
            run.world.inject(packet: packet, instance: 0, at: 0)
        }
        run.world.run(for: .seconds(5))
        #expect(heard.octets.isEmpty)
        // A longer prefix that was given to a member: its record may be kept from us.
        try giveRange(to: 1, in: run)
        for network in [UInt64(1), 2] {
            let packet = TestPacket(from: own, to: Self.host(network), number: network).octets
            run.world.inject(packet: packet, instance: 0, at: 0)
        }
        run.world.run(for: .seconds(5))
        #expect(heard.octets.map { TestPacket([UInt8]($0.dropFirst(8)))?.number } == [2])
        #expect(run.world.failure == nil, "\(run.failure)")
    }

    @Test("a packet is taken only from the xTR, from its prefix, and for this node")
    func takenFromLegacyAlone() throws {
        let run = try formed(3)
        let (own, other) = (try run.inside(0).cryptoAddress, try run.inside(1).cryptoAddress)
        try giveRange(to: 1, in: run)
        let elsewhere = Path(IPv4Address(rawValue: 0xCB00_7108), port: LISPPort.data)
        let nobody = IPv6Address(high: own.high, low: own.low ^ 1)
        let cases: [(source: IPv6Address, destination: IPv6Address, from: Path, isRight: Bool)] = [
            (Self.host(), own, Self.path, true),
            // Its source port is a hash of the flow.
            (Self.host(2), own, Path(Self.xtr, port: 61_440), true),
            (Self.host(), own, elsewhere, false),
            (Self.host(), other, Self.path, false),
            (IPv6Address(high: 0x2001_0DB8_000A_0000, low: 1), own, Self.path, false),
            // Inside the mesh's block, which the wide prefix covers; a member's; this node's own.
            (nobody, own, Self.path, false),
            (other, own, Self.path, false),
            (own, own, Self.path, false),
            // Given to a member.
            (Self.host(1), own, Self.path, false),
        ]
        for (number, packet) in cases.enumerated() {
            let before = try run.inside(0).counters
            // Twice: what the node remembers is the same.
            for _ in 0..<2 {
                let octets = TestPacket(
                    from: packet.source, to: packet.destination, number: UInt64(500 + number)
                ).octets
                run.world.inject(
                    DataHeader().octets() + octets, from: packet.from, to: try run.path(0))
            }
            run.world.run(for: .milliseconds(200))
            let after = try run.inside(0).counters
            #expect(run.arrived.contains(UInt64(500 + number)) == packet.isRight, "case \(number)")
            #expect(after.plainReceived - before.plainReceived == (packet.isRight ? 2 : 0))
            #expect(after.plainRefused - before.plainRefused == (packet.isRight ? 0 : 2))
        }
        #expect(run.world.failure == nil, "\(run.failure)")
    }

    @Test("TTL, DSCP and ECN are copied out, and taken in by RFC 9300 and RFC 6040")
    func outerFields() throws {
        let run = try formed()
        let own = try run.inside(0).cryptoAddress
        func packet(from: IPv6Address, to: IPv6Address, ttl: UInt8, class trafficClass: UInt8)
            -> [UInt8]
        {
            IPv6Header(
                trafficClass: trafficClass, flowLabel: 0, payloadLength: 0, nextHeader: 59,
                hopLimit: ttl, source: from, destination: to
            ).octets()
        }
        let out = packet(from: own, to: Self.host(), ttl: 7, class: 0xB9)
        let sent = effects(of: .packet(out, instance: 0), at: 0, in: run)
        guard case .send(let datagram)? = sent.first else {
            Issue.record("nothing is sent: \(sent)")
            return
        }
        #expect(datagram.timeToLive == 7 && datagram.trafficClass == 0xB9)
        #expect(datagram.port == .data && datagram.remote == Self.path)

        // Inner TTL, class; outer TTL, class; what comes out, if anything.
        let cases: [(UInt8, UInt8, UInt8, UInt8, (UInt8, UInt8)?)] = [
            (64, 0x00, 9, 0xB8, (9, 0xB8)), (5, 0x00, 9, 0xB8, (5, 0xB8)),
            (64, 0x02, 64, 0xBB, (64, 0xBB)), (64, 0x02, 64, 0xB8, (64, 0xBA)),
            (64, 0x00, 64, 0x03, nil), (64, 0x44, 0, 0, (64, 0x44)),
        ]
        for (ttl, trafficClass, outerTTL, outerClass, result) in cases {
            let inner = packet(from: Self.host(), to: own, ttl: ttl, class: trafficClass)
            var datagram = Datagram(DataHeader().octets() + inner, on: .data, remote: Self.path)
            datagram.timeToLive = outerTTL
            datagram.trafficClass = outerClass
            let expected = result.map {
                Effect.deliver(
                    packet(from: Self.host(), to: own, ttl: $0.0, class: $0.1), instance: 0)
            }
            #expect(
                effects(of: .datagram(datagram), at: 0, in: run).first == expected, "\(outerClass)")
        }
    }

    @Test("a reload takes sites away, and brings others")
    func reload() throws {
        let run = try formed()
        let packet = TestPacket(
            from: try run.inside(0).cryptoAddress, to: Self.host(), number: 1
        ).octets
        let datagram = Datagram(DataHeader().octets() + packet, on: .data, remote: Self.path)
        #expect(
            effects(of: .packet(packet, instance: 0), at: 0, in: run).first
                == .send(
                    {
                        var sent = datagram
                        sent.timeToLive = 64
                        return sent
                    }()))
        let none = effects(of: .packet(packet, instance: 0), at: 0, in: run) { node in
            var random = SeededRandom(seed: 1)
            _ = node.handle(.legacy([]), at: run.world.now(of: 0), using: &random)
        }
        #expect(none.isEmpty)
    }
}
