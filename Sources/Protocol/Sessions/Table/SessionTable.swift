package import Clocks
package import Cryptography
import LISP
import Laboratory
package import Trust

/// All sessions of a node, as one value (Docs/Trust.md, "Sessions").
///
///     nothing ── send ──▶ opening ── answer ──▶ established ── 120 s, traffic ──▶ opening, established
///     nothing ── opener ──▶ half open ── packet under its keys ──▶ established
///     established ── 180 s ──▶ nothing
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

    package internal(set) var identity: Identity
    package let settings: SessionSettings
    let keyLife: KeyLife
    /// mac1 and cookie keys of the present data key, of the one before, and for joining.
    var macKeys: MACKeys
    /// Counts node records, so that a peer is told of a new one.
    var recordVersion = 0

    var peers: [PeerEntry] = []
    var slots: [NodeID: Int] = [:]
    var joins: [UInt32: Join] = [:]
    /// By a joiner's ephemeral key: which answer was given to it.
    var joinAnswers: [[UInt8]: UInt32] = [:]
    /// Who listens for a receiver index: a slot, or -1 for the joining session of that number.
    var indices: [UInt32: Int] = [:]
    /// Which peer was last proved at a path; relays ask.
    var owners: [Path: Int] = [:]
    /// When a packet under unknown keys is looked at again.
    var strayAt = Moment.start
    var timers = Timers()
    /// What packet threads must hear of.
    var forwarding = ForwardingChanges()

    var halfOpenCount = 0
    /// Openers with a right mac1 since this second began.
    var second = Moment.start
    var openersInSecond = 0
    var cookies = CookieJar()
    /// No early packet from before is taken from a node that was forgotten: mesh time.
    var stampFloor: UInt64 = 0
    /// What was passed on for others, in both directions.
    package internal(set) var relayedPackets: UInt64 = 0
    package internal(set) var relayedOctets: UInt64 = 0

    package init(_ identity: Identity, settings: SessionSettings = .init()) {
        self.identity = identity
        self.settings = settings
        keyLife = KeyLife(settings)
        macKeys = MACKeys(identity)
    }

    /// Takes a new data key or node record.
    package mutating func update(_ identity: Identity) {
        if identity.nodeRecord != self.identity.nodeRecord { recordVersion += 1 }
        self.identity = identity
        macKeys = MACKeys(identity)
    }

    /// When ``handleDeadline(at:directory:using:)`` is due; it may be early.
    package var nextDeadline: Moment { timers.next }

    /// Takes a datagram from the network. What is damaged, forged or replayed changes nothing.
    package mutating func handle(
        _ datagram: Datagram, at time: SessionTime, directory: inout some PeerDirectory,
        using random: inout some RandomNumberGenerator
    ) -> [SessionEffect] {
        var effects: [SessionEffect] = []
        let route = Route(path: datagram.remote, port: datagram.port)
        receive(
            datagram.octets, route, at: time, directory: &directory, using: &random, &effects)
        return effects
    }

    mutating func receive(
        _ octets: [UInt8], _ route: Route, at time: SessionTime,
        directory: inout some PeerDirectory, using random: inout some RandomNumberGenerator,
        _ effects: inout [SessionEffect]
    ) {
        guard let instance = SessionHead.instance(octets, on: route.port) else { return }
        let offset = SessionHead.size(on: route.port)
        if octets[offset] == SessionForm.packet.rawValue {
            receivePacket(
                octets, instance: instance, route, at: time, directory: &directory, using: &random,
                &effects)
            return
        }
        guard instance == DataHeader.controlInstance,
            let message = try? SessionMessage(octets: [UInt8](octets[offset...]))
        else { return }
        switch message {
        case .opener(let sender, let noise, let macs):
            receiveOpener(
                Received(octets, offset, macs, route), sender: sender, noise: noise, at: time,
                directory: &directory, using: &random, &effects)
        case .answer(let sender, let receiver, let noise, let macs):
            receiveAnswer(
                Received(octets, offset, macs, route), sender: sender, receiver: receiver,
                noise: noise, at: time, directory: &directory, using: &random, &effects)
        case .cookie(let receiver, let nonce, let sealed):
            receiveCookie(
                receiver: receiver, nonce: nonce, sealed: sealed, route, at: time, &effects)
        case .relayed(let node, let inner):
            receiveRelayed(
                inner, to: node, whole: octets, route, at: time, directory: &directory,
                using: &random, &effects)
        case .join(let sender, let step, let receiver, let noise, let macs):
            receiveJoin(
                Received(octets, offset, macs, route), sender: sender, step: step,
                receiver: receiver, noise: noise, at: time, directory: &directory, using: &random,
                &effects)
        }
    }

    /// Sends a payload, or opens a session and sends it then.
    /// - Parameter lane: for data; one for each thread that sends.
    package mutating func send(
        _ payload: Payload, to peer: Peer, lane: UInt8 = 0, at time: SessionTime,
        directory: inout some PeerDirectory, using random: inout some RandomNumberGenerator
    ) -> [SessionEffect] {
        var effects: [SessionEffect] = []
        guard payload.isSendable else { return [.undeliverable(payload, to: peer)] }
        switch peer {
        case .joining(let number):
            sendJoining(payload, number, at: time, &effects)
        case .member(let node):
            guard node != identity.node else { return [.undeliverable(payload, to: peer)] }
            let slot = slot(of: node, at: time.moment, &effects)
            peers[slot].lastUsed = time.moment
            if payload.isData { forward(slot) }
            if peers[slot].queue.isEmpty, transmit(payload, lane: lane, slot, at: time, &effects) {
                keepAlive(slot, at: time, directory: &directory, using: &random, &effects)
            } else {
                enqueue(payload, lane: lane, slot, at: time, &effects)
                peers[slot].isWanted = true
                if peers[slot].current == nil {
                    attemptIfDue(slot, at: time, directory: &directory, using: &random, &effects)
                }
                schedule(slot)
            }
        }
        return effects
    }

    /// Tries at once to reach a node that did not answer so far: somebody heard of it.
    package mutating func retry(
        _ node: NodeID, at time: SessionTime, directory: inout some PeerDirectory,
        using random: inout some RandomNumberGenerator
    ) -> [SessionEffect] {
        var effects: [SessionEffect] = []
        guard node != identity.node else { return [] }
        let slot = slot(of: node, at: time.moment, &effects)
        guard peers[slot].current == nil, mayRetry(slot),
            !peers[slot].isHeld || time.moment >= peers[slot].nextAttempt
        else { return effects }
        peers[slot].attempt = 0
        peers[slot].nextAttempt = time.moment
        peers[slot].isWanted = true
        attemptIfDue(slot, at: time, directory: &directory, using: &random, &effects)
        schedule(slot)
        return effects
    }

    /// Not while openers follow each other quickly.
    func mayRetry(_ slot: Int) -> Bool {
        peers[slot].opening == nil || peers[slot].attempt > settings.retries.count
    }

    /// Challenges the node on its present path, which measures the round trip.
    package mutating func probe(
        _ node: NodeID, at time: SessionTime, using random: inout some RandomNumberGenerator
    ) -> [SessionEffect] {
        var effects: [SessionEffect] = []
        guard let slot = slots[node], peers[slot].current != nil else { return [] }
        challenge(slot, at: time, using: &random, &effects)
        return effects
    }

    /// Ends everything with a node at once: it was revoked, or has a new incarnation.
    package mutating func close(_ node: NodeID) -> [SessionEffect] {
        guard let slot = slots[node], !isPlanted(.revokedSessionStays) else { return [] }
        var effects: [SessionEffect] = []
        end(slot, .closed, &effects)
        dropHalfOpen(slot) { _ in true }
        dropOpening(slot)
        forgetWay(slot)
        for waiting in peers[slot].queue {
            effects.append(.undeliverable(waiting.payload, to: .member(node)))
        }
        peers[slot].queue = []
        peers[slot].isWanted = false
        return effects
    }

    /// This machine slept: its peers have no session with it any more, and everybody is to be tried
    /// at once when there is something to say.
    package mutating func endAll(at time: SessionTime) -> [SessionEffect] {
        var effects: [SessionEffect] = []
        for slot in peers.indices {
            end(slot, .expired, &effects)
            dropHalfOpen(slot) { _ in true }
            dropOpening(slot)
            // Its proof is older than it looks.
            forgetWay(slot)
            peers[slot].attempt = 0
            peers[slot].nextAttempt = time.moment
            schedule(slot)
        }
        return effects
    }

    package mutating func close(_ peer: Peer) -> [SessionEffect] {
        switch peer {
        case .member(let node): return close(node)
        case .joining(let number):
            var effects: [SessionEffect] = []
            endJoin(number, .closed, &effects)
            return effects
        }
    }

    /// - Returns: `nil` if nothing is known of the node.
    package func session(with node: NodeID) -> SessionState? {
        slots[node].map { SessionState(of: peers[$0]) }
    }

    /// Where packets to the node go; `nil` without a session.
    package func path(to node: NodeID) -> Path? {
        slots[node].flatMap { peers[$0].current == nil ? nil : peers[$0].way?.route.path }
    }

    package func roundTrip(to node: NodeID) -> Span? { slots[node].flatMap { peers[$0].roundTrip } }

    /// Whether packets to the node can be sealed now.
    package func isEstablished(with node: NodeID) -> Bool {
        slots[node].map { peers[$0].current != nil } ?? false
    }

    /// Nodes with a session that sends, in the order of their ids.
    package var established: [NodeID] {
        // By index: to filter entries is to copy each of them.
        peers.indices.filter { peers[$0].current != nil }.map { peers[$0].node }.sorted()
    }

    package var establishedCount: Int {
        peers.indices.reduce(0) { $0 + (peers[$1].current == nil ? 0 : 1) }
    }

    /// How many handshakes wait for their first packet or third message.
    package var halfOpen: Int { halfOpenCount }
}

extension Payload {
    /// Neither can a datagram hold more, nor an Instance-ID more bits.
    fileprivate var isSendable: Bool {
        switch self {
        case .control(let octets): return octets.count <= Self.maximumSize
        case .data(let octets, let instance):
            return 1...Self.maximumSize ~= octets.count && instance < DataHeader.controlInstance
        }
    }

    /// What UDP over IPv4 holds, less head, tag and a relay's head.
    package static let maximumSize = 65_507 - 36 - 28
}

extension SessionState {
    fileprivate init(of entry: PeerEntry) {
        self.init(
            isEstablished: entry.current != nil, path: entry.way?.route.path,
            isProved: entry.way?.provedUntil != nil,
            isRelayed: entry.way?.route.isRelayed ?? false, cipher: entry.current?.cipher,
            since: entry.current?.since, lastSent: entry.lastSent,
            lastReceived: entry.lastReceived, packetsSent: entry.packetsSent,
            packetsReceived: entry.packetsReceived, octetsSent: entry.octetsSent,
            octetsReceived: entry.octetsReceived, roundTrip: entry.roundTrip,
            bootID: entry.bootID.isEmpty ? nil : entry.bootID, incarnation: entry.incarnation,
            queued: entry.queue.count)
    }
}
