import Clocks
import Cryptography
import LISP
import Laboratory
import Trust

/// The side that begins: openers, again and again until somebody answers.
extension SessionTable {
    /// What this node says of itself in a handshake.
    func profile(_ ciphers: [UInt8], at time: SessionTime) -> SessionProfile {
        SessionProfile(
            ciphers: ciphers, lanes: min(max(settings.lanes, 1), SessionLimit.lanes),
            bootID: identity.bootID, clock: time.clock)
    }

    var offeredCiphers: [UInt8] {
        settings.ciphers.prefix(SessionProfile.maximumCiphers).map(\.rawValue)
    }

    /// Private half of a handshake's ephemeral key; also of one whose random numbers came before.
    func ephemeral(
        _ dataKey: X25519.SecretKey, stamp: UInt64, using random: inout some RandomNumberGenerator
    ) -> X25519.SecretKey {
        let octets = SessionSecret.ephemeral(
            random: random.octets(32), dataKey: dataKey, stamp: stamp, bootID: identity.bootID)
        guard let key = X25519.SecretKey(octets: octets) else {
            preconditionFailure("a hash has as many octets as a key")
        }
        return key
    }

    mutating func attemptIfDue(
        _ slot: Int, at time: SessionTime, directory: inout some PeerDirectory,
        using random: inout some RandomNumberGenerator, _ effects: inout [SessionEffect]
    ) {
        guard peers[slot].opening == nil, time.moment >= peers[slot].nextAttempt else { return }
        attempt(slot, at: time, directory: &directory, using: &random, &effects)
    }

    /// Sends an opener to the next path.
    mutating func attempt(
        _ slot: Int, at time: SessionTime, directory: inout some PeerDirectory,
        using random: inout some RandomNumberGenerator, _ effects: inout [SessionEffect]
    ) {
        let node = peers[slot].node
        let number = peers[slot].attempt
        peers[slot].attempt += 1
        peers[slot].nextAttempt = time.moment + retryDelay(after: number)
        peers[slot].isWanted = false
        peers[slot].isHeld = false
        let routes = routes(to: slot, at: time.moment, directory: directory)
        guard let key = directory.dataKey(of: node), !routes.isEmpty else {
            dropOpening(slot)
            giveUp(slot, &effects)
            return
        }
        if let offer = peers[slot].opening?.offer,
            offer.remoteKey != key || offer.recordVersion != recordVersion
                || time.moment >= offer.startedAt + Opening.life
        {
            dropOpening(slot)
        }
        if peers[slot].opening == nil {
            makeOpening(slot, to: key, at: time, using: &random)
        }
        // Every third opener goes where the node was once, if that is known: it may be back there.
        let former = directory.formerPaths(to: node)
        if number % 3 == 2, !former.isEmpty {
            let route = Route(path: former[(number / 3) % former.count])
            sendOpener(slot, route, at: time.moment, &effects)
        } else {
            let place = former.isEmpty ? number : number - number / 3
            sendOpener(slot, routes[place % routes.count], at: time.moment, &effects)
        }
    }

    func retryDelay(after number: Int) -> Span {
        guard number >= settings.retries.count else { return settings.retries[number] }
        // Five doublings pass the longest; more would pass what a span holds.
        let doublings = min(number - settings.retries.count, 20)
        return min(settings.laterRetry * (1 << doublings), settings.longestRetry)
    }

    private func routes(
        to slot: Int, at now: Moment, directory: some PeerDirectory
    ) -> [Route] {
        var routes: [Route] = []
        if let way = peers[slot].way, way.isProved(at: now) { routes.append(way.route) }
        let node = peers[slot].node
        for path in directory.paths(to: node) { routes.append(Route(path: path)) }
        for path in directory.relayPaths(to: node) {
            routes.append(Route(path: path, isRelayed: true))
        }
        return routes.reduce(into: []) { if !$0.contains($1) { $0.append($1) } }
    }

    private mutating func makeOpening(
        _ slot: Int, to key: X25519.PublicKey, at time: SessionTime,
        using random: inout some RandomNumberGenerator
    ) {
        let node = peers[slot].node
        let ephemeral = ephemeral(identity.dataKey, stamp: time.meshTime, using: &random)
        var payload = OpenerPayload(
            stamp: time.meshTime, node: identity.node, profile: profile(offeredCiphers, at: time))
        let hasRecord = peers[slot].knownRecord != recordVersion
        if hasRecord { payload.nodeRecord = identity.nodeRecord }
        addEarly(slot, to: &payload)
        guard
            var handshake = NoiseHandshake(
                .ik, as: .initiator,
                prologue: SessionSecret.prologue(identity.mesh, responder: node),
                static: identity.dataKey, ephemeral: ephemeral, remoteStatic: key),
            let noise = try? handshake.write(payload: payload.octets())
        else { return }  // a key of low order: nobody can talk to that node
        let index = newIndex(for: slot, using: &random)
        let octets =
            withUnsafeBytes(
                of: (UInt32(SessionForm.opener.rawValue) << 24 | index).bigEndian
            ) { [UInt8]($0) } + noise
        let mac1 = shortMAC(SessionSecret.mac1Key(key.octets), octets[...])
        peers[slot].opening = Opening(
            offer: Opening.Offer(
                handshake, octets: octets + mac1, index: index, remoteKey: key,
                startedAt: time.moment, recordVersion: recordVersion, hasRecord: hasRecord))
    }

    /// Puts waiting data into an opener, as far as it fits.
    private mutating func addEarly(_ slot: Int, to payload: inout OpenerPayload) {
        guard settings.hasEarlyData else { return }
        // Head, form, two Noise keys with their tags, the payload's tag, the MACs; a relay's head;
        // and the field that the packets stand in.
        var size = 8 + 4 + 96 + SessionMessage.macsSize + 28 + 3 + payload.octets().count
        for index in peers[slot].queue.indices {
            guard case .data(let octets, let instance) = peers[slot].queue[index].payload,
                payload.early.count < SessionLimit.queuedData
            else { continue }
            let packet = OpenerPayload.EarlyPacket(octets, instance: instance)
            size += packet.size
            guard size <= SessionLimit.openerSize else { return }
            peers[slot].queue[index].earlyNumber = payload.early.count
            payload.early.append(packet)
        }
    }

    mutating func sendOpener(
        _ slot: Int, _ route: Route, at now: Moment, _ effects: inout [SessionEffect]
    ) {
        guard var opening = peers[slot].opening else { return }
        if !opening.routes.contains(route) { opening.routes.append(route) }
        opening.sends += 1
        opening.lastSent = now
        var octets = opening.offer.octets
        if let cookie = opening.cookie, now < opening.cookieUntil {
            octets += shortMAC(cookie, octets[...])
        } else {
            octets += [UInt8](repeating: 0, count: SessionMessage.macSize)
        }
        peers[slot].opening = opening
        sendHandshake(octets, to: peers[slot].node, route, &effects)
    }

    /// Sends a message from its form on.
    func sendHandshake(
        _ message: [UInt8], to node: NodeID?, _ route: Route, _ effects: inout [SessionEffect]
    ) {
        var octets = SessionHead.octets(on: route.port) + message
        if route.isRelayed {
            guard let node else { return }
            octets = Self.relayed(octets, to: node)
        }
        effects.append(.send(Datagram(octets, on: route.port, remote: route.path)))
    }

    static func relayed(_ message: [UInt8], to node: NodeID) -> [UInt8] {
        SessionHead.octets(on: .data) + SessionMessage.relayed(to: node, message).octets()
    }

    /// The other side answered our opener.
    mutating func receiveAnswer(
        _ received: Received, sender: UInt32, receiver: UInt32, noise: [UInt8],
        at time: SessionTime, directory: inout some PeerDirectory,
        using random: inout some RandomNumberGenerator, _ effects: inout [SessionEffect]
    ) {
        guard let slot = indices[receiver], slot >= 0,
            let opening = peers[slot].opening, opening.offer.index == receiver,
            received.mac2.allSatisfy({ $0 == 0 })
        else { return }
        let offer = opening.offer
        let macKey = SessionSecret.mac1Key(offer.remoteKey.octets)
        var handshake = offer.handshake
        guard equalInConstantTime(shortMAC(macKey, received.beforeMAC1), received.mac1),
            let octets = try? handshake.read(noise),
            let payload = try? AnswerPayload(octets: octets), payload.profile.ciphers.count == 1,
            let cipher = PacketCipher(rawValue: payload.profile.ciphers[0]),
            settings.ciphers.contains(cipher), let split = handshake.split(),
            directory.dataKey(of: peers[slot].node) != nil
        else { return }
        let keys = SessionKeys(
            cipher, send: split.fromInitiator, receive: split.fromResponder, local: receiver,
            remote: sender, isInitiator: true, since: time.moment,
            localLanes: min(max(settings.lanes, 1), SessionLimit.lanes),
            remoteLanes: payload.profile.lanes)
        peers[slot].opening = nil  // its index is the session's now
        let node = peers[slot].node
        if offer.hasRecord { peers[slot].knownRecord = offer.recordVersion }
        if opening.sends == 1 { peers[slot].measure(time.moment - opening.lastSent) }
        let taken = Int(payload.taken)
        peers[slot].queue.removeAll { $0.earlyNumber.map { $0 < taken } ?? false }
        for index in peers[slot].queue.indices { peers[slot].queue[index].earlyNumber = nil }
        effects.append(.clock(node, payload.profile.clock))
        install(
            keys, slot, bootID: payload.profile.bootID,
            incarnation: directory.incarnation(of: node), at: time.moment, &effects)
        if opening.routes.count == 1 {
            prove(slot, opening.routes[0], at: time.moment, &effects)
        } else if peers[slot].way?.route != received.route
            || !(peers[slot].way?.isProved(at: time.moment) ?? false)
        {
            // Who saw the opener at one path can answer in another's name: the address must repeat
            // what is sent to it alone. A path that was proved before may be one the node has left.
            move(
                slot, to: received.route, size: received.octets.count, at: time, using: &random,
                &effects)
        }
        let sent = peers[slot].current?.sent
        flush(slot, at: time, &effects)
        if peers[slot].current?.sent == sent, sent == 0 {
            _ = transmit(.control([]), lane: 0, slot, at: time, &effects)
        }
        schedule(slot)
    }

    /// Makes new keys the present ones.
    mutating func install(
        _ keys: SessionKeys, _ slot: Int, bootID: [UInt8], incarnation: UInt32?, at now: Moment,
        _ effects: inout [SessionEffect]
    ) {
        let isOther = peers[slot].bootID != bootID || peers[slot].incarnation != incarnation
        if peers[slot].current != nil, isOther {
            if peers[slot].bootID != bootID { sayReplaced(slot, at: now, &effects) }
            end(slot, .restarted, &effects)
        }
        let isNew = peers[slot].current == nil
        forget(peers[slot].previous)
        peers[slot].previous = peers[slot].current
        peers[slot].current = keys
        peers[slot].bootID = bootID
        peers[slot].incarnation = incarnation
        peers[slot].attempt = 0
        peers[slot].nextAttempt = now
        peers[slot].isWanted = false
        peers[slot].isHeld = false
        peers[slot].silences = 0
        peers[slot].lastReceived = now
        changed(slot)
        if isNew { effects.append(.established(.member(peers[slot].node))) }
    }

    /// A responder under load asks for a proof of our address.
    mutating func receiveCookie(
        receiver: UInt32, nonce: [UInt8], sealed: [UInt8], _ route: Route, at time: SessionTime,
        _ effects: inout [SessionEffect]
    ) {
        guard let slot = indices[receiver] else { return }
        if slot < 0 {
            receiveJoinCookie(receiver, nonce: nonce, sealed: sealed, at: time, &effects)
            return
        }
        guard var opening = peers[slot].opening, opening.offer.index == receiver,
            opening.routes.contains(route)
        else { return }
        let offer = opening.offer
        guard
            let cookie = XChaCha20Poly1305.open(
                sealed, key: SessionSecret.cookieKey(offer.remoteKey.octets), nonce: nonce,
                authenticating: [UInt8](offer.octets.suffix(SessionMessage.macSize))),
            opening.cookie != cookie
        else { return }
        opening.cookie = cookie
        opening.cookieUntil = time.moment + SessionLimit.cookieLife
        peers[slot].opening = opening
        sendOpener(slot, route, at: time.moment, &effects)
    }
}
