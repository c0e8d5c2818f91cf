import LISP
import Laboratory
import MappingSystem
import Sessions
import Trust

/// What nodes with a session see of each other's ports. Packets of data may leave from many ports of a host
/// only if no NAT is at either end, because a NAT makes another path of each: the peer's path must be one
/// that its node record lists, and the peer must have said that it sees this node at one that this
/// node's record lists. And what comes from other ports must get there (``PortTrials``).
///
///     nothing ── seen at a locator of ours ──▶ trial ──▶ many ports
///     many ports ── path moved, own addresses changed, seen elsewhere ──▶ nothing
struct Sightings: Sendable {
    /// By whom this node is seen at one of its locators, and at which.
    private var seen: [NodeID: Path] = [:]
    /// Who was told that it is seen at a locator of its own, at which, and whether its path is still the one
    /// that it was then.
    private var told: [NodeID: (path: Path, isPresent: Bool)] = [:]
    /// From whom a trial has come since its path is the present one, and the last one's number.
    private var came: [NodeID: UInt8] = [:]

    /// - Parameter paths: where this node says that it is, right now.
    func isSeen(at paths: [Path], by node: NodeID) -> Bool {
        seen[node].map { paths.contains($0) } ?? isPlanted(.spreadsBehindNAT)
    }

    func isSeen(by node: NodeID) -> Bool { seen[node] != nil }

    /// What to tell a node of its trials.
    func trial(of node: NodeID) -> MeshMessage.Sighting.Trial {
        came[node].map { .came($0) } ?? .noneCame
    }

    fileprivate mutating func trialCame(_ number: UInt8, from node: NodeID) { came[node] = number }

    /// - Returns: whether that is something else than before.
    fileprivate mutating func note(_ path: Path?, by node: NodeID) -> Bool {
        defer { seen[node] = path }
        return seen[node] != path
    }

    /// - Returns: whether the node must be told.
    fileprivate mutating func tell(_ path: Path?, to node: NodeID) -> Bool {
        defer { told[node] = path.map { ($0, true) } }
        return told[node]?.path != path || told[node]?.isPresent == false
    }

    /// Packets to a node go elsewhere: what was between may not be there.
    mutating func pathMoved(to node: NodeID) {
        seen[node] = nil
        came[node] = nil
        told[node]?.isPresent = false
    }

    mutating func forgetSeen() { seen = [:] }

    /// The session has ended.
    mutating func forget(_ node: NodeID) {
        seen[node] = nil
        came[node] = nil
        told[node] = nil
    }
}

extension Core {
    /// Where this node says that it is.
    var ownPaths: [Path] {
        locators.prefix(Self.maximumLocators).compactMap { Path($0, port: settings.dataPort) }
    }

    /// Tells a peer where it is seen, if it does not know, and asks it for the same. To be called when there
    /// is a session, when its path has answered, and when the peer's record lists other addresses.
    /// - Parameter isAsked: the peer wants to hear it again.
    mutating func tellPorts(
        to node: NodeID, isAsked: Bool = false, turn: inout Turn,
        using random: inout some RandomNumberGenerator
    ) {
        guard settings.spreadsPorts, let session = sessions.session(with: node),
            session.isEstablished, session.isProved, let path = session.path
        else { return }
        let isLocator =
            !session.isRelayed && standing.member(node)?.nodeRecord?.paths.contains(path) ?? false
        let isNew = sightings.tell(isLocator ? path : nil, to: node)
        guard isNew || (isAsked && isLocator) else { return }
        let wantsAnswer = isLocator && !isAsked && !sightings.isSeen(by: node)
        say(
            .seen(
                .init(
                    path, wantsAnswer: wantsAnswer, isLocator: isLocator,
                    trial: sightings.trial(of: node))), to: .member(node), turn: &turn,
            using: &random)
    }

    /// A peer says where it sees this node.
    mutating func take(
        _ sighting: MeshMessage.Sighting, of node: NodeID, turn: inout Turn,
        using random: inout some RandomNumberGenerator
    ) {
        guard sessions.isEstablished(with: node) else { return }
        let isHere = sighting.isLocator && ownPaths.contains(sighting.path)
        if sightings.note(isHere ? sighting.path : nil, by: node) {
            sessions.portsChanged(of: node, isUrgent: !isHere)
        }
        var isAsked = sighting.wantsAnswer
        switch sighting.trial {
        case .noneCame:
            if trials.nothingCame(to: node) { sessions.portsChanged(of: node, isUrgent: true) }
        case .this(let number):
            sightings.trialCame(number, from: node)
            isAsked = true
        case .came(let number):
            if trials.answered(number, by: node, at: turn.now.moment) {
                sessions.portsChanged(of: node, isUrgent: false)
            }
        }
        if isHere {
            tryPorts(to: node, turn: &turn, using: &random)
        } else {
            trials.forget(node)
        }
        if isAsked { tellPorts(to: node, isAsked: true, turn: &turn, using: &random) }
    }

    /// Begins to try whether what leaves from other ports reaches a peer, if it was not tried and there is no
    /// NAT.
    mutating func tryPorts(
        to node: NodeID, turn: inout Turn, using random: inout some RandomNumberGenerator
    ) {
        guard pathWithoutNAT(to: node, turn) != nil,
            let number = trials.begin(node, at: turn.now.moment, using: &random)
        else { return }
        sendTrial(number, to: node, turn: &turn, using: &random)
    }

    /// Data is sent to a peer.
    mutating func checkPorts(
        to node: NodeID, turn: inout Turn, using random: inout some RandomNumberGenerator
    ) {
        guard pathWithoutNAT(to: node, turn) != nil,
            let number = trials.check(node, at: turn.now.moment)
        else { return }
        sendTrial(number, to: node, turn: &turn, using: &random)
    }

    /// Who did not answer a trial, or is to be tried again.
    mutating func runTrials(turn: inout Turn, using random: inout some RandomNumberGenerator) {
        while let (node, number) = trials.next(at: turn.now.moment) {
            if let number {
                sendTrial(number, to: node, turn: &turn, using: &random)
            } else {
                sessions.portsChanged(of: node, isUrgent: true)
            }
        }
    }

    private mutating func sendTrial(
        _ number: UInt8, to node: NodeID, turn: inout Turn,
        using random: inout some RandomNumberGenerator
    ) {
        guard let path = pathWithoutNAT(to: node, turn) else { return }
        let message = MeshMessage.seen(
            .init(path, wantsAnswer: false, isLocator: true, trial: .this(number)))
        if settings.showsPlaintext {
            show(message.octets, .member(node), isSent: true, turn: &turn)
        }
        let flow = UInt16.random(in: .min ... .max, using: &random)
        withSessions(turn: &turn, using: &random) { sessions, time, _, _ in
            sessions.sendTrial(message.octets, to: node, flow: flow, at: time)
        }
    }

    /// Where packets to a peer go, if there is no NAT at either end, as far as both know.
    private func pathWithoutNAT(to node: NodeID, _ turn: Turn) -> Path? {
        guard settings.spreadsPorts, let path = sessions.provedPath(to: node, at: turn.now.moment),
            standing.member(node)?.nodeRecord?.paths.contains(path) == true,
            sightings.isSeen(at: ownPaths, by: node)
        else { return nil }
        return path
    }

    /// The host has other addresses: packets may leave from another one than those the peers have told of, and
    /// they must not leave from many ports until they tell again.
    mutating func askForPorts(
        turn: inout Turn, using random: inout some RandomNumberGenerator
    ) {
        sightings.forgetSeen()
        trials.forgetAll()
        for node in sessions.established {
            sessions.portsChanged(of: node, isUrgent: true)
            guard settings.spreadsPorts, let session = sessions.session(with: node),
                session.isProved, !session.isRelayed, let path = session.path,
                let record = standing.member(node)?.nodeRecord, record.paths.contains(path)
            else { continue }
            say(
                .seen(
                    .init(
                        path, wantsAnswer: true, isLocator: true, trial: sightings.trial(of: node))),
                to: .member(node), turn: &turn, using: &random)
        }
    }
}
