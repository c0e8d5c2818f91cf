import Clocks
import Cryptography
import LISP
import Laboratory

/// What one handshake gave: two keys, with the counters of what was sent and seen under them.
///
///     03 | receiver:24 | counter: lane:8 sequence:56 | ciphertext | tag:128
struct SessionKeys: Sendable {
    let cipher: PacketCipher
    let sendKey: [UInt8]
    let receiveKey: [UInt8]
    /// What the peer puts in front of packets to us, and we of packets to it: 24 bits.
    let localIndex: UInt32
    let remoteIndex: UInt32
    let isInitiator: Bool
    /// When the handshake was complete on this side.
    let since: Moment
    /// How many data lanes each side takes.
    let remoteLanes: UInt8
    let localLanes: UInt8
    /// The next sequence of the control lane, then of the data lanes that were used.
    private var sequences: [UInt64] = [0]
    /// Of the control lane, then of the data lanes as far as packets came.
    private var windows: [ReplayWindow] = []
    private var sealed: UInt64 = 0
    private var opened: UInt64 = 0
    /// What packet threads seal and open in place of the sessions, and what is known of that.
    private let ledger = LaneLedger()

    static let controlLane: UInt8 = 255
    /// Form, index and counter.
    static let headSize = 12
    /// Sequences have 56 bits.
    private static let sequenceMask: UInt64 = 1 << 56 - 1

    init(
        _ cipher: PacketCipher, send: [UInt8], receive: [UInt8], local: UInt32, remote: UInt32,
        isInitiator: Bool, since: Moment, localLanes: UInt8, remoteLanes: UInt8
    ) {
        self.cipher = cipher
        sendKey = SessionSecret.packetKey(send, cipher)
        receiveKey = SessionSecret.packetKey(receive, cipher)
        localIndex = local
        remoteIndex = remote
        self.isInitiator = isInitiator
        self.since = since
        self.localLanes = localLanes
        self.remoteLanes = remoteLanes
    }

    /// Packets under these keys, whoever sealed and opened them.
    var sent: UInt64 {
        ledger.withLent(else: sealed) { lent in
            lent.sending.reduce(sealed) { $0 &+ $1.counts.packets }
        }
    }
    var received: UInt64 {
        ledger.withLent(else: opened) { opened &+ ($0.receiving?.counts.packets ?? 0) }
    }

    /// How many packets the peer has sealed under these keys, as far as their sequences tell, and how many
    /// of those have come.
    var arrived: (expected: UInt64, received: UInt64) {
        let span = windows.reduce(0) { $0 &+ $1.span }
        return ledger.withLent(else: (span, opened)) { lent in
            guard let lanes = lent.receiving else { return (span, opened) }
            // In this order.
            let expected = lanes.state.pointee.expected.load(ordering: .acquiring)
            return (span &+ expected, opened &+ lanes.counts.packets)
        }
    }

    func maySeal(at now: Moment, _ life: KeyLife) -> Bool {
        sent < life.refusePackets && (now < since + life.refuseAfter || isPlanted(.oldKeysStay))
    }

    func mayOpen(at now: Moment, _ life: KeyLife) -> Bool {
        (received < life.refusePackets && now < since + life.refuseAfter)
            || isPlanted(.oldKeysStay)
    }

    /// Whether traffic under them is a reason to make new ones.
    func isRotationDue(at now: Moment, _ life: KeyLife) -> Bool {
        // The side that answered waits a little longer, so that seldom both begin.
        let age = isInitiator ? life.rotateAfter : life.rotateAfter + life.rotateAfter / 8
        return now >= since + age || sent > life.rotatePackets
    }

    /// Seals a packet, with its head.
    /// - Parameter lane: below 16, or ``controlLane``.
    mutating func seal(
        _ plaintext: [UInt8], lane: UInt8, instance: UInt32, on port: LocalPort
    ) -> [UInt8] {
        let isControl = lane == Self.controlLane
        let wanted = isControl ? lane : lane % max(remoteLanes, 1)
        // Lane 0 is never lent.
        let number = isControl || wanted == 0 || ledger.use(wanted) ? wanted : 0
        let place = isControl ? 0 : Int(number) + 1
        while sequences.count <= place { sequences.append(0) }
        let counter = UInt64(number) << 56 | sequences[place] & Self.sequenceMask
        if !isPlanted(.counterRepeats) { sequences[place] += 1 }
        sealed += 1
        let index = UInt32(SessionForm.packet.rawValue) << 24 | remoteIndex
        let offset = SessionHead.size(on: port)
        return cipher.packet(
            headSize: offset + Self.headSize, plaintext: plaintext, key: sendKey, counter: counter
        ) { head in
            switch port {
            case .data:
                head.storeBytes(of: SessionHead.dataWord.bigEndian, as: UInt32.self)
                head.storeBytes(
                    of: (instance << 8).bigEndian, toByteOffset: 4, as: UInt32.self)
            case .control:
                head.storeBytes(of: SessionHead.controlWord.bigEndian, as: UInt32.self)
            }
            head.storeBytes(of: index.bigEndian, toByteOffset: offset, as: UInt32.self)
            head.storeBytes(of: counter.bigEndian, toByteOffset: offset + 4, as: UInt64.self)
        }
    }

    /// Opens a packet of this session.
    /// - Parameter offset: where its form stands.
    /// - Returns: `nil` if it was seen before, is too old, or its tag is wrong.
    mutating func open(
        _ packet: [UInt8], at offset: Int
    ) -> (plaintext: [UInt8], lane: UInt8, isNewest: Bool)? {
        guard packet.count >= offset + Self.headSize + PacketCipher.tagSize else { return nil }
        let counter: UInt64 = packet.number(at: offset + 4, size: 8)
        let lane = UInt8(truncatingIfNeeded: counter >> 56)
        let sequence = counter & Self.sequenceMask
        guard lane == Self.controlLane || lane < localLanes else { return nil }
        let place = lane == Self.controlLane ? 0 : Int(lane) + 1
        guard lane == Self.controlLane || !ledger.hasLentWindows,
            place >= windows.count || windows[place].accepts(sequence),
            let plaintext = cipher.open(
                packet, headSize: offset + Self.headSize, key: receiveKey, counter: counter)
        else { return nil }
        while windows.count <= place { windows.append(ReplayWindow()) }
        opened += 1
        return (plaintext, lane, windows[place].mark(sequence))
    }
}

// What packet threads are lent.
extension SessionKeys {
    /// Lends a data lane for sealing, for as long as the keys live: whoever has it owns its counters, and
    /// no copy of these keys lends it again.
    /// - Returns: `nil` if the peer does not take the lane, or it is in use.
    func lend(_ lane: UInt8, _ life: KeyLife) -> SendLane? {
        guard lane > 0, lane < min(remoteLanes, SessionLimit.lanes),
            ledger.lend(lane) || isPlanted(.laneLentTwice)
        else { return nil }
        let lent = SendLane(
            cipher, key: sendKey, remote: remoteIndex, lane: lane, limit: life.refusePackets)
        ledger.note(lent)
        return lent
    }

    /// The lane, if it was lent.
    func lent(_ lane: UInt8) -> SendLane? {
        ledger.withLent(else: nil) { $0.sending.first { $0.lane == lane } }
    }

    /// The windows, if they were lent.
    var lentWindows: ReceiveLanes? { ledger.withLent(else: nil) { $0.receiving } }

    /// Lends the opening of data packets, with what was seen so far. From then on nobody else opens one.
    mutating func lendWindows(_ life: KeyLife) -> ReceiveLanes? {
        guard ledger.lendWindows() else { return nil }
        let lent = ReceiveLanes(
            cipher, key: receiveKey, windows: [ReplayWindow](windows.dropFirst()),
            lanes: localLanes, limit: life.refusePackets)
        windows.removeLast(max(0, windows.count - 1))
        ledger.note(lent)
        return lent
    }

    var hasLentWindows: Bool { ledger.hasLentWindows }

    /// The keys are not used any more, whatever a thread still holds of them.
    func endLanes() {
        ledger.withLent(else: ()) { lent in
            for lane in lent.sending { lane.end() }
            lent.receiving?.end()
        }
    }

    /// What went over lent lanes since this was asked last.
    func takeTraffic() -> (sent: LaneCounts, received: LaneCounts) {
        ledger.withLent(else: (LaneCounts(), LaneCounts())) { lent in
            var sent = LaneCounts()
            for lane in lent.sending {
                let counts = lane.counts
                sent.packets &+= counts.packets
                sent.octets &+= counts.octets
                sent.last = max(sent.last, counts.last)
            }
            let received = lent.receiving?.counts ?? LaneCounts()
            defer { lent.noted = (sent, received) }
            return (sent.since(lent.noted.sent), received.since(lent.noted.received))
        }
    }
}

extension LaneCounts {
    fileprivate func since(_ before: LaneCounts) -> LaneCounts {
        LaneCounts(
            packets: packets &- before.packets, octets: octets &- before.octets, last: last)
    }
}

/// How long keys are good: what every packet needs of ``SessionSettings``, and no reference.
struct KeyLife: Sendable {
    let rotateAfter: Span
    let refuseAfter: Span
    let rotatePackets: UInt64
    let refusePackets: UInt64

    init(_ settings: SessionSettings) {
        rotateAfter = settings.rotateAfter
        refuseAfter = settings.refuseAfter
        rotatePackets = settings.rotatePackets
        refusePackets = settings.refusePackets
    }
}
