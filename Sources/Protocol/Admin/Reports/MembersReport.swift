package import Clocks
package import LISPNode
import Trust

/// Who is in the mesh, and who let them in.
package struct MembersReport: AdminReport {
    package var schema = 1
    package var mesh: String?
    /// By name; revoked ones last.
    package var members: [MemberReport]

    package init(of node: Node, at now: Now, host: HostFacts) {
        mesh = node.core?.meshName
        members = node.core?.memberReports(at: now, host: host) ?? []
    }

    package func text(width: Int?) -> String {
        var table = TextTable([
            "NAME", "STATE", "ROLES", "ADDRESS", "IPV4", "ADMITTED", "BY", "NODE",
        ])
        for member in members {
            let isOut = member.state == .revoked
            table.add([
                member.name, member.state.rawValue,
                member.roles.isEmpty ? "-" : member.roles.joined(separator: ","),
                bareAddress(member.eid), member.ipv4.first ?? "-",
                isOut ? "-" : TimeText.text(milliseconds: UInt64(member.admittedAt) * 1000),
                member.admittedBy, member.node,
            ])
        }
        return table.lines(width: width).joined(separator: "\n")
    }
}

/// `[0]fd00::1/128` without what a person does not type.
func bareAddress(_ eid: String) -> String {
    let tail = eid.hasPrefix("[0]") ? String(eid.dropFirst(3)) : eid
    return tail.hasSuffix("/128") ? String(tail.dropLast(4)) : tail
}
