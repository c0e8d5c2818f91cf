package import Forwarding
import Synchronization

/// What this process could not pass on, by reason: any thread counts, the loop reads. A packet that goes
/// its way costs nothing here.
package final class PacketDrops: Sendable {
    package enum Reason: Int, CaseIterable, Sendable {
        /// A firewall of this host, or the kernel's own rules, forbade to send it.
        case forbidden
        /// This host had no way to where it should have gone.
        case unreachable
        /// This host had no room for it in time.
        case noRoom
        /// It was not sent for another reason.
        case notSent
        /// The kernel did not take it from the TUN device's side: the device is down.
        case notDelivered
        /// It came, and the threads had no time for it: the kernel dropped it.
        case notReceived
        /// It came, and the loop had no time for it.
        case notHandled
    }

    /// Of the thread that seals, and of the one that opens.
    package let sealing = DropCounts()
    package let opening = DropCounts()
    private nonisolated(unsafe) let counts: UnsafeMutablePointer<Atomic<UInt64>>

    package init() {
        counts = .allocate(capacity: Reason.allCases.count)
        for index in 0..<Reason.allCases.count { (counts + index).initialize(to: Atomic(0)) }
    }

    deinit {
        counts.deinitialize(count: Reason.allCases.count)
        counts.deallocate()
    }

    package func count(_ reason: Reason, _ times: Int = 1) {
        guard times > 0 else { return }
        counts[reason.rawValue].wrappingAdd(UInt64(times), ordering: .relaxed)
    }

    /// What was not sent. Too big is no loss: it is how the size of a path is found.
    /// - Parameter isTraffic: packets of this host. The node itself asks at addresses to which there may be no
    ///   way, to see whether there is one.
    package func count(_ outcome: borrowing SendOutcome, isTraffic: Bool) {
        guard outcome.lastReason != 0 else { return }
        count(.forbidden, outcome.forbidden)
        count(.noRoom, outcome.noRoom)
        count(.notSent, outcome.failed)
        if isTraffic { count(.unreachable, outcome.unreachable) }
    }

    /// All that there was of, since the process began.
    /// - Parameter lost: of mailboxes.
    package func byReason(lost: UInt64 = 0) -> [String: UInt64] {
        var all: [String: UInt64] = [:]
        for reason in DropReason.allCases {
            all[reason.name] = sealing[reason] + opening[reason]
        }
        for reason in Reason.allCases {
            all[reason.name] = counts[reason.rawValue].load(ordering: .relaxed)
        }
        all[Reason.notHandled.name, default: 0] += lost
        return all.filter { $0.value > 0 }
    }
}

// As programs read them, which they do not change.
extension PacketDrops.Reason {
    package var name: String {
        switch self {
        case .forbidden: "forbidden"
        case .unreachable: "unreachable"
        case .noRoom: "no_room"
        case .notSent: "not_sent"
        case .notDelivered: "not_delivered"
        case .notReceived: "not_received"
        case .notHandled: "not_handled"
        }
    }
}

extension DropReason {
    fileprivate var name: String {
        switch self {
        case .malformed: "malformed"
        case .noMapping: "no_mapping"
        case .replayed: "replayed"
        case .forged: "forged"
        case .oldKeys: "old_keys"
        case .foreignSource: "foreign_source"
        case .foreignDestination: "foreign_destination"
        case .congestion: "congestion"
        }
    }
}
