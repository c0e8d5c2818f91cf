import LISP
import MappingSystem
import Sessions
import Trust

/// What nodes with a session see of each other's ports. Packets of data may leave from many ports of a host
/// only if no NAT is at either end, because a NAT makes another path of each: the peer's path must be one
/// that its node record lists, and the peer must have said that it sees this node at one that this
/// node's record lists.
///
///     nothing ── seen at a locator of ours ──▶ many ports
///     many ports ── path moved, own addresses changed, seen elsewhere ──▶ nothing
struct Sightings: Sendable {
    /// By whom this node is seen at one of its locators, and at which.
    private var seen: [NodeID: Path] = [:]
    /// Who was told that it is seen at a locator of its own, at which, and whether its path is still the one
    /// that it was then.
    private var told: [NodeID: (path: Path, isPresent: Bool)] = [:]

    /// - Parameter paths: where this node says that it is, right now.
    func isSeen(at paths: [Path], by node: NodeID) -> Bool {
        seen[node].map { paths.contains($0) } ?? false
    }

    func isSeen(by node: NodeID) -> Bool { seen[node] != nil }

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
        told[node]?.isPresent = false
    }

    mutating func forgetSeen() { seen = [:] }

    /// The session has ended.
    mutating func forget(_ node: NodeID) {
        seen[node] = nil
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
            .seen(.init(path, wantsAnswer: wantsAnswer, isLocator: isLocator)), to: .member(node),
            turn: &turn, using: &random)
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
        if sighting.wantsAnswer {
            tellPorts(to: node, isAsked: true, turn: &turn, using: &random)
        }
    }

    /// The host has other addresses: packets may leave from another one than those the peers have told of, and
    /// they must not leave from many ports until they tell again.
    mutating func askForPorts(
        turn: inout Turn, using random: inout some RandomNumberGenerator
    ) {
        sightings.forgetSeen()
        for node in sessions.established {
            sessions.portsChanged(of: node, isUrgent: true)
            guard settings.spreadsPorts, let session = sessions.session(with: node),
                session.isProved, !session.isRelayed, let path = session.path,
                let record = standing.member(node)?.nodeRecord, record.paths.contains(path)
            else { continue }
            say(
                .seen(.init(path, wantsAnswer: true, isLocator: true)), to: .member(node),
                turn: &turn, using: &random)
        }
    }
}
