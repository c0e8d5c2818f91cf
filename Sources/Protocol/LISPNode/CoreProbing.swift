package import Clocks
import Forwarding
import LISP
import MappingSystem
package import Sessions
package import Trust

/// What a probe of a person found.
package struct Pong: Hashable, Sendable {
    package var node: NodeID
    /// Where packets to it go.
    package var path: Path
    package var isRelayed: Bool
    package var roundTrip: Span
    /// The largest packet of the overlay that passes; none: not found out yet.
    package var mtu: Int?
}

extension Core {
    /// UDP, the LISP header, form and counter, tag: what a seal adds past the IP header (trust.md 7).
    package static let sealOverhead = 8 + 36

    /// What a packet of the overlay becomes on the way, IP header and all.
    static func outerSize(of inner: Int, on path: Path) -> Int {
        inner + sealOverhead + (path.isIPv4 ? 20 : 40)
    }

    /// The largest packet of the overlay that passes to a member; `nil` while that is not known.
    package func innerMTU(to node: NodeID) -> Int? {
        guard let path = sessions.session(with: node)?.path,
            let outer = probing.largest(on: path)
        else { return nil }
        return outer - Self.outerSize(of: 0, on: path)
    }

    /// Sends an RLOC-probe inside the seal (RFC 9301 §7.1).
    /// - Parameter size: of the packet in the underlay, filled up with padding.
    private mutating func probe(
        _ node: NodeID, size: Int?, command: UInt64?, turn: inout Turn,
        using random: inout some RandomNumberGenerator
    ) {
        guard let member = standing.member(node) else { return }
        let path = sessions.session(with: node)?.path
        let (length, eid) = mesh.cryptoEID(of: member.key).wire
        let (_, source) = cryptoEID.wire
        let nonce = random.next()
        var request = MapRequest(
            flags: .probe, nonce: nonce, sourceEID: source,
            itrRLOCs: [locators.first ?? source],
            records: [MapRequest.Record(eid: eid, maskLength: length)])
        var octets = MeshMessage.lisp(.mapRequest(request)).octets
        if let size, let path {
            let missing = size - Self.outerSize(of: octets.count, on: path)
            if missing > 0 {
                request.trailing = [UInt8](repeating: 0, count: min(missing, Self.maximumPadding))
                octets = MeshMessage.lisp(.mapRequest(request)).octets
            }
        }
        guard
            probing.sent(
                nonce, to: node, on: path, size: size ?? 0, command: command, at: turn.now.moment)
        else {
            if let command { turn.send(.answer(.failed(.tooMany), command)) }
            return
        }
        send(.control(octets), to: .member(node), turn: &turn, using: &random)
    }

    /// A message has 16 bits for its length.
    private static let maximumPadding = 60_000

    /// A person asks how far away a member is.
    mutating func ping(
        _ node: NodeID, _ number: UInt64, turn: inout Turn,
        using random: inout some RandomNumberGenerator
    ) {
        guard standing.member(node) != nil, node != id else {
            turn.send(.answer(.failed(.noMember), number))
            return
        }
        searchIfNeeded(node, packet: linkMTU ?? 0, turn: &turn, using: &random)
        probe(node, size: nil, command: number, turn: &turn, using: &random)
    }

    /// Finds out how large packets may be to a member, before one that is large is lost.
    /// - Parameter packet: its size in the underlay.
    mutating func searchIfNeeded(
        _ node: NodeID, packet: Int, turn: inout Turn,
        using random: inout some RandomNumberGenerator
    ) {
        guard packet > Probing.base, let linkMTU, let session = sessions.session(with: node),
            session.isEstablished, session.isProved, let path = session.path
        else { return }
        let sizes = probing.need(
            node, on: path, linkMTU: linkMTU, roundTrip: session.roundTrip, at: turn.now.moment)
        for size in sizes {
            probe(node, size: size, command: nil, turn: &turn, using: &random)
        }
    }

    /// The host's links are others now, or their MTU is.
    mutating func links(take octets: Int) {
        guard octets != linkMTU else { return }
        linkMTU = octets
        probing.forgetAll()
    }

    /// Whether a packet is larger than what passes to a member; then its sender is told.
    mutating func isTooBig(
        _ packet: [UInt8], instance: UInt32, for node: NodeID, turn: inout Turn,
        using random: inout some RandomNumberGenerator
    ) -> Bool {
        // Most packets are not: they cost one comparison.
        guard packet.count > Probing.base - Self.sealOverhead - 40, let linkMTU,
            let path = sessions.path(to: node)
        else { return false }
        let size = Self.outerSize(of: packet.count, on: path)
        searchIfNeeded(node, packet: size, turn: &turn, using: &random)
        let largest = min(probing.largest(on: path) ?? linkMTU, linkMTU)
        // IPv6 demands that much of every link, so to ask for less would change nothing.
        guard size > largest, packet.count > Probing.base || packet.first.map({ $0 >> 4 }) == 4
        else { return false }
        counters.tooBig += 1
        let mtu = max(
            largest - Self.outerSize(of: 0, on: path),
            packet.first.map({ $0 >> 4 }) == 4 ? 68 : Probing.base)
        let answer = packet.withUnsafeBytes {
            ICMPTooBig.packet(for: $0, mtu: mtu, ipv6: cryptoAddress)
        }
        if let answer { turn.send(.deliver(answer, instance: instance)) }
        return true
    }

    mutating func answerProbe(
        _ request: MapRequest, from node: NodeID, turn: inout Turn,
        using random: inout some RandomNumberGenerator
    ) {
        let reply = MapReply(flags: .probe, nonce: request.nonce, records: [])
        say(.lisp(.mapReply(reply)), to: .member(node), turn: &turn, using: &random)
    }

    mutating func probeAnswered(_ reply: MapReply, by node: NodeID, turn: inout Turn) {
        guard
            let found = probing.answered(
                reply.nonce, by: node, linkMTU: linkMTU ?? .max, at: turn.now.moment)
        else { return }
        guard let command = found.command, let session = sessions.session(with: node),
            let path = session.path
        else { return }
        turn.send(
            .answer(
                .pong(
                    Pong(
                        node: node, path: path, isRelayed: session.isRelayed,
                        roundTrip: found.roundTrip, mtu: innerMTU(to: node))), command))
    }

    mutating func runProbes(turn: inout Turn, using random: inout some RandomNumberGenerator) {
        let due = probing.due(at: turn.now.moment, linkMTU: linkMTU ?? 0) { node in
            sessions.roundTrip(to: node)
        }
        for action in due {
            switch action {
            case .unanswered(let command): turn.send(.answer(.failed(.unanswered), command))
            case .probe(let node, let path, let sizes):
                guard sessions.session(with: node)?.path == path else {
                    probing.forget(path)
                    continue
                }
                for size in sizes {
                    probe(node, size: size, command: nil, turn: &turn, using: &random)
                }
            }
        }
    }
}
