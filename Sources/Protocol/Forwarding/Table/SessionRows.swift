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
        /// What goes in one piece; not more than ``mtu`` but where that is less than IPv6 asks of every link.
        var whole = Int.max
        /// Larger ones are too big, and not just unheard of.
        var isMeasured = false
        var isSpread = false
    }

    /// How large inner packets may be on a path.
    package enum Limit: Sendable {
        /// Of those that are larger than `whole` the outer packet is cut into fragments.
        case known(Int, whole: Int = .max)
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
        /// But not what comes from another port there.
        var takesAnyPort = false
        var isCurrent = false

        /// The rule of `SessionTable.target(of:)`, for the path that packets come along.
        @inline(__always)
        func isExpected(from remote: Path) -> Bool {
            hasPath && path.host == remote.host && (path.port == remote.port || takesAnyPort)
        }
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
                case .known(let mtu, let whole):
                    (row.mtu, row.whole, row.isMeasured) = (mtu, whole, true)
                case .unknown(let mtu): row.mtu = mtu
                }
                row.isSpread = session.isSpread
                sealing[slot] = row
            }
            for receiving in session.receiving {
                // Indices are random, and this node's own choice.
                var place = Int(receiving.index) & (capacity - 1)
                while opening[place].lanes != nil { place = (place + 1) & (capacity - 1) }
                opening[place] = Opening(
                    lanes: receiving.lanes.state, until: receiving.openUntil,
                    index: receiving.index, slot: Int32(slot), path: session.path ?? nowhere,
                    hasPath: session.path != nil, takesAnyPort: session.takesAnyPort,
                    isCurrent: receiving.isCurrent)
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
