package import Clocks
import Cryptography
import LISP
package import LISPNode
import Sessions
import Trust

/// The sessions of a node, one by one.
package struct SessionsReport: AdminReport {
    package var schema = 1
    package var sessions: [Session]
    /// What this node passed on for others.
    package var relayedPackets: UInt64
    package var relayedOctets: UInt64

    package struct Session: Codable, Hashable, Sendable {
        package var name: String
        package var node: String
        package var isEstablished: Bool
        /// What the peer puts in front of packets to us, and we of packets to it.
        package var localIndex: UInt32?
        package var remoteIndex: UInt32?
        package var cipher: String?
        /// Of the present keys.
        package var ageSeconds: Double?
        /// Below zero: they are due since then, and wait for traffic.
        package var rotatesInSeconds: Double?
        package var isInitiator: Bool?
        package var localLanes: UInt8?
        package var remoteLanes: UInt8?
        package var path: String?
        /// The peer has answered there lately.
        package var isProved: Bool
        package var isRelayed: Bool
        package var relay: String?
        package var rttSeconds: Double?
        package var packetsSent: UInt64
        package var packetsReceived: UInt64
        package var octetsSent: UInt64
        package var octetsReceived: UInt64
        /// Payloads that wait.
        package var queued: Int
        /// Openers since the last answer.
        package var unansweredOpeners: Int
    }

    package init(of node: Node, at now: Now) {
        guard let core = node.core else {
            (sessions, relayedPackets, relayedOctets) = ([], 0, 0)
            return
        }
        sessions = core.sessions.details.map { Session($0, core.standing, now) }
            .sorted { ($0.name, $0.node) < ($1.name, $1.node) }
        relayedPackets = core.sessions.relayedPackets
        relayedOctets = core.sessions.relayedOctets
    }

    package func text(width: Int?) -> String {
        var table = TextTable([
            "NAME", "INDEX", "CIPHER", "AGE", "ROTATES", "LANES", "PATH", "PROVED", "RTT",
            "PACKETS", "OCTETS",
        ])
        for session in sessions { table.add(session.cells) }
        var lines = sessions.isEmpty ? ["no sessions"] : table.lines(width: width)
        if relayedPackets > 0 {
            lines.append(
                "relayed for others: \(relayedPackets) packets, \(OctetText.text(relayedOctets))")
        }
        return lines.joined(separator: "\n")
    }
}

extension SessionsReport.Session {
    fileprivate init(_ detail: SessionDetail, _ standing: Standing, _ now: Now) {
        let state = detail.state
        name = standing.name(of: detail.node)
        node = detail.node.octets.hex
        isEstablished = state.isEstablished
        localIndex = detail.localIndex
        remoteIndex = detail.remoteIndex
        cipher = state.cipher.map(\.text)
        ageSeconds = state.since.map { (now.moment - $0).seconds }
        rotatesInSeconds = detail.rotatesAt.map { ($0 - now.moment).seconds }
        isInitiator = detail.isInitiator
        localLanes = detail.localLanes
        remoteLanes = detail.remoteLanes
        path = state.path?.description
        isProved = state.isProved
        isRelayed = state.isRelayed
        relay = detail.relay.map { standing.name(of: $0) }
        rttSeconds = state.roundTrip?.seconds
        packetsSent = state.packetsSent
        packetsReceived = state.packetsReceived
        octetsSent = state.octetsSent
        octetsReceived = state.octetsReceived
        queued = state.queued
        unansweredOpeners = detail.unansweredOpeners
    }

    fileprivate var cells: [String] {
        let indices = localIndex.map { "\($0.hex(width: 6))/\((remoteIndex ?? 0).hex(width: 6))" }
        let lanes = localLanes.map { "\($0)/\(remoteLanes ?? 0)" }
        let rotation = rotatesInSeconds.map {
            $0 > 0 ? "in \(DurationText.text(seconds: $0))" : "due"
        }
        var way = path ?? (unansweredOpeners > 0 ? "calling" : "-")
        if isRelayed { way += " via \(relay ?? "a relay")" }
        return [
            name, indices ?? "-", cipher ?? "-",
            ageSeconds.map { DurationText.text(seconds: $0) } ?? "-", rotation ?? "-", lanes ?? "-",
            way, path == nil ? "-" : isProved ? "yes" : "no",
            rttSeconds.map { DurationText.roundTrip(seconds: $0) } ?? "-",
            "\(packetsSent)/\(packetsReceived)",
            "\(OctetText.text(octetsSent))/\(OctetText.text(octetsReceived))",
        ]
    }
}

extension PacketCipher {
    var text: String {
        switch self {
        case .aes256GCM: return "AES-256-GCM"
        case .chaCha20Poly1305: return "ChaCha20-Poly1305"
        }
    }
}
