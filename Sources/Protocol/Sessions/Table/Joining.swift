import Clocks
package import Cryptography
import LISP
package import Trust

/// A joining handshake, or the session that it gave. Its number is its local index.
///
///     06 | sender | 1 | 0        | Noise XX message 1, padded    joiner ──▶ member
///     06 | sender | 2 | receiver | message 2                     joiner ◀── member
///     06 | sender | 3 | receiver | message 3                     joiner ──▶ member
///     06 | 0      | 0 | receiver | clock:72                      joiner ◀── member: try with this time
struct Join: Sendable {
    enum State: Sendable {
        /// Step 1 was sent.
        case asked(Request)
        /// Step 2 was sent.
        case answered(NoiseHandshake, answer: [UInt8], ephemeral: [UInt8])
        /// Step 3 was sent; a packet of the member ends its repetition.
        case introduced(message: [UInt8])
        case open
    }

    struct Request: Sendable {
        let handshake: NoiseHandshake
        /// From the form to mac1.
        let octets: [UInt8]
    }

    var state: State
    let route: Route
    /// The other's index.
    var remote: UInt32 = 0
    var invite: TrustObject
    /// The joiner's: for another request, if the member says what time it is.
    var inviteKey: Ed25519.SecretKey?
    var expecting: [UInt8] = []
    var keys: SessionKeys?
    var attempt = 0
    var deadline: Moment
    var clocksTaken = 0
    var sawFalseSeed = false
    var cookie: [UInt8]?
    var queue: [Payload] = []

    static let firstTimerKey = 1 << 32
    /// Of step 1, from its form to its end: nobody is answered with more than he sent.
    static let requestSize = 1_200
    /// Between one message and the next, while nobody answers.
    static let retries: [Span] = [1, 2, 4, 8, 15, 30].map { .seconds($0) }
    /// How often a joiner believes another clock.
    static let maximumClocks = 2
}

extension SessionTable {
    /// Begins to join through a member.
    /// - Parameters:
    ///   - inviteKey: from the secret of the invite string.
    ///   - expecting: the first octets of the member's node id, from the invite string.
    package mutating func join(
        through path: Path, on port: LocalPort, invite: TrustObject,
        inviteKey: Ed25519.SecretKey, expecting: [UInt8] = [], at time: SessionTime,
        using random: inout some RandomNumberGenerator
    ) -> (Peer, [SessionEffect]) {
        var effects: [SessionEffect] = []
        let number = newIndex(for: -1, using: &random)
        let peer = Peer.joining(number)
        guard
            let request = joinRequest(
                number, invite, inviteKey, stamp: time.meshTime, using: &random)
        else {
            indices[number] = nil
            return (peer, [.ended(peer, .refused)])
        }
        joins[number] = Join(
            state: .asked(request), route: Route(path: path, port: port), invite: invite,
            inviteKey: inviteKey, expecting: expecting, deadline: .never)
        repeatJoin(number, at: time.moment, &effects)
        return (peer, effects)
    }

    private func joinRequest(
        _ number: UInt32, _ invite: TrustObject, _ inviteKey: Ed25519.SecretKey, stamp: UInt64,
        using random: inout some RandomNumberGenerator
    ) -> Join.Request? {
        let ephemeral = ephemeral(identity.dataKey, stamp: stamp, using: &random)
        let proof = inviteKey.signature(
            of: SessionSecret.joinProof(
                identity.mesh, ephemeral: ephemeral.publicKey.octets, stamp: stamp))
        var payload = JoinRequest(stamp: stamp, invite: invite.octets, proof: proof)
        // Form, indices and step; ephemeral key; MACs. A padding field has three octets of its own.
        let size = 8 + X25519.keySize + payload.octets().count + SessionMessage.macsSize
        payload.padding = max(0, Join.requestSize - size - 3)
        guard
            var handshake = NoiseHandshake(
                .xx, as: .initiator, prologue: SessionSecret.joinPrologue(identity.mesh),
                static: identity.dataKey, ephemeral: ephemeral),
            let noise = try? handshake.write(payload: payload.octets())
        else { return nil }
        return Join.Request(
            handshake: handshake,
            octets: joinMessage(sender: number, step: 1, receiver: 0, noise))
    }

    /// From the form to mac1.
    private func joinMessage(
        sender: UInt32, step: UInt8, receiver: UInt32, _ noise: [UInt8]
    ) -> [UInt8] {
        var writer = OctetWriter(capacity: 1_280)
        writer.write(UInt32(SessionForm.join.rawValue) << 24 | sender)
        writer.write(UInt32(step) << 24 | receiver)
        writer.write(octets: noise)
        let octets = writer.octets
        return octets + shortMAC(macKeys.joining.mac1, octets[...])
    }

    /// Sends the joiner's last message, again if need be, and sets the timer for the next time.
    private mutating func repeatJoin(
        _ number: UInt32, at now: Moment, _ effects: inout [SessionEffect]
    ) {
        guard let join = joins[number] else { return }
        var octets: [UInt8]
        switch join.state {
        case .asked(let request): octets = request.octets
        case .introduced(let message): octets = message
        case .answered, .open: return
        }
        guard join.attempt < Join.retries.count else {
            endJoin(number, join.sawFalseSeed ? .refused : .unanswered, &effects)
            return
        }
        if let cookie = join.cookie {
            octets += shortMAC(cookie, octets[...])
        } else {
            octets += [UInt8](repeating: 0, count: SessionMessage.macSize)
        }
        setJoinDeadline(number, now + Join.retries[join.attempt])
        joins[number]?.attempt += 1
        sendHandshake(octets, to: nil, join.route, &effects)
    }

    private mutating func setJoinDeadline(_ number: UInt32, _ moment: Moment) {
        joins[number]?.deadline = moment
        timers.set(moment, for: Join.firstTimerKey | Int(number))
    }

    mutating func joinDeadline(
        _ number: UInt32, at time: SessionTime, using random: inout some RandomNumberGenerator,
        _ effects: inout [SessionEffect]
    ) {
        guard let join = joins[number], join.deadline <= time.moment else { return }
        switch join.state {
        case .asked, .introduced: repeatJoin(number, at: time.moment, &effects)
        case .answered: endJoin(number, .unanswered, &effects)
        case .open: endJoin(number, .expired, &effects)
        }
    }

    mutating func endJoin(
        _ number: UInt32, _ reason: EndReason, _ effects: inout [SessionEffect]
    ) {
        guard let join = joins.removeValue(forKey: number) else { return }
        indices[number] = nil
        for payload in join.queue {
            effects.append(.undeliverable(payload, to: .joining(number)))
        }
        if case .answered(_, _, let ephemeral) = join.state {
            // Nobody was told that it began.
            joinAnswers[ephemeral] = nil
            halfOpenCount -= 1
            return
        }
        effects.append(.ended(.joining(number), reason))
    }

    mutating func receiveJoin(
        _ received: Received, sender: UInt32, step: UInt8, receiver: UInt32, noise: [UInt8],
        at time: SessionTime, directory: inout some PeerDirectory,
        using random: inout some RandomNumberGenerator, _ effects: inout [SessionEffect]
    ) {
        guard
            equalInConstantTime(
                shortMAC(macKeys.joining.mac1, received.beforeMAC1), received.mac1)
        else { return }
        switch (step, joins[receiver]?.state) {
        case (1, _) where receiver == 0:
            receiveJoinRequest(
                received, sender: sender, noise: noise, at: time, directory: directory,
                using: &random, &effects)
        case (0, .asked(_)):
            receiveJoinClock(noise, receiver, at: time, using: &random, &effects)
        case (2, .asked(let request)):
            receiveJoinAnswer(
                noise, request, receiver, sender: sender, at: time, using: &random, &effects)
        case (3, .answered(let handshake, _, let ephemeral)) where joins[receiver]?.remote == sender:
            receiveIntroduction(
                noise, handshake, ephemeral, receiver, at: time, &effects)
        case (3, .open) where joins[receiver]?.remote == sender:
            // The joiner does not know yet that its third message came.
            _ = sealJoining([], receiver, &effects)
        default:
            return
        }
    }

    /// Step 1 at the member: the invite is checked before anything is answered.
    private mutating func receiveJoinRequest(
        _ received: Received, sender: UInt32, noise: [UInt8], at time: SessionTime,
        directory: some PeerDirectory, using random: inout some RandomNumberGenerator,
        _ effects: inout [SessionEffect]
    ) {
        guard received.octets.count - received.offset >= Join.requestSize,
            !received.route.isRelayed,
            admits(
                received, sender: sender, macKeys.joining, at: time, using: &random, &effects)
        else { return }
        let remoteEphemeral = [UInt8](noise.prefix(X25519.keySize))
        if let number = joinAnswers[remoteEphemeral], let join = joins[number],
            case .answered(_, let answer, _) = join.state
        {
            if join.route == received.route {
                sendHandshake(answer, to: nil, join.route, &effects)
            }
            return
        }
        guard
            var handshake = NoiseHandshake(
                .xx, as: .responder, prologue: SessionSecret.joinPrologue(identity.mesh),
                static: identity.dataKey,
                ephemeral: ephemeral(identity.dataKey, stamp: time.meshTime, using: &random)),
            let octets = try? handshake.read(noise),
            let request = try? JoinRequest(octets: octets),
            let object = try? TrustObject(octets: request.invite),
            case .invite(let invite) = object.statement.kind, directory.mayRedeem(object),
            invite.key.verifies(
                request.proof,
                of: SessionSecret.joinProof(
                    identity.mesh, ephemeral: remoteEphemeral, stamp: request.stamp))
        else { return }
        let stamp = request.stamp
        let distance = stamp > time.meshTime ? stamp - time.meshTime : time.meshTime - stamp
        guard distance <= SessionLimit.joinWindow else {
            let message = joinMessage(sender: 0, step: 0, receiver: sender, time.clock.field)
            let mac2 = [UInt8](repeating: 0, count: SessionMessage.macSize)
            sendHandshake(message + mac2, to: nil, received.route, &effects)
            return
        }
        let introduction = JoinIntroduction(
            profile: profile(offeredCiphers, at: time), nodeRecord: identity.nodeRecord)
        // Whoever has an invite can open one after the other.
        guard halfOpenCount < SessionLimit.halfOpen, joins.count < SessionLimit.joins,
            let answerNoise = try? handshake.write(payload: introduction.octets())
        else { return }
        let number = newIndex(for: -1, using: &random)
        let answer =
            joinMessage(sender: number, step: 2, receiver: sender, answerNoise)
            + [UInt8](repeating: 0, count: SessionMessage.macSize)
        guard answer.count <= received.octets.count - received.offset else {
            indices[number] = nil
            return
        }
        joins[number] = Join(
            state: .answered(handshake, answer: answer, ephemeral: remoteEphemeral),
            route: received.route, remote: sender, invite: object, deadline: .never)
        joinAnswers[remoteEphemeral] = number
        halfOpenCount += 1
        setJoinDeadline(number, time.moment + SessionLimit.halfOpenLife)
        sendHandshake(answer, to: nil, received.route, &effects)
    }

    /// The member's clock is 10 min off ours: the request is made again with its time, which nothing
    /// else believes.
    private mutating func receiveJoinClock(
        _ octets: [UInt8], _ number: UInt32, at time: SessionTime,
        using random: inout some RandomNumberGenerator, _ effects: inout [SessionEffect]
    ) {
        guard let clock = try? ClockReading(field: octets), let join = joins[number],
            join.clocksTaken < Join.maximumClocks, let inviteKey = join.inviteKey,
            let request = joinRequest(
                number, join.invite, inviteKey, stamp: clock.milliseconds, using: &random)
        else { return }
        joins[number]?.clocksTaken += 1
        joins[number]?.cookie = nil
        joins[number]?.state = .asked(request)
        repeatJoin(number, at: time.moment, &effects)
    }

    /// Step 2 at the joiner: the member shows who it is, and the joiner says who it is.
    private mutating func receiveJoinAnswer(
        _ noise: [UInt8], _ request: Join.Request, _ number: UInt32, sender: UInt32,
        at time: SessionTime, using random: inout some RandomNumberGenerator,
        _ effects: inout [SessionEffect]
    ) {
        var handshake = request.handshake
        guard let join = joins[number], let octets = try? handshake.read(noise) else { return }
        guard let introduction = try? JoinIntroduction(octets: octets),
            let record = introduced(introduction, handshake.remoteStatic),
            NodeID(of: record.signer, in: identity.mesh).octets.starts(with: join.expecting),
            let cipher = settings.ciphers.first(where: {
                introduction.profile.ciphers.contains($0.rawValue)
            })
        else {
            // Not whom the invite names: it is told nothing more. The right one may still answer.
            joins[number]?.sawFalseSeed = true
            return
        }
        let own = JoinIntroduction(
            profile: profile([cipher.rawValue], at: time), nodeRecord: identity.nodeRecord)
        guard let message = try? handshake.write(payload: own.octets()),
            let split = handshake.split()
        else { return }
        joins[number]?.remote = sender
        joins[number]?.keys = SessionKeys(
            cipher, send: split.fromInitiator, receive: split.fromResponder, local: number,
            remote: sender, isInitiator: true, since: time.moment,
            localLanes: own.profile.lanes, remoteLanes: introduction.profile.lanes)
        joins[number]?.attempt = 0
        joins[number]?.cookie = nil
        joins[number]?.inviteKey = nil
        let third = joinMessage(sender: number, step: 3, receiver: sender, message)
        joins[number]?.state = .introduced(message: third)
        effects.append(.joinOpened(.joining(number), nodeRecord: record, invite: nil))
        repeatJoin(number, at: time.moment, &effects)
    }

    /// Step 3 at the member.
    private mutating func receiveIntroduction(
        _ noise: [UInt8], _ answered: NoiseHandshake, _ ephemeral: [UInt8], _ number: UInt32,
        at time: SessionTime, _ effects: inout [SessionEffect]
    ) {
        var handshake = answered
        guard let join = joins[number], let octets = try? handshake.read(noise),
            let introduction = try? JoinIntroduction(octets: octets),
            introduction.profile.ciphers.count == 1,
            let cipher = PacketCipher(rawValue: introduction.profile.ciphers[0]),
            settings.ciphers.contains(cipher),
            let record = introduced(introduction, handshake.remoteStatic),
            let split = handshake.split()
        else { return }
        let remote = join.remote
        joinAnswers[ephemeral] = nil
        halfOpenCount -= 1
        joins[number]?.state = .open
        joins[number]?.keys = SessionKeys(
            cipher, send: split.fromResponder, receive: split.fromInitiator, local: number,
            remote: remote, isInitiator: false, since: time.moment,
            localLanes: min(max(settings.lanes, 1), SessionLimit.lanes),
            remoteLanes: introduction.profile.lanes)
        setJoinDeadline(number, time.moment + settings.refuseAfter)
        effects.append(
            .joinOpened(.joining(number), nodeRecord: record, invite: join.invite))
        effects.append(.established(.joining(number)))
        _ = sealJoining([], number, &effects)
    }

    /// The node record of an introduction, if it is signed and names the key that was shown.
    private func introduced(
        _ introduction: JoinIntroduction, _ remoteStatic: X25519.PublicKey?
    ) -> TrustObject? {
        guard let object = try? TrustObject(octets: introduction.nodeRecord),
            case .nodeRecord(let record) = object.statement.kind,
            record.dataKey == remoteStatic, object.isSigned(in: identity.mesh)
        else { return nil }
        return object
    }

    mutating func receiveJoinCookie(
        _ number: UInt32, nonce: [UInt8], sealed: [UInt8], at time: SessionTime,
        _ effects: inout [SessionEffect]
    ) {
        guard let join = joins[number], case .asked(let request) = join.state,
            let cookie = XChaCha20Poly1305.open(
                sealed, key: macKeys.joining.cookie, nonce: nonce,
                authenticating: [UInt8](request.octets.suffix(SessionMessage.macSize))),
            join.cookie != cookie
        else { return }
        joins[number]?.cookie = cookie
        repeatJoin(number, at: time.moment, &effects)
    }

    // MARK: the session

    mutating func sendJoining(
        _ payload: Payload, _ number: UInt32, at time: SessionTime,
        _ effects: inout [SessionEffect]
    ) {
        guard let join = joins[number], case .control(let octets) = payload else {
            effects.append(.undeliverable(payload, to: .joining(number)))
            return
        }
        switch join.state {
        case .open:
            _ = sealJoining(octets, number, &effects)
        case .asked, .answered, .introduced:
            guard join.queue.count < SessionLimit.queuedControl else {
                effects.append(.undeliverable(payload, to: .joining(number)))
                return
            }
            joins[number]?.queue.append(payload)
        }
    }

    private mutating func sealJoining(
        _ octets: [UInt8], _ number: UInt32, _ effects: inout [SessionEffect]
    ) -> Bool {
        guard let route = joins[number]?.route,
            let packet = joins[number]?.keys?.seal(
                octets, lane: SessionKeys.controlLane, instance: DataHeader.controlInstance,
                on: route.port)
        else { return false }
        effects.append(.send(Datagram(packet, on: route.port, remote: route.path)))
        return true
    }

    mutating func receiveJoiningPacket(
        _ packet: [UInt8], _ number: UInt32, instance: UInt32, _ route: Route,
        at time: SessionTime, _ effects: inout [SessionEffect]
    ) {
        guard instance == DataHeader.controlInstance, let since = joins[number]?.keys?.since,
            time.moment < since + settings.refuseAfter,
            let opened = joins[number]?.keys?.open(packet, at: SessionHead.size(on: route.port)),
            opened.lane == SessionKeys.controlLane
        else { return }
        if case .introduced = joins[number]?.state {
            joins[number]?.state = .open
            setJoinDeadline(number, since + settings.refuseAfter)
            effects.append(.established(.joining(number)))
            let queue = joins[number]?.queue ?? []
            joins[number]?.queue = []
            for payload in queue { sendJoining(payload, number, at: time, &effects) }
        }
        guard !opened.plaintext.isEmpty else { return }
        effects.append(
            .deliver(.control(opened.plaintext), from: .joining(number), isEarly: false))
    }
}
