import Clocks
import Cryptography
import LISP
import LISPNode
import Mappings
import Sessions
import Trust

/// A signed mapping, for people and programs.
package struct RecordReport: Codable, Hashable, Sendable {
    /// `[instance]eid/length`
    package var eid: String
    package var instance: UInt32
    /// `IPv4`, `IPv6`, `multicast` …
    package var family: String
    /// Name and key of who signed it.
    package var signer: String
    package var signerKey: String
    package var isClass0: Bool
    package var sequence: UInt64
    /// Since its sequence, which is mesh time of signing or later.
    package var ageSeconds: Double
    package var ttlMinutes: UInt32
    package var isTombstone: Bool
    /// Signed less than 24 hours ago.
    package var isFresh: Bool
    /// How long a cache may keep it; `nil`: it is not served.
    package var lifeSeconds: Double?
    /// ACT, if there is no locator.
    package var action: String?
    package var locators: [LocatorReport]
}

package struct LocatorReport: Codable, Hashable, Sendable {
    package var rloc: String
    package var priority: UInt8
    package var weight: UInt8
    package var multicastPriority: UInt8
    package var multicastWeight: UInt8
    /// R is set: reachable, as the signer says.
    package var isReachable: Bool
    /// Whose it is; `nil`: it speaks plain LISP.
    package var node: String?
    package var relay: String?
    /// As that node stands to this one.
    package var state: MemberState?
}

extension RecordReport {
    init(
        _ record: SignedRecord, life: Span?, in core: Core, at now: Now, host: HostFacts
    ) {
        let time = core.meshTime(at: now)
        let signature = record.signature
        let signer = signature.signer
        eid = record.eid.description
        instance = record.eid.instance
        family = record.eid.family
        self.signer = core.standing.member(key: signer)?.displayName ?? KeyText.name(signer)
        signerKey = KeyText.text(signer)
        isClass0 = signature.isClass0
        sequence = signature.sequence
        ageSeconds = Double(time > sequence ? time - sequence : 0) / 1000
        ttlMinutes = record.ttl
        isTombstone = record.isTombstone
        isFresh = sequence &+ RecordStore.freshFor > time
        lifeSeconds = life?.seconds
        action = record.locators.isEmpty && !record.isTombstone ? record.action.text : nil
        locators = record.locators.indices.map {
            LocatorReport($0, of: record, in: core, at: now, host: host)
        }
    }

    init(_ served: Lookup.Served, in core: Core, at now: Now, host: HostFacts) {
        self.init(served.record, life: served.life, in: core, at: now, host: host)
    }

    /// Of the signer's clock, as RFC 3339 writes it.
    var signedAt: String { TimeText.text(milliseconds: sequence) }
}

extension LocatorReport {
    fileprivate init(
        _ index: Int, of record: SignedRecord, in core: Core, at now: Now, host: HostFacts
    ) {
        let locator = record.locators[index]
        rloc = locator.locator.oneLine
        priority = locator.unicast.priority
        weight = locator.unicast.weight
        multicastPriority = locator.multicast.priority
        multicastWeight = locator.multicast.weight
        isReachable = locator.flags.contains(.reachable)
        let id = record.node(ofLocator: index, in: core.mesh)
        guard id.octets.contains(where: { $0 != 0 }) else { return }
        node = core.standing.name(of: id)
        relay = record.relay(ofLocator: index).map { core.standing.name(of: $0) }
        state = core.standing.member(id).map {
            MemberReport($0, in: core, at: now, host: host).state
        }
    }

    /// `site-self`, `up` … as tables of LISP say it.
    var stateText: String {
        switch state {
        case .self?: return "site-self"
        case let state?: return state.rawValue
        case nil: return isReachable ? "unknown" : "no-route"
        }
    }
}

extension SignedRecord {
    fileprivate func relay(ofLocator index: Int) -> NodeID? {
        var end = 0
        for run in signature.nodes {
            end += run.count
            if index < end { return run.relay }
        }
        return nil
    }
}

extension Address {
    /// On one line, whatever it is.
    var oneLine: String {
        if case .lcaf(let lcaf) = self, case .replicationList(let entries) = lcaf.payload {
            return "RLE " + entries.map { $0.address.oneLine }.joined(separator: " ")
        }
        return report.plainText.split(separator: "\n").map {
            $0.trimmingPrefix(while: { $0 == " " })
        }
        .joined(separator: ", ")
    }
}

extension EID {
    /// As tables of LISP are headed.
    var family: String {
        switch kind {
        case .ipv4: return "IPv4"
        case .ipv6: return "IPv6"
        case .mac: return "MAC"
        case .e164: return "E.164"
        case .name: return "name"
        case .geo: return "geo"
        case .multicast: return "multicast"
        case .asNumber: return "AS"
        case .instances: return "instance"
        case .opaque: return "opaque"
        }
    }
}

extension EIDRecord.Action {
    /// As IOS names them.
    var text: String {
        switch self {
        case .noAction: return "no-action"
        case .nativelyForward: return "natively-forward"
        case .sendMapRequest: return "send-map-request"
        case .drop: return "drop"
        case .dropPolicyDenied: return "drop-policy-denied"
        case .dropAuthFailure: return "drop-authentication-failure"
        case .unassigned6: return "6"
        case .unassigned7: return "7"
        }
    }
}
