import Clocks
import Cryptography
package import LISP
import Laboratory

/// Which of the records held counts. Nothing here touches the store.
extension RecordStore {
    /// The answer for an EID.
    ///
    /// For an EID that one node has:
    /// 1. its holders are who trust says they are, and only their records count;
    /// 2. if they have none, class 0 records of its registrars do, the greatest sequence first;
    /// 3. a tombstone means none.
    ///
    /// Of what these leave the longest prefix answers. A multicast EID is everybody's: all its records
    /// answer together.
    package func lookup(
        _ eid: EID, rights: some RegistrationRights, meshTime: UInt64
    ) -> Lookup {
        if case .multicast = eid.kind { return shared(eid, rights, meshTime) }
        let covering = table.eids.covering(eid).reversed().map {
            candidates(at: $0.value, of: $0.eid, meshTime)
        }
        if let found = chosen(covering, for: eid, rights), let served = served(found, meshTime) {
            return .mapping(served)
        }
        return .negative(negative(for: eid, isCovered: covering.contains { !$0.isEmpty }))
    }

    private struct Candidate {
        let handle: Handle
        let eid: EID
        let entry: RecordTable.Entry
        let signer: Ed25519.PublicKey
    }

    /// The records at a place of the trie whose time is not over.
    private func candidates(
        at place: Handle, of eid: EID, _ meshTime: UInt64
    ) -> [Candidate] {
        table.records(at: place).compactMap { handle in
            let entry = table.entries[handle]
            guard !Self.isOver(entry.sequence, at: meshTime), let signer = table.signer(handle)
            else { return nil }
            return Candidate(handle: handle, eid: eid, entry: entry, signer: signer)
        }
    }

    /// - Parameter covering: the candidates at each prefix, longest first.
    private func chosen(
        _ covering: [[Candidate]], for eid: EID, _ rights: some RegistrationRights
    ) -> Handle? {
        guard covering.contains(where: { !$0.isEmpty }) else { return nil }
        func isEffective(_ candidate: Candidate) -> Bool {
            if isPlanted(.revokedSignerServed) { return true }
            return !rights.isRevoked(candidate.signer)
        }
        // 1. Each prefix has the record of the first holder that signed one.
        let holders = rights.holders(of: eid)
        let held: [Candidate?] = covering.map { candidates in
            for holder in holders {
                let its = candidates.first { $0.signer == holder }
                guard let its, isEffective(its), covers(its, rights) else { continue }
                return its
            }
            if isPlanted(.parentServedBesideDelegate) {
                return candidates.first { isEffective($0) && covers($0, rights) }
            }
            return nil
        }
        var left = held.compactMap { $0 }
        // 2.
        if left.isEmpty {
            left = covering.compactMap { candidates in
                let registered = candidates.filter {
                    $0.entry.isClass0 && isEffective($0) && isRegistrars($0, rights)
                }
                return registered.max { precedes($0, $1) }
            }
        }
        // 3., and the longest of the rest.
        return left.first { !$0.entry.isTombstone || isPlanted(.tombstoneServed) }?.handle
    }

    private func precedes(_ left: Candidate, _ right: Candidate) -> Bool {
        (left.entry.sequence, left.entry.id) < (right.entry.sequence, right.entry.id)
    }

    /// What covered the EID at the door may do so no more.
    private func covers(_ candidate: Candidate, _ rights: some RegistrationRights) -> Bool {
        rights.covers(candidate.eid, by: candidate.signer)
    }

    private func isRegistrars(_ candidate: Candidate, _ rights: some RegistrationRights) -> Bool {
        rights.isRegistrar(candidate.signer, of: candidate.eid)
    }

    private func record(_ handle: Handle) -> SignedRecord? {
        try? SignedRecord(octets: table.octets(handle))
    }

    private func served(_ handle: Handle, _ meshTime: UInt64) -> Lookup.Served? {
        guard let record = record(handle) else { return nil }
        let freshUntil = record.signature.sequence &+ Self.freshFor
        guard freshUntil > meshTime else {
            return Lookup.Served(record: record, freshness: .stale, life: Lookup.staleLife)
        }
        let fresh = Span.milliseconds(Int(clamping: freshUntil - meshTime))
        return Lookup.Served(
            record: record, freshness: .fresh, life: min(.minutes(Int(record.ttl)), fresh))
    }

    private func negative(for eid: EID, isCovered: Bool) -> Lookup.Negative {
        guard let gap = table.eids.negativePrefix(covering: eid) else {
            // Something is registered inside, or the EID's own records do not count: of its
            // neighbourhood nothing can be said, and of a prefix with mappings inside not even itself.
            let isItself = table.eids[eid] != nil
            return Lookup.Negative(prefix: eid, life: isItself ? Lookup.negativeLife : .zero)
        }
        // A shorter mapping does not count for this EID; for which others it does is not known.
        if isCovered { return Lookup.Negative(prefix: eid, life: Lookup.negativeLife) }
        let widened = gap.wirePrefixLength.flatMap { gap.shortened(to: $0 - 1) }
        let prefix = isPlanted(.negativeTooWide) ? widened ?? gap : gap
        return Lookup.Negative(prefix: prefix, life: Lookup.negativeLife)
    }

    private func shared(
        _ eid: EID, _ rights: some RegistrationRights, _ meshTime: UInt64
    ) -> Lookup {
        let place = table.eids[eid]
        let candidates = place.map { self.candidates(at: $0, of: eid, meshTime) } ?? []
        let counting = candidates.filter { candidate in
            !candidate.entry.isTombstone && rights.isKnown(candidate.signer)
                && !rights.isRevoked(candidate.signer) && rights.covers(eid, by: candidate.signer)
        }.sorted { $0.signer.octets.lexicographicallyPrecedes($1.signer.octets) }
        let all = counting.compactMap { served($0.handle, meshTime) }
        if !all.isEmpty { return .shared(all) }
        return .negative(Lookup.Negative(prefix: eid, life: Lookup.negativeLife))
    }
}

extension EID {
    fileprivate var wirePrefixLength: Int? { Int(wire.maskLength) }
}
