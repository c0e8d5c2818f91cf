package import Clocks
package import Cryptography
package import LISP
package import Trust

/// Whom a session is with.
package enum Peer: Hashable, Sendable {
    case member(NodeID)
    /// A node that joins, or the member that a joining node talks to; by a number of this node alone.
    case joining(UInt32)
}

/// What a sealed packet holds.
package enum Payload: Hashable, Sendable {
    /// The plaintext of a packet of the control lane (Instance-ID 0xFFFFFF). The first octet is a kind;
    /// kinds 3 to 6 alone in a packet are the sessions' own, and so is an empty one.
    case control([UInt8])
    /// A packet of the overlay, with its 24-bit Instance-ID.
    case data([UInt8], instance: UInt32)

    package var size: Int {
        switch self {
        case .control(let octets), .data(let octets, _): return octets.count
        }
    }

    package var isData: Bool {
        if case .data = self { return true }
        return false
    }
}

/// When something happens, on the two clocks that sessions need.
package struct SessionTime: Hashable, Sendable {
    package var moment: Moment
    /// Milliseconds since 1970.
    package var meshTime: UInt64
    /// What this node announces to its peers: its mesh time, and how far it can be believed.
    package var clock: ClockReading

    package init(_ moment: Moment, meshTime: UInt64, clock: ClockReading) {
        self.moment = moment
        self.meshTime = meshTime
        self.clock = clock
    }
}

/// What sessions ask of the node's trust.
package protocol PeerDirectory {
    /// A node record that came in an opener from the data key that it names. The directory verifies it
    /// before it counts.
    mutating func learn(nodeRecord octets: [UInt8])
    /// - Returns: `nil` unless the node is an effective member and has a node record.
    func dataKey(of node: NodeID) -> X25519.PublicKey?
    func incarnation(of node: NodeID) -> UInt32?
    /// Paths to the node's data port, from its node record, the best first.
    func paths(to node: NodeID) -> [Path]
    /// Where the node was before, as far as that is remembered.
    func formerPaths(to node: NodeID) -> [Path]
    /// Who announces an address, or was there before.
    func nodes(at host: IPv6Address) -> [NodeID]
    /// Whether somebody may join with this invite: its signature holds, it is effective and not used up.
    func mayRedeem(_ invite: TrustObject) -> Bool
    /// Whether the node's served record names this node as its relay.
    func relays(for node: NodeID) -> Bool
    /// Where the relays of a node are that its served record names; tried behind ``paths(to:)``.
    func relayPaths(to node: NodeID) -> [Path]
}

extension PeerDirectory {
    package func formerPaths(to node: NodeID) -> [Path] { [] }
    package func relays(for node: NodeID) -> Bool { false }
    package func relayPaths(to node: NodeID) -> [Path] { [] }
}

/// What sessions want done, or tell.
package enum SessionEffect: Hashable, Sendable {
    case send(Datagram)
    /// Early payloads came inside an opener: their sender is certain, but they could be read by
    /// whoever steals this node's data key before it is erased.
    case deliver(Payload, from: Peer, isEarly: Bool)
    /// There was no session, and now there is one; a rotation tells nothing.
    case established(Peer)
    case ended(Peer, EndReason)
    /// What the peer announced of its clock.
    case clock(NodeID, ClockReading)
    /// A joining handshake is complete. The node record is the other side's, its signature and data
    /// key checked; the invite is there at the member's side.
    indirect case joinOpened(Peer, nodeRecord: TrustObject, invite: TrustObject?)
    /// Packets to the node go to another address now.
    case pathMoved(NodeID, Path)
    /// The node has answered where its packets go, and had not before.
    case pathProved(NodeID)
    /// Packet threads have sent something to the node since the last time.
    case dataSent(NodeID)
    /// The node says how many packets were sent to it since it said so last, and how many of them came.
    case lossTold(NodeID, expected: UInt64, received: UInt64)
    /// A payload was given up: nobody answers, the queue is full, or there is no way there.
    case undeliverable(Payload, to: Peer)
    /// A data packet whose opening is lent (``ReceiveLanes``): for the thread that has it, which met it
    /// before it knew of the session, or which it reached by a relay.
    case reopen(Datagram, isRelayed: Bool)
}

/// Why there is no session any more.
package enum EndReason: Hashable, Sendable {
    /// It grew old, and nobody needed another.
    case expired
    /// This node closed it.
    case closed
    /// The peer started again.
    case restarted
    /// The peer has a session with another process of this node.
    case replaced
    /// Others were used more recently, and there are too many.
    case evicted
    /// A joining handshake that nobody answered.
    case unanswered
    /// A joining handshake with somebody whose node record is another's, or not the one looked for.
    case refused
}

/// What is told of a session.
package struct SessionState: Hashable, Sendable {
    package var isEstablished: Bool
    /// Where packets go; `nil` before anybody answered.
    package var path: Path?
    /// Whether the node has answered there lately.
    package var isProved: Bool
    package var isRelayed: Bool
    package var cipher: PacketCipher?
    /// When the present keys were agreed on.
    package var since: Moment?
    package var lastSent: Moment?
    package var lastReceived: Moment?
    package var packetsSent: UInt64
    package var packetsReceived: UInt64
    package var octetsSent: UInt64
    package var octetsReceived: UInt64
    /// Smoothed; `nil` before the first measurement.
    package var roundTrip: Span?
    package var bootID: [UInt8]?
    package var incarnation: UInt32?
    /// Payloads that wait for an answer.
    package var queued: Int
}
