package import Clocks
import Cryptography
import LISP
package import LISPNode
import Mappings
import Sessions
import Trust

/// What this node answers for an EID or a name, in the words of `lig`.
package struct LookupReport: AdminReport {
    package var schema = 1
    package var query: String
    /// What was looked up in the end.
    package var eid: String
    /// The member that a name meant.
    package var member: String?
    package var memberAddress: String?
    package var memberIpv4: [String]
    package var isFound: Bool
    /// This node has compared its store with nobody yet: what is not here may be there all the same.
    package var isReconciled: Bool
    /// The shortest prefix around the EID without a mapping, and how long that may be believed.
    package var negativePrefix: String?
    package var negativeLifeSeconds: Double?
    /// Of a multicast EID all that count; else at most one.
    package var records: [RecordReport]

    /// - Throws: ``AdminError``, in one line, if nobody is meant.
    package init(
        of query: String, in node: Node, at now: Now, host: HostFacts
    ) throws(AdminError) {
        guard let core = node.core, core.joining == nil else { throw AdminError(.noMesh) }
        let (eid, member) = try Self.meant(by: query, in: core)
        self.query = query
        self.eid = eid.description
        self.member = member?.displayName
        memberAddress = member.map { bareAddress(core.mesh.cryptoEID(of: $0.key).description) }
        memberIpv4 = member?.addresses.map(\.description) ?? []
        isReconciled = core.isReconciled && core.doubt == nil
        let found = core.records.lookup(
            eid, rights: core.standing, meshTime: core.meshTime(at: now))
        switch found {
        case .mapping(let served):
            isFound = true
            records = [RecordReport(served, in: core, at: now, host: host)]
        case .shared(let all):
            isFound = true
            records = all.map { RecordReport($0, in: core, at: now, host: host) }
        case .negative(let negative):
            isFound = false
            negativePrefix = negative.prefix.description
            negativeLifeSeconds = negative.life.seconds
            records = []
        }
    }

    /// An EID as it stands; anything else is a member, by its crypto-EID.
    private static func meant(
        by query: String, in core: Core
    ) throws(AdminError) -> (EID, Member?) {
        let resolver = Resolver(core)
        do throws(EIDTextError) {
            let eid = try EID(query)
            if case .name = eid.kind {
                let member = try? resolver.member(query)
                if let member { return (core.mesh.cryptoEID(of: member.key), member) }
            }
            guard case .found(let member) = resolver.find(query) else { return (eid, nil) }
            return (eid, member)
        } catch {
            // Whoever writes a colon or a slash, or a leading `[`, means an EID.
            let looksLikeEID = query.contains { ":/[(".contains($0) }
            if looksLikeEID {
                throw AdminError(
                    "bad_eid", error.reason, at: "EID \"\(query)\", column \(error.column)",
                    hint: "an EID is written like fd00::1, 10.1.0.0/16 or [7]fd00::1", exit: .usage)
            }
            let member = try resolver.member(query)
            return (core.mesh.cryptoEID(of: member.key), member)
        }
    }

    package func text(width: Int?) -> String {
        var lines: [String] = []
        if let member, let memberAddress {
            lines.append(
                "\(member): \(([memberAddress] + memberIpv4).joined(separator: ", "))")
        }
        for record in records {
            lines.append(
                "EID-prefix: \(record.eid), ttl: \(record.ttlMinutes) min, rloc-set:"
                    + (record.locators.isEmpty ? " empty, action: \(record.action ?? "-")" : ""))
            for locator in record.locators {
                lines.append(
                    "  RLOC: \(locator.rloc), up/uw/mp/mw: \(locator.priority)/\(locator.weight)/"
                        + "\(locator.multicastPriority)/\(locator.multicastWeight), "
                        + "node: \(locator.node ?? "plain LISP"), \(locator.stateText)"
                        + (locator.relay.map { ", relay: \($0)" } ?? ""))
            }
            let age = DurationText.text(seconds: record.ageSeconds)
            lines.append(
                "  signed by \(record.signer)\(record.isClass0 ? " as registrar" : "") \(age) ago, "
                    + "sequence \(record.sequence), \(record.isFresh ? "fresh" : "stale")")
        }
        if !isFound {
            let life = negativeLifeSeconds.map { ", for \(DurationText.text(seconds: $0))" } ?? ""
            lines.append("no mapping for \(eid): nothing in \(negativePrefix ?? eid)\(life)")
            if !isReconciled {
                lines.append(
                    "this node has not compared what it holds with others yet: it may exist")
            }
        }
        return lines.map(\.printable).joined(separator: "\n")
    }
}
