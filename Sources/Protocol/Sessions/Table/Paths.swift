import Clocks
import Cryptography
import LISP
import Laboratory
import Trust

/// Where packets may go: much only to where the node has answered.
extension SessionTable {
    /// Kinds of the control payloads that are the sessions' own: `{kind:8, length:16, 8 octets}`.
    private static let challengeKind: UInt8 = 3
    private static let answerKind: UInt8 = 4
    private static let challengeSize = 8

    mutating func prove(
        _ slot: Int, _ route: Route, at now: Moment, _ effects: inout [SessionEffect]
    ) {
        var way = peers[slot].way?.route == route ? peers[slot].way ?? Way(route) : Way(route)
        let isNew = !way.isProved(at: now)
        way.prove(at: now)
        peers[slot].former = nil
        peers[slot].moveDecision = nil
        setWay(slot, way, &effects)
        if !route.isRelayed { owners[route.path] = slot }
        if isNew { effects.append(.pathProved(peers[slot].node)) }
    }

    mutating func setWay(_ slot: Int, _ way: Way, _ effects: inout [SessionEffect]) {
        let old = peers[slot].way?.route
        peers[slot].way = way
        changed(slot)
        guard let old, old != way.route else { return }
        if owners[old.path] == slot { owners[old.path] = nil }
        effects.append(.pathMoved(peers[slot].node, way.route.path))
    }

    /// Takes note of where a packet of the present session came from, if not along its present way.
    mutating func notePath(
        _ slot: Int, _ route: Route, size: Int, isNewest: Bool, at time: SessionTime,
        directory: some PeerDirectory, using random: inout some RandomNumberGenerator,
        _ effects: inout [SessionEffect]
    ) {
        guard let way = peers[slot].way else { return }
        if peers[slot].former?.route == route { peers[slot].former?.received += size }
        guard isNewest else { return }
        let target = target(of: route, slot, directory: directory)
        guard target != way.route, !holds(way, against: target, slot, at: time.moment, directory)
        else { return }
        if let former = peers[slot].former, former.route == target {
            // Both are in use: the newest packet decides, and the challenges go on.
            peers[slot].former = way
            setWay(slot, former, &effects)
            return
        }
        move(slot, to: target, size: size, at: time, using: &random, &effects)
        schedule(slot)
    }

    /// Both ends may be reached at several addresses, and each may have begun at another. If each went where
    /// the other's packets come from, they would change places for ever: the node with the lower id stays
    /// where it is, and the other follows. If it does not, nothing arrives there, and then the lower goes
    /// too.
    private func holds(
        _ way: Way, against target: Route, _ slot: Int, at now: Moment,
        _ directory: some PeerDirectory
    ) -> Bool {
        let node = peers[slot].node
        guard identity.node < node, way.isProved(at: now), now < way.heardAt + Self.holdTime else {
            return false
        }
        let announced = directory.paths(to: node)
        return announced.contains(way.route.path) && announced.contains(target.path)
    }

    private static let holdTime = Span.seconds(3)

    /// Packets go another way from now on, at most 3 times what came from there until it has answered;
    /// the way before is asked too, and stays if it alone answers.
    mutating func move(
        _ slot: Int, to route: Route, size: Int, at time: SessionTime,
        using random: inout some RandomNumberGenerator, _ effects: inout [SessionEffect]
    ) {
        if let way = peers[slot].way, way.route != route,
            way.isProved(at: time.moment) || peers[slot].former == nil
        {
            peers[slot].former = way
        }
        var next = Way(route)
        next.received = size
        next.heardAt = time.moment
        setWay(slot, next, &effects)
        peers[slot].moveTries = 0
        peers[slot].moveDecision = time.moment + SessionLimit.moveWait
        challengeBoth(slot, at: time, using: &random, &effects)
    }

    /// A node without NAT sends from many ports and receives at the one in its record.
    private func target(of route: Route, _ slot: Int, directory: some PeerDirectory) -> Route {
        guard route.port == .data, !route.isRelayed else { return route }
        let known = directory.paths(to: peers[slot].node)
        guard !known.contains(route.path) else { return route }
        if let present = peers[slot].way?.route, present.path.host == route.path.host,
            known.contains(present.path)
        {
            return present
        }
        return known.first { $0.host == route.path.host }.map { Route(path: $0) } ?? route
    }

    private mutating func challengeBoth(
        _ slot: Int, at time: SessionTime, using random: inout some RandomNumberGenerator,
        _ effects: inout [SessionEffect]
    ) {
        challenge(slot, at: time, using: &random, &effects)
        guard let former = peers[slot].former else { return }
        let octets = former.challenge ?? random.octets(Self.challengeSize)
        peers[slot].former?.challenge = octets
        peers[slot].former?.challengedAt = time.moment
        let payload = Payload.control([Self.challengeKind, 0, 8] + octets)
        send(payload, lane: SessionKeys.controlLane, slot, former.route, at: time, &effects)
    }

    /// Asks the node to repeat 8 octets from where its packets go now.
    mutating func challenge(
        _ slot: Int, at time: SessionTime, using random: inout some RandomNumberGenerator,
        _ effects: inout [SessionEffect]
    ) {
        guard let way = peers[slot].way, peers[slot].current != nil else { return }
        let payload = [Self.challengeKind, 0, 8] + (way.challenge ?? random.octets(8))
        let size = Self.overhead + payload.count
        if !way.isProved(at: time.moment) {
            guard way.sent + size <= SessionLimit.amplification * way.received else { return }
            peers[slot].way?.sent += size
        }
        if way.challenge == nil {
            peers[slot].way?.challenge = [UInt8](payload.suffix(Self.challengeSize))
            peers[slot].way?.challengedAt = time.moment
        }
        if !way.isProved(at: time.moment), peers[slot].moveDecision == nil {
            peers[slot].moveDecision = time.moment + SessionLimit.moveWait
        }
        send(
            .control(payload), lane: SessionKeys.controlLane, slot, way.route, at: time, &effects)
    }

    /// - Returns: whether the payload was the sessions' own: a challenge, an answer to one, a report of what was
    ///   lost, or the word that the session is another process's.
    mutating func receiveOwn(
        _ payload: [UInt8], _ slot: Int, at time: SessionTime, _ effects: inout [SessionEffect]
    ) -> Bool {
        if payload.starts(with: [LossMeter.kind, 0, UInt8(LossMeter.size)]),
            payload.count == 3 + LossMeter.size
        {
            let told = peers[slot].hearLoss([UInt8](payload[3...]), at: time.moment)
            if let told {
                effects.append(
                    .lossTold(
                        peers[slot].node, expected: told.expected, received: told.received))
            }
            return true
        }
        if payload == Self.replacedWord {
            wasReplaced(slot, at: time.moment, &effects)
            return true
        }
        guard payload.count == 3 + Self.challengeSize, payload[1] == 0, payload[2] == 8 else {
            return false
        }
        let octets = [UInt8](payload[3...])
        switch payload[0] {
        case Self.challengeKind:
            _ = transmit(
                .control([Self.answerKind, 0, 8] + octets), lane: SessionKeys.controlLane, slot,
                at: time, &effects)
            return true
        case Self.answerKind:
            if let way = peers[slot].way, way.challenge == octets {
                peers[slot].measure(time.moment - way.challengedAt)
                prove(slot, way.route, at: time.moment, &effects)
                flush(slot, at: time, &effects)
            } else if peers[slot].former?.challenge == octets {
                peers[slot].former?.prove(at: time.moment)
            }
            return true
        default:
            return false
        }
    }

    /// The time is over in which a new path must have answered.
    mutating func decideMove(
        _ slot: Int, at time: SessionTime, directory: inout some PeerDirectory,
        using random: inout some RandomNumberGenerator, _ effects: inout [SessionEffect]
    ) {
        peers[slot].moveDecision = nil
        guard let way = peers[slot].way, !way.isProved(at: time.moment) else { return }
        if let former = peers[slot].former, former.challenge == nil,
            former.isProved(at: time.moment)
        {
            prove(slot, former.route, at: time.moment, &effects)
            flush(slot, at: time, &effects)
            return
        }
        peers[slot].moveTries += 1
        guard peers[slot].moveTries <= 2 else {
            // Nobody answers: a new handshake finds where the node is.
            peers[slot].isWanted = true
            attemptIfDue(slot, at: time, directory: &directory, using: &random, &effects)
            return
        }
        peers[slot].moveDecision = time.moment + SessionLimit.moveWait
        challengeBoth(slot, at: time, using: &random, &effects)
    }

    /// A message inside one of form 5: for us, or for somebody whose relay we are.
    mutating func receiveRelayed(
        _ message: [UInt8], to node: NodeID, whole octets: [UInt8], _ route: Route,
        at time: SessionTime, directory: inout some PeerDirectory,
        using random: inout some RandomNumberGenerator, _ effects: inout [SessionEffect]
    ) {
        guard route.port == .data, !route.isRelayed else { return }
        if node == identity.node {
            let inner = Route(path: route.path, isRelayed: true)
            receive(
                message, inner, at: time, directory: &directory, using: &random, &effects)
            return
        }
        guard let from = owners[route.path], let to = slots[node], from != to,
            let source = peers[from].way, source.route == route, source.isProved(at: time.moment),
            let target = peers[to].way, !target.route.isRelayed,
            target.isProved(at: time.moment), target.route.port == .data,
            peers[from].current != nil, peers[to].current != nil,
            directory.relays(for: node) || directory.relays(for: peers[from].node)
        else { return }
        relayedPackets &+= 1
        relayedOctets &+= UInt64(octets.count)
        effects.append(.send(Datagram(octets, on: .data, remote: target.route.path)))
    }
}
