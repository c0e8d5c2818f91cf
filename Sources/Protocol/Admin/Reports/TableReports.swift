package import Clocks
import Cryptography
import LISP
package import LISPNode
import Mappings
import Sessions
import Trust

// Tables in the shape that LISP operators know from IOS: `show lisp instance-id N ipv6 map-cache`,
// `database`, `site`.

/// What an ITR of this node would use: the mappings of others, pushed here.
package struct MapCacheReport: AdminReport {
    package var schema = 1
    package var mesh: String?
    package var entries: [RecordReport]

    package init(of node: Node, at now: Now, host: HostFacts) {
        mesh = node.core?.meshName
        guard let core = node.core else {
            entries = []
            return
        }
        let time = core.meshTime(at: now)
        let own = core.key.publicKey
        // Only what is served: of several records of an EID those that count.
        entries = core.records.all.filter { $0.record.signature.signer != own }.compactMap {
            entry in
            let found = core.records.lookup(
                entry.record.eid, rights: core.standing, meshTime: time)
            let served: [Lookup.Served]
            switch found {
            case .mapping(let one): served = [one]
            case .shared(let all): served = all
            case .negative: served = []
            }
            guard let same = served.first(where: { $0.record.octets == entry.record.octets }) else {
                return nil
            }
            return RecordReport(same, in: core, at: now, host: host)
        }
    }

    package func text(width: Int?) -> String {
        grouped(entries).map { group in
            let count = group.records.count
            let head =
                "LISP \(group.family) Mapping Cache for EID-table \(table(group.instance, mesh)), "
                + "\(count) \(count == 1 ? "entry" : "entries")"
            return head + "\n\n" + group.records.map(text).joined(separator: "\n")
        }.joined(separator: "\n\n").orElse("LISP mapping cache: 0 entries")
    }

    private func text(_ entry: RecordReport) -> String {
        let up = DurationText.cisco(seconds: entry.ageSeconds)
        let expires = entry.lifeSeconds.map { DurationText.cisco(seconds: $0) } ?? "never"
        let state = entry.isFresh ? "complete" : "stale"
        var lines = [
            "\(entry.eid), uptime: \(up), expires: \(expires), via push from \(entry.signer), \(state)"
        ]
        if let action = entry.action {
            lines.append("  Negative cache entry, action: \(action)")
        } else {
            var table = TextTable(["Locator", "Uptime", "State", "Pri/Wgt", "Encap-IID"])
            for locator in entry.locators {
                table.add([
                    locator.rloc, up, locator.stateText, "\(locator.priority)/\(locator.weight)",
                    "-",
                ])
            }
            lines += table.lines().map { "  " + $0 }
        }
        return lines.map(\.printable).joined(separator: "\n")
    }
}

/// The mappings that this node itself answers for.
package struct DatabaseReport: AdminReport {
    package var schema = 1
    package var mesh: String?
    package var entries: [RecordReport]

    package init(of node: Node, at now: Now, host: HostFacts) {
        mesh = node.core?.meshName
        guard let core = node.core else {
            entries = []
            return
        }
        entries = core.records.all
            .filter { $0.record.signature.signer == core.key.publicKey && !$0.record.isTombstone }
            .map { RecordReport($0.record, life: nil, in: core, at: now, host: host) }
    }

    package func text(width: Int?) -> String {
        grouped(entries).map { group in
            let locators = group.records.map(\.locators.count).max() ?? 0
            let bits = UInt64(1) << UInt64(min(locators, 32)) - 1
            let head =
                "LISP ETR \(group.family) Mapping Database for EID-table "
                + "\(table(group.instance, mesh)), LSBs: 0x\(String(bits, radix: 16))\n"
                + "Entries total \(group.records.count)"
            return head + "\n\n" + group.records.map(text).joined(separator: "\n")
        }.joined(separator: "\n\n").orElse("LISP mapping database: 0 entries")
    }

    private func text(_ entry: RecordReport) -> String {
        var table = TextTable(["Locator", "Pri/Wgt", "Source", "State"])
        for locator in entry.locators {
            let reachable = locator.isReachable ? ", reachable" : ""
            table.add([
                locator.rloc, "\(locator.priority)/\(locator.weight)", "netlink",
                locator.stateText + reachable,
            ])
        }
        let head =
            "\(entry.eid), ttl \(entry.ttlMinutes) min, sequence \(entry.sequence), signed \(entry.signedAt)"
        return ([head] + table.lines().map { "  " + $0 }).joined(separator: "\n")
    }
}

/// Who is registered here, as a Map-Server shows it.
package struct SiteReport: AdminReport {
    package var schema = 1
    package var mesh: String?
    package var registrations: [Registration]

    package struct Registration: Codable, Hashable, Sendable {
        /// Who signed it.
        package var site: String
        package var eid: String
        /// It came or was touched in the last 180 s, or is this node's own.
        package var isRegistered: Bool
        /// `nil`: this node's own.
        package var lastRegisterSecondsAgo: Double?
        package var lastRegisterer: String
        package var upSeconds: Double
        package var ttlMinutes: UInt32
        /// `fresh` or `stale`, `withdrawn`, `class-0`, `not-served`.
        package var flags: [String]
    }

    package init(of node: Node, at now: Now, host: HostFacts) {
        mesh = node.core?.meshName
        guard let core = node.core else {
            registrations = []
            return
        }
        let time = core.meshTime(at: now)
        registrations = core.records.all.map { id, record in
            let report = RecordReport(record, life: nil, in: core, at: now, host: host)
            let isOwn = record.signature.signer == core.key.publicKey
            let touched = core.records.untouchedFor(id, at: now.moment)?.seconds
            let found = core.records.lookup(record.eid, rights: core.standing, meshTime: time)
            var flags = [record.isTombstone ? "withdrawn" : report.isFresh ? "fresh" : "stale"]
            if report.isClass0 { flags.append("class-0") }
            if !record.isTombstone, !found.has(record) { flags.append("not-served") }
            return Registration(
                site: report.signer, eid: report.eid,
                isRegistered: !record.isTombstone
                    && (isOwn || core.records.isTouched(id, at: now.moment)),
                lastRegisterSecondsAgo: isOwn ? nil : touched,
                lastRegisterer: isOwn ? "this node" : report.locators.first?.rloc ?? report.signer,
                upSeconds: report.ageSeconds, ttlMinutes: report.ttlMinutes, flags: flags)
        }.sorted { ($0.site, $0.eid) < ($1.site, $1.eid) }
    }

    package func text(width: Int?) -> String {
        var table = TextTable([
            "Site Name", "Last Register", "Up", "Who Last Registered", "EID Prefix", "Uptime",
            "TTL",
            "Flags",
        ])
        for one in registrations {
            table.add([
                one.site,
                one.lastRegisterSecondsAgo.map { DurationText.cisco(seconds: $0) } ?? "-",
                one.isRegistered ? "yes" : "no", one.lastRegisterer, one.eid,
                DurationText.cisco(seconds: one.upSeconds), "\(one.ttlMinutes)m",
                one.flags.joined(separator: ","),
            ])
        }
        let head = "LISP Site Registration Information\(mesh.map { ", mesh \($0)" } ?? "")"
        return ([head, ""] + table.lines(width: width)).joined(separator: "\n")
    }
}

extension Lookup {
    fileprivate func has(_ record: SignedRecord) -> Bool {
        switch self {
        case .mapping(let served): return served.record.octets == record.octets
        case .shared(let all): return all.contains { $0.record.octets == record.octets }
        case .negative: return false
        }
    }
}

/// One table of IOS: an instance and a family.
private struct TableGroup {
    var instance: UInt32
    var family: String
    var records: [RecordReport]
}

/// By instance, then by family, each in its order.
private func grouped(_ records: [RecordReport]) -> [TableGroup] {
    var groups: [TableGroup] = []
    for record in records {
        let index = groups.firstIndex {
            $0.instance == record.instance && $0.family == record.family
        }
        if let index {
            groups[index].records.append(record)
        } else {
            groups.append(
                TableGroup(instance: record.instance, family: record.family, records: [record]))
        }
    }
    return groups.sorted { ($0.instance, $0.family) < ($1.instance, $1.family) }
}

/// `default (IID 0)`; another instance is called by the mesh's name.
private func table(_ instance: UInt32, _ mesh: String?) -> String {
    instance == 0 ? "default (IID 0)" : "vrf \(mesh ?? "-") (IID \(instance))"
}

extension String {
    fileprivate func orElse(_ other: String) -> String { isEmpty ? other : self }
}
