package import Clocks
import LISP
package import LISPNode
import Sessions
package import Trust

/// Pings of the overlay: the sealed way to a member and back.
package struct PingReport: AdminReport {
    package var schema = 1
    package var name: String
    package var eid: String
    package var lines: [Line]

    /// One question, and what came of it.
    package struct Line: Codable, Hashable, Sendable {
        package var number: Int
        /// `nil`: no answer.
        package var rttSeconds: Double?
        package var path: String?
        package var rloc: String?
        package var mtu: Int?
        /// Why nothing came.
        package var reason: String?
    }

    package init(to member: Member, in core: Core) {
        name = member.displayName
        eid = bareAddress(core.mesh.cryptoEID(of: member.key).description)
        lines = []
    }

    /// Takes an answer, or its absence, with what the node knows of the way now.
    package mutating func add(
        roundTrip: Span?, to member: Member, in node: Node, at now: Now, host: HostFacts
    ) -> Line {
        var line = Line(number: lines.count + 1, rttSeconds: roundTrip?.seconds)
        if let core = node.core {
            let report = MemberReport(member, in: core, at: now, host: host)
            line.path = report.path
            line.rloc = report.rloc
            line.mtu = report.mtu
            if roundTrip == nil {
                line.reason =
                    (try? WhyReport(KeyText.name(member.key), in: node, at: now, host: host))?
                    .reason
            }
        }
        lines.append(line)
        return line
    }

    package var received: Int { lines.count { $0.rttSeconds != nil } }

    package func text(of line: Line) -> String {
        guard let rtt = line.rttSeconds else {
            return "\(name) \(line.number): no answer\(line.reason.map { ": \($0)" } ?? "")"
                .printable
        }
        let facts = [
            line.path, line.rloc, "rtt \(DurationText.roundTrip(seconds: rtt))",
            "mtu \(line.mtu.map { "\($0)" } ?? "-")",
        ]
        return "\(name) \(line.number): \(facts.compactMap { $0 }.joined(separator: "  "))"
            .printable
    }

    /// How many came, and how fast.
    package var summary: String {
        let times = lines.compactMap(\.rttSeconds).sorted()
        var summary = "\(name) (\(eid)): \(received) of \(lines.count) answered"
        if let first = times.first, let last = times.last {
            let all = [first, times[times.count / 2], last].map {
                DurationText.roundTrip(seconds: $0)
            }
            summary += ", rtt min/median/max \(all.joined(separator: "/"))"
        }
        return summary
    }

    package func text(width: Int?) -> String {
        (lines.map(text) + [summary]).joined(separator: "\n")
    }
}
