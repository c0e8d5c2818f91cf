import Clocks
import Cryptography
import LISP
import LISPNode
import Mappings
import Sessions
import Trust

/// How a member stands to this node.
package enum MemberState: String, Codable, Hashable, Sendable, CaseIterable {
    case `self`
    /// A session, and the member was heard in it.
    case up
    /// No session, and nothing that speaks against there being one when it is needed.
    case idle
    /// It was heard in this process and is silent now, or its mapping is older than a day.
    case stale
    /// It does not answer, says no address, or said that it stops.
    case down
    case revoked
}

/// One member, as this node sees it. What is not there is not known.
package struct MemberReport: Codable, Hashable, Sendable {
    package var name: String
    /// All that it claimed.
    package var names: [String]
    /// Node id, in hexadecimal digits.
    package var node: String
    /// In base32.
    package var key: String
    /// `[instance]eid/length`
    package var eid: String
    package var ipv4: [String]
    package var state: MemberState
    /// `direct`, `via NAME`, `calling`: how packets go there now.
    package var path: String?
    package var relay: String?
    /// Address and port that packets go to.
    package var rloc: String?
    package var rttSeconds: Double?
    /// Of this node's packets to it in the last two to four minutes, 0 to 1, as the member counts them.
    package var lossRatio: Double?
    /// The largest packet of the overlay that passes.
    package var mtu: Int?
    package var priority: UInt8?
    package var weight: UInt8?
    /// Since something of it was opened here.
    package var heardSecondsAgo: Double?
    package var octetsSent: UInt64
    package var octetsReceived: UInt64
    /// `local`, `push`: where this node has its mapping from.
    package var source: String
    package var roles: [String]
    /// Mesh time, seconds since 1970.
    package var admittedAt: Double
    package var admittedBy: String
    /// Links from the root.
    package var depth: UInt8
    /// Of its node record; none: it has not said where it is.
    package var locators: [String]
}

extension MemberReport {
    /// After this time without a word a session says nothing any more: three touches.
    static let silence = RecordStore.touchedFor

    init(_ member: Member, in core: Core, at now: Now, host: HostFacts) {
        let standing = core.standing
        let isSelf = member.id == core.id
        let detail = core.sessions.detail(with: member.id)
        let session = detail?.state
        name = member.displayName
        names = member.names.map(\.description)
        node = member.id.octets.hex
        key = KeyText.text(member.key)
        eid = core.mesh.cryptoEID(of: member.key).description
        ipv4 = member.addresses.map(\.description)
        heardSecondsAgo = session?.lastReceived.map { max(0, (now.moment - $0).seconds) }
        octetsSent = session?.octetsSent ?? 0
        octetsReceived = session?.octetsReceived ?? 0
        source = isSelf ? "local" : "push"
        roles = member.roles.words
        admittedAt = Double(member.admittedAt / 1000)
        admittedBy =
            member.admitter.map { key in
                standing.member(key: key)?.displayName ?? KeyText.name(key)
            } ?? "root"
        depth = member.depth
        let announced = member.nodeRecord?.locators ?? []
        locators = announced.map { "\(Path($0.address, port: $0.dataPort)?.description ?? "-")" }
        if isSelf {
            state = .self
            rloc = announced.first.flatMap { Path($0.address, port: $0.dataPort)?.description }
            priority = announced.first?.preference.priority
            weight = announced.first?.preference.weight
            mtu = host.tun?.mtu
            return
        }
        state = Self.state(of: member, detail, in: core, at: now)
        relay = detail?.relay.map { standing.name(of: $0) }
        if let session, session.isEstablished {
            path = session.isRelayed ? "via \(relay ?? "a relay")" : "direct"
            if !session.isProved { path = (path ?? "") + ", unproved" }
            rttSeconds = session.roundTrip?.seconds
            rloc = session.path?.description
            mtu = core.innerMTU(to: member.id)
        } else if let detail, detail.unansweredOpeners > 0 {
            path = "calling"
        }
        lossRatio = core.sessions.loss(to: member.id, at: now.moment)
        let used = announced.first { $0.address == session?.path?.address } ?? announced.first
        if rloc == nil {
            rloc = used.flatMap { Path($0.address, port: $0.dataPort)?.description }
        }
        priority = used?.preference.priority
        weight = used?.preference.weight
    }

    private static func state(
        of member: Member, _ detail: SessionDetail?, in core: Core, at now: Now
    ) -> MemberState {
        // Who is outside is answered by nobody.
        guard core.member != nil else { return .down }
        guard !(member.nodeRecord?.locators.isEmpty ?? true) || detail?.state.isEstablished == true
        else { return .down }
        let silent = detail?.state.lastReceived.map { now.moment - $0 > silence }
        if detail?.state.isEstablished == true {
            return silent == true || (detail?.silences ?? 0) > 1 ? .stale : .up
        }
        if core.stopped.contains(member.id) { return .down }
        let openers = detail?.unansweredOpeners ?? 0
        switch (silent, openers) {
        case (true?, 1...): return .down
        case (false?, 1...), (true?, _): return .stale
        // The first four come within 7 s.
        case (nil, 4...): return .down
        case (false?, _), (nil, _):
            let eid = core.mesh.cryptoEID(of: member.key)
            let found = core.records.lookup(
                eid, rights: core.standing, meshTime: core.meshTime(at: now))
            if case .mapping(let served) = found, served.freshness == .stale { return .stale }
            return .idle
        }
    }

    /// A key that is out.
    init(_ revoked: RevokedKey, in core: Core) {
        name = revoked.displayName
        names = []
        node = NodeID(of: revoked.key, in: core.mesh).octets.hex
        key = KeyText.text(revoked.key)
        eid = core.mesh.cryptoEID(of: revoked.key).description
        ipv4 = []
        state = .revoked
        octetsSent = 0
        octetsReceived = 0
        source = "push"
        roles = []
        admittedAt = 0
        admittedBy = "-"
        depth = 0
        locators = []
    }
}

extension Core {
    /// By name; then those that were revoked.
    func memberReports(at now: Now, host: HostFacts) -> [MemberReport] {
        standing.members.map { MemberReport($0, in: self, at: now, host: host) }
            .sorted { ($0.name, $0.node) < ($1.name, $1.node) }
            + RevokedKey.all(in: self).map { MemberReport($0, in: self) }
    }
}
