package import LISP

/// Values at EIDs: for IPv4, IPv6 and MAC by longest match, one trie an Instance-ID and family; for
/// EIDs of other kinds by exact match.
package struct PrefixTrie<Value> {
    private var tries: [PrefixTrieTable: BitTrie<Value>] = [:]
    private var others: [EID: Value] = [:]
    package private(set) var count = 0

    package init() {}

    package var isEmpty: Bool { count == 0 }

    /// The value at exactly this EID.
    package subscript(eid: EID) -> Value? {
        guard let (table, prefix) = eid.place else { return others[eid] }
        return tries[table]?[prefix]
    }

    /// The value at the longest prefix that covers the EID, and that prefix.
    package func longestMatch(_ eid: EID) -> (eid: EID, value: Value)? {
        guard let (table, prefix) = eid.place else { return others[eid].map { (eid, $0) } }
        guard let (length, value) = tries[table]?.longestMatch(prefix) else { return nil }
        return (eid.shortened(to: length) ?? eid, value)
    }

    /// All values at prefixes that cover the EID, itself included, shortest first.
    package func covering(_ eid: EID) -> [(eid: EID, value: Value)] {
        guard let (table, prefix) = eid.place else { return others[eid].map { [(eid, $0)] } ?? [] }
        var found: [(EID, Value)] = []
        tries[table]?.walk(towards: prefix) { length, value in
            found.append((eid.shortened(to: length) ?? eid, value))
        }
        return found
    }

    /// The shortest prefix that covers the EID and contains no EID with a value: what a negative
    /// answer may say (RFC 9301 §5.4).
    /// - Returns: `nil` if the EID contains one itself.
    package func negativePrefix(covering eid: EID) -> EID? {
        guard let (table, prefix) = eid.place else { return others[eid] == nil ? eid : nil }
        guard let trie = tries[table] else { return eid.shortened(to: 0) }
        return trie.gap(covering: prefix).flatMap { eid.shortened(to: $0.length) }
    }

    /// Visits all values, in no order.
    package func visitAll(_ visit: (EID, Value) -> Void) {
        for (eid, value) in others { visit(eid, value) }
        for (table, trie) in tries {
            trie.visitAll { prefix, value in
                if let eid = table.eid(at: prefix) { visit(eid, value) }
            }
        }
    }

    /// - Returns: the value that was there.
    @discardableResult
    package mutating func insert(_ value: Value, at eid: EID) -> Value? {
        let old: Value?
        if let (table, prefix) = eid.place {
            old = tries[table, default: BitTrie()].insert(value, at: prefix)
        } else {
            old = others.updateValue(value, forKey: eid)
        }
        if old == nil { count += 1 }
        return old
    }

    /// - Returns: the value that was there.
    @discardableResult
    package mutating func remove(_ eid: EID) -> Value? {
        let old: Value?
        if let (table, prefix) = eid.place {
            old = tries[table]?.remove(prefix)
            if tries[table]?.count == 0 { tries[table] = nil }
        } else {
            old = others.removeValue(forKey: eid)
        }
        if old != nil { count -= 1 }
        return old
    }
}

extension PrefixTrie: Sendable where Value: Sendable {}

extension EID {
    /// Where it stands in the tries; `nil` if its kind has no longest match.
    fileprivate var place: (PrefixTrieTable, BitPrefix)? {
        switch kind {
        case .ipv4(let prefix):
            let bits = UInt128(prefix.address.rawValue) << 96
            return (table(.ipv4), BitPrefix(bits, length: prefix.length))
        case .ipv6(let prefix):
            let bits = UInt128(prefix.address.high) << 64 | UInt128(prefix.address.low)
            return (table(.ipv6), BitPrefix(bits, length: prefix.length))
        case .mac(let prefix):
            let bits = UInt128(prefix.address.rawValue) << 80
            return (table(.mac), BitPrefix(bits, length: prefix.length))
        case .e164, .name, .geo, .multicast, .asNumber, .instances, .opaque: return nil
        }
    }

    private func table(_ family: PrefixTrieTable.Family) -> PrefixTrieTable {
        PrefixTrieTable(instance: instance, family: family)
    }
}

/// Which trie: they do not know of each other.
private struct PrefixTrieTable: Hashable, Sendable {
    enum Family: Hashable, Sendable { case ipv4, ipv6, mac }

    var instance: UInt32
    var family: Family

    /// What `EID.place` was made from.
    func eid(at prefix: BitPrefix) -> EID? {
        let (bits, length) = (prefix.bits, prefix.length)
        switch family {
        case .ipv4:
            return Prefix(IPv4Address(rawValue: UInt32(bits >> 96)), length: length)
                .map { EID(.ipv4($0), instance: instance) }
        case .ipv6:
            let address = IPv6Address(
                high: UInt64(bits >> 64), low: UInt64(truncatingIfNeeded: bits))
            return Prefix(address, length: length).map { EID(.ipv6($0), instance: instance) }
        case .mac:
            return Prefix(MACAddress(rawValue: UInt64(bits >> 80)), length: length)
                .map { EID(.mac($0), instance: instance) }
        }
    }
}
