import Clocks
import Cryptography
import Trust

/// Where packets go: an address, from which of our ports, and whether a relay passes them on.
struct Route: Hashable, Sendable {
    var path: Path
    var port = LocalPort.data
    var isRelayed = false
}

/// A route and what is known of it.
struct Way: Sendable {
    var route: Route
    /// The node has answered there; until then 3 octets may be sent for each received.
    var provedUntil: Moment?
    var received = 0
    var sent = 0
    /// What the node must repeat.
    var challenge: [UInt8]?
    var challengedAt = Moment.start
    /// When something last came along it.
    var heardAt = Moment.start

    init(_ route: Route) { self.route = route }

    func isProved(at now: Moment) -> Bool { provedUntil.map { now < $0 } ?? false }

    mutating func prove(at now: Moment) {
        provedUntil = now + SessionLimit.proofLife
        challenge = nil
    }
}

/// A session that was answered, and is nothing until a packet under its keys comes.
struct HalfOpen: Sendable {
    var keys: SessionKeys
    var route: Route
    /// The same opener came from elsewhere too: who confirms need not be where it came from first.
    var isAmbiguous = false
    /// Its opener's stamp was not above the node's last.
    let isDoubtful: Bool
    /// Which opener it answers, and how; the same answer is sent to the same opener.
    let openerMAC: [UInt8]
    let answer: [UInt8]
    let bootID: [UInt8]
    let incarnation: UInt32?
    let clock: ClockReading
    let answeredAt: Moment
    var wasAnsweredOnce = true
}

/// A handshake that this node began. What does not change stands in a box.
struct Opening: Sendable {
    final class Offer: Sendable {
        let handshake: NoiseHandshake
        /// From the form to mac1.
        let octets: [UInt8]
        let index: UInt32
        let remoteKey: X25519.PublicKey
        let startedAt: Moment
        let recordVersion: Int
        let hasRecord: Bool

        init(
            _ handshake: NoiseHandshake, octets: [UInt8], index: UInt32,
            remoteKey: X25519.PublicKey, startedAt: Moment, recordVersion: Int, hasRecord: Bool
        ) {
            self.handshake = handshake
            self.octets = octets
            self.index = index
            self.remoteKey = remoteKey
            self.startedAt = startedAt
            self.recordVersion = recordVersion
            self.hasRecord = hasRecord
        }
    }

    let offer: Offer
    /// Where it was sent so far.
    var routes: [Route] = []
    var sends = 0
    var lastSent = Moment.start
    var cookie: [UInt8]?
    var cookieUntil = Moment.start

    /// An opener is sent again octet for octet for this long; then a new one is made.
    static let life = Span.seconds(10)
}

/// A payload that waits for a session.
struct Waiting: Sendable {
    let payload: Payload
    let lane: UInt8
    let until: Moment
    /// Its place among the early packets of the opener that was sent.
    var earlyNumber: Int?
}

/// Everything that a node knows of sessions with one other.
struct PeerEntry: Sendable {
    let node: NodeID
    var current: SessionKeys?
    /// From before the last rotation; opens what was on the way.
    var previous: SessionKeys?
    /// At most two: one of a fresh opener, one of a doubtful one.
    var halfOpen: [HalfOpen] = []
    var opening: Opening?
    /// Openers since the last answer.
    var attempt = 0
    var nextAttempt = Moment.start
    var way: Way?
    /// Where packets went before, while the present way is not proved.
    var former: Way?
    var moveDecision: Moment?
    var moveTries = 0
    var queue: [Waiting] = []
    /// Of the node's openers, the greatest: mesh time.
    var lastStamp: UInt64 = 0
    var lastDoubtful: Moment?
    var bootID: [UInt8] = []
    var incarnation: UInt32?
    /// Which of our node records it has answered to.
    var knownRecord = -1
    var lastSent: Moment?
    var lastReceived: Moment?
    var lastUsed = Moment.start
    var nextSilenceProbe = Moment.start
    var silences = 0
    var packetsSent: UInt64 = 0
    var packetsReceived: UInt64 = 0
    var octetsSent: UInt64 = 0
    var octetsReceived: UInt64 = 0
    var roundTrip: Span?
    /// One, or none while there was too little traffic: most peers need none, and an entry is small.
    var loss: [LossMeter] = []
    /// Somebody needs a session, or a new one.
    var isWanted = false
    /// Data has passed: packet threads shall have its keys.
    var isForwarded = false
    /// Something changed that packet threads must hear of.
    var isChanged = false
    /// How often the peer took another process for this one. It stands here because there is room for it.
    var replacements: UInt8 = 0
    /// Nothing but ``nextAttempt`` is a reason to call it.
    var isHeld = false
    /// The timer that is set for it.
    var scheduled = Moment.never

    init(_ node: NodeID) { self.node = node }

    /// RFC 6298 §2's smoothing.
    mutating func measure(_ sample: Span) {
        guard sample >= .zero else { return }
        roundTrip = roundTrip.map { $0 + (sample - $0) / 8 } ?? sample
    }
}
