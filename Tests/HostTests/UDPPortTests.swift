import AllocationCount
import Glibc
import Host
import LISP
import Sessions
import TestKit
import Testing

@Suite("UDP ports", .serialized)
struct UDPPortTests {
    /// Two ports, one on each host of a wire.
    static func ports(
        _ wire: Wire, fragments: Bool = false, onlyIPv4: Bool = false
    ) throws -> (near: UDPPort, far: UDPPort) {
        let make: @Sendable () throws -> UDPPort = {
            try UDPPort(port: 0, fragments: fragments, onlyIPv4: onlyIPv4)
        }
        return (try wire.near.inside(make), try wire.far.inside(make))
    }

    @Test("datagrams of all sizes arrive as they were, both ways", arguments: [false, true])
    func sizes(ipv6: Bool) throws {
        let wire = try Wire(mtu: 65_535)
        let (near, far) = try Self.ports(wire)
        var random = SeededRandom(seed: 7)
        for size in [0, 1, 2, 63, 64, 1232, 1472, 1473, 9000, 65_486, ipv6 ? 65_487 : 65_507] {
            let octets = random.octets(count: size)
            #expect(
                near.send([Datagram(octets, on: .data, remote: wire.far(far, ipv6: ipv6))]).sent
                    == 1)
            let there = try #require(try far.take(1).first, "\(size) octets were lost")
            #expect(there.octets == octets && there.remote == wire.near(near, ipv6: ipv6))
            // Back to where it came from.
            #expect(far.send([there]).sent == 1)
            let back = try #require(try near.take(1).first, "\(size) octets were lost")
            #expect(back.octets == octets && back.remote == wire.far(far, ipv6: ipv6))
        }
    }

    @Test("TTL, DSCP and ECN of a datagram are the outer header's", arguments: [false, true])
    func outerFields(ipv6: Bool) throws {
        let wire = try Wire(mtu: 1500)
        let (near, far) = try Self.ports(wire)
        for (timeToLive, trafficClass) in [(UInt8(9), UInt8(0xB9)), (1, 0), (0, 0)] {
            var datagram = Datagram([1], on: .data, remote: wire.far(far, ipv6: ipv6))
            (datagram.timeToLive, datagram.trafficClass) = (timeToLive, trafficClass)
            #expect(near.send([datagram]).sent == 1)
            let there = try #require(try far.take(1).first)
            // The host's own is 64.
            #expect(there.timeToLive == (timeToLive == 0 ? 64 : timeToLive))
            #expect(there.trafficClass == trafficClass)
        }
    }

    @Test("a port that may fragment sends what is longer than a packet", arguments: [false, true])
    func fragments(ipv6: Bool) throws {
        let wire = try Wire(mtu: 1500)
        let (near, far) = try Self.ports(wire, fragments: true)
        let octets = SeededRandom.octets(seed: 3, count: 65_507)
        #expect(
            near.send([Datagram(octets, on: .data, remote: wire.far(far, ipv6: ipv6))]).sent == 1)
        #expect(try far.take(1).map(\.octets) == [octets])
    }

    @Test("a kernel without IPv6 has IPv4 alone")
    func onlyIPv4() throws {
        let wire = try Wire(mtu: 1500)
        let (near, far) = try Self.ports(wire, onlyIPv4: true)
        let outcome = near.send([
            Datagram([1], on: .data, remote: wire.far(far, ipv6: true)),
            Datagram([2], on: .data, remote: wire.far(far, ipv6: false)),
        ])
        #expect(outcome.sent == 1 && outcome.unreachable == 1 && outcome.count == 2)
        let came = try far.take(1)
        #expect(came.map(\.octets) == [[2]])
        #expect(came.map(\.remote) == [wire.near(near, ipv6: false)])
    }

    @Test("many datagrams keep their order, octets and senders")
    func batches() throws {
        let wire = try Wire(mtu: 9000)
        let (near, far) = try Self.ports(wire)
        var random = SeededRandom(seed: 11)
        // More than a batch, more than the arena of a call, both families.
        let sent = (0..<300).map { index in
            Datagram(
                random.octets(count: random.below(3000)), on: .data,
                remote: wire.far(far, ipv6: index % 3 == 0))
        }
        #expect(near.send(sent).sent == 300)
        let came = try far.take(300)
        #expect(came.map(\.octets) == sent.map(\.octets))
        let sources = (0..<300).map { wire.near(near, ipv6: $0 % 3 == 0) }
        #expect(came.map(\.remote) == sources)
    }

    @Test("traffic class and hop limit go out and come in", arguments: [false, true])
    func headerFields(ipv6: Bool) throws {
        let wire = try Wire(mtu: 1500)
        let (near, far) = try Self.ports(wire)
        let remote = wire.far(far, ipv6: ipv6)
        let fields: [(UInt8, UInt8)] = [(0, 0), (0xB8, 0), (3, 17), (0xFF, 255), (0, 1)]
        let octets: [UInt8] = [1, 2, 3]
        octets.withUnsafeBytes { octets in
            guard let base = octets.baseAddress else { return }
            let packets = fields.map {
                OutPacket(base, length: 3, to: remote, trafficClass: $0.0, timeToLive: $0.1)
            }
            packets.withUnsafeBufferPointer { #expect(near.send($0).sent == fields.count) }
        }
        let batch = ReceiveBatch()
        var came: [(UInt8, UInt8)] = []
        while came.count < fields.count, try far.receive(into: batch) > 0 {
            came += (0..<batch.count).map { (batch[$0].trafficClass, batch[$0].timeToLive) }
        }
        #expect(came.map(\.0) == fields.map(\.0))
        #expect(came.map(\.1) == fields.map { $0.1 == 0 ? 64 : $0.1 })
    }

    @Test("a call wakes who waits, once, whether it came before or meanwhile")
    func wake() throws {
        let port = try Namespace().inside { try UDPPort(port: 0) }
        port.wake()
        port.wake()
        #expect(try Meanwhile { try port.receive(into: ReceiveBatch()) }.value() == 0)
        let waiting = Meanwhile { try port.receive(into: ReceiveBatch()) }
        usleep(50_000)
        #expect(
            port.send([
                Datagram(
                    [], on: .data, remote: Path(IPv4Address(rawValue: 0x7F00_0001), port: port.port)
                )
            ]).sent == 1)
        #expect(try waiting.value() == 1, "an old call was taken for a new one")
        let again = Meanwhile { try port.receive(into: ReceiveBatch()) }
        usleep(20_000)
        port.wake()
        #expect(try again.value() == 0)
    }

    @Test(
        "a thousand calls from another thread are each answered or joined", .timeLimit(.minutes(1)))
    func wakeStorm() throws {
        let port = try Namespace().inside { try UDPPort(port: 0) }
        let calls = Meanwhile { for _ in 0..<1000 { port.wake() } }
        let batch = ReceiveBatch()
        #expect(try port.receive(into: batch) == 0)
        try calls.value()
        port.wake()
        #expect(try port.receive(into: batch) == 0)
    }

    @Test("a port that somebody has is refused by its number")
    func taken() throws {
        let host = try Namespace()
        let first = try host.inside { try UDPPort(port: 4341) }
        #expect(first.port == 4341)
        for onlyIPv4 in [false, true] {
            let message = try host.inside { () -> String in
                do {
                    _ = try UDPPort(port: 4341, onlyIPv4: onlyIPv4)
                    return "opened"
                } catch {
                    return "\(error)"
                }
            }
            #expect(message == "UDP port 4341 is taken by another program: Address already in use")
        }
    }

    @Test(
        "what is too big for the interface tells the MTU and stops nothing else",
        arguments: [false, true])
    func tooBig(ipv6: Bool) throws {
        let wire = try Wire(mtu: 1500)
        let (near, far) = try Self.ports(wire)
        let remote = wire.far(far, ipv6: ipv6)
        let fits = ipv6 ? 1452 : 1472
        let sizes = [fits, fits + 1, 10, 65_507, fits, 70_000, 1]
        let outcome = near.send(
            sizes.map { Datagram([UInt8](repeating: 5, count: $0), on: .data, remote: remote) })
        #expect(outcome.sent == 4 && outcome.tooBig == 3 && outcome.count == sizes.count)
        #expect(outcome.tooBigPaths == [.init(remote: remote, mtu: 1500)])
        #expect(outcome.lastReason == EMSGSIZE)
        #expect(try far.take(4).map(\.octets.count) == [fits, 10, fits, 1])
        #expect(near.takePathErrors().isEmpty, "the network said nothing")
    }

    @Test("what has no route is counted and stops nothing else")
    func noRoute() throws {
        let wire = try Wire(mtu: 1500)
        let (near, far) = try Self.ports(wire)
        let nowhere = [
            Path(IPv4Address(rawValue: 0xC000_0201), port: 4341),
            Path(IPv6Address(high: 0x2001_0DB8_FFFF_0000, low: 1), port: 4341),
            Path(Wire.far4, port: 0),
        ]
        var datagrams: [Datagram] = []
        for index in 0..<100 {
            let remote = index % 2 == 0 ? wire.far(far, ipv6: index % 4 == 0) : nowhere[index % 3]
            datagrams.append(Datagram([UInt8(index)], on: .data, remote: remote))
        }
        let outcome = near.send(datagrams)
        #expect(outcome.sent == 50 && outcome.unreachable == 50, "\(outcome)")
        #expect(try far.take(50).map { $0.octets[0] } == (0..<50).map { UInt8($0 * 2) })
    }

    @Test("a closed port is told, and no other datagram suffers from it", arguments: [false, true])
    func closedPort(ipv6: Bool) throws {
        let wire = try Wire(mtu: 1500)
        let (near, far) = try Self.ports(wire)
        let closed = ipv6 ? Path(Wire.far6, port: 9) : Path(Wire.far4, port: 9)
        let alarm = Later(milliseconds: 2000) { near.wake() }
        for number in 0..<3 as Range<UInt8> {
            #expect(near.send([Datagram([0], on: .data, remote: closed)]).sent == 1)
            usleep(2000)  // ICMP is on its way, or waits as an error of the socket
            let open = Datagram([number], on: .data, remote: wire.far(far, ipv6: ipv6))
            #expect(near.send([open]).sent == 1)
        }
        #expect(try far.take(3).map(\.octets) == [[0], [1], [2]])
        if near.takePathErrors().isEmpty { #expect(try near.receive(into: ReceiveBatch()) == 0) }
        #expect(near.send([Datagram([0], on: .data, remote: closed)]).sent == 1)
        #expect(try near.receive(into: ReceiveBatch()) == 0)
        alarm.callOff()
        let told = near.takePathErrors()
        #expect(told.contains(PathError(remote: closed, reason: .unreachable(ECONNREFUSED))))
        #expect(Set(told.map(\.remote)) == [closed])
    }

    @Test(
        "a port that only sends gets nothing, and hears of a closed port when it sends again",
        arguments: [false, true])
    func onlySends(ipv6: Bool) throws {
        let wire = try Wire(mtu: 1500)
        let (_, far) = try Self.ports(wire)
        let near = try wire.near.inside { try UDPPort(port: 0, onlySends: true) }
        let open = wire.far(far, ipv6: ipv6)
        #expect(near.send([Datagram([7], on: .data, remote: open)]).sent == 1)
        let there = try #require(try far.take(1).first)
        #expect(there.remote == wire.near(near, ipv6: ipv6))
        #expect(far.send([there, there]).sent == 2)
        let alarm = Later(milliseconds: 300) { near.wake() }
        #expect(try near.receive(into: ReceiveBatch()) == 0)
        alarm.callOff()
        #expect(near.takePathErrors().isEmpty)
        let closed = ipv6 ? Path(Wire.far6, port: 9) : Path(Wire.far4, port: 9)
        let packet = Datagram([0], on: .data, remote: closed)
        #expect(near.send([packet]).sent == 1)
        usleep(20_000)
        #expect(near.send([packet]).sent == 1)
        #expect(
            near.takePathErrors() == [.init(remote: closed, reason: .unreachable(ECONNREFUSED))])
    }

    @Test(
        "what may be cut passes a link that is too narrow for it, and nothing else does",
        arguments: [false, true])
    func cuts(ipv6: Bool) throws {
        let wire = try Wire(mtu: 1280)
        let (near, far) = try Self.ports(wire)
        let remote = wire.far(far, ipv6: ipv6)
        let octets = SeededRandom.octets(seed: 5, count: 1316)
        var datagram = Datagram(octets, on: .data, remote: remote)
        #expect(near.send([datagram]).tooBig == 1)
        datagram.mayBeCut = true
        let small = Datagram([1], on: .data, remote: remote)
        #expect(near.send([small, datagram, small, datagram]).sent == 4)
        #expect(try far.take(4).map(\.octets) == [[1], octets, [1], octets])
        datagram.mayBeCut = false
        #expect(near.send([datagram]).tooBig == 1)
        octets.withUnsafeBytes { octets in
            guard let base = octets.baseAddress else { return }
            let packets = [OutPacket.Fragments.always, .never, .ifNeeded].map {
                OutPacket(base, length: octets.count, to: remote, fragments: $0)
            }
            packets.withUnsafeBufferPointer {
                let outcome = near.send($0, using: SendBatch())
                #expect(outcome.sent == 2 && outcome.tooBig == 1)
            }
        }
        #expect(try far.take(2).map(\.octets) == [octets, octets])
    }

    @Test(
        "a router's narrow link is told with its MTU, to a port that only sends when it sends again",
        arguments: [false, true], [false, true])
    func narrowLink(ipv6: Bool, onlySends: Bool) throws {
        let wire = try Wire(mtu: 1500)
        // The far host becomes a router to a third one.
        let third = try Namespace()
        try wire.far.inside {
            try Netlink().addCable("narrow", to: "wire", in: third, mtu: 1300)
            try configure("narrow", "10.8.0.1/24", "2001:db8:8::1/64")
            for file in ["ipv4/ip_forward", "ipv6/conf/all/forwarding"] {
                #expect(Self.write("1", to: "/proc/sys/net/\(file)"))
            }
        }
        try third.inside { try configure("wire", "10.8.0.2/24", "2001:db8:8::2/64") }
        let port = try wire.near.inside { () throws -> UDPPort in
            let netlink = try Netlink()
            let link = try #require(try netlink.link(named: "wire"))
            for (text, gateway) in [
                ("10.8.0.0/24", Address.ipv4(Wire.far4)),
                ("2001:db8:8::/64", Address.ipv6(Wire.far6)),
            ] {
                let prefix = try #require(IPPrefix(text))
                try netlink.addRoute(prefix, index: link.index, gateway: gateway)
            }
            return try UDPPort(port: 0, onlySends: onlySends)
        }
        let there = try #require(Address(rloc: ipv6 ? "2001:db8:8::2" : "10.8.0.2"))
        let remote = try #require(Path(there, port: 4341))
        let octets = [UInt8](repeating: 1, count: 1400)
        let alarm = Later(milliseconds: 3000) { port.wake() }
        defer { alarm.callOff() }
        let long = Datagram(octets, on: .data, remote: remote)
        #expect(port.send([long]).sent == 1)
        if onlySends {
            usleep(20_000)
            // The call that ICMP fails is one for somebody else, who must not suffer from it.
            let other = Datagram([1], on: .data, remote: Path(Wire.far4, port: 9))
            let outcome = port.send([other])
            #expect(outcome.sent == 1 && outcome.tooBig == 0)
        } else {
            #expect(try port.receive(into: ReceiveBatch()) == 0)
        }
        #expect(
            port.takePathErrors() == [PathError(remote: remote, reason: .tooBig(mtu: 1300))])
        // Nobody proved who said so: it is sent all the same.
        let outcome = port.send([long])
        #expect(outcome.sent == 1 && outcome.tooBig == 0)
    }

    @Test("nothing is allocated for what is received, nor for what is sent by packets")
    func allocations() throws {
        guard allocation_count_is_on() != 0 else { return }
        let wire = try Wire(mtu: 1500)
        let (near, far) = try Self.ports(wire)
        let octets = [UInt8](repeating: 9, count: 1000)
        let (sending, receiving) = (SendBatch(), ReceiveBatch())
        let alarm = Later(milliseconds: 4000) { far.wake() }
        defer { alarm.callOff() }
        var total = 0
        var sum = 0
        let remotes = [wire.far(far, ipv6: false), wire.far(far, ipv6: true)]
        var allocations: UInt64 = 0
        octets.withUnsafeBytes { octets in
            guard let base = octets.baseAddress else { return }
            let packets = (0..<64).map {
                OutPacket(base, length: 1000, to: remotes[$0 % 2], trafficClass: 1, timeToLive: 9)
            }
            packets.withUnsafeBufferPointer { packets in
                for round in 0..<20 {
                    // The first rounds pay for what is made once.
                    if round == 2 { allocations = allocation_count_now().allocations }
                    total += near.send(packets, using: sending).sent
                    var came = 0
                    while came < 64, let count = try? far.receive(into: receiving), count > 0 {
                        for index in 0..<count {
                            let (octets, remote, trafficClass, timeToLive) = receiving[index]
                            sum += octets.count + Int(trafficClass) + Int(timeToLive)
                            if remote.port != near.port { sum = .min }
                        }
                        came += count
                    }
                }
                allocations = allocation_count_now().allocations - allocations
            }
        }
        #expect(total == 20 * 64 && sum == 20 * 64 * 1010)
        #expect(allocations == 0)
    }

    static func write(_ text: String, to path: String) -> Bool {
        let descriptor = open(path, O_WRONLY)
        guard descriptor >= 0 else { return false }
        defer { close(descriptor) }
        return Glibc.write(descriptor, text, text.utf8.count) == text.utf8.count
    }
}

extension SeededRandom {
    static func octets(seed: UInt64, count: Int) -> [UInt8] {
        var random = SeededRandom(seed: seed)
        return random.octets(count: count)
    }
}
