import Clocks
import Cryptography
import LISP
import Mappings
import TestKit
import Testing

/// Holds decoded records in a list and looks at all of them for every question.
private struct SlowStore {
    var records: [SignedRecord] = []

    mutating func offer(
        _ record: SignedRecord, _ rights: FakeRights, _ time: UInt64
    ) -> RecordStore.Offer {
        let sequence = record.signature.sequence
        let signer = record.signature.signer
        if sequence > time + 600_000 { return .parked(.future(sequence: sequence)) }
        if sequence + 96 * Mesh.hour <= time { return .refused(.expired) }
        if rights.isRevoked(signer) { return .refused(.revoked) }
        if records.contains(record) { return .equal(id(record)) }
        if !rights.isKnown(signer) { return .parked(.unknownSigner(signer)) }
        if !rights.covers(record.eid, by: signer) { return .refused(.notCovered) }
        let held = records.firstIndex {
            $0.eid == record.eid && $0.signature.signer == signer
        }
        if let held {
            let ours = records[held]
            if ours.signature.sequence > sequence
                || ours.signature.sequence == sequence
                    && !SHA256.hash(ours.octets).lexicographicallyPrecedes(
                        SHA256.hash(record.octets))
            {
                return .older(than: ours.octets)
            }
        }
        if !record.isSigned(in: Mesh.id) { return .refused(.signature) }
        if let held { records.remove(at: held) }
        records.append(record)
        return .stored(id(record))
    }

    mutating func expire(_ time: UInt64) -> [RecordID] {
        let over = records.filter { $0.signature.sequence + 96 * Mesh.hour <= time }
        records.removeAll(where: over.contains)
        return over.map(id).sorted()
    }

    mutating func rightsChanged(_ rights: FakeRights) -> [RecordID] {
        let out = records.filter { rights.isRevoked($0.signature.signer) }
        records.removeAll(where: out.contains)
        return out.map(id).sorted()
    }

    var hours: [UInt32] {
        Set(records.map { UInt32($0.signature.sequence / Mesh.hour) }).sorted()
    }

    func ids(_ hour: UInt32) -> [RecordID] {
        records.filter { $0.signature.sequence / Mesh.hour == hour }.map(id).sorted()
    }

    /// The octets of what answers.
    func lookup(_ eid: EID, _ rights: FakeRights, _ time: UInt64) -> [UInt8]? {
        let holders = rights.holders(of: eid)
        let covering = records.filter {
            $0.eid.covers(eid) && $0.signature.sequence + 96 * Mesh.hour > time
                && !rights.isRevoked($0.signature.signer)
        }
        func rank(_ record: SignedRecord) -> Int? {
            holders.firstIndex(of: record.signature.signer)
        }
        func length(_ record: SignedRecord) -> UInt8 { record.eid.wire.maskLength }
        var left = covering.filter {
            rank($0) != nil && rights.covers($0.eid, by: $0.signature.signer)
        }.sorted { (length($0), -(rank($0) ?? 0)) > (length($1), -(rank($1) ?? 0)) }
        if left.isEmpty {
            left = covering.filter {
                $0.signature.isClass0 && rights.isRegistrar($0.signature.signer, of: $0.eid)
            }.sorted {
                (UInt64(length($0)), $0.signature.sequence, id($0))
                    > (UInt64(length($1)), $1.signature.sequence, id($1))
            }
        }
        var seen: [EID] = []
        for record in left where !seen.contains(record.eid) {
            if !record.isTombstone { return record.octets }
            seen.append(record.eid)
        }
        return nil
    }
}

@Suite("The record store against a slow one")
struct StoreTwinTests {
    @Test("both hold and answer the same, whatever is offered", arguments: UInt64(0)..<8)
    func storesAgree(seed: UInt64) throws {
        var random = SeededRandom(seed: seed)
        var fast = RecordStore(mesh: Mesh.id)
        var slow = SlowStore()
        let eids = try [
            "10.0.0.0/8", "10.1.0.0/16", "10.1.2.0/24", "10.1.2.3/32", "[5]10.1.2.3/32", "'dino'",
            "0000-1111-2222/48", "fd00::/8",
        ].map { try EID($0) }
        var rights = FakeRights(known: (0..<6).map(Mesh.key))
        for _ in 0..<12 {
            rights.grants.append((random.pick(eids), Mesh.key(random.below(7)).publicKey))
        }
        for _ in 0..<4 {
            rights.registrars.append((random.pick(eids), Mesh.key(random.below(6)).publicKey))
        }
        var time = Mesh.now
        var made: [SignedRecord] = []
        var copies: [(RecordStore, [UInt8])] = []
        for step in 0..<160 {
            time += UInt64(random.below(Int(Mesh.hour)))
            if random.chance(oneIn: 40) {
                rights.revoked.insert(Mesh.key(random.below(6)).publicKey)
                #expect(fast.rightsChanged(rights) == slow.rightsChanged(rights), "seed \(seed)")
            }
            if random.chance(oneIn: 30) { rights.grants.removeFirst() }
            var record: SignedRecord
            if !made.isEmpty, random.chance(oneIn: 3) {
                record = random.pick(made)
            } else {
                let past = UInt64(random.below(40)) * Mesh.hour / 8
                record = try Mesh.record(
                    random.pick(eids), by: random.below(7),
                    sequence: random.chance(oneIn: 10) ? time + 700_000 : time - past,
                    locator: UInt32(random.below(3)), ttl: random.chance(oneIn: 5) ? 0 : 60,
                    isClass0: random.chance(oneIn: 3))
                if random.chance(oneIn: 8) {
                    var octets = record.octets
                    octets[octets.count - 80] ^= 1
                    record = (try? SignedRecord(octets: octets)) ?? record
                }
                made.append(record)
            }
            let offer = fast.offer(
                record.octets, from: .disk, rights: rights, meshTime: time, at: .start)
            try #require(offer == slow.offer(record, rights, time), "seed \(seed), step \(step)")
            if random.chance(oneIn: 10) {
                #expect(fast.expire(meshTime: time) == slow.expire(time), "seed \(seed)")
            }
            if random.chance(oneIn: 30) { copies.append((fast, fast.digest)) }
            #expect(fast.count == slow.records.count && fast.hours == slow.hours, "seed \(seed)")
            let asked = random.pick(eids)
            var answer: [UInt8]?
            if case .mapping(let served) = fast.lookup(asked, rights: rights, meshTime: time) {
                answer = served.record.octets
            }
            try #require(answer == slow.lookup(asked, rights, time), "seed \(seed), step \(step)")
            // Looking at all of them takes long.
            guard step % 20 == 19 else { continue }
            for hour in slow.hours {
                #expect(fast.recordIDs(inHour: hour) == slow.ids(hour), "seed \(seed)")
            }
            for held in slow.records {
                #expect(fast.octets(id(held)) == held.octets, "seed \(seed)")
                #expect(fast.record(held.eid, by: held.signature.signer) == held, "seed \(seed)")
            }
        }
        for (copy, digest) in copies { #expect(copy.digest == digest, "seed \(seed)") }
        // Equal contents, equal digest, however they came.
        var again = RecordStore(mesh: Mesh.id)
        var open = FakeRights(known: (0..<7).map(Mesh.key))
        open.grants = eids.flatMap { eid in (0..<7).map { (eid, Mesh.key($0).publicKey) } }
        for record in slow.records.shuffled(using: &random) {
            _ = again.offer(record.octets, from: .disk, rights: open, meshTime: time, at: .start)
        }
        _ = fast.expire(meshTime: time)
        _ = again.expire(meshTime: time)
        #expect(again.digest == fast.digest, "seed \(seed)")
    }

    @Test("records that change for ever leave no waste behind")
    func churn() throws {
        var store = RecordStore(mesh: Mesh.id)
        var rights = FakeRights(known: [Mesh.key(1)])
        rights.grants = [(try EID("10.0.0.0/8"), Mesh.key(1).publicKey)]
        var random = SeededRandom(seed: 1)
        var present: [UInt32: SignedRecord] = [:]
        for step in 0..<1000 {
            let number = UInt32(random.below(300))
            let eid = EID(.ipv4(Prefix(host: IPv4Address(rawValue: 10 << 24 | number))))
            var content = Mesh.content(eid, sequence: Mesh.now + UInt64(step))
            content.locators += (0..<random.below(30)).map {
                LocatorRecord(
                    .ipv4(IPv4Address(rawValue: UInt32($0))), unicast: .init(priority: 1, weight: 1)
                )
            }
            let record = try SignedRecord(signing: content, by: Mesh.key(1), in: Mesh.id)
            present[number] = record
            _ = store.offer(
                record.octets, from: .disk, rights: rights, meshTime: Mesh.now, at: .start)
        }
        #expect(store.count == present.count)
        let octets = present.values.reduce(0) { $0 + $1.octets.count + 6 }
        for record in present.values { #expect(store.octets(id(record)) == record.octets) }
        #expect(store.octetsInPages <= octets * 8 / 7 + 3 * 65_536)
    }
}
