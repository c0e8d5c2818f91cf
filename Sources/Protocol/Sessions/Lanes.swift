package import Clocks
package import Cryptography
import Laboratory
import Synchronization

/// Which lanes of a key are whose. All copies of the key share it, so that whatever is copied, a lane is
/// lent once.
final class LaneLedger: Sendable {
    /// Bits 0 to 15: lanes that the sessions themselves have sealed on; from bit 16: lanes that are lent;
    /// bit 32: the windows of what is received.
    private let taken = Atomic<UInt64>(0)

    private static let windows: UInt64 = 1 << 32
    /// Few keys lend anything.
    private let lent = Mutex<Lent?>(nil)

    /// What was lent, and what is known of its use; touched under the lock alone.
    final class Lent: @unchecked Sendable {
        var sending: [SendLane] = []
        var receiving: ReceiveLanes?
        /// Of ``SessionKeys/takeTraffic()``.
        var noted = (sent: LaneCounts(), received: LaneCounts())
    }

    /// - Parameter missing: what there is for whom nothing was lent to.
    func withLent<Result>(else missing: Result, _ body: (Lent) -> Result) -> Result
    where Result: Sendable {
        guard taken.load(ordering: .relaxed) >> 16 != 0 else { return missing }
        guard let known = lent.withLock({ $0 }) else { return missing }
        return lent.withLock { _ in body(known) }
    }

    func note(_ lane: SendLane) {
        lent.withLock {
            let all = $0 ?? Lent()
            all.sending.append(lane)
            $0 = all
        }
    }

    func note(_ lanes: ReceiveLanes) {
        lent.withLock {
            let all = $0 ?? Lent()
            all.receiving = lanes
            $0 = all
        }
    }

    /// - Parameter lane: below 16.
    /// - Returns: whether the lane is the caller's now: nobody had it before.
    func lend(_ lane: UInt8) -> Bool {
        take(1 << (UInt64(lane) + 16), unless: 1 << UInt64(lane) | 1 << (UInt64(lane) + 16))
    }

    /// - Returns: whether the sessions may seal on the lane: it is not lent.
    func use(_ lane: UInt8) -> Bool {
        take(1 << UInt64(lane), unless: 1 << (UInt64(lane) + 16))
    }

    func lendWindows() -> Bool { take(Self.windows, unless: Self.windows) }

    var hasLentWindows: Bool { taken.load(ordering: .relaxed) & Self.windows != 0 }

    private func take(_ bit: UInt64, unless excluded: UInt64) -> Bool {
        var known = taken.load(ordering: .relaxed)
        while known & excluded == 0 {
            let (isDone, found) = taken.compareExchange(
                expected: known, desired: known | bit, ordering: .acquiringAndReleasing)
            if isDone { return true }
            known = found
        }
        return false
    }
}

/// The right to seal data packets on one lane of one key, lent to one thread for as long as the key
/// lives. The sessions read its counts.
package final class SendLane: Sendable {
    /// Where the thread works, without counting references.
    package nonisolated(unsafe) let state: UnsafeMutablePointer<State>

    package struct State: ~Copyable {
        package let context: PacketContext
        /// Form and receiver's index, as they stand in a packet.
        package let form: UInt32
        let lane: UInt8
        /// Packets that may be sealed on it.
        let limit: UInt64
        let next = Atomic<UInt64>(0)
        let octets = Atomic<UInt64>(0)
        let last = Atomic<Int64>(.min)
        let isEnded = Atomic<Bool>(false)

        /// The counter of the next packet; each is given once, whoever asks. Only the lane's own thread
        /// may ask.
        /// - Parameter size: of the whole datagram.
        /// - Returns: `nil` if the session has ended or the key is used up.
        package func take(_ size: Int, at now: Moment) -> UInt64? {
            guard !isEnded.load(ordering: .relaxed), next.load(ordering: .relaxed) < limit else {
                return nil
            }
            // Two threads on one lane would be a mistake; even then no number is given twice.
            let sequence =
                isPlanted(.lentCounterRepeats)
                ? next.load(ordering: .relaxed) : next.wrappingAdd(1, ordering: .relaxed).oldValue
            octets.store(
                octets.load(ordering: .relaxed) &+ UInt64(truncatingIfNeeded: size),
                ordering: .relaxed)
            last.store(now.microseconds, ordering: .relaxed)
            return UInt64(lane) << 56 | sequence
        }

        init(_ context: PacketContext, remote: UInt32, lane: UInt8, limit: UInt64) {
            self.context = context
            form = UInt32(SessionForm.packet.rawValue) << 24 | remote
            self.lane = lane
            self.limit = limit
        }
    }

    init(_ cipher: PacketCipher, key: [UInt8], remote: UInt32, lane: UInt8, limit: UInt64) {
        state = .allocate(capacity: 1)
        let context = PacketContext(cipher, key: key)
        state.initialize(to: State(context, remote: remote, lane: lane, limit: limit))
    }

    deinit {
        state.pointee.context.erase()
        state.deinitialize(count: 1)
        state.deallocate()
    }

    /// Nothing is sealed on it any more.
    func end() { state.pointee.isEnded.store(true, ordering: .relaxed) }

    var lane: UInt8 { state.pointee.lane }
    var counts: LaneCounts {
        LaneCounts(
            packets: state.pointee.next.load(ordering: .relaxed),
            octets: state.pointee.octets.load(ordering: .relaxed),
            last: state.pointee.last.load(ordering: .relaxed))
    }
}

/// The right to open the data packets of one key, with what was seen of them so far: lent to one thread
/// for as long as the key lives.
package final class ReceiveLanes: Sendable {
    package nonisolated(unsafe) let state: UnsafeMutablePointer<State>

    package struct State: ~Copyable {
        package let context: PacketContext
        package let lanes: UInt8
        let limit: UInt64
        private let windows: UnsafeMutablePointer<LentWindow>
        let packets = Atomic<UInt64>(0)
        let octets = Atomic<UInt64>(0)
        let last = Atomic<Int64>(.min)
        /// Sequences up to the newest, of all lanes; written after ``packets``, so that who reads it before
        /// them sees nothing missing that has come.
        let expected = Atomic<UInt64>(0)
        let isEnded = Atomic<Bool>(false)

        /// Whether packets may still be opened under the key.
        package var isGood: Bool {
            !isEnded.load(ordering: .relaxed) && packets.load(ordering: .relaxed) < limit
        }

        /// - Parameter lane: below ``lanes``.
        package func accepts(_ sequence: UInt64, lane: UInt8) -> Bool {
            windows[Int(lane)].accepts(sequence)
        }

        /// A packet has verified; its sequence was accepted.
        /// - Parameter size: of the whole datagram.
        /// - Returns: whether it is the newest of its lane.
        package func mark(_ sequence: UInt64, lane: UInt8, size: Int, at now: Moment) -> Bool {
            packets.store(packets.load(ordering: .relaxed) &+ 1, ordering: .relaxed)
            octets.store(
                octets.load(ordering: .relaxed) &+ UInt64(truncatingIfNeeded: size),
                ordering: .relaxed)
            last.store(now.microseconds, ordering: .relaxed)
            let before = windows[Int(lane)].next
            let isNewest = windows[Int(lane)].mark(sequence)
            if isNewest {
                expected.store(
                    expected.load(ordering: .relaxed) &+ (sequence &+ 1 &- before),
                    ordering: .releasing)
            }
            return isNewest
        }

        init(_ context: PacketContext, windows seen: [ReplayWindow], lanes: UInt8, limit: UInt64) {
            self.context = context
            self.lanes = lanes
            self.limit = limit
            windows = .allocate(capacity: Int(lanes))
            for lane in 0..<Int(lanes) {
                let window = lane < seen.count ? LentWindow(seen[lane]) : LentWindow()
                (windows + lane).initialize(to: window)
                expected.wrappingAdd(window.next, ordering: .relaxed)
            }
        }

        deinit {
            for lane in 0..<Int(lanes) { windows[lane].free() }
            windows.deallocate()
        }
    }

    init(
        _ cipher: PacketCipher, key: [UInt8], windows: [ReplayWindow], lanes: UInt8, limit: UInt64
    ) {
        state = .allocate(capacity: 1)
        let context = PacketContext(cipher, key: key)
        state.initialize(to: State(context, windows: windows, lanes: lanes, limit: limit))
    }

    deinit {
        state.pointee.context.erase()
        state.deinitialize(count: 1)
        state.deallocate()
    }

    /// Nothing is opened with it any more.
    func end() { state.pointee.isEnded.store(true, ordering: .relaxed) }

    var counts: LaneCounts {
        LaneCounts(
            packets: state.pointee.packets.load(ordering: .relaxed),
            octets: state.pointee.octets.load(ordering: .relaxed),
            last: state.pointee.last.load(ordering: .relaxed))
    }
}

/// What went over lent lanes. The thread writes, the sessions read; the numbers need not be of one
/// moment.
struct LaneCounts: Sendable {
    var packets: UInt64 = 0
    var octets: UInt64 = 0
    /// Of the last packet, in microseconds; the least number: none.
    var last: Int64 = .min
}
