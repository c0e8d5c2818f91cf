package import Sessions
import Synchronization

/// What becomes of one packet.
package enum Verdict: Hashable, Sendable {
    /// A datagram lies ready, ``Sealer/head`` octets in front of where the packet began.
    case send(Outgoing)
    /// A packet for this host lies ready: where ``Sealer`` was given it, or ``Opener/head`` octets behind
    /// the beginning of the datagram.
    case deliver(size: Int, instance: UInt32)
    /// Nothing was touched: the node decides, by `Event.packet` or `Event.datagram`.
    case consult
    /// The packet is open and lies as with ``deliver(size:instance:)``, but whether it may be delivered is
    /// not known here: the node decides, by `Event.opened`.
    case explain(size: Int, instance: UInt32, index: UInt32)
    /// Nothing was touched. The most that goes through is `mtu`: ``ICMPTooBig``.
    case tooBig(mtu: Int)
    case drop(DropReason)
}

/// How a datagram is to be sent.
package struct Outgoing: Hashable, Sendable {
    /// Of the whole datagram.
    package var size: Int
    package var path: Path
    package var port: LocalPort
    /// Of the outer header.
    package var trafficClass: UInt8
    package var timeToLive: UInt8
    package var source: Source
    /// The way is known to be too narrow for it in one piece: it is to be cut into fragments.
    package var isCut: Bool

    /// Which port of this host it leaves from.
    package enum Source: Hashable, Sendable {
        /// ``Outgoing/port`` itself: behind a NAT another one is another path.
        case fixed
        /// Any of those that only send. The number is the same for all packets of a flow.
        case flow(UInt16)
    }
}

/// Why a packet goes nowhere.
package enum DropReason: UInt8, Hashable, Sendable, CaseIterable {
    /// No whole IP header.
    case malformed
    /// Nothing is mapped to its destination.
    case noMapping
    /// It was seen before, or is too old to tell.
    case replayed
    /// Its tag is wrong, or its lane was never offered.
    case forged
    /// Its keys have ended.
    case oldKeys
    /// Its inner source is not its sender's.
    case foreignSource
    /// It is for nobody here.
    case foreignDestination
    /// Congestion was met, and the inner packet cannot say so (RFC 6040).
    case congestion
}

/// What one packet thread dropped, by reason: it counts, others read.
package final class DropCounts: Sendable {
    private nonisolated(unsafe) let counts: UnsafeMutablePointer<Atomic<UInt64>>

    package init() {
        counts = .allocate(capacity: DropReason.allCases.count)
        for index in 0..<DropReason.allCases.count { (counts + index).initialize(to: Atomic(0)) }
    }

    deinit {
        counts.deinitialize(count: DropReason.allCases.count)
        counts.deallocate()
    }

    package subscript(reason: DropReason) -> UInt64 {
        counts[Int(reason.rawValue)].load(ordering: .relaxed)
    }

    func count(_ reason: DropReason) {
        let place = counts + Int(reason.rawValue)
        place.pointee.store(place.pointee.load(ordering: .relaxed) &+ 1, ordering: .relaxed)
    }
}
