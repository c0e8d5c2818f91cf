import Clocks
import LISP
import LISPNode
import Sessions
import Simulator
import TestKit
import Testing

@Suite("The simulated network")
struct NetworkTests {
    @Test("a perfect link delivers everything, in order, after its delay")
    func perfect() {
        let world = World.ofProbes(2)
        world.stream(100)
        #expect(world.numbers() == Array(0..<100))
        #expect(world.members[1].received.first?.moment == Moment(microseconds: 10_000))
        #expect(world.members[1].received.first?.datagram.remote == world.members[0].peers[0])
        #expect(world.members[1].received.allSatisfy { $0.datagram.port == .control })
        #expect(world.drops.allSatisfy { $0 == 0 })
    }

    @Test(
        "loss, duplication, bit flips and truncation are as frequent as told",
        arguments: [0, 1, 10, 30])
    func frequencies(percent: Int) {
        let count = 5000
        // Three and a half standard deviations.
        let around = { (part: Int) in
            abs(part * 100 - count * percent) * 100
                <= 350 * Int((Double(count * percent * (100 - percent))).squareRoot()) + 100
        }
        let lossy = World.ofProbes(2)
        lossy.link.loss = .percent(percent)
        lossy.stream(count)
        #expect(around(count - lossy.numbers().count))
        #expect(lossy.drops(.loss) == count - lossy.numbers().count)

        let double = World.ofProbes(2)
        double.link.duplicate = .percent(percent)
        double.stream(count)
        #expect(around(double.numbers().count - count))
        #expect(double.duplicated == double.numbers().count - count)

        let noisy = World.ofProbes(2)
        noisy.link.flip = .percent(percent)
        noisy.stream(count)
        #expect(around(noisy.numbers().filter { $0 == nil }.count))
        #expect(noisy.members[1].received.allSatisfy { $0.octets.count == 40 })

        let short = World.ofProbes(2)
        short.link.truncate = .percent(percent)
        short.stream(count)
        #expect(around(short.members[1].received.filter { $0.octets.count < 40 }.count))
        #expect(short.members[1].received.count == count)
    }

    @Test("jitter and held-back datagrams reorder, nothing else does")
    func reorder() {
        let jittery = World.ofProbes(2)
        jittery.link.jitter = .milliseconds(20)
        jittery.stream(1000)
        #expect(Self.inversions(jittery) > 100 && jittery.numbers().count == 1000)

        let held = World.ofProbes(2)
        held.link.reorder = .percent(10)
        held.stream(1000)
        #expect((60...140).contains(Self.inversions(held)) && held.numbers().count == 1000)
    }

    @Test("the tail of delays is heavy and ends at two seconds")
    func tail() {
        let world = World.ofProbes(2)
        world.link.tail = .always
        world.stream(4000)
        let late = world.members[1].received.map { received in
            let number = received.octets.prefix(8).reduce(0) { $0 << 8 | Int64($1) }
            return received.moment.microseconds - number * 1000 - 10_000
        }
        #expect(late.count == 4000 && late.allSatisfy { (1000...2_000_000).contains($0) })
        #expect((1800...2200).contains(late.filter { $0 < 2000 }.count))
        #expect(late.contains { $0 > 1_000_000 })
    }

    private static func inversions(_ world: World<Probe>) -> Int {
        let numbers = world.numbers().compactMap(\.self)
        return zip(numbers, numbers.dropFirst()).filter { $0 > $1 }.count
    }

    @Test("replayed datagrams come again much later, as forgeries")
    func replay() {
        let world = World.ofProbes(2)
        world.link.replay = .always
        world.link.replayedWithin = .hours(2)
        world.stream(100)
        let atOnce = world.numbers().count
        world.run(for: .hours(2))
        #expect((100...102).contains(atOnce) && world.numbers().count == 200)
        #expect(!world.contact(of: 1, with: world.members[0].peers[0]).hasAnswered)
    }

    @Test("longer packets than the MTU vanish, headers counted")
    func mtu() {
        let world = World.ofProbes(2)
        world.link.mtu = 1000
        world.send(1, size: 972)
        world.send(2, size: 973)
        world.run(for: .seconds(1))
        #expect(world.members[1].received.map(\.octets.count) == [972])
        #expect(world.drops(.mtu) == 1)
    }

    @Test("partitions cut what they say: full, one way, and with a bridge")
    func partitions() {
        func heard(_ sides: [[Int]], _ shape: Partition.Shape) -> Set<[Int]> {
            let world = World.ofProbes(3)
            let id = world.partition(sides, shape: shape)
            for from in 0..<3 {
                for to in 0..<3 where to != from { world.send(from, from: from, to: to) }
            }
            world.run(for: .seconds(1))
            var pairs: Set<[Int]> = []
            for to in 0..<3 {
                for from in world.numbers(at: to) { pairs.insert([from ?? -1, to]) }
            }
            #expect(world.drops(.partition) == 6 - pairs.count)
            world.mend(id)
            for from in 0..<3 {
                for to in 0..<3 where to != from { world.send(from, from: from, to: to) }
            }
            world.run(for: .seconds(1))
            #expect((0..<3).reduce(0) { $0 + world.numbers(at: $1).count } == 6 + pairs.count)
            return pairs
        }
        #expect(heard([[0], [1, 2]], .full) == [[1, 2], [2, 1]])
        #expect(heard([[0], [1, 2]], .oneWay) == [[1, 0], [2, 0], [1, 2], [2, 1]])
        #expect(heard([[0], [1]], .full) == [[0, 2], [2, 0], [1, 2], [2, 1]])
    }

    @Test("a clogged link holds datagrams until it is free; one link can differ from all")
    func links() {
        let world = World.ofProbes(3)
        world.clog(from: 0, to: 1)
        world.stream(10)
        #expect(world.numbers().isEmpty)
        world.send(5, from: 1, to: 0)
        world.unclog(from: 0, to: 1)
        world.run(for: .seconds(1))
        #expect(world.numbers() == Array(0..<10) && world.numbers(at: 0) == [5])

        var deaf = Link()
        deaf.loss = .always
        world.setLink(deaf, from: 0, to: 1)
        world.stream(10)
        world.stream(10, to: 2)
        #expect(world.numbers().count == 10 && world.numbers(at: 2).count == 10)
    }

    @Test("what goes to nobody, to a closed port or to a process that is down is lost and counted")
    func nowhere() throws {
        let world = World.ofProbes(2) { probe in
            for address in ["192.0.2.9", "10.0.1.1"] {
                probe.peers.append(Path(IPv4Address(address) ?? IPv4Address(rawValue: 0), port: 9))
            }
            probe.peers.append(Path(IPv6Address(high: 1, low: 2), port: 4342))
        }
        for peer in 2...4 { world.send(1, to: peer) }
        world.crash(1)
        world.send(1)
        world.run(for: .seconds(1))
        #expect(world.drops(.nobody) == 1 && world.drops(.closedPort) == 1)
        #expect(world.drops(.noRoute) == 1 && world.drops(.down) == 1)
    }

    @Test("who moves is found at the new address alone, and is told")
    func moving() throws {
        let away = Address.ipv4(try #require(IPv4Address("198.51.100.7")))
        let path = try #require(Path(away, port: 4342))
        let world = World.ofProbes(2) { $0.peers.append(path) }
        world.send(1)
        world.setAddresses([away], of: 1)
        world.send(2)
        world.send(3, to: 2)
        world.send(4, from: 1, to: 0)
        world.run(for: .seconds(1))
        #expect(world.members[1].locators == [away])
        #expect(world.numbers() == [3] && world.drops(.nobody) == 2)
        #expect(world.members[0].received.map(\.datagram.remote) == [path])
    }

    @Test("both families and other ports; the data port is the data port")
    func families() throws {
        let six = Address.ipv6(IPv6Address(high: 0x2001_0DB8 << 32, low: 7))
        let path = try #require(Path(six, port: 14_341))
        let world = World.ofProbes(2) {
            $0.peers.append(path)
            $0.port = .data
        }
        world.setAddresses(world.addresses(of: 1) + [six], of: 1)
        let other = Address.ipv6(IPv6Address(high: 0x2001_0DB8 << 32, low: 8))
        world.setAddresses(world.addresses(of: 0) + [other], of: 0)
        world.setPorts(of: 1, data: 14_341, control: 14_342)
        world.send(1, to: 2)
        world.run(for: .seconds(1))
        let datagram = try #require(world.members[1].received.first?.datagram)
        #expect(datagram.port == .data && datagram.remote == Path(other, port: 4341))
        #expect(world.traffic(of: 0).octetsOut == 40 && world.traffic(of: 0).wireOctetsOut == 88)
        #expect(world.traffic(of: 1).octetsIn == 40 && world.traffic(of: 1).wireOctetsIn == 88)
    }

    @Test("an unverified path is counted until its owner has answered")
    func contacts() throws {
        let world = World.ofProbes(2)
        let (first, second) = (world.members[0].peers[0], world.members[0].peers[1])
        world.inject([1, 2, 3], from: second, to: first)
        world.send(1)
        world.send(2)
        world.run(for: .seconds(1))
        var contact = world.contact(of: 0, with: second)
        #expect(contact.octetsIn == 3 && contact.datagramsIn == 1)
        #expect(contact.octetsOut == 80 && contact.datagramsOut == 2 && !contact.hasAnswered)
        world.send(3, from: 1, to: 0)
        world.run(for: .seconds(1))
        world.send(4)
        contact = world.contact(of: 0, with: second)
        #expect(contact.hasAnswered && contact.datagramsOut == 2 && contact.datagramsIn == 2)
        #expect(world.contacts(of: 0).map(\.path) == [second])
    }

    @Test("each fault of the outsider injects, and only forgeries")
    func outsider() {
        let all: [WritableKeyPath<Outsider.Settings, Chance>] = [
            \.replay, \.replayLater, \.replayFromElsewhere, \.misdirect, \.flip, \.mutate, \.invent,
        ]
        for path in all {
            let world = World.ofProbes(2)
            var settings = Outsider.Settings()
            settings[keyPath: path] = .always
            world.setOutsider(settings)
            var forged = 0
            world.hooks.delivered = { _, packet, _ in
                if packet.isForged { forged += 1 }
                #expect(packet.isForged == (packet.sender == nil))
            }
            world.stream(50)
            world.run(for: .hours(1))
            #expect(forged == 50 && world.outsider.injected == 50)
            #expect(world.numbers().compactMap(\.self).count >= 50)
        }
    }
}
