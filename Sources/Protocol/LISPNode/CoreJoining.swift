import Clocks
import Cryptography
import LISP
import Laboratory
import MappingSystem
import Sessions
import Trust

/// The joiner's side of joining, from the invite string to the admission.
///
///     calling ── session ──▶ shown the chain ── it holds ──▶ redeeming ── admitted ──▶ member
///        ▲                        └─ it does not hold ─┐        └─ refused ─┐
///        └───────────────── next seed ◀────────────────┴────────────────────┘
package struct Joining: Sendable {
    let invite: InviteString
    let inviteKey: Ed25519.SecretKey
    let name: MeshName?
    let command: UInt64
    var state = State.calling
    /// How many seeds were asked.
    var attempts = 0
    /// Of the present question.
    var repetitions = 0
    var deadline: Moment
    /// When nobody has answered anything by then, it is over.
    let silentUntil: Moment
    /// What the last seed said or did wrong.
    var reason = Failure.noMemberAnswered
    /// Every question so far, at most ``rounds`` for each seed.
    package internal(set) var asked: [JoinAttempt] = []
    /// Set when it is over and failed.
    var failure: Failure?

    enum State: Sendable {
        case calling
        case watching(Peer, host: TrustObject, shown: UInt32)
        case redeeming(Peer, host: TrustObject)
    }

    /// For one seed to open a session, and for each question after that.
    static let patience = Span.seconds(8)
    /// For anybody at all to answer anything: then there is nobody there, or no way.
    static let silence = Span.seconds(10)
    /// Until the next seed is called too.
    static let stagger = Span.seconds(1)
    static let repetition = Span.milliseconds(500)
    static let maximumRepetitions = 16
    /// Rounds through the seeds.
    static let rounds = 3

    /// Whether all that were asked say nothing, and have had time to.
    func isUnheard(at now: Moment) -> Bool {
        now >= silentUntil && asked.allSatisfy { $0.outcome == .noAnswer }
    }

    /// Notes what came of the last question to the seed that a node is.
    mutating func came(_ outcome: JoinAttempt.Outcome, from node: NodeID) {
        let seed = invite.seeds.first { $0.node.elementsEqual(node.octets.prefix($0.node.count)) }
        let path = seed.flatMap { Path($0.address, port: $0.port) }
        guard let index = asked.lastIndex(where: { $0.path == path }) else { return }
        asked[index].outcome = outcome
    }

    /// Whose words count: the sessions with earlier seeds may still be open.
    var host: Peer? {
        switch state {
        case .calling: return nil
        case .watching(let peer, _, _), .redeeming(let peer, _): return peer
        }
    }
}

/// What a node that has joined still waits for before it believes that it has seen everything.
package struct PartlyJoined: Hashable, Sendable {
    /// How many revocations the invite had seen.
    var revocations: UInt32
    /// How many others must agree: of distinct admitters, or all if there are fewer.
    static let witnesses = 3
}

extension Core {
    /// Asks the next seed, or gives up.
    mutating func callSeed(
        turn: inout Turn, using random: inout some RandomNumberGenerator
    ) {
        guard var joining else { return }
        let seeds = joining.invite.seeds
        guard !seeds.isEmpty, joining.attempts < seeds.count * Joining.rounds,
            !joining.isUnheard(at: turn.now.moment)
        else {
            joining.failure = joining.reason
            self.joining = joining
            return
        }
        // What another seed showed is forgotten: nothing of a liar's stays.
        trust = TrustSet(mesh: mesh)
        let seed = seeds[joining.attempts % seeds.count]
        joining.attempts += 1
        joining.state = .calling
        // The last of a round has time; before it the next is called while the one before may still
        // answer.
        let isLast = joining.attempts % seeds.count == 0
        joining.deadline = turn.now.moment + (isLast ? Joining.patience : Joining.stagger)
        if joining.asked.allSatisfy({ $0.outcome == .noAnswer }) {
            joining.deadline = min(joining.deadline, joining.silentUntil)
        }
        let path = Path(seed.address, port: seed.port)
        if let path { joining.asked.append(JoinAttempt(path)) }
        self.joining = joining
        guard let path else { return }
        let inviteKey = joining.inviteKey
        let invite = joining.invite.object
        withSessions(turn: &turn, using: &random) { sessions, time, _, random in
            sessions.join(
                through: path, on: .data, invite: invite, inviteKey: inviteKey,
                expecting: seed.node, at: time, using: &random
            ).1
        }
    }

    /// Time has passed while this node joins.
    mutating func continueJoining(
        turn: inout Turn, using random: inout some RandomNumberGenerator
    ) {
        guard let joining, joining.failure == nil, joining.deadline <= turn.now.moment else {
            return
        }
        switch joining.state {
        case .calling: callSeed(turn: &turn, using: &random)
        case .watching(let peer, _, let shown):
            repeatQuestion(.chainWanted(from: shown), to: peer, turn: &turn, using: &random)
        case .redeeming(let peer, _):
            repeatQuestion(redemption(joining), to: peer, turn: &turn, using: &random)
        }
    }

    private mutating func repeatQuestion(
        _ question: MeshMessage, to peer: Peer, turn: inout Turn,
        using random: inout some RandomNumberGenerator
    ) {
        joining?.repetitions += 1
        guard let repetitions = joining?.repetitions, repetitions < Joining.maximumRepetitions
        else {
            callSeed(turn: &turn, using: &random)
            return
        }
        joining?.deadline = turn.now.moment + Joining.repetition
        say(question, to: peer, turn: &turn, using: &random)
    }

    private func redemption(_ joining: Joining) -> MeshMessage {
        .redeem(
            proof: Redemption.proof(
                by: joining.inviteKey, invite: joining.invite.object.id(in: mesh),
                node: key.publicKey, in: mesh),
            name: joining.name)
    }

    mutating func joinOpened(
        _ peer: Peer, nodeRecord: TrustObject, invite: TrustObject?, turn: inout Turn,
        using random: inout some RandomNumberGenerator
    ) {
        if let state = joining?.state {
            // A seed that answers late does not take the place of the one that is asked now.
            guard case .calling = state else { return }
            joining?.came(.fellSilent, from: NodeID(of: nodeRecord.signer, in: mesh))
            joining?.state = .watching(peer, host: nodeRecord, shown: 0)
            joining?.repetitions = 0
            joining?.deadline = turn.now.moment + Joining.repetition
            say(.chainWanted(from: 0), to: peer, turn: &turn, using: &random)
        } else if case .joining(let number) = peer, guests.count < Guest.maximum {
            guests[number] = Guest(nodeRecord: nodeRecord, invite: invite)
        }
    }

    mutating func joinEnded(_ number: UInt32) { guests[number] = nil }

    mutating func receiveJoin(
        _ plaintext: [UInt8], from number: UInt32, turn: inout Turn,
        using random: inout some RandomNumberGenerator
    ) {
        guard let messages = try? MeshMessage.all(in: plaintext) else {
            counters.malformed += 1
            return
        }
        // Each question costs this node far more than who asks it.
        var hasAsked = false
        for message in messages {
            let isHost = joining?.host == .joining(number) || isPlanted(.anySeedIsHeard)
            switch message {
            case .chainWanted(let from) where !hasAsked:
                hasAsked = true
                showChain(from: from, to: number, turn: &turn, using: &random)
            case .redeem(let proof, let name) where !hasAsked:
                hasAsked = true
                redeem(proof, name: name, for: number, turn: &turn, using: &random)
            case .chain(let from, let total, let pieces) where isHost:
                seeChain(from, total, pieces, turn: &turn, using: &random)
            case .admitted(let pieces) where isHost:
                admitted(pieces, turn: &turn, using: &random)
            case .refused(let reason) where isHost:
                guard case .redeeming(_, let host) = joining?.state else { break }
                joining?.reason = .refused(reason)
                joining?.came(.refused(reason), from: NodeID(of: host.signer, in: mesh))
                callSeed(turn: &turn, using: &random)
            default: counters.malformed += 1
            }
        }
    }
}

// The joiner's questions.
extension Core {
    private mutating func seeChain(
        _ from: UInt32, _ total: UInt32, _ pieces: [[UInt8]], turn: inout Turn,
        using random: inout some RandomNumberGenerator
    ) {
        guard case .watching(let peer, let host, let shown) = joining?.state, from == shown,
            !pieces.isEmpty, from < total
        else { return }
        for piece in pieces {
            guard let object = try? TrustObject(octets: piece) else {
                counters.malformed += 1
                continue
            }
            _ = trust.insert(object)
        }
        let next = shown + UInt32(clamping: pieces.count)
        joining?.state = .watching(peer, host: host, shown: next)
        joining?.repetitions = 0
        joining?.deadline = turn.now.moment + Joining.repetition
        guard next >= total else {
            say(.chainWanted(from: next), to: peer, turn: &turn, using: &random)
            return
        }
        let shownStanding = trust.standing(at: meshTime(turn))
        let isTrue =
            shownStanding.member(key: host.signer)?.roles.contains(.admitter) ?? false
        guard isTrue || isPlanted(.joinerBelievesSeed), let joining else {
            self.joining?.reason = .falseSeed
            self.joining?.came(.falseSeed, from: NodeID(of: host.signer, in: mesh))
            callSeed(turn: &turn, using: &random)
            return
        }
        self.joining?.state = .redeeming(peer, host: host)
        say(redemption(joining), to: peer, turn: &turn, using: &random)
    }

    private mutating func admitted(
        _ pieces: [[UInt8]], turn: inout Turn, using random: inout some RandomNumberGenerator
    ) {
        guard case .redeeming(_, let host) = joining?.state, let joining else { return }
        for piece in pieces {
            guard let object = try? TrustObject(octets: piece) else { continue }
            _ = trust.insert(object)
        }
        // So that the first session is with whom it knows already.
        _ = trust.insert(host)
        let shown = trust.standing(at: meshTime(turn))
        guard let own = shown.member(key: key.publicKey) else { return }
        clock.raise(floor: own.admittedAt, at: turn.now.moment)
        for bucket in UInt8.min ... .max {
            for id in trust.ids(inBucket: bucket) {
                guard let octets = trust.object(id)?.octets else { continue }
                turn.write(DiskKey.object(id), octets)
            }
        }
        trustChanged = true
        let seen = joining.invite.invite.revocationsSeen
        partlyJoined = PartlyJoined(revocations: seen)
        turn.write(DiskKey.partlyJoined, seen.bigEndianOctets)
        self.joining = nil
        turn.hold(.answer(.joined(id), joining.command))
        becameMember(turn: &turn, using: &random)
    }
}
