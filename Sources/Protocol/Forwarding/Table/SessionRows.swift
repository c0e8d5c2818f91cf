import Clocks
import LISP
package import Sessions

/// The sessions that packet threads seal and open with: by slot for sealing, by the receiver's index for
/// opening. Nothing is changed in it.
package final class SessionRows: Sendable {
    struct Sealing {
        var lane: UnsafeMutablePointer<SendLane.State>?
        var until = Moment.start
        var path: Path
        /// Of inner packets.
        var mtu = 0
        /// Larger ones are too big, and not just unheard of.
        var isMeasured = false
    }

    /// How large inner packets may be on a path.
    package enum Limit: Sendable {
        case known(Int)
        /// Nobody has tried; so much always passes.
        case unknown(atLeast: Int)
    }

    struct Opening {
        var lanes: UnsafeMutablePointer<ReceiveLanes.State>?
        var until = Moment.start
        var index: UInt32 = 0
        var slot: Int32 = 0
        var path: Path
        /// What comes from elsewhere is told to the node.
        var hasPath = false
        var isCurrent = false
    }

    private nonisolated(unsafe) let sealing: UnsafeMutableBufferPointer<Sealing>
    private nonisolated(unsafe) let opening: UnsafeMutableBufferPointer<Opening>
    /// Holds the lanes while their addresses are in use.
    private let sessions: [ForwardedSession?]

    /// - Parameters:
    ///   - sessions: by slot.
    ///   - limit: of the inner packets for a path.
    package init(_ sessions: [ForwardedSession?], limit: (Path) -> Limit) {
        self.sessions = sessions
        let nowhere = Path(0, port: 0)
        sealing = .allocate(capacity: sessions.count)
        sealing.initialize(repeating: Sealing(path: nowhere))
        let count = sessions.reduce(0) { $0 + ($1?.receiving.count ?? 0) }
        var capacity = 16
        while capacity < count * 2 { capacity *= 2 }
        opening = .allocate(capacity: capacity)
        opening.initialize(repeating: Opening(path: nowhere))
        for (slot, session) in sessions.enumerated() {
            guard let session else { continue }
            if let lane = session.sending, let path = session.path {
                var row = Sealing(lane: lane.state, until: session.sealUntil, path: path)
                switch limit(path) {
                case .known(let mtu): (row.mtu, row.isMeasured) = (mtu, true)
                case .unknown(let mtu): row.mtu = mtu
                }
                sealing[slot] = row
            }
            for receiving in session.receiving {
                // Indices are random, and this node's own choice.
                var place = Int(receiving.index) & (capacity - 1)
                while opening[place].lanes != nil { place = (place + 1) & (capacity - 1) }
                opening[place] = Opening(
                    lanes: receiving.lanes.state, until: receiving.openUntil,
                    index: receiving.index, slot: Int32(slot), path: session.path ?? nowhere,
                    hasPath: session.path != nil, isCurrent: receiving.isCurrent)
            }
        }
    }

    deinit {
        sealing.deallocate()
        opening.deallocate()
    }

    @inline(__always)
    func sealing(_ slot: Int) -> UnsafeMutablePointer<Sealing>? {
        guard slot >= 0, slot < sealing.count, let base = sealing.baseAddress,
            base[slot].lane != nil
        else { return nil }
        return base + slot
    }

    @inline(__always)
    func opening(_ index: UInt32) -> UnsafeMutablePointer<Opening>? {
        guard let base = opening.baseAddress else { return nil }
        var place = Int(index) & (opening.count - 1)
        while base[place].lanes != nil {
            if base[place].index == index { return base + place }
            place = (place + 1) & (opening.count - 1)
        }
        return nil
    }
}

extension Path {
    fileprivate init(_ host: UInt64, port: UInt16) {
        self.init(IPv6Address(high: 0, low: host), port: port)
    }
}
