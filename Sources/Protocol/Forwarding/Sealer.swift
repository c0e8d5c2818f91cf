package import Clocks
import LISP
import Sessions

/// Seals packets of this host where they stand. One thread owns it, and lane 1 of every session with it.
package struct Sealer {
    package let drops: DropCounts
    /// The last flow: most packets are of the flow of the one before.
    private var last = Flow()

    private struct Flow {
        var table: UInt64 = 0
        var source = InnerAddress(high: 0, low: 0, space: 0)
        var destination = InnerAddress(high: 0, low: 0, space: 0)
        var flow: UInt64 = 0
        var slot = -1
    }

    /// LISP header, form and index, counter; a tag comes behind.
    package static let head = 20
    package static let tag = 16
    /// What must be free in front of a packet, and behind it.
    package static let headroom = 64
    package static let tailroom = 16
    /// What UDP over IPv4 holds, less head and tag.
    private static let largest = 65_507 - head - tag
    private static let firstWord: UInt32 = 0x0900_0000

    /// - Parameter drops: where it counts; another thread may read them.
    package init(drops: DropCounts = DropCounts()) { self.drops = drops }

    /// - Parameters:
    ///   - packet: with ``headroom`` in front of it and ``tailroom`` behind it, both the caller's.
    ///   - instance: of the TUN device.
    package mutating func seal(
        _ packet: UnsafeMutableRawBufferPointer, instance: UInt32 = 0, at now: Moment,
        using table: ForwardingTable
    ) -> Verdict {
        // What is read of it here are bare addresses.
        defer { withExtendedLifetime(table) {} }
        guard let inner = InnerPacket(UnsafeRawBufferPointer(packet), instance: instance),
            let base = packet.baseAddress
        else { return drop(.malformed) }
        if last.table != table.number || last.flow != inner.flow
            || last.destination != inner.destination || last.source != inner.source
        {
            // The node knows who may send, and answers everything rare.
            guard !inner.destination.isMulticast, instance < DataHeader.controlInstance,
                table.flows.isHere(inner.source) == true
            else { return .consult }
            switch table.flows.route(to: inner.destination, flow: inner.flow) {
            case .unknown: return .consult
            case .here: return .deliver(size: packet.count, instance: instance)
            case .nowhere: return now < table.flowsUntil ? drop(.noMapping) : .consult
            case .session(let slot):
                last = Flow(
                    table: table.number, source: inner.source, destination: inner.destination,
                    flow: inner.flow, slot: slot)
            }
        }
        guard now < table.flowsUntil, let row = table.sessions.sealing(last.slot),
            now < row.pointee.until, let lane = row.pointee.lane, packet.count <= Self.largest
        else { return .consult }
        guard packet.count <= row.pointee.mtu else {
            return row.pointee.isMeasured ? .tooBig(mtu: row.pointee.mtu) : .consult
        }
        let isCut = packet.count > row.pointee.whole
        // IPv4's hosts can make them smaller.
        guard !isCut || !inner.isIPv4 else { return .tooBig(mtu: row.pointee.whole) }
        // The packet itself is octets of a seal soon.
        let source: Outgoing.Source =
            row.pointee.isSpread
            ? .flow(inner.sourcePort(UnsafeRawBufferPointer(packet))) : .fixed
        let size = Self.head + packet.count + Self.tag
        guard let counter = lane.pointee.take(size, at: now) else { return .consult }
        let head = base - Self.head
        head.storeBytes(of: Self.firstWord.bigEndian, as: UInt32.self)
        head.storeBytes(of: (instance << 8).bigEndian, toByteOffset: 4, as: UInt32.self)
        head.storeBytes(of: lane.pointee.form.bigEndian, toByteOffset: 8, as: UInt32.self)
        head.storeBytes(of: counter.bigEndian, toByteOffset: 12, as: UInt64.self)
        lane.pointee.context.seal(
            head, headSize: Self.head, size: packet.count, counter: counter)
        let outer = inner.fields.encapsulated
        return .send(
            Outgoing(
                size: size, path: row.pointee.path, port: .data, trafficClass: outer.trafficClass,
                timeToLive: outer.timeToLive,
                source: source, isCut: isCut))
    }

    private func drop(_ reason: DropReason) -> Verdict {
        drops.count(reason)
        return .drop(reason)
    }
}
