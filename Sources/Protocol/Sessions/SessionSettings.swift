package import Clocks
package import Cryptography

/// How sessions behave; the defaults are the mesh's rules, and only tests have others.
package struct SessionSettings: Hashable, Sendable {
    /// In order of preference. AES comes first where the processor helps; worlds that must be the same
    /// on every machine name their ciphers.
    package var ciphers: [PacketCipher] = PacketCipher.available
    /// How many data lanes this node opens, 1 to ``SessionLimit/lanes``.
    package var lanes: UInt8 = 16
    /// Whether data may go inside openers, and is taken from them.
    package var hasEarlyData = true
    /// New keys are made after this time or this many packets, if there is traffic.
    package var rotateAfter = Span.seconds(120)
    package var rotatePackets: UInt64 = 1 << 28
    /// Old keys are refused and erased.
    package var refuseAfter = Span.seconds(180)
    package var refusePackets: UInt64 = 1 << 30
    /// Between one opener and the next, while nobody answers.
    package var retries: [Span] = [.seconds(1), .seconds(2), .seconds(4)]
    /// After the first ones; doubles up to ``longestRetry``.
    package var laterRetry = Span.seconds(30)
    package var longestRetry = Span.minutes(10)
    /// A node that is sent this many openers in a second asks for cookies.
    package var openersUnderLoad = 200
    /// So does one with this many handshakes half done.
    package var halfOpenUnderLoad = 1_024

    package init() {}
}

/// What a peer can make grow, and how far.
package enum SessionLimit {
    /// Sessions; then the least recently used one goes. A mesh of 10,000 fits.
    package static let sessions = 16_384
    /// Handshakes that were answered and not confirmed: about 4 MB.
    package static let halfOpen = 4_096
    /// Joining sessions of all states: more guests than a node listens to.
    package static let joins = 512
    /// Data lanes; the control lane comes on top.
    package static let lanes: UInt8 = 16
    /// Data packets that wait for a session: the first of a flow, not a buffer.
    package static let queuedData = 3
    package static let dataWaits = Span.seconds(3)
    /// Control payloads that wait: a reconciliation's worth.
    package static let queuedControl = 64
    package static let controlWaits = Span.seconds(30)
    /// Of a datagram with early packets: fits every path (RFC 8200 §5).
    package static let openerSize = 1_280
    /// How long an unconfirmed session waits for its first packet: longer than the first four openers.
    package static let halfOpenLife = Span.seconds(15)
    /// How far an opener's stamp may be off for its early packets to count: milliseconds.
    package static let earlyWindow: UInt64 = 60_000
    /// How far a joiner's stamp may be off: milliseconds.
    package static let joinWindow: UInt64 = 600_000
    /// Of a path without an answer.
    package static let proofLife = Span.minutes(15)
    /// Within which a moved path must answer, if the old one does.
    package static let moveWait = Span.seconds(3)
    /// Octets sent to an address that has not answered, for each received from there.
    package static let amplification = 3
    /// Between packets under unknown keys that are looked at: whoever can forge an address makes this node
    /// call it no more often.
    package static let strayInterval = Span.seconds(1)
    /// Nodes that are called for one such packet; those behind one NAT have one address.
    package static let strayCalls = 4
    /// A cookie's secret.
    package static let cookieLife = Span.minutes(2)
}
