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
    private(set) var sent: UInt64 = 0
    private(set) var received: UInt64 = 0

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
        let number = isControl ? lane : lane % max(remoteLanes, 1)
        let place = isControl ? 0 : Int(number) + 1
        while sequences.count <= place { sequences.append(0) }
        let counter = UInt64(number) << 56 | sequences[place] & Self.sequenceMask
        if !isPlanted(.counterRepeats) { sequences[place] += 1 }
        sent += 1
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
        guard place >= windows.count || windows[place].accepts(sequence),
            let plaintext = cipher.open(
                packet, headSize: offset + Self.headSize, key: receiveKey, counter: counter)
        else { return nil }
        while windows.count <= place { windows.append(ReplayWindow()) }
        received += 1
        return (plaintext, lane, windows[place].mark(sequence))
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
