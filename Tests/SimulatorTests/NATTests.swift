import Clocks
import LISP
import Sessions
import Simulator
import Testing

@Suite("Simulated NATs")
struct NATTests {
    /// Machine 0 is at home behind a NAT, 1 and 2 have public addresses.
    private func world(_ kind: NAT.Kind, hairpins: Bool = false) -> World<Probe> {
        let world = World.ofProbes(4)
        let nat = world.addNAT(
            kind, host: .ipv4(Self.public), timeout: .seconds(30), hairpins: hairpins)
        for machine in [0, 3] {
            let inner = IPv4Address(rawValue: 0xC0A8_0001 + UInt32(machine))
            world.setAddresses([.ipv4(inner)], of: machine, behind: nat)
        }
        return world
    }

    private static let `public` = IPv4Address(rawValue: 0xC633_6401)

    private func seen(_ world: World<Probe>, at machine: Int) -> Path? {
        world.members[machine].received.last?.datagram.remote
    }

    private func answers(_ world: World<Probe>, from machine: Int, to path: Path?) -> Bool {
        guard let path else { return false }
        let before = world.members[0].received.count
        let source = world.members[1].peers[machine]
        world.inject([9], from: source, to: path)
        world.run(for: .seconds(1))
        return world.members[0].received.count > before
    }

    @Test(
        "the source is the NAT's, and each kind lets in whom it should",
        arguments: NAT.Kind.allCases)
    func kinds(kind: NAT.Kind) throws {
        let world = world(kind)
        world.send(1, to: 1)
        world.run(for: .seconds(1))
        let path = try #require(seen(world, at: 1))
        #expect(path.address == .ipv4(Self.public))
        #expect(answers(world, from: 1, to: path))
        #expect(answers(world, from: 2, to: path) == (kind == .open))
        let otherPort = try #require(Path(world.addresses(of: 1)[0], port: 99))
        let before = world.members[0].received.count
        world.inject([9], from: otherPort, to: path)
        world.run(for: .seconds(1))
        let isHeard = world.members[0].received.count > before
        #expect(isHeard == (kind == .open || kind == .addressRestricted))
        world.send(2, to: 2)
        world.run(for: .seconds(1))
        #expect((seen(world, at: 2) == path) == (kind != .symmetric))
        #expect(answers(world, from: 2, to: seen(world, at: 2)))
    }

    @Test("mappings time out, and rebinding changes the port")
    func timeout() throws {
        let world = world(.open)
        world.send(1, to: 1)
        world.run(for: .seconds(29))
        let first = try #require(seen(world, at: 1))
        #expect(answers(world, from: 1, to: first))
        world.run(for: .seconds(2))
        #expect(!answers(world, from: 1, to: first))
        world.send(2, to: 1)
        world.run(for: .seconds(1))
        let second = try #require(seen(world, at: 1))
        #expect(second != first && answers(world, from: 1, to: second))
        world.rebind(0)
        #expect(!answers(world, from: 1, to: second))
        world.send(3, to: 1)
        world.run(for: .seconds(1))
        #expect(seen(world, at: 1) != second)
    }

    @Test("private addresses are reached from inside alone")
    func privateAddresses() throws {
        let world = world(.open)
        let inner = try #require(Path(world.addresses(of: 3)[0], port: 4342))
        world.inject([1], from: world.members[1].peers[1], to: inner)
        world.run(for: .seconds(1))
        #expect(world.members[3].received.isEmpty && world.drops(.nobody) == 1)
    }

    @Test(
        "inner machines meet through the public address only if it hairpins",
        arguments: [true, false])
    func hairpin(hairpins: Bool) throws {
        let world = world(.open, hairpins: hairpins)
        world.send(1, to: 1)
        world.run(for: .seconds(1))
        let path = try #require(seen(world, at: 1))
        // Machine 3 is told of the public path of 0 by having its only peer changed.
        let other = World.ofProbes(4) { $0.peers[0] = path }
        _ = other.addNAT(.open, host: .ipv4(Self.public), timeout: .seconds(30), hairpins: hairpins)
        for machine in [0, 3] {
            let address = IPv4Address(rawValue: 0xC0A8_0001 + UInt32(machine))
            other.setAddresses([.ipv4(address)], of: machine, behind: 0)
        }
        other.send(1, to: 1)
        other.run(for: .seconds(1))
        #expect(seen(other, at: 1) == path)
        other.send(2, from: 3, to: 0)
        other.run(for: .seconds(1))
        #expect(other.numbers(at: 0) == (hairpins ? [2] : []))
    }
}
