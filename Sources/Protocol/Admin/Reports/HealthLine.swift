import Clocks
import LISP
package import LISPNode
import Mappings
import Sessions
import Trust

/// One thing that is right or wrong with a node, and what to do about it.
package struct HealthLine: Codable, Hashable, Sendable {
    package enum Level: String, Codable, Hashable, Sendable, CaseIterable {
        case ok, warn, bad
    }

    package var level: Level
    /// For programs; never changes its meaning.
    package var code: String
    package var what: String
    /// The next step.
    package var hint: String?

    package init(_ level: Level, _ code: String, _ what: String, hint: String? = nil) {
        self.level = level
        self.code = code
        self.what = what
        self.hint = hint
    }

    var text: String { what + (hint.map { ": \($0)" } ?? "") }
}

extension HealthLine {
    /// The worst first; one line that all is well if it is.
    static func all(
        of core: Core, members: [MemberReport], at now: Now, host: HostFacts
    ) -> [HealthLine] {
        let lines =
            identity(core) + disk(core, host) + overlay(core, host)
            + network(core, members, now, host) + clock(core, now, host) + agreement(core, members)
        let bad = lines.filter { $0.level == .bad }
        let warn = lines.filter { $0.level == .warn }
        return bad.isEmpty && warn.isEmpty
            ? [HealthLine(.ok, "well", "nothing is wrong that this node can see")] : bad + warn
    }

    /// Why this node is no member of its mesh, as far as it knows: codes `revoked`, `suspended`, `no_member`;
    /// `nil` if it is one, or asks to be let in.
    package static func outside(_ core: Core) -> HealthLine? {
        guard core.member == nil, core.joining == nil else { return nil }
        if let revoked = RevokedKey.all(in: core).first(where: { $0.key == core.key.publicKey }) {
            let by = core.standing.member(key: revoked.by)?.displayName ?? KeyText.name(revoked.by)
            let isOwn = revoked.by == core.key.publicKey
            let reason = revoked.reason.isEmpty ? "" : " (\(revoked.reason.printable))"
            return HealthLine(
                .bad, "revoked",
                isOwn
                    ? "this node has left the mesh"
                    : "\(by) revoked this node's key at "
                        + TimeText.text(milliseconds: revoked.at) + reason,
                hint: "nobody talks to it any more; whither leave, then join with a new invite")
        }
        if core.standing.isRevoked(core.key.publicKey) {
            return HealthLine(
                .bad, "revoked", "this node's key is revoked",
                hint: "whither leave, then join with a new invite")
        }
        if core.standing.isSuspended(core.key.publicKey) {
            return HealthLine(
                .bad, "suspended",
                "this node joined by an invite that others had used up before",
                hint: "whither leave, then join with a new invite")
        }
        return HealthLine(
            .bad, "no_member", "this node is no member, or not any more",
            hint: "its grant or its invite may have ended: ask an admin for a new one")
    }

    private static func identity(_ core: Core) -> [HealthLine] {
        if let outside = outside(core) { return [outside] }
        var lines: [HealthLine] = []
        if core.isSecondCopy {
            lines.append(
                HealthLine(
                    .bad, "second_copy",
                    "another node signs with this node's key, so this one signs nothing",
                    hint: "stop the copy and remove its state; then start the other one again")
            )
        }
        if let member = core.member, member.names.isEmpty {
            lines.append(
                HealthLine(
                    .warn, "no_name", "this node has no name of its own",
                    hint: "it was taken, or not asked for; \(KeyText.name(member.key)) always works"
                ))
        }
        return lines
    }

    private static func disk(_ core: Core, _ host: HostFacts) -> [HealthLine] {
        let place = host.stateDirectory ?? "the state directory"
        if let trouble = host.diskTrouble {
            return [
                HealthLine(
                    .bad, "disk", "nothing can be written: \(trouble.printable)",
                    hint: "make room in \(place); it goes on by itself")
            ]
        }
        guard core.leavesRecordsToOthers else { return [] }
        return [
            HealthLine(
                .bad, "disk_behind",
                "the disk is \(Node.maximumBehind) batches behind, so no news is taken in",
                hint: "see what else writes to the disk of \(place)")
        ]
    }

    /// What keeps packets of this host from the overlay.
    private static func overlay(_ core: Core, _ host: HostFacts) -> [HealthLine] {
        var lines: [HealthLine] = []
        if let trouble = host.overlayTrouble {
            lines.append(
                HealthLine(
                    .bad, "overlay", trouble.printable,
                    hint: "packets into the mesh may go astray; it is tried again by itself"))
        }
        if let other = host.poolOverlap, let pool = core.standing.genesis?.pool {
            lines.append(
                HealthLine(
                    .warn, "ipv4_overlaps",
                    "the mesh's IPv4 pool \(pool) overlaps a route of this host, \(other.printable)",
                    hint: "IPv4 inside does not work here, IPv6 does"))
        }
        return lines
    }

    private static func network(
        _ core: Core, _ members: [MemberReport], _ now: Now, _ host: HostFacts
    ) -> [HealthLine] {
        var lines: [HealthLine] = []
        if core.rlocs.isEmpty {
            lines.append(
                HealthLine(
                    .bad, "no_locator", "this host has no address that others could reach",
                    hint: "ip address; loopback, link-local and container bridges do not count"))
        }
        for member in members where member.state != .self {
            guard let mtu = member.mtu, mtu < HostFacts.minimumIPv6MTU else { continue }
            lines.append(
                HealthLine(
                    .warn, "path_mtu", "\(member.name) path MTU \(mtu): IPv6 EIDs need 1280",
                    hint: "whither why \(member.name)"))
        }
        // Who said that it stops is no reason to look for mistakes in the network.
        let stopped = Set(core.stopped.map(\.description))
        let others = members.filter {
            $0.state != .self && $0.state != .revoked && !stopped.contains($0.node)
        }
        // Who is outside knows why nobody answers.
        if core.member != nil, !others.isEmpty,
            others.allSatisfy({ $0.state == .down || $0.state == .stale })
        {
            lines.append(alone(others, now, host))
        }
        return lines
    }

    /// Nobody tells a node that was off that the mesh has revoked it: members do not answer strangers.
    private static func alone(
        _ others: [MemberReport], _ now: Now, _ host: HostFacts
    ) -> HealthLine {
        let silent = others.compactMap(\.heardSecondsAgo).min()
        let seconds = silent ?? max(0, (now.moment - host.upSince).seconds)
        let start = Int64(now.clock.milliseconds) - Int64(seconds * 1000)
        let since = TimeText.text(milliseconds: UInt64(max(0, start)))
        return HealthLine(
            .bad, "alone",
            "no other member answers since \(silent == nil ? "the start, " : "")\(since)"
                + " (\(DurationText.text(seconds: seconds)))",
            hint:
                "does UDP \(host.dataPort) get out of this network, and back? If it does, the mesh may "
                + "have revoked this node: ask a member")
    }

    private static func clock(_ core: Core, _ now: Now, _ host: HostFacts) -> [HealthLine] {
        var lines: [HealthLine] = []
        let mesh = core.meshTime(at: now)
        let own = now.clock.milliseconds
        let distance = mesh > own ? mesh - own : own - mesh
        let words = DurationText.text(seconds: Double(distance) / 1000)
        if now.clock.quality >= .synchronised, distance > MeshClock.tolerance {
            lines.append(
                HealthLine(
                    distance >= MeshClock.bigStep ? .bad : .warn, "clock_disagrees",
                    "this machine's clock is \(words) \(own > mesh ? "ahead of" : "behind") the mesh's",
                    hint: "timedatectl; the mesh's time is used"))
        }
        if let step = host.clockStep, step.ago < .hours(1) {
            let ago = DurationText.text(seconds: step.ago.seconds)
            lines.append(
                HealthLine(
                    .warn, "clock_stepped",
                    "mesh time was moved by \(DurationText.text(seconds: step.seconds)), \(ago) ago",
                    hint:
                        "all of this node was signed again; see that timedatectl says synchronized")
            )
        }
        return lines
    }

    private static func agreement(_ core: Core, _ members: [MemberReport]) -> [HealthLine] {
        guard core.member != nil else { return [] }
        if let doubt = core.doubt {
            var missing: [String] = []
            if doubt.witnesses < doubt.neededWitnesses {
                missing.append(
                    "\(doubt.witnesses) of \(doubt.neededWitnesses) members agree so far")
            }
            if doubt.revocations < doubt.neededRevocations {
                missing.append(
                    "\(doubt.revocations) of \(doubt.neededRevocations) revocations are here")
            }
            return [
                HealthLine(
                    .warn, "partly_joined",
                    "partly joined\(missing.isEmpty ? "" : ", ")\(missing.joined(separator: ", "))",
                    hint: "wait for more members to answer; whither wait tells when")
            ]
        }
        guard !core.isReconciled else { return [] }
        return [
            HealthLine(
                .warn, "not_reconciled",
                "this node has compared what it holds with nobody since it started",
                hint: "it does so by itself; what it does not find may be there all the same")
        ]
    }
}
