import Clocks
import Cryptography
import LISP
import Laboratory
import Trust

/// The side that answers: what costs least is checked first.
extension SessionTable {
    mutating func receiveOpener(
        _ received: Received, sender: UInt32, noise: [UInt8], at time: SessionTime,
        directory: inout some PeerDirectory, using random: inout some RandomNumberGenerator,
        _ effects: inout [SessionEffect]
    ) {
        let mac = { shortMAC($0, received.beforeMAC1) }
        let dataKey: X25519.SecretKey
        let macs: MACKeys.Pair
        if equalInConstantTime(mac(macKeys.present.mac1), received.mac1) {
            (dataKey, macs) = (identity.dataKey, macKeys.present)
        } else if let previous = macKeys.previous, let key = identity.previousDataKey,
            equalInConstantTime(mac(previous.mac1), received.mac1)
        {
            (dataKey, macs) = (key, previous)
        } else {
            return
        }
        guard admits(received, sender: sender, macs, at: time, using: &random, &effects) else {
            return
        }
        let stamp = time.meshTime
        guard
            var handshake = NoiseHandshake(
                .ik, as: .responder,
                prologue: SessionSecret.prologue(identity.mesh, responder: identity.node),
                static: dataKey, ephemeral: ephemeral(dataKey, stamp: stamp, using: &random)),
            let octets = try? handshake.read(noise),
            let payload = try? OpenerPayload(octets: octets), payload.node != identity.node,
            let remoteStatic = handshake.remoteStatic
        else { return }
        learn(payload, remoteStatic, &directory)
        guard let known = directory.dataKey(of: payload.node),
            known == remoteStatic || isPlanted(.staticUnchecked)
        else { return }
        let slot = slot(of: payload.node, at: time.moment, &effects)
        if let index = peers[slot].halfOpen.firstIndex(where: { $0.openerMAC == received.mac1 }) {
            // The same opener: the same answer, once for each that came.
            if peers[slot].halfOpen[index].route != received.route {
                peers[slot].halfOpen[index].isAmbiguous = true
            }
            peers[slot].halfOpen[index].wasAnsweredOnce = false
            let answer = peers[slot].halfOpen[index].answer
            sendHandshake(answer, to: payload.node, received.route, &effects)
            return
        }
        let isDoubtful = payload.stamp <= peers[slot].lastStamp
        if isDoubtful {
            if let last = peers[slot].lastDoubtful, time.moment < last + .seconds(1) { return }
            peers[slot].lastDoubtful = time.moment
        }
        if let opening = peers[slot].opening, opening.offer.remoteKey == known {
            let isOurs = identity.node.octets.lexicographicallyPrecedes(payload.node.octets)
            if isPlanted(.bothOpenersDrop) {
                dropOpening(slot)
                return
            }
            if isOurs {
                // Ours goes on, also to where theirs came from: it may be the only way in.
                let size = opening.offer.octets.count + SessionHead.dataSize
                if size <= SessionLimit.amplification * received.octets.count {
                    sendOpener(slot, received.route, at: time.moment, &effects)
                }
                return
            }
        }
        guard halfOpenCount < SessionLimit.halfOpen,
            let cipher = settings.ciphers.first(where: {
                payload.profile.ciphers.contains($0.rawValue)
            })
        else { return }
        let isEarly = takesEarly(payload, isDoubtful: isDoubtful, at: time)
        let answer = AnswerPayload(
            profile: profile([cipher.rawValue], at: time),
            taken: isEarly ? UInt8(clamping: payload.early.count) : 0)
        guard let message = try? handshake.write(payload: answer.octets()),
            let split = handshake.split()
        else { return }
        // A doubtful opener may be a copy of an old one: ours goes on beside it.
        if !isDoubtful { dropOpening(slot) }
        let index = newIndex(for: slot, using: &random)
        let keys = SessionKeys(
            cipher, send: split.fromResponder, receive: split.fromInitiator, local: index,
            remote: sender, isInitiator: false, since: time.moment,
            localLanes: answer.profile.lanes, remoteLanes: payload.profile.lanes)
        var head = OctetWriter()
        head.write(UInt32(SessionForm.answer.rawValue) << 24 | index)
        head.write(sender)
        head.write(octets: message)
        let mac1 = shortMAC(macs.mac1, head.octets[...])
        let whole = head.octets + mac1 + [UInt8](repeating: 0, count: SessionMessage.macSize)
        let half = HalfOpen(
            keys: keys, route: received.route, isDoubtful: isDoubtful,
            openerMAC: received.mac1, answer: whole, bootID: payload.profile.bootID,
            incarnation: directory.incarnation(of: payload.node), clock: payload.profile.clock,
            answeredAt: time.moment)
        dropHalfOpen(slot) { $0.isDoubtful == isDoubtful }
        peers[slot].halfOpen.append(half)
        halfOpenCount += 1
        peers[slot].lastStamp = max(peers[slot].lastStamp, payload.stamp)
        sendHandshake(whole, to: payload.node, received.route, &effects)
        if isEarly {
            for packet in payload.early
            where packet.instance < DataHeader.controlInstance && !packet.octets.isEmpty {
                effects.append(
                    .deliver(
                        .data(packet.octets, instance: packet.instance),
                        from: .member(payload.node), isEarly: true))
            }
        }
        if isPlanted(.unconfirmedDisplaces) { confirm(slot, index, at: time, &effects) }
        schedule(slot)
    }

    /// Shows the directory a node record that came along, if it is the sender's at all.
    private func learn(
        _ payload: OpenerPayload, _ remoteStatic: X25519.PublicKey,
        _ directory: inout some PeerDirectory
    ) {
        guard let octets = payload.nodeRecord, directory.dataKey(of: payload.node) != remoteStatic,
            let object = try? TrustObject(octets: octets),
            case .nodeRecord(let record) = object.statement.kind, record.dataKey == remoteStatic,
            NodeID(of: object.signer, in: identity.mesh) == payload.node
        else { return }
        directory.learn(nodeRecord: octets)
    }

    /// An early packet could be a copy of one that was taken before, unless the stamp excludes it.
    private func takesEarly(
        _ payload: OpenerPayload, isDoubtful: Bool, at time: SessionTime
    ) -> Bool {
        let stamp = payload.stamp
        let distance = stamp > time.meshTime ? stamp - time.meshTime : time.meshTime - stamp
        return settings.hasEarlyData && !payload.early.isEmpty
            && (!isDoubtful || isPlanted(.earlyDataTwice))
            && stamp > stampFloor && distance <= SessionLimit.earlyWindow
            && (stamp > identity.startedAt || isPlanted(.earlyDataAfterRestart))
    }

    /// Whether a handshake may cost us more: under load only from an address that has shown a cookie.
    mutating func admits(
        _ received: Received, sender: UInt32, _ macs: MACKeys.Pair, at time: SessionTime,
        using random: inout some RandomNumberGenerator, _ effects: inout [SessionEffect]
    ) -> Bool {
        if time.moment >= second + .seconds(1) {
            second = time.moment
            openersInSecond = 0
        }
        openersInSecond += 1
        guard
            openersInSecond > settings.openersUnderLoad
                || halfOpenCount >= settings.halfOpenUnderLoad
        else { return true }
        cookies.renew(at: time.moment, using: &random)
        if cookies.accepts(received) || isPlanted(.cookieUnchecked) { return true }
        // Through a relay the address is the relay's, and it passes on nothing for strangers.
        guard !received.route.isRelayed else { return false }
        let nonce = random.octets(XChaCha20Poly1305.nonceSize)
        let sealed = XChaCha20Poly1305.seal(
            cookies.cookie(for: received.route.path), key: macs.cookie, nonce: nonce,
            authenticating: received.mac1)
        let reply = SessionMessage.cookie(receiver: sender, nonce: nonce, sealed: sealed)
        sendHandshake(reply.octets(), to: nil, received.route, &effects)
        return false
    }

    /// A packet under the keys of a half-open session came: its other side is really there.
    /// - Parameter index: the session's local index.
    mutating func confirm(
        _ slot: Int, _ index: UInt32, at time: SessionTime, _ effects: inout [SessionEffect]
    ) {
        guard let place = peers[slot].halfOpen.firstIndex(where: { $0.keys.localIndex == index })
        else { return }
        let half = peers[slot].halfOpen.remove(at: place)
        halfOpenCount -= 1
        dropOpening(slot)
        if half.wasAnsweredOnce { peers[slot].measure(time.moment - half.answeredAt) }
        effects.append(.clock(peers[slot].node, half.clock))
        install(
            half.keys, slot, bootID: half.bootID, incarnation: half.incarnation, at: time.moment,
            &effects)
        if !half.isAmbiguous {
            prove(slot, half.route, at: time.moment, &effects)
        } else if !(peers[slot].way?.isProved(at: time.moment) ?? false) {
            setWay(slot, Way(half.route), &effects)
        }
    }
}

/// Cookies show that somebody receives what is sent to an address.
struct CookieJar: Sendable {
    private var secret: [UInt8] = []
    /// Cookies are good for a while after their secret was replaced.
    private var previous: [UInt8] = []
    private var renewAt = Moment.start

    mutating func renew(at now: Moment, using random: inout some RandomNumberGenerator) {
        guard secret.isEmpty || now >= renewAt else { return }
        previous = now < renewAt + SessionLimit.cookieLife ? secret : []
        secret = random.octets(32)
        renewAt = now + SessionLimit.cookieLife
    }

    func cookie(for path: Path) -> [UInt8] { Self.cookie(for: path, secret) }

    func accepts(_ received: Received) -> Bool {
        [secret, previous].contains { secret in
            guard !secret.isEmpty else { return false }
            let cookie = Self.cookie(for: received.route.path, secret)
            return equalInConstantTime(shortMAC(cookie, received.beforeMAC2), received.mac2)
        }
    }

    private static func cookie(for path: Path, _ secret: [UInt8]) -> [UInt8] {
        let octets =
            SessionSecret.octets(of: path.host.high) + SessionSecret.octets(of: path.host.low)
            + [UInt8(path.port >> 8), UInt8(path.port & 0xFF)]
        return shortMAC(secret, octets[...])
    }
}
