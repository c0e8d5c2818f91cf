import Clocks
import Forwarding
import LISP
import LISPNode
import MappingSystem
import Sessions
import Simulator
import Testing
import Trust

@Suite("Meshes: source ports")
struct MeshPortsTests {
    private static let `public` = IPv4Address(rawValue: 0xC633_6407)
    private static let inner = IPv4Address(rawValue: 0xC0A8_0007)

    /// Two machines whose packets go the fast way in both directions.
    private func fast() throws -> (MeshRun, FastHosts) {
        let run = try MeshRun.formed(2)
        let hosts = FastHosts(run, on: [0, 1])
        try warm(run, hosts)
        return (run, hosts)
    }

    private func warm(_ run: MeshRun, _ hosts: FastHosts) throws {
        for number in UInt64(0)..<4 {
            try hosts.send(run.packet(from: 0, to: 1, number: number), from: 0)
            try hosts.send(run.packet(from: 1, to: 0, number: number), from: 1)
            run.world.run(for: .milliseconds(100))
        }
        hosts.publish(0)
        hosts.publish(1)
    }

    /// Which port a packet leaves from; `nil`: the node sent it, from its own.
    private func source(_ run: MeshRun, _ hosts: FastHosts, _ machine: Int) throws
        -> Outgoing.Source?
    {
        let packet = try run.packet(from: machine, to: 1 - machine, number: 9)
        guard case .send(let outgoing) = hosts.send(packet, from: machine) else { return nil }
        return outgoing.source
    }

    private func isSpread(_ run: MeshRun, _ hosts: FastHosts, _ machine: Int) throws -> Bool {
        guard case .flow = try source(run, hosts, machine) else { return false }
        return true
    }

    @Test(
        "without NAT both ends send from many ports; behind one, neither does, and again after it")
    func spreads() throws {
        let (run, hosts) = try fast()
        #expect(try isSpread(run, hosts, 0) && isSpread(run, hosts, 1))
        let home = run.world.addresses(of: 1)
        let nat = run.world.addNAT(
            .portRestricted, host: .ipv4(Self.public), timeout: .minutes(5), hairpins: false)
        run.world.setAddresses([.ipv4(Self.inner)], of: 1, behind: nat)
        run.world.run(for: .milliseconds(1))
        // Before anybody has told anything: its own addresses are others.
        #expect(try !isSpread(run, hosts, 1))
        for _ in 0..<10 {
            try warm(run, hosts)
            #expect(try !isSpread(run, hosts, 0) && !isSpread(run, hosts, 1))
        }
        #expect(
            try run.inside(0).sessions.path(to: run.inside(1).id)?.address == .ipv4(Self.public))
        run.world.setAddresses(home, of: 1)
        run.world.run(for: .seconds(20))
        try warm(run, hosts)
        #expect(try isSpread(run, hosts, 0) && isSpread(run, hosts, 1))
        #expect(run.world.failure == nil, "\(run.failure)")
    }

    /// Sends packets of many flows both ways, the fast way where it goes, 20 a second each.
    /// - Returns: how many were lost on the way to 1, and to 0.
    private func exchange(
        _ run: MeshRun, _ hosts: FastHosts, _ count: Int, from first: UInt64
    ) throws -> [Int] {
        var sent: [[UInt64]] = [[], []]
        for number in 0..<UInt64(count) {
            for machine in 0...1 {
                let number = first + number * 2 + UInt64(machine)
                var packet = try run.packet(from: machine, to: 1 - machine, number: number)
                // The flow label.
                packet[3] = UInt8(truncatingIfNeeded: number)
                sent[machine].append(number)
                hosts.send(packet, from: machine)
            }
            run.world.run(for: .milliseconds(50))
        }
        run.world.run(for: .seconds(1))
        return sent.map { $0.count { !run.arrived.contains($0) } }
    }

    /// Two machines in a mesh of three that formed with a firewall before machine 1.
    private func behindFirewall(seed: UInt64) throws -> (MeshRun, FastHosts) {
        var plan = MeshRun.Plan(seed: seed)
        plan.nodes = 3
        let run = MeshRun(plan)
        run.world.setFirewall(of: 1, timeout: .minutes(3))
        try #require(run.form() && run.converge(within: .minutes(1)), "\(run.failure)")
        let hosts = FastHosts(run, on: [0, 1, 2])
        hosts.note()
        return (run, hosts)
    }

    @Test(
        "nobody spreads to who is behind a firewall that lets in answers alone, and nothing is lost",
        arguments: UInt64(1)...4)
    func firewall(seed: UInt64) throws {
        let (run, hosts) = try behindFirewall(seed: seed)
        try warm(run, hosts)
        for round in UInt64(1)...4 {
            #expect(try exchange(run, hosts, 60, from: round * 1000) == [0, 0], "seed \(seed)")
            #expect(try !isSpread(run, hosts, 0) && isSpread(run, hosts, 1), "seed \(seed)")
            run.world.run(for: .minutes(1))
        }
        // Now and then it is tried again.
        run.world.setFirewall(of: 1, timeout: nil)
        run.world.run(for: .minutes(61))
        try warm(run, hosts)
        #expect(try isSpread(run, hosts, 0), "seed \(seed)")
        #expect(run.world.failure == nil, "\(run.failure)")
    }

    @Test("a firewall that comes later is noticed while data flows, with some of it or none coming")
    func laterFirewall() throws {
        for (passes, seconds) in [(nil, 70), (UInt16(0), 20)] {
            let (run, hosts) = try fast()
            hosts.note()
            #expect(try exchange(run, hosts, 40, from: 1000) == [0, 0])
            #expect(try isSpread(run, hosts, 0))
            run.world.setFirewall(of: 1, timeout: .minutes(3), passes: passes)
            // What machine 1 sends from its data port opens its firewall to that of the other.
            run.world.run(for: .seconds(1))
            #expect(try exchange(run, hosts, seconds * 20, from: 2000)[0] > 20)
            #expect(try !isSpread(run, hosts, 0) && isSpread(run, hosts, 1), "\(seconds) s")
            #expect(try exchange(run, hosts, 40, from: 9000) == [0, 0])
            #expect(run.world.failure == nil, "\(run.failure)")
        }
    }

    @Test("a member's word that nothing came ends it, and is followed by another trial")
    func nothingCame() throws {
        let (run, hosts) = try fast()
        let here = try run.path(0)
        run.world.setFirewall(of: 1, timeout: .minutes(3))
        try warm(run, hosts)
        try #require(try isSpread(run, hosts, 0))
        let sighting = MeshMessage.Sighting(here, wantsAnswer: false, isLocator: true)
        try run.say(.control(MeshMessage.seen(sighting).octets), from: 1, to: 0)
        run.world.run(for: .seconds(5))
        #expect(try !isSpread(run, hosts, 0))
        run.world.setFirewall(of: 1, timeout: nil)
        try run.say(.control(MeshMessage.seen(sighting).octets), from: 1, to: 0)
        run.world.run(for: .seconds(5))
        // It was tried twice just now.
        #expect(try !isSpread(run, hosts, 0))
    }

    @Test(
        "another port of an announced address moves nothing; another port of a NAT is followed at once"
    )
    func follows() throws {
        let (run, hosts) = try fast()
        let node = try run.inside(1).id
        let notices = run.watchNotices()
        let there = try run.path(1)
        var other = there
        other.port = 50_001
        /// Sends a packet of machine 1 that comes from somewhere.
        func inject(from path: Path) throws {
            let table = try #require(hosts[1].table)
            let packet = try run.packet(from: 1, to: 0, number: 77)
            let room = UnsafeMutableRawBufferPointer.allocate(
                byteCount: Sealer.headroom + packet.count + Sealer.tailroom, alignment: 16)
            defer { room.deallocate() }
            let inside = UnsafeMutableRawBufferPointer(
                rebasing: room[Sealer.headroom..<Sealer.headroom + packet.count])
            inside.copyBytes(from: packet)
            let now = run.world.now(of: 1).moment
            guard case .send(let outgoing) = hosts[1].sealer.seal(inside, at: now, using: table)
            else {
                Issue.record("a packet was not sealed")
                return
            }
            let first = Sealer.headroom - Sealer.head
            run.world.inject(
                [UInt8](room[first..<first + outgoing.size]), from: path, to: outgoing.path)
            run.world.run(for: .milliseconds(100))
        }
        let opened = hosts[0].opened
        for _ in 0..<3 { try inject(from: other) }
        #expect(hosts[0].opened == opened + 3 && hosts[0].opener.heard == nil)
        #expect(!notices.have(.pathMoved(node), of: 0))
        #expect(try run.inside(0).sessions.path(to: node) == there)

        let nat = run.world.addNAT(
            .open, host: .ipv4(Self.public), timeout: .minutes(5), hairpins: false)
        run.world.setAddresses([.ipv4(Self.inner)], of: 1, behind: nat)
        for _ in 0..<5 { try warm(run, hosts) }
        let before = try #require(try run.inside(0).sessions.path(to: node))
        try #require(before.address == .ipv4(Self.public))
        run.world.rebind(nat)
        _ = try source(run, hosts, 1)
        run.world.run(for: .milliseconds(300))
        let after = try #require(try run.inside(0).sessions.path(to: node))
        #expect(after.address == before.address && after.port != before.port)
        #expect(run.world.failure == nil, "\(run.failure)")
    }

    @Test(
        "a member's word that it sees us elsewhere, or not where our record says, ends it at once")
    func told() throws {
        let (run, hosts) = try fast()
        let here = try run.path(0)
        var elsewhere = here
        elsewhere.port += 1
        for (path, isLocator, isRight) in [
            (here, true, true), (here, false, false), (here, true, true), (elsewhere, true, false),
        ] {
            let sighting = MeshMessage.Sighting(path, wantsAnswer: false, isLocator: isLocator)
            try run.say(.control(MeshMessage.seen(sighting).octets), from: 1, to: 0)
            run.world.run(for: .milliseconds(100))
            #expect(try isSpread(run, hosts, 0) == isRight, "\(path) \(isLocator)")
        }
        #expect(run.world.failure == nil, "\(run.failure)")
    }
}
