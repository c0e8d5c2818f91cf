package import Clocks
import Cryptography
import LISP
import MappingSystem
import Mappings
package import Sessions
import Trust

/// A whole node as a value: the same in the daemon and in the simulator. It has one entrance,
/// ``handle(_:at:using:)``, and owns no socket, clock, disk or chance.
///
///     blank ── create ─────────────────────▶ member ──▶ (revoked: says nothing any more)
///       └──── join ──▶ joining ── admitted ──▲
///                        └── nobody lets it in ──▶ blank
package struct Node: Sendable {
    package let settings: Settings
    /// What the last process left; taken apart at the first event.
    private var disk: [[UInt8]: [UInt8]]
    private var common: Common?
    /// Everything about the mesh that this node is in, or is about to join.
    package internal(set) var core: Core?
    /// This host's addresses, as the routing socket last said.
    private var locators: [Address] = []
    private var linkMTU: Int?
    private var legacy: LegacySites
    private var hasStopped = false
    /// The last batch of writes that was handed out, and the last that is durable.
    private var batch: UInt64 = 0
    private var durable: UInt64 = 0
    /// Whom this node asked when it joined last and was not let in, and what each said.
    package private(set) var joinAttempts: [JoinAttempt] = []
    /// When `Event.deadline` must come next, at the latest.
    package private(set) var nextDeadline = Moment.never
    /// What waits until a batch is durable, oldest first.
    private var held: [(batch: UInt64, releases: [Release])] = []

    /// - Parameters:
    ///   - disk: every key that was durable when the last process ended; none at first.
    ///   - common: held beside what the disk has, if the disk has an identity.
    package init(_ settings: Settings, disk: [[UInt8]: [UInt8]], common: Common? = nil) {
        self.settings = settings
        self.disk = disk
        self.common = common
        legacy = LegacySites(settings.legacy)
    }

    package mutating func handle(
        _ event: Event, at now: Now, using random: inout some RandomNumberGenerator
    ) -> [Effect] {
        if hasStopped { return [] }
        var turn = Turn(now)
        core?.isDiskBehind = batch &- durable > Self.maximumBehind
        core?.noticeSleep(turn: &turn, using: &random)
        switch event {
        case .start:
            core = Core(restoring: disk, common, settings, turn: &turn, using: &random)
            core?.legacy = legacy
            disk = [:]
            common = nil
        case .datagram(let datagram): core?.receive(datagram, turn: &turn, using: &random)
        case .packet(let packet, let instance):
            core?.encapsulate(packet, instance: instance, turn: &turn, using: &random)
        case .opened(let packet, let instance, let index):
            core?.explain(packet, instance: instance, index: index, turn: &turn)
        case .heard(let heard): core?.hear(heard, turn: &turn, using: &random)
        case .traffic: core?.noteTraffic(turn: &turn, using: &random)
        case .pathTrouble(let path): core?.mayHaveChanged(path, at: now.moment)
        case .deadline: break
        case .written(let batch): release(through: batch, turn: &turn, using: &random)
        case .locators(let addresses):
            locators = addresses
            core?.moved(to: addresses, turn: &turn, using: &random)
        case .linkMTU(let octets):
            linkMTU = octets
            core?.links(take: octets)
        case .legacy(let xtrs):
            legacy = LegacySites(xtrs)
            core?.legacy = legacy
        case .stopping:
            core?.sayGoodbye(turn: &turn, using: &random)
            hasStopped = true
            nextDeadline = .never
            return finish(&turn, using: &random)
        case .command(let command, let number):
            handle(command, number, turn: &turn, using: &random)
        }
        // To read a part of the core is to copy all of it; what changes it works on it where it stands.
        if let failure = core?.settle(turn: &turn, using: &random) ?? nil {
            turn.send(.answer(.failed(failure), core?.joining?.command ?? 0))
            turn.removeAll(core?.joinDiskKeys ?? [])
            joinAttempts = core?.joining?.asked ?? []
            core = nil
        }
        let effects = finish(&turn, using: &random)
        nextDeadline = core?.nextDeadline() ?? .never
        return effects
    }

    /// Says what no rule of this node's asks for, in its name: how others bear that is tested with it.
    package mutating func say(
        _ payload: Payload, to peer: Peer, at now: Now,
        using random: inout some RandomNumberGenerator
    ) -> [Effect] {
        var turn = Turn(now)
        core?.send(payload, to: peer, turn: &turn, using: &random)
        let effects = finish(&turn, using: &random)
        nextDeadline = core?.nextDeadline() ?? .never
        return effects
    }

    private mutating func handle(
        _ command: Command, _ number: UInt64, turn: inout Turn,
        using random: inout some RandomNumberGenerator
    ) {
        // Not the core itself: a second reference to it would make every change copy all of it.
        switch (command, core != nil) {
        case (.create(let plan), false):
            guard
                let creation = Core.create(
                    plan, settings, locators: locators, turn: &turn, using: &random)
            else {
                turn.send(.answer(.failed(.notAllowed), number))
                return
            }
            core = creation.core
            core?.linkMTU = linkMTU
            core?.legacy = legacy
            turn.hold(.answer(creation.answer, number))
        case (.join(let text, let name, let seed), false):
            switch Core.join(
                text, name: name, seed: seed, command: number, settings, locators: locators,
                turn: &turn,
                using: &random)
            {
            case .success(let joining):
                core = joining
                core?.linkMTU = linkMTU
                core?.legacy = legacy
            case .failure(let failure): turn.send(.answer(.failed(failure), number))
            }
        case (.create, _), (.join, _):
            turn.send(.answer(.failed(.alreadyInMesh), number))
        case (_, false): turn.send(.answer(.failed(.noMesh), number))
        default: core?.handle(command, number, turn: &turn, using: &random)
        }
    }
}

extension Node {
    /// Batches that the disk may be behind before records of others are left to them: a disk that is
    /// full or dead must not fill the memory.
    package static let maximumBehind: UInt64 = 256

    /// Turns of others that wait for the disk at one time. Most write nothing: what a member repeats is
    /// here already, and is acknowledged when it is durable.
    package static let maximumWaiting = 512

    /// Turns whose consequences wait for the disk.
    package var waiting: Int { held.count }

    /// Hands out what was written, and what need not or need no longer wait for the disk.
    private mutating func finish(
        _ turn: inout Turn, using random: inout some RandomNumberGenerator
    ) -> [Effect] {
        // Most events are packets, which wait for no disk.
        if turn.writes.isEmpty, turn.held.isEmpty { return turn.effects }
        var effects: [Effect] = []
        if !turn.writes.isEmpty {
            batch += 1
            effects.append(.write(turn.writes, batch: batch))
        }
        effects += turn.effects
        if !turn.held.isEmpty {
            if batch == durable {
                var late = Turn(turn.now)
                core?.release(turn.held, turn: &late, using: &random)
                effects += finish(&late, using: &random)
            } else {
                // Members ask again for what they are not told; nobody else would.
                let isFull =
                    batch &- durable > Self.maximumBehind || held.count >= Self.maximumWaiting
                let kept = isFull ? turn.held.filter(\.isOwn) : turn.held
                if !kept.isEmpty { held.append((batch, kept)) }
            }
        }
        return effects
    }

    private mutating func release(
        through batch: UInt64, turn: inout Turn, using random: inout some RandomNumberGenerator
    ) {
        durable = max(durable, min(batch, self.batch))
        let ready = held.prefix { $0.batch <= durable }
        held.removeFirst(ready.count)
        for (_, releases) in ready { core?.release(releases, turn: &turn, using: &random) }
    }
}

/// What one event leads to.
struct Turn: Sendable {
    let now: Now
    private(set) var effects: [Effect] = []
    private(set) var writes: [DiskWrite] = []
    /// Until all writes so far are durable.
    private(set) var held: [Release] = []

    init(_ now: Now) { self.now = now }

    mutating func send(_ effect: Effect) { effects.append(effect) }
    mutating func write(_ key: [UInt8], _ value: [UInt8]?) { writes.append(DiskWrite(key, value)) }
    mutating func hold(_ release: Release) { held.append(release) }
    mutating func removeAll(_ keys: [[UInt8]]) { for key in keys { write(key, nil) } }
}

/// What must not happen before the disk has what it rests on.
enum Release: Sendable {
    case answer(Answer, UInt64)
    /// Tells a member what is durable here.
    case acknowledge([UInt64], to: NodeID)
    case say(MeshMessage, to: Peer)
    /// A record of this node's own, by the number of its write.
    case ownDurable(UInt64)

    /// Of this node's own people and records, not of what members sent.
    var isOwn: Bool {
        switch self {
        case .answer, .ownDurable: return true
        case .acknowledge, .say: return false
        }
    }
}
