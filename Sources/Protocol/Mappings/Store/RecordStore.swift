package import Clocks
package import Cryptography
package import LISP
import Laboratory
package import Trust

/// The signed records that a node holds: of each (Instance-ID, EID, signer) the one that is greatest
/// by (sequence, H(octets)). Nothing else decides between two, so in whatever order nodes hear of
/// records they end up with the same. Who of several signers counts is decided when serving.
///
/// No record is held whose signature was not verified here, also when it comes from this node's own
/// disk. A copy of a store shares all pages but those that change.
package struct RecordStore: Sendable {
    package let mesh: MeshID
    var table = RecordTable()
    private var parked = ParkedRecords()
    private var registrations = TokenBuckets<Ed25519.PublicKey>(
        interval: .seconds(1), burst: Self.registrationBurst, bound: Self.rememberedBuckets)
    private var verifications = TokenBuckets<NodeID>(
        interval: .microseconds(1_000_000 / Self.verificationsASecond),
        burst: Self.verificationsASecond, bound: Self.rememberedBuckets)

    /// Milliseconds: a sequence may be this far ahead of mesh time, as clocks differ.
    package static let tolerance: UInt64 = 10 * 60_000
    /// Milliseconds from the sequence on: fresh, then stale, then never taken again.
    package static let freshFor: UInt64 = 24 * 3_600_000
    package static let heldFor: UInt64 = 96 * 3_600_000
    /// More than the largest site has; it bounds what one signer can make all others store.
    package static let recordsPerSigner = 4096
    /// Changes of its records that a signer may make at once; after that one a second.
    package static let registrationBurst = 5
    /// Of each sender: at 60 µs each 64 of them cannot use up a twentieth of a core.
    package static let verificationsASecond = 64
    /// Senders and signers busy at once that are told apart.
    static let rememberedBuckets = 4096
    /// Three missed touches of one a minute.
    package static let touchedFor = Span.seconds(180)

    /// Where a record comes from.
    package enum Source: Hashable, Sendable {
        case own, disk
        case member(NodeID)

        package var member: NodeID? {
            if case .member(let node) = self { return node }
            return nil
        }
    }

    /// What became of a record that was offered.
    package enum Offer: Hashable, Sendable {
        /// Verified, and greater than what was there.
        case stored(RecordID)
        /// It was here, octet for octet.
        case equal(RecordID)
        /// Ours is greater; the sender shall get it.
        case older(than: [UInt8])
        case parked(Parking)
        case refused(Refusal)
    }

    /// The first door that a record did not pass, in their order.
    package enum Refusal: Hashable, Sendable {
        case form(SignedRecordError)
        /// Its time is over: nobody takes it ever again.
        case expired
        case revoked
        /// Nothing gives its signer this EID.
        case notCovered
        /// The signer has as many as it may have.
        case tooManyRecords
        /// The signer changes its records too often.
        case signerBudget
        /// The sender sends more than may be verified.
        case senderBudget
        case signature
        /// Four gigabytes are full.
        case noRoom
    }

    package init(mesh: MeshID) { self.mesh = mesh }

    package var count: Int { table.count }
    /// Another number each time that other records are held: what was found out before may be wrong.
    package var changes: UInt64 { table.changes }
    /// The EIDs whose records are others since that number; what lies inside them may have other answers.
    /// - Returns: `nil` if all may have.
    package func changed(since number: UInt64) -> ArraySlice<EID>? { table.changed(since: number) }
    package var parkedCount: Int { parked.all.count }
    /// What the pages of records take, waste included.
    package var octetsInPages: Int { table.octetsInPages }

    // MARK: The door

    /// Takes a record in if it passes all doors. They stand in the order of their cost, and the first
    /// that is shut ends it.
    package mutating func offer(
        _ octets: [UInt8], from source: Source, rights: some RegistrationRights, meshTime: UInt64,
        at now: Moment
    ) -> Offer {
        guard octets.count <= SignedRecord.maximumSize else {
            return .refused(.form(.tooLong(octets.count)))
        }
        let hash = SHA256.hash(octets)
        let id = RecordID(hash: hash)
        if let held = table.find(id, octets: octets) {
            return equal(held, id, rights: rights, meshTime: meshTime)
        }
        // 1. Size, form and template.
        let record: SignedRecord
        do throws(SignedRecordError) {
            record = try SignedRecord(octets: octets)
        } catch {
            return .refused(.form(error))
        }
        let sequence = record.signature.sequence
        let signer = record.signature.signer
        // 2. Time.
        guard sequence <= meshTime &+ Self.tolerance || isPlanted(.futureSequenceAccepted) else {
            return park(record, id, from: source, .future(sequence: sequence))
        }
        guard !Self.isOver(sequence, at: meshTime) else { return .refused(.expired) }
        // 3. The signer.
        guard !rights.isRevoked(signer) else { return .refused(.revoked) }
        guard rights.isKnown(signer) else {
            return park(record, id, from: source, .unknownSigner(signer))
        }
        // 4. Coverage.
        guard rights.covers(record.eid, by: signer) || isPlanted(.coverageUnchecked) else {
            return .refused(.notCovered)
        }
        if isPlanted(.policyInMerge), !rights.holders(of: record.eid).contains(signer) {
            return .refused(.notCovered)
        }
        // 5. What is held of the same key.
        let place = table.place(of: record.eid, by: signer)
        let held = table.find(place)
        if let held, !isGreater(sequence, hash, than: held), !isPlanted(.sequenceUnchecked) {
            return .older(than: table.octets(held))
        }
        // 6. Budgets. Only a record that verifies costs its signer something.
        if let refusal = overBudget(signer, isNew: held == nil, source, at: now) {
            return .refused(refusal)
        }
        if let sender = source.member { verifications.take(sender, at: now) }
        // 7. The signature.
        guard record.isSigned(in: mesh) || isPlanted(.recordSignatureUnchecked) else {
            return .refused(.signature)
        }
        if source.member != nil, held != nil { registrations.take(signer, at: now) }
        guard
            table.insert(
                record, id: id, at: place, replacing: held, touched: Self.touchTime(now))
        else {
            return .refused(.noRoom)
        }
        return .stored(id)
    }

    /// What is held passed all doors; only time and trust have gone on since.
    private func equal(
        _ held: Handle, _ id: RecordID, rights: some RegistrationRights, meshTime: UInt64
    ) -> Offer {
        if Self.isOver(table.entries[held].sequence, at: meshTime) { return .refused(.expired) }
        if let signer = table.signer(held), rights.isRevoked(signer) { return .refused(.revoked) }
        return .equal(id)
    }

    private func isGreater(_ sequence: UInt64, _ hash: [UInt8], than held: Handle) -> Bool {
        let heldSequence = table.entries[held].sequence
        guard sequence == heldSequence else { return sequence > heldSequence }
        if isPlanted(.mergeIgnoresHash) { return false }
        return SHA256.hash(table.octets(held)).lexicographicallyPrecedes(hash)
    }

    private func overBudget(
        _ signer: Ed25519.PublicKey, isNew: Bool, _ source: Source, at now: Moment
    ) -> Refusal? {
        guard let sender = source.member else { return nil }
        if isNew {
            guard table.count(of: signer) < Self.recordsPerSigner else { return .tooManyRecords }
        } else {
            guard registrations.has(signer, at: now) else { return .signerBudget }
        }
        return verifications.has(sender, at: now) ? nil : .senderBudget
    }

    /// Whether a record of this sequence is to be dropped, and refused for ever.
    static func isOver(_ sequence: UInt64, at meshTime: UInt64) -> Bool {
        sequence &+ heldFor <= meshTime && !isPlanted(.staleForEver)
    }

    // MARK: Those that wait

    private mutating func park(
        _ record: SignedRecord, _ id: RecordID, from source: Source, _ reason: Parking
    ) -> Offer {
        parked.insert(
            ParkedRecords.Record(
                octets: record.octets, id: id, source: source,
                sequence: record.signature.sequence, reason: reason))
        return .parked(reason)
    }

    /// Tries again what waits for time or for its signer, once they have come.
    /// - Returns: who sent each that waits no more, `nil` for this node itself, and what became of it.
    package mutating func retryParked(
        rights: some RegistrationRights, meshTime: UInt64, at now: Moment
    ) -> [(NodeID?, Offer)] {
        let ready = parked.take { record in
            if Self.isOver(record.sequence, at: meshTime) { return true }
            switch record.reason {
            case .future(let sequence): return sequence <= meshTime &+ Self.tolerance
            case .unknownSigner(let signer):
                return rights.isKnown(signer) || rights.isRevoked(signer)
            }
        }
        var results: [(NodeID?, Offer)] = []
        for record in ready {
            let offer = offer(
                record.octets, from: record.source, rights: rights, meshTime: meshTime, at: now)
            switch offer {
            case .refused(.senderBudget), .refused(.signerBudget): parked.insert(record)
            case .parked: break
            case .stored, .equal, .older, .refused: results.append((record.source.member, offer))
            }
        }
        return results
    }

    /// The mesh time at which the first record that waits for it need wait no more.
    package var nextRetry: UInt64? {
        parked.all.compactMap { record in
            guard case .future(let sequence) = record.reason else { return nil }
            return sequence &- min(sequence, Self.tolerance)
        }.min()
    }

    // MARK: The end of records

    /// Drops what is older than 96 hours.
    /// - Parameter tell: is told of each record that goes, with its octets.
    /// - Returns: what was dropped, sorted.
    @discardableResult
    package mutating func expire(
        meshTime: UInt64, tell: (RecordID, [UInt8]) -> Void = { _, _ in }
    ) -> [RecordID] {
        var dropped: [RecordID] = []
        for hour in table.hours.all {
            guard hour.earliest &+ Self.heldFor <= meshTime || isPlanted(.tombstoneDroppedEarly)
            else { continue }
            var earliest = UInt64.max
            for handle in table.records(inHour: hour.number) {
                let entry = table.entries[handle]
                let isEarly =
                    isPlanted(.tombstoneDroppedEarly) && entry.isTombstone
                    && entry.sequence &+ Self.freshFor <= meshTime
                if Self.isOver(entry.sequence, at: meshTime) || isEarly {
                    dropped.append(entry.id)
                    tell(entry.id, table.octets(handle))
                    table.remove(handle)
                } else {
                    earliest = min(earliest, entry.sequence)
                }
            }
            table.setEarliest(earliest, ofHour: hour.number)
        }
        return dropped.sorted()
    }

    /// The mesh time at which ``expire(meshTime:)`` may have something to drop.
    package var nextExpiry: UInt64? {
        table.hours.all.first.map { $0.earliest &+ Self.heldFor }
    }

    /// Drops the records of revoked signers, held or waiting, once trust has changed.
    /// - Parameter tell: is told of each record that goes, with its octets.
    /// - Returns: what was dropped, sorted.
    @discardableResult
    package mutating func rightsChanged(
        _ rights: some RegistrationRights, tell: (RecordID, [UInt8]) -> Void = { _, _ in }
    ) -> [RecordID] {
        drop(whereSigner: { rights.isRevoked($0) }, tell: tell)
    }

    /// Drops the records whose signers have no right to their EIDs any more: what a store holds must not
    /// depend on whether it heard of a record before or after the right was lost.
    /// - Returns: what was dropped, sorted.
    @discardableResult
    package mutating func dropUncovered(
        _ rights: some RegistrationRights, tell: (RecordID, [UInt8]) -> Void = { _, _ in }
    ) -> [RecordID] {
        var uncovered: [Handle] = []
        table.eids.visitAll { eid, place in
            uncovered += table.records(at: place).filter { handle in
                table.signer(handle).map { !rights.covers(eid, by: $0) } ?? false
            }
        }
        return remove(uncovered.sorted(), tell: tell)
    }

    private mutating func remove(
        _ handles: [Handle], tell: (RecordID, [UInt8]) -> Void
    ) -> [RecordID] {
        let ids = handles.map { table.entries[$0].id }
        for handle in handles {
            tell(table.entries[handle].id, table.octets(handle))
            table.remove(handle)
        }
        return ids.sorted()
    }

    /// Drops the records of one signer that was revoked.
    /// - Returns: what was dropped, sorted.
    package mutating func purge(_ signer: Ed25519.PublicKey) -> [RecordID] {
        drop(whereSigner: { $0 == signer }, tell: { _, _ in })
    }

    private mutating func drop(
        whereSigner isOut: (Ed25519.PublicKey) -> Bool, tell: (RecordID, [UInt8]) -> Void
    ) -> [RecordID] {
        parked.removeAll { record in
            guard case .unknownSigner(let signer) = record.reason else { return false }
            return isOut(signer)
        }
        return remove(table.records(whereSigner: isOut), tell: tell)
    }

    // MARK: What is held

    package func octets(_ id: RecordID) -> [UInt8]? { table.find(id).map(table.octets) }

    package func contains(_ id: RecordID) -> Bool { table.find(id) != nil }

    package func record(_ eid: EID, by signer: Ed25519.PublicKey) -> SignedRecord? {
        table.find(table.place(of: eid, by: signer)).flatMap {
            try? SignedRecord(octets: table.octets($0))
        }
    }

    /// The ids of one signer's records, sorted.
    package func recordIDs(of signer: Ed25519.PublicKey) -> [RecordID] {
        table.records { $0 == signer }.map { table.entries[$0].id }.sorted()
    }
}
