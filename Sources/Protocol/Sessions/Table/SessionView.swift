package import Clocks
import Cryptography
package import Trust

/// What those who look after a node may see of one session, beside its ``SessionState``.
package struct SessionDetail: Hashable, Sendable {
    package var node: NodeID
    package var state: SessionState
    /// What the peer puts in front of packets to us, and we of packets to it; `nil` without a session.
    package var localIndex: UInt32?
    package var remoteIndex: UInt32?
    package var isInitiator: Bool?
    /// Data lanes that this node opens, and the peer.
    package var localLanes: UInt8?
    package var remoteLanes: UInt8?
    /// From when on traffic is a reason to make new keys.
    package var rotatesAt: Moment?
    /// When the present keys end.
    package var endsAt: Moment?
    /// Openers since the last answer.
    package var unansweredOpeners: Int
    /// Times in a row that the peer was silent when it should have spoken.
    package var silences: Int
    /// Who passes packets on; `nil`: nobody, or nobody that is known.
    package var relay: NodeID?
}

extension SessionTable {
    /// - Returns: `nil` if nothing is known of the node.
    package func detail(with node: NodeID) -> SessionDetail? {
        guard let slot = slots[node], let state = session(with: node) else { return nil }
        let entry = peers[slot]
        var detail = SessionDetail(
            node: node, state: state, unansweredOpeners: entry.attempt, silences: entry.silences)
        if let route = entry.way?.route, route.isRelayed {
            detail.relay = owners[route.path].map { peers[$0].node }
        }
        guard let keys = entry.current else { return detail }
        detail.localIndex = keys.localIndex
        detail.remoteIndex = keys.remoteIndex
        detail.isInitiator = keys.isInitiator
        detail.localLanes = keys.localLanes
        detail.remoteLanes = keys.remoteLanes
        let age = keyLife.rotateAfter
        detail.rotatesAt = keys.since + (keys.isInitiator ? age : age + age / 8)
        detail.endsAt = keys.since + keyLife.refuseAfter
        return detail
    }

    /// Of all nodes that something is known of, in the order of their ids.
    package var details: [SessionDetail] {
        peers.map(\.node).sorted().compactMap { detail(with: $0) }
    }
}
