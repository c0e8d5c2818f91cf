package import Clocks
package import Cryptography
import LISP
package import LISPNode
import Sessions
import Trust

// What is said when a mesh or a membership begins or ends.

/// A mesh has begun.
package struct CreatedReport: AdminReport {
    package var schema = 1
    package var heading: MeshHeading
    /// Where others could reach this node.
    package var reachableAt: [String]
    /// The root key and the next one, to be kept on paper. They are nowhere else.
    package var rootWords: String
    package var nextRootWords: String
    package var invite: InviteReport?

    /// - Parameters:
    ///   - root: seed of the present root, of 32 octets, as the node answered it.
    ///   - nextRoot: of the next one.
    ///   - invite: the first one, for the second node.
    package init?(
        of node: Node, root: [UInt8], nextRoot: [UInt8], invite: InviteReport? = nil
    ) {
        guard let core = node.core, let words = RootWords(.root, seed: root),
            let next = RootWords(.nextRoot, seed: nextRoot)
        else { return nil }
        heading = MeshHeading(core)
        reachableAt = core.rlocs.compactMap { Path($0, port: core.ports.data)?.description }
        rootWords = words.text
        nextRootWords = next.text
        self.invite = invite
    }

    package func text(width: Int?) -> String {
        let address = ([heading.address] + heading.ipv4).joined(separator: ", ")
        var lines = [
            "mesh \(heading.meshName)  \(heading.prefix)  \(heading.pool ?? "")",
            "  you are       \(heading.fullName) (admin)", "  addresses     \(address)",
            "  reachable at  "
                + (reachableAt.isEmpty
                    ? "no address yet" : reachableAt.joined(separator: ", ") + " udp"),
            "  root keys     write both lines on paper, and keep the two apart; they are nowhere else",
            "    \(rootWords)", "    \(nextRootWords)",
        ]
        if let invite {
            lines += [
                "  invite        \(invite.note)", "    \(invite.invite)",
                "next: on another machine, whither join and the line above; make that node an admin too"
                    + " (invite --role admin), or all depends on this disk",
            ]
        } else {
            lines.append("next: whither invite, and on another machine whither join")
        }
        return lines.map(\.printable).joined(separator: "\n")
    }
}

/// This node was let in.
package struct JoinedReport: AdminReport {
    package var schema = 1
    package var heading: MeshHeading
    package var seconds: Double
    package var admittedBy: String
    /// How the admitter is reached, if it has a session already.
    package var rttSeconds: Double?
    package var path: String?
    package var members: Int
    package var hasName: Bool

    /// - Parameter seconds: since the command.
    package init?(of node: Node, at now: Now, host: HostFacts, seconds: Double) {
        guard let core = node.core, let member = core.member else { return nil }
        heading = MeshHeading(core)
        self.seconds = seconds
        hasName = !member.names.isEmpty
        members = core.standing.members.count
        let admitter = member.admitter.flatMap { core.standing.member(key: $0) }
        admittedBy = admitter?.displayName ?? "the root"
        guard let admitter else { return }
        let report = MemberReport(admitter, in: core, at: now, host: host)
        rttSeconds = report.rttSeconds
        path = report.path
    }

    package func text(width: Int?) -> String {
        var facts = ["\(Decimal.one(seconds)) s", "admitted by \(admittedBy)"]
        if let path {
            let rtt = rttSeconds.map { " " + DurationText.roundTrip(seconds: $0) } ?? ""
            facts.append(path + rtt)
        }
        facts.append("\(members) members")
        let address = ([heading.address] + heading.ipv4).joined(separator: ", ")
        var lines = [
            "joined \(heading.meshName) as \(heading.fullName)  \(address)  "
                + "(\(facts.joined(separator: ", ")))"
        ]
        if !hasName {
            lines.append("the name is taken: this node is called \(heading.name)")
        }
        return lines.map(\.printable).joined(separator: "\n")
    }
}

/// This node's key is ended, by itself.
package struct LeftReport: AdminReport {
    package var schema = 1
    package var mesh: String?
    package var name: String
    /// Members that had a session, to whom it was sent at once; the others hear of it from them.
    package var told: Int
    /// It was no member any more, and has only forgotten the mesh.
    package var wasOut: Bool

    package init?(of node: Node, wasOut: Bool = false) {
        guard let core = node.core else { return nil }
        self.wasOut = wasOut
        mesh = core.meshName
        name = KeyText.name(core.key.publicKey)
        told = core.sessions.established.count
    }

    package func text(width: Int?) -> String {
        guard !wasOut else {
            return "left \(mesh ?? "the mesh"), of which \(name) was no member any more".printable
        }
        let others = told == 1 ? "1 member" : "\(told) members"
        return "left \(mesh ?? "the mesh"): the key \(name) is ended for ever, and "
            + (told == 0 ? "nobody was there to hear of it" : "\(others) were told")
    }
}

/// Somebody's key is ended.
package struct RevokedReport: AdminReport {
    package var schema = 1
    package var name: String
    package var key: String
    package var reason: String
    /// Members with a session, to whom it was sent at once.
    package var told: Int
    package var others: Int
    /// Other members that have said that they hold it on their disks, and so have cut the key off.
    package var applied: Int
    /// Names of those that have not, so far.
    package var notYet: [String]
    /// Whether the mesh agrees: some signers may not revoke some keys.
    package var isRevoked: Bool
    /// Names of others that are members, or have roles or names, by the key, and stay so.
    package private(set) var staying: [String] = []
    /// Names of others that the key had let in: they are out as well.
    package private(set) var leaving: [String] = []

    package init?(of node: Node, name: String, key: Ed25519.PublicKey, reason: String) {
        guard let core = node.core else { return nil }
        self.name = name
        self.key = KeyText.text(key)
        self.reason = reason
        told = core.sessions.established.count
        others = core.standing.members.count { $0.id != core.id }
        isRevoked = core.standing.isRevoked(key)
        notYet = core.withoutRevocations(of: key).map(\.displayName).sorted()
        applied = others - notYet.count
    }

    /// Says what became of those that hung on the key.
    package mutating func add(_ plan: RevocationPlan, isKept: Bool) {
        if isKept {
            staying = (plan.leaving + plan.losing).map(\.displayName).sorted()
        } else {
            leaving = plan.leaving.map(\.displayName).sorted()
        }
    }

    package func text(width: Int?) -> String {
        guard isRevoked else {
            return "signed, and it does not count: this node may not revoke \(name)".printable
        }
        let why = reason.isEmpty ? "" : " (\(reason))"
        var reach = "revoked \(name)\(why), applied by \(applied)/\(others) other members"
        if !staying.isEmpty {
            reach += "; \(fewNames(staying)) \(staying.count == 1 ? "stays" : "stay")"
        }
        if !leaving.isEmpty {
            reach += "; \(fewNames(leaving)) \(leaving.count == 1 ? "goes" : "go") with it"
        }
        guard !notYet.isEmpty else { return reach.printable }
        let rest = notYet.count == 1 ? "it hears" : "they hear"
        return
            "\(reach), not yet by \(fewNames(notYet)): \(rest) of it from the others; whither status tells"
            .printable
    }
}
