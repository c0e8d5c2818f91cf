package import Clocks
import LISP
package import LISPNode
import Mappings
import Trust

/// One screen that says how a node is: health first, then a line a member.
package struct StatusReport: AdminReport {
    package var schema = 1
    /// `blank`, `joining`, `member`, `revoked`, or `outside`: no member for another reason that `health` says.
    package var phase: Phase
    package var heading: MeshHeading?
    package var version: String
    package var processID: Int32
    package var upSeconds: Double
    package var tun: String?
    package var tunMTU: Int?
    package var dataPort: UInt16
    package var controlPort: UInt16
    package var rlocs: [String]
    package var health: [HealthLine]
    package var database: DatabaseFacts?
    package var revocations: RevocationFacts?
    /// Packets that went nowhere since the daemon began, by reason. A daemon from before there were counts
    /// has none.
    package var drops: [String: UInt64]?
    /// By name; revoked ones last.
    package var members: [MemberReport]

    package enum Phase: String, Codable, Hashable, Sendable, CaseIterable {
        case blank, joining, member, revoked, outside
    }

    /// What this node holds, and with whom it agrees on it.
    package struct DatabaseFacts: Codable, Hashable, Sendable {
        package var records: Int
        package var objects: Int
        /// Other members with a session, and those of them whose digests were equal to ours at least once
        /// since this process began.
        package var others: Int
        package var agreed: Int
        package var isReconciled: Bool
        /// Sendings of changes that nobody acknowledged yet.
        package var waiting: Int
        /// Since the newest record or object was signed.
        package var newestSecondsAgo: Double?
    }

    package struct RevocationFacts: Codable, Hashable, Sendable {
        package var count: Int
        package var keys: [String]
        /// Names of members that have not said, since this process began, that they hold the newest 16: by
        /// an acknowledgement, or by a digest of all trust objects that is equal to this node's. Whoever
        /// holds a revocation has cut off whom it names.
        package var notYet: [String]
    }

    package init(of node: Node, at now: Now, host: HostFacts) {
        version = host.version
        processID = host.processID
        upSeconds = max(0, (now.moment - host.upSince).seconds)
        tun = host.tun?.name
        tunMTU = host.tun?.mtu
        dataPort = host.dataPort
        controlPort = host.controlPort
        drops = host.drops
        guard let core = node.core else {
            phase = .blank
            rlocs = host.locators.map { "\($0.address.report.plainText)" }
            health = [
                HealthLine(
                    .bad, "no_mesh", "this node is in no mesh",
                    hint: "whither create NAME begins one, whither join INVITE joins one")
            ]
            members = []
            return
        }
        heading = MeshHeading(core)
        rlocs = core.rlocs.map(\.report.plainText)
        if let joining = core.joining {
            phase = .joining
            let last = joining.asked.last
            health = [
                HealthLine(
                    .warn, "joining",
                    last.map { "joining: asked \($0.path), which \($0.outcome.words)" }
                        ?? "joining: nobody was asked yet",
                    hint: "whither wait tells when it is done")
            ]
            members = []
            return
        }
        switch HealthLine.outside(core)?.code {
        case nil: phase = .member
        case "revoked"?: phase = .revoked
        default: phase = .outside
        }
        members = core.memberReports(at: now, host: host)
        health = HealthLine.all(of: core, members: members, at: now, host: host)
        database = DatabaseFacts(core, at: now)
        revocations = RevocationFacts(
            count: core.standing.revocationCount,
            keys: members.filter { $0.state == .revoked }.map(\.name),
            notYet: core.standing.revocationCount == 0 || core.member == nil
                ? [] : core.withoutRevocations().map(\.displayName).sorted())
    }

    /// For `--check`: something is wrong that somebody should look at.
    package var isDegraded: Bool { health.contains { $0.level != .ok } }

    package var upMembers: Int { members.count { $0.state == .up || $0.state == .self } }
    package var memberCount: Int { members.count { $0.state != .revoked } }
}

extension StatusReport.DatabaseFacts {
    fileprivate init(_ core: Core, at now: Now) {
        let established = Set(core.sessions.established)
        records = core.records.count
        objects = core.trust.count
        others = established.count
        agreed = core.reconciler.agreed.count { established.contains($0) }
        isReconciled = core.isReconciled && core.doubt == nil
        waiting = core.spread.waiting
        let stamps =
            core.trustObjects.map(\.statement.stamp)
            + core.records.all.map(\.record.signature.sequence)
        let time = core.meshTime(at: now)
        newestSecondsAgo = stamps.max().map { Double(time > $0 ? time - $0 : 0) / 1000 }
    }

    fileprivate var text: String {
        var text = "\(records) records, \(objects) trust objects"
        text += isReconciled ? ", agreed with \(agreed)/\(others) reachable" : ", not reconciled"
        if let newestSecondsAgo {
            text += " (newest \(DurationText.text(seconds: newestSecondsAgo)))"
        }
        if waiting > 0 { text += ", \(waiting) on the way" }
        return text
    }
}

extension StatusReport {
    package func text(width: Int?) -> String {
        var lines = [head(width)]
        for (index, line) in health.enumerated() {
            let label = index == 0 ? "health  " : "        "
            lines.append(label + padded(line.level.rawValue, 6) + line.text.printable)
        }
        if let database {
            var text = "db      " + database.text
            if let revocations {
                text += "   revocations \(revocations.count)"
                if !revocations.keys.isEmpty {
                    text += " (\(revocations.keys.joined(separator: ", ")))"
                }
                if phase == .member, revocations.count > 0 {
                    text +=
                        revocations.notYet.isEmpty
                        ? ", applied by all"
                        : ", not yet by \(fewNames(revocations.notYet))"
                }
            }
            lines.append(text.printable)
        }
        if let drops, !drops.isEmpty {
            let counts = drops.sorted { ($1.value, $0.key) < ($0.value, $1.key) }
                .map { "\($0.key.replacing("_", with: " ")) \($0.value)" }
            lines.append("drops   \(counts.joined(separator: ", "))".printable)
        }
        if !members.isEmpty { lines += table.lines(width: width) }
        return lines.joined(separator: "\n")
    }

    private func head(_ width: Int?) -> String {
        let up = "up \(DurationText.text(seconds: upSeconds))"
        guard let heading else { return "no mesh  \(up)" }
        var parts = ["\(heading.meshName)", "mesh \(heading.prefix)", "node \(heading.name)"]
        parts.append(width == nil ? heading.address : heading.address.cut(to: 24))
        if phase == .member {
            parts += [up, "members \(memberCount) (\(upMembers) up)"]
        } else {
            parts += [up, phase.rawValue]
        }
        return parts.joined(separator: "  ")
    }

    private var table: TextTable {
        var table = TextTable([
            "NAME", "STATE", "PATH", "RLOC", "RTT", "LOSS", "MTU", "PRI/WGT", "AGE", "SENT/RECV",
            "SRC",
        ])
        for member in members { table.add(cells(of: member)) }
        return table
    }

    private func cells(of member: MemberReport) -> [String] {
        let hasSession = member.octetsSent > 0 || member.octetsReceived > 0
        let age = member.heardSecondsAgo.map { DurationText.text(seconds: $0) }
        var path = member.path ?? "-"
        if member.state == .down, let age { path = "last seen \(age) ago" }
        return [
            member.name, member.state.rawValue, path, member.rloc ?? "-",
            member.rttSeconds.map { DurationText.roundTrip(seconds: $0) } ?? "-",
            member.lossRatio.map { "\(Int(($0 * 100).rounded()))%" } ?? "-",
            member.mtu.map { "\($0)" } ?? "-",
            member.priority.map { "\($0)/\(member.weight ?? 0)" } ?? "-", age ?? "-",
            hasSession
                ? "\(OctetText.text(member.octetsSent))/\(OctetText.text(member.octetsReceived))"
                : "-", member.source,
        ]
    }
}

/// The first of them, and how many more there are.
func fewNames(_ names: [String]) -> String {
    let shown = names.prefix(8).joined(separator: ", ")
    return names.count > 8 ? "\(shown) and \(names.count - 8) more" : shown
}

func padded(_ text: String, _ width: Int) -> String {
    text + String(repeating: " ", count: max(0, width - text.unicodeScalars.count))
}
