package import LISP

/// What peers that are no members get: plain LISP, and nothing that is known to end their process.
extension Address {
    /// LCAF types that legacy peers read: Instance-ID, NAT Traversal, Explicit Locator Path,
    /// Source/Dest Key and Replication List Entry, and only with such addresses inside. A JSON or key
    /// locator ends OpenOverlayRouter.
    package var isLegacy: Bool {
        guard case .lcaf(let lcaf) = self else { return true }
        switch lcaf.payload {
        case .instanceID(let value): return value.address.isLegacy
        case .natTraversal(let value):
            return ([value.globalETR, value.mapServer, value.privateETR] + value.rtrs)
                .allSatisfy(\.isLegacy)
        case .explicitLocatorPath(let hops): return hops.allSatisfy { $0.address.isLegacy }
        case .sourceDestinationKey(let value):
            return value.source.isLegacy && value.destination.isLegacy
        case .replicationList(let entries): return entries.allSatisfy { $0.address.isLegacy }
        default: return false
        }
    }
}

extension SignedRecord {
    /// The record without its signature locator and without locators that legacy peers do not read.
    package var legacy: EIDRecord {
        var record = plain
        record.locators.removeAll { !$0.locator.isLegacy }
        return record
    }
}

extension Lookup {
    /// Octets of a union that fit a packet on any path: 1,280 less the headers of IPv6, UDP, an
    /// encapsulated one of each, and the message around it.
    package static let unionSize = 1100

    /// One unsigned record that says what several signers say of a shared EID: its replication lists
    /// merged into one, its other locators side by side. What does not fit is left out at the end.
    /// - Parameter maximumSize: octets of the whole record.
    /// - Returns: `nil` if there is no mapping.
    package static func union(
        of served: [Served], maximumSize: Int = unionSize
    ) -> EIDRecord? {
        guard let first = served.first else { return nil }
        let (maskLength, address) = first.record.eid.wire
        let ttl = served.map(\.record.ttl).min() ?? 1
        var union = EIDRecord(eid: address, maskLength: maskLength, ttl: ttl)
        var size = union.octets().count
        func fits(_ more: Int) -> Bool {
            guard size + more <= maximumSize else { return false }
            size += more
            return true
        }
        var list: [ReplicationEntry] = []
        var model: LocatorRecord?
        var others: [LocatorRecord] = []
        for locator in served.flatMap(\.record.legacy.locators) {
            guard case .lcaf(let lcaf) = locator.locator,
                case .replicationList(let entries) = lcaf.payload
            else {
                let isNew = !others.contains { $0.locator == locator.locator }
                if isNew, others.count < 254, fits(locator.octets().count) {
                    others.append(locator)
                }
                continue
            }
            if model == nil {
                var empty = locator
                empty.locator = .lcaf(LCAF(.replicationList([])))
                guard fits(empty.octets().count) else { continue }
                model = empty
            }
            for entry in entries where !list.contains(entry) && fits(entry.octets().count) {
                list.append(entry)
            }
        }
        if var merged = model {
            merged.locator = .lcaf(LCAF(.replicationList(list)))
            others.append(merged)
        }
        union.locators = others
        return union
    }
}
