import Clocks
import Forwarding
import LISP
import LISPNode
import MappingSystem
import Sessions
import Simulator
import TestKit
import Testing
import Trust

@Suite("Meshes: packet threads")
struct MeshForwardingTests {
    /// Two machines whose packets go the fast way in both directions.
    private func fast(_ nodes: Int = 2, seed: UInt64 = 1) throws -> (MeshRun, FastHosts) {
        let run = try MeshRun.formed(nodes, seed: seed)
        let hosts = FastHosts(run, on: [0, 1])
        for number in 0..<4 {
            try hosts.send(run.packet(from: 0, to: 1, number: UInt64(number)), from: 0)
            try hosts.send(run.packet(from: 1, to: 0, number: UInt64(number)), from: 1)
            run.world.run(for: .milliseconds(100))
        }
        hosts.publish(0)
        hosts.publish(1)
        return (run, hosts)
    }

    @Test("packets that the threads forward are delivered, and the node sees none of them")
    func bothWays() throws {
        let (run, hosts) = try fast()
        var delivered: [UInt64] = []
        run.world.hooks.deliver = { _, _, packet, _ in
            if let packet = TestPacket(packet) { delivered.append(packet.number) }
        }
        for number in UInt64(100)..<200 {
            let from = Int(number % 2)
            let verdict = hosts.send(
                try run.packet(from: from, to: 1 - from, number: number), from: from)
            guard case .send = verdict else {
                Issue.record("packet \(number): \(verdict)")
                return
            }
        }
        run.world.run(for: .seconds(1))
        #expect(delivered.sorted() == [UInt64](100..<200))
        #expect(hosts[0].opened >= 50 && hosts[1].opened >= 50)
        #expect(run.world.failure == nil, "\(run.failure)")
    }

    @Test("whatever a packet is, both ways have it come out alike", arguments: UInt64(1)...3)
    func sameOutcome(seed: UInt64) throws {
        var outcomes: [[[UInt8]]] = []
        var refused: [Int] = []
        for isFast in [false, true] {
            var random = SeededRandom(seed: seed)
            let (run, hosts) = try fast(3, seed: seed)
            let range = try run.grantRange(to: 1)
            _ = run.ask(1, .register(range, ttl: 60))
            run.world.run(for: .seconds(5))
            var delivered: [[UInt8]] = []
            run.world.hooks.deliver = { _, machine, packet, _ in
                delivered.append([UInt8(machine)] + packet)
            }
            var addresses = try (0..<3).map { try run.inside($0).cryptoAddress }
            if case .ipv6(let prefix) = range.kind { addresses.append(prefix.address) }
            addresses.append(IPv6Address(high: 0x2001_0DB8 << 32, low: 9))
            addresses.append(PushGroup.address(of: try run.inside(0).mesh))
            for number in 0..<300 {
                let machine = random.below(2)
                var packet = TestPacket(
                    // The checker of meshes knows crypto-EIDs alone as sources.
                    from: random.chance(oneIn: 4) ? addresses[random.below(3)] : addresses[machine],
                    to: random.pick(addresses), number: UInt64(number)
                ).octets
                if random.chance(oneIn: 20) { packet.removeLast(9 + random.below(39)) }
                if isFast {
                    hosts.send(packet, from: machine)
                } else {
                    run.world.inject(packet: packet, instance: 0, at: machine)
                }
                // Long enough that nothing waits for a session any more: what waits may be reordered.
                run.world.run(for: .milliseconds(200))
            }
            #expect(run.world.failure == nil, "\(run.failure)")
            outcomes.append(delivered)
            refused.append(hosts[0].sealed + hosts[1].sealed)
        }
        #expect(outcomes[0] == outcomes[1], "seed \(seed)")
        #expect(!outcomes[0].isEmpty && refused[1] > refused[0] + 50)
    }

    @Test("inner sources that are not the peer's are refused in both ways")
    func foreignSources() throws {
        let (run, hosts) = try fast(3)
        var delivered: [UInt64] = []
        run.world.hooks.deliver = { _, machine, packet, _ in
            if machine == 1, let packet = TestPacket(packet) { delivered.append(packet.number) }
        }
        let foreign = TestPacket(
            from: try run.inside(2).cryptoAddress, to: try run.inside(1).cryptoAddress, number: 7)
        // The node says it for the liar, whose own sealer would not; more than once, so that the table
        // knows the source.
        for _ in 0..<3 {
            try run.say(.data(foreign.octets, instance: 0), from: 0, to: 1)
            run.world.run(for: .milliseconds(50))
        }
        #expect(delivered.isEmpty && hosts[1].opener.drops[.foreignSource] > 0)
    }

    @Test("whoever is revoked is out of the very next table, and the old one seals nothing for it")
    func revocation() throws {
        let (run, hosts) = try fast(3)
        let old = try #require(hosts[0].table)
        let packet = try run.packet(from: 0, to: 1, number: 1000)
        guard case .send = hosts.send(packet, from: 0) else {
            Issue.record("the session is not lent")
            return
        }
        run.world.run(for: .milliseconds(100))
        let tables = hosts[0].tables
        run.revoke(1, by: 0)
        run.world.run(for: .milliseconds(1))
        #expect(hosts[0].tables > tables)
        let arrived = run.arrived.count
        for table in [old, try #require(hosts[0].table)] {
            let verdict = hosts.send(packet, from: 0, using: table)
            guard verdict == .consult || verdict == .drop(.noMapping) else {
                Issue.record("\(verdict)")
                return
            }
        }
        run.world.run(for: .seconds(5))
        #expect(run.arrived.count == arrived)
    }

    @Test("a withdrawn record is out of the very next table")
    func withdrawal() throws {
        let (run, hosts) = try fast(3)
        let eid = try run.grantRange(to: 1)
        _ = run.ask(1, .register(eid, ttl: 60))
        run.world.run(for: .seconds(5))
        guard case .ipv6(let prefix) = eid.kind else { return }
        let packet = TestPacket(
            from: try run.inside(0).cryptoAddress, to: prefix.address, number: 1)
        for _ in 0..<3 {
            hosts.send(packet.octets, from: 0)
            run.world.run(for: .milliseconds(50))
        }
        guard case .send = hosts.send(packet.octets, from: 0) else {
            Issue.record("the registration is not in the table")
            return
        }
        let sealed = hosts[0].sealed
        _ = run.ask(1, .withdraw(eid))
        run.world.run(for: .seconds(5))
        let verdict = hosts.send(packet.octets, from: 0)
        #expect(verdict == .consult)
        run.world.run(for: .seconds(1))
        // An address of the mesh's own may be mapped at any moment: the node waits for that a while.
        #expect(hosts.send(packet.octets, from: 0) == .consult)
        #expect(hosts[0].sealed == sealed)
    }

    @Test(
        "sessions rotate under the threads' traffic alone, no counter comes twice, nothing is lost")
    func rotation() throws {
        let (run, hosts) = try fast()
        hosts.note()
        var delivered: Set<UInt64> = []
        run.world.hooks.deliver = { _, _, packet, _ in
            if let packet = TestPacket(packet) { delivered.insert(packet.number) }
        }
        let sealed = hosts[0].sealed + hosts[1].sealed
        for number in UInt64(10_000)..<11_200 {
            let from = Int(number % 2)
            hosts.send(try run.packet(from: from, to: 1 - from, number: number), from: from)
            run.world.run(for: .milliseconds(500))
        }
        run.world.run(for: .seconds(1))
        #expect(delivered.count == 1200)
        #expect(Set(hosts.counters).count == hosts.counters.count)
        // Ten minutes and 120 s a key.
        let keys = Set(hosts.counters.map { [UInt8]($0[..<4]) })
        #expect(keys.count >= 8, "\(keys.count) keys")
        #expect(hosts[0].sealed + hosts[1].sealed - sealed > 1150)
        let state = try #require(try run.inside(0).sessions.session(with: run.inside(1).id))
        #expect(state.packetsSent > 500 && state.packetsReceived > 500)
        #expect(run.world.failure == nil, "\(run.failure)")
    }

    @Test("a lane is not lent again by a copy of the node, nor for another table")
    func copiesLendNothing() throws {
        let (run, hosts) = try fast()
        var copy = run.world.members[0]
        let now = run.world.now(of: 0)
        var seen: Set<[UInt8]> = Set(hosts.counters)
        func seal(_ table: ForwardingTable) throws {
            let packet = try run.packet(from: 0, to: 1, number: 3)
            let before = hosts.counters.count
            hosts.send(packet, from: 0, using: table)
            for counter in hosts.counters[before...] { #expect(seen.insert(counter).inserted) }
        }
        try seal(try #require(hosts[0].table))
        // Something else to ask for: the size of links, in the node and in the copy.
        var random = SeededRandom(seed: 1)
        let event = Event.linkMTU(1400)
        _ = copy.handle(event, at: now, using: &random)
        let later = Now(now.moment + .seconds(1), clock: now.clock)
        let copied = copy.forwardingTable(at: later)
        try seal(try #require(copied))
        run.world.act(on: 0) { $0.handle(event, at: $1, using: &$2) }
        run.world.run(for: .seconds(1))
        try seal(try #require(hosts[0].table))
        #expect(
            hosts[0].verdicts.suffix(3).allSatisfy { if case .send = $0 { true } else { false } })
    }

    @Test("a node that moves is heard at its new address")
    func moving() throws {
        let (run, hosts) = try fast()
        hosts.note()
        run.world.setAddresses([.ipv4(IPv4Address(rawValue: 0x0A77_0001))], of: 1)
        for number in UInt64(1)..<20 {
            hosts.send(try run.packet(from: 1, to: 0, number: 500 + number), from: 1)
            run.world.run(for: .milliseconds(200))
        }
        // The new node record made everything about flows doubtful: the first packet is the node's.
        hosts.send(try run.packet(from: 0, to: 1, number: 599), from: 0)
        run.world.run(for: .milliseconds(100))
        let sealed = hosts[0].sealed
        hosts.send(try run.packet(from: 0, to: 1, number: 600), from: 0)
        run.world.run(for: .seconds(1))
        #expect(run.arrived.contains(600) && hosts[0].sealed == sealed + 1)
    }

    @Test("addresses that somebody makes up cost a table now and then, not one each")
    func scanning() throws {
        let (run, hosts) = try fast()
        let before = hosts[0].tables
        let prefix = try run.inside(0).mesh.prefix.address
        for number in UInt64(0)..<2000 {
            let packet = TestPacket(
                from: try run.inside(0).cryptoAddress,
                to: IPv6Address(high: prefix.high | 0x77, low: number), number: number)
            hosts.send(packet.octets, from: 0)
            run.world.run(for: .microseconds(10))
        }
        // 20 ms.
        #expect(hosts[0].tables - before < 30, "\(hosts[0].tables - before) tables")
    }
}
