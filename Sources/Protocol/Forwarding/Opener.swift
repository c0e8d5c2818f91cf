package import Clocks
import LISP
import Laboratory
package import Sessions

/// Opens datagrams of the data port where they stand. One thread owns it, and the windows of every
/// session with it.
package struct Opener {
    package let drops: DropCounts
    /// The last packet that was opened came along another path than its session's packets go:
    /// `Event.heard`. To be looked at after each verdict.
    package private(set) var heard: Heard?

    /// In front of the packet.
    package static let head = Sealer.head
    private static let smallest = Sealer.head + Sealer.tag
    private static let firstWord: UInt32 = 0x0900_0000
    private static let form: UInt32 = 3

    /// - Parameter drops: where it counts; another thread may read them.
    package init(drops: DropCounts = DropCounts()) { self.drops = drops }

    /// - Parameters:
    ///   - datagram: what came on the data port.
    ///   - isRelayed: the node gave it back, out of a relay's.
    package mutating func open(
        _ datagram: UnsafeMutableRawBufferPointer, remote: Path, isRelayed: Bool = false,
        trafficClass: UInt8, timeToLive: UInt8, at now: Moment, using table: ForwardingTable
    ) -> Verdict {
        // What is read of it here are bare addresses.
        defer { withExtendedLifetime(table) {} }
        heard = nil
        guard datagram.count >= Self.smallest, let base = datagram.baseAddress,
            UInt32(bigEndian: base.loadUnaligned(as: UInt32.self)) == Self.firstWord
        else { return .consult }
        let second = UInt32(bigEndian: base.loadUnaligned(fromByteOffset: 4, as: UInt32.self))
        let third = UInt32(bigEndian: base.loadUnaligned(fromByteOffset: 8, as: UInt32.self))
        let counter = UInt64(bigEndian: base.loadUnaligned(fromByteOffset: 12, as: UInt64.self))
        let lane = UInt8(truncatingIfNeeded: counter >> 56)
        // What is no packet, what is the sessions' own, and what they may know of already.
        guard second & 0xFF == 0, third >> 24 == Self.form, lane != 255,
            let row = table.sessions.opening(third & 0xFF_FFFF), let lanes = row.pointee.lanes
        else { return .consult }
        guard now < row.pointee.until, lanes.pointee.isGood else { return drop(.oldKeys) }
        guard lane < lanes.pointee.lanes else { return drop(.forged) }
        let sequence = counter & (1 << 56 - 1)
        guard lanes.pointee.accepts(sequence, lane: lane) else { return drop(.replayed) }
        let sealed = datagram.count - Self.head
        guard
            lanes.pointee.context.open(
                base, headSize: Self.head, size: sealed, counter: counter)
        else { return drop(.forged) }
        let isNewest = lanes.pointee.mark(sequence, lane: lane, size: datagram.count, at: now)
        if row.pointee.isCurrent, isRelayed || !row.pointee.isExpected(from: remote) {
            heard = Heard(
                index: row.pointee.index, path: remote, isRelayed: isRelayed,
                size: datagram.count, isNewest: isNewest)
        }
        return explain(
            base + Self.head, size: sealed - Sealer.tag, instance: second >> 8, row,
            TunnelFields(timeToLive: timeToLive, trafficClass: trafficClass), at: now, table)
    }

    /// Whether an open packet may be delivered (trust.md 7).
    @inline(__always)
    private func explain(
        _ base: UnsafeMutableRawPointer, size: Int, instance: UInt32,
        _ row: UnsafeMutablePointer<SessionRows.Opening>, _ outer: TunnelFields, at now: Moment,
        _ table: ForwardingTable
    ) -> Verdict {
        guard instance < DataHeader.controlInstance,
            let inner = InnerPacket(
                UnsafeRawBufferPointer(start: base, count: size), instance: instance)
        else { return drop(.malformed) }
        guard inner.fields.decapsulate(base, from: outer) else { return drop(.congestion) }
        guard now < table.flowsUntil,
            let isRight = table.flows.isRight(inner.source, slot: Int(row.pointee.slot)),
            let isHere = table.flows.isHere(inner.destination)
        else { return .explain(size: size, instance: instance, index: row.pointee.index) }
        guard isRight || isPlanted(.innerSourceUnchecked) else { return drop(.foreignSource) }
        guard isHere else { return drop(.foreignDestination) }
        return .deliver(size: size, instance: instance)
    }

    private func drop(_ reason: DropReason) -> Verdict {
        drops.count(reason)
        return .drop(reason)
    }
}
