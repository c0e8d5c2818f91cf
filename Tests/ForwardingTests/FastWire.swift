import Clocks
import Cryptography
import Forwarding
import LISP
import TestKit

@testable import Sessions

/// Two hosts and one session between them, with their tables made by hand.
struct FastWire {
    static let here = IPv6Address(high: 0xFD00 << 48, low: 1)
    static let there = IPv6Address(high: 0xFD00 << 48, low: 2)
    static let here4 = IPv4Address(rawValue: 0x0A80_0001)
    static let there4 = IPv4Address(rawValue: 0x0A80_0002)
    static let foreign = IPv6Address(high: 0xFD00 << 48, low: 3)
    static let path = Path(IPv4Address(rawValue: 0xC000_0201), port: 4341)
    static let now = Moment(microseconds: 5)

    var sealer = Sealer()
    var opener = Opener()
    var near: ForwardingTable
    var far: ForwardingTable
    var buffer = Room()

    init(
        _ sender: ForwardedSession, _ receiver: ForwardedSession, mtu: Int = 1400,
        whole: Int = .max, flowsUntil: Moment = .never
    ) {
        near = Self.table(
            sender, own: [Self.eid(Self.here), Self.eid(Self.here4)], mtu, flowsUntil,
            whole: whole)
        far = Self.table(
            receiver, own: [Self.eid(Self.there), Self.eid(Self.there4)], mtu, flowsUntil)
    }

    init(_ cipher: PacketCipher, mtu: Int = 1400) {
        let sample = SessionSample(
            cipher, secret: [UInt8](repeating: 9, count: 32), path: Self.path)
        self.init(sample.sender, sample.receiver, mtu: mtu)
    }

    static func eid(_ address: IPv6Address) -> EID { EID(.ipv6(Prefix(host: address))) }
    static func eid(_ address: IPv4Address) -> EID { EID(.ipv4(Prefix(host: address))) }

    /// The session has slot 3.
    static func table(
        _ session: ForwardedSession, own: [EID], _ mtu: Int = 1400, _ flowsUntil: Moment = .never,
        whole: Int = .max
    ) -> ForwardingTable {
        var contents = FlowTable.Contents(seed: 77)
        contents.own = own.compactMap { OwnRange($0) }
        contents.routes = [
            .init(
                to: InnerAddress(there, instance: 0), isHere: false, shares: [(slot: 3, weight: 1)]),
            .init(
                to: InnerAddress(there4, instance: 0), isHere: false,
                shares: [(slot: 3, weight: 1)]),
            .init(to: InnerAddress(foreign, instance: 0), isHere: false, shares: []),
        ]
        contents.sources = [
            .init(InnerAddress(here, instance: 0), slot: 3, isRight: true),
            .init(InnerAddress(here4, instance: 0), slot: 3, isRight: true),
            .init(InnerAddress(foreign, instance: 0), slot: 3, isRight: false),
        ]
        return ForwardingTable(
            FlowTable(contents),
            SessionRows([nil, nil, nil, session]) { _ in .known(mtu, whole: whole) },
            flowsUntil: flowsUntil)
    }

    /// Seals a packet.
    mutating func seal(_ packet: [UInt8], at now: Moment = now) -> (Verdict, [UInt8]) {
        buffer.put(packet)
        let verdict = sealer.seal(buffer.packet(packet.count), at: now, using: near)
        guard case .send(let outgoing) = verdict else { return (verdict, []) }
        return (verdict, buffer.datagram(outgoing.size))
    }

    /// - Returns: the packet too, as far as it was opened.
    mutating func open(
        _ datagram: [UInt8], from remote: Path = path, class trafficClass: UInt8 = 0,
        ttl: UInt8 = 64, at now: Moment = now
    ) -> (Verdict, [UInt8]) {
        // Exactly as many octets, so that a read beyond them is found.
        let room = UnsafeMutableRawBufferPointer.allocate(byteCount: datagram.count, alignment: 1)
        defer { room.deallocate() }
        room.copyBytes(from: datagram)
        let verdict = opener.open(
            room, remote: remote, trafficClass: trafficClass, timeToLive: ttl, at: now, using: far)
        switch verdict {
        case .deliver(let size, _), .explain(let size, _, _):
            return (verdict, [UInt8](room[Opener.head..<Opener.head + size]))
        default: return (verdict, [UInt8](room))
        }
    }

    static func ipv6(
        from source: IPv6Address = here, to destination: IPv6Address = there, size: Int = 100,
        class trafficClass: UInt8 = 0, ttl: UInt8 = 64, next: UInt8 = 59
    ) -> [UInt8] {
        IPv6Header(
            trafficClass: trafficClass, flowLabel: 5, payloadLength: UInt16(size - 40),
            nextHeader: next, hopLimit: ttl, source: source, destination: destination
        ).octets() + (0..<size - 40).map { UInt8(truncatingIfNeeded: $0) }
    }

    static func ipv4(
        from source: IPv4Address = here4, to destination: IPv4Address = there4, size: Int = 100,
        class trafficClass: UInt8 = 0, ttl: UInt8 = 64, protocol: UInt8 = 17,
        fragment: UInt16 = 0x4000
    ) -> [UInt8] {
        var header = IPv4Header(
            trafficClass: trafficClass, totalLength: UInt16(size), identification: 9,
            fragment: fragment, ttl: ttl, protocol: `protocol`, checksum: 0, source: source,
            destination: destination)
        header.checksum = header.expectedChecksum
        return header.octets() + (0..<size - 20).map { UInt8(truncatingIfNeeded: $0) }
    }
}

/// A packet with what must be free around it, and guards around that.
final class Room {
    private let room = UnsafeMutableRawBufferPointer.allocate(byteCount: 70_000, alignment: 1)

    deinit { room.deallocate() }

    func put(_ packet: [UInt8]) {
        UnsafeMutableRawBufferPointer(rebasing: room[Sealer.headroom...]).copyBytes(from: packet)
    }

    func packet(_ size: Int) -> UnsafeMutableRawBufferPointer {
        UnsafeMutableRawBufferPointer(rebasing: room[Sealer.headroom..<Sealer.headroom + size])
    }

    func datagram(_ size: Int) -> [UInt8] {
        [UInt8](room[Sealer.headroom - Sealer.head..<Sealer.headroom - Sealer.head + size])
    }
}
