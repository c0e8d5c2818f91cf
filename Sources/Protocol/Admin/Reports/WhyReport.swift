package import Clocks
import Cryptography
import LISP
package import LISPNode
import Mappings
import Sessions
import Trust

/// From a name to the way that packets take, step by step, each with its reason.
package struct WhyReport: AdminReport {
    package var schema = 1
    package var member: MemberReport
    package var record: RecordReport?
    /// Which locator packets go to, if any, and why that one.
    package var chosen: String?
    package var reason: String
    package var session: SessionsReport.Session?
    /// Where the member was before.
    package var formerPaths: [String]
    package var steps: [Step]

    package struct Step: Codable, Hashable, Sendable {
        package var what: String
        package var says: String
    }

    /// - Throws: ``AdminError``, in one line, if nobody is meant.
    package init(
        _ who: String, in node: Node, at now: Now, host: HostFacts
    ) throws(AdminError) {
        guard let core = node.core, core.joining == nil else { throw AdminError(.noMesh) }
        let found = try Resolver(core).member(who)
        let eid = core.mesh.cryptoEID(of: found.key)
        member = MemberReport(found, in: core, at: now, host: host)
        formerPaths = core.formerPaths(of: found.id).map(\.description)
        if case .mapping(let served) = core.records.lookup(
            eid, rights: core.standing, meshTime: core.meshTime(at: now))
        {
            record = RecordReport(served, in: core, at: now, host: host)
        }
        let id = member.node
        session = SessionsReport(of: node, at: now).sessions.first { $0.node == id }
        (chosen, reason) = Self.choice(member, record, session, host)
        steps = []
        steps = makeSteps(who)
    }

    private static func choice(
        _ member: MemberReport, _ record: RecordReport?, _ session: SessionsReport.Session?,
        _ host: HostFacts
    ) -> (String?, String) {
        if member.state == .self { return (nil, "it is this node: packets stay here") }
        guard let record else {
            return (nil, "no mapping of it is held here, so packets for it are dropped")
        }
        guard !record.locators.isEmpty else {
            return (nil, "its mapping has no locator (\(record.action ?? "withdrawn"))")
        }
        guard let session, session.isEstablished, let path = session.path else {
            let count = session?.unansweredOpeners ?? 0
            if count > 0 {
                return (
                    nil,
                    "\(count) \(count == 1 ? "opener" : "openers") to its announced addresses went "
                        + "unanswered"
                )
            }
            return (nil, "nothing was sent to it lately; the first packet opens a session")
        }
        if session.isRelayed {
            return (
                path, "no direct path answered; \(session.relay ?? "a relay") passes packets on"
            )
        }
        let isAnnounced = member.locators.contains(path)
        var words =
            isAnnounced
            ? "announced in its node record" : "its packets come from there, behind a NAT perhaps"
        words += session.isProved ? ", and it answered there" : ", not proved yet"
        let best = record.locators.map(\.priority).min()
        let same = record.locators.count { $0.priority == best }
        if isAnnounced, same > 1 { words += "; \(same) locators share the best priority" }
        return (path, words)
    }

    private func makeSteps(_ who: String) -> [Step] {
        var steps = [
            Step(
                what: "name",
                says: (who == member.name ? "" : "\(who) is ")
                    + "\(member.name), node \(member.node), admitted by "
                    + member.admittedBy),
            Step(what: "EID", says: ([member.eid] + member.ipv4).joined(separator: ", ")),
        ]
        if let record {
            steps.append(
                Step(
                    what: "record",
                    says: "signed by \(record.signer) "
                        + "\(DurationText.text(seconds: record.ageSeconds)) ago, sequence "
                        + "\(record.sequence), ttl \(record.ttlMinutes) min, "
                        + "\(record.isFresh ? "fresh" : "stale"), \(member.source)"))
            for locator in record.locators {
                steps.append(
                    Step(
                        what: "locator",
                        says: "\(locator.rloc) \(locator.priority)/\(locator.weight)"
                            + "\(locator.relay.map { ", relay \($0)" } ?? ""), "
                            + "\(locator.isReachable ? "reachable, it says" : "not reachable, it says")"
                    ))
            }
        } else {
            steps.append(Step(what: "record", says: "none is held here"))
        }
        steps.append(
            Step(what: "choice", says: (chosen.map { "\($0): " } ?? "none: ") + reason))
        if let session, session.isEstablished {
            let age = session.ageSeconds.map { DurationText.text(seconds: $0) } ?? "-"
            steps.append(
                Step(
                    what: "session",
                    says: "\(session.cipher ?? "-"), keys \(age) old, "
                        + "\(session.packetsSent)/\(session.packetsReceived) packets, rtt "
                        + (session.rttSeconds.map { DurationText.roundTrip(seconds: $0) }
                            ?? "not measured")))
        } else if member.state != .self {
            let heard = member.heardSecondsAgo.map { DurationText.text(seconds: $0) + " ago" }
            steps.append(
                Step(what: "session", says: "none; last heard \(heard ?? "never, since the start")")
            )
        }
        if !formerPaths.isEmpty {
            steps.append(Step(what: "before", says: formerPaths.joined(separator: ", ")))
        }
        if member.state != .self {
            steps.append(
                Step(
                    what: "MTU",
                    says: member.mtu.map { mtu in
                        mtu < HostFacts.minimumIPv6MTU ? "\(mtu): IPv6 needs 1280" : "\(mtu)"
                    } ?? "not measured"))
        }
        return steps
    }

    package func text(width: Int?) -> String {
        steps.map { (padded($0.what, 9) + $0.says).printable }.joined(separator: "\n")
    }
}
