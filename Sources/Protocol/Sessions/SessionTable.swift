package import Clocks
package import Cryptography
package import Trust

/// All sessions of a node, as one value.
package struct SessionTable: Sendable {
    /// Who this node is to its peers.
    package struct Identity: Sendable {
        package var mesh: MeshID
        package var node: NodeID
        package var dataKey: X25519.SecretKey
        /// Peers that have not heard of the present one still use it.
        package var previousDataKey: X25519.SecretKey?
        /// 16 random octets, new with each start of the process.
        package var bootID: [UInt8]
        /// The signed object, with the present data key.
        package var nodeRecord: [UInt8]
        /// Mesh time. Early packets from before are refused: they may have been taken then.
        package var startedAt: UInt64

        package init(
            mesh: MeshID, node: NodeID, dataKey: X25519.SecretKey,
            previousDataKey: X25519.SecretKey? = nil, bootID: [UInt8], nodeRecord: [UInt8],
            startedAt: UInt64
        ) {
            self.mesh = mesh
            self.node = node
            self.dataKey = dataKey
            self.previousDataKey = previousDataKey
            self.bootID = bootID
            self.nodeRecord = nodeRecord
            self.startedAt = startedAt
        }
    }

    package private(set) var identity: Identity
    package let settings: SessionSettings

    package init(_ identity: Identity, settings: SessionSettings = .init()) {
        self.identity = identity
        self.settings = settings
    }

    /// Takes a new data key or node record.
    package mutating func update(_ identity: Identity) { self.identity = identity }

    /// When ``handleDeadline(at:directory:using:)`` is due; it may be early.
    package var nextDeadline: Moment { .never }

    /// Takes a datagram from the network. What is damaged, forged or replayed changes nothing.
    package mutating func handle(
        _ datagram: Datagram, at time: SessionTime, directory: inout some PeerDirectory,
        using random: inout some RandomNumberGenerator
    ) -> [SessionEffect] { [] }

    package mutating func handleDeadline(
        at time: SessionTime, directory: inout some PeerDirectory,
        using random: inout some RandomNumberGenerator
    ) -> [SessionEffect] { [] }

    /// Sends a payload, or opens a session and sends it then.
    /// - Parameter lane: for data; one for each thread that sends.
    package mutating func send(
        _ payload: Payload, to peer: Peer, lane: UInt8 = 0, at time: SessionTime,
        directory: inout some PeerDirectory, using random: inout some RandomNumberGenerator
    ) -> [SessionEffect] { [] }

    /// Tries at once to reach a node that did not answer so far: somebody heard of it.
    package mutating func retry(
        _ node: NodeID, at time: SessionTime, directory: inout some PeerDirectory,
        using random: inout some RandomNumberGenerator
    ) -> [SessionEffect] { [] }

    /// Challenges the node on its present path, which measures the round trip.
    package mutating func probe(
        _ node: NodeID, at time: SessionTime, using random: inout some RandomNumberGenerator
    ) -> [SessionEffect] { [] }

    /// Ends everything with a node at once: it was revoked, or has a new incarnation.
    package mutating func close(_ node: NodeID) -> [SessionEffect] { [] }
    package mutating func close(_ peer: Peer) -> [SessionEffect] { [] }

    /// Begins to join through a member.
    /// - Parameters:
    ///   - inviteKey: from the secret of the invite string.
    ///   - expecting: the first octets of the member's node id, from the invite string.
    package mutating func join(
        through path: Path, on port: LocalPort, invite: TrustObject,
        inviteKey: Ed25519.SecretKey, expecting: [UInt8] = [], at time: SessionTime,
        using random: inout some RandomNumberGenerator
    ) -> (Peer, [SessionEffect]) { (.joining(0), []) }

    package func session(with node: NodeID) -> SessionState? { nil }

    /// Nodes with a session that sends, in the order of their ids.
    package var established: [NodeID] { [] }
}
