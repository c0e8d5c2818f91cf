import Clocks
import Cryptography
import LISP
import Mappings
import TestKit
import Testing
import Trust

@Suite("The record store")
struct RecordStoreTests {
    let rights: FakeRights
    let net: EID

    init() throws {
        net = try EID("10.0.0.0/8")
        var rights = FakeRights(known: [Mesh.key(1), Mesh.key(2), Mesh.key(3)])
        rights.grants = [(net, Mesh.key(1).publicKey), (net, Mesh.key(2).publicKey)]
        self.rights = rights
    }

    @Test("each door refuses with its own reason, in order")
    func doors() throws {
        var store = RecordStore(mesh: Mesh.id)
        let record = try Mesh.record(net, by: 1)
        func refusal(
            _ octets: [UInt8], _ rights: FakeRights, _ meshTime: UInt64 = Mesh.now
        ) -> RecordStore.Offer {
            var copy = store
            return copy.offer(
                octets, from: .member(Mesh.node(9)), rights: rights, meshTime: meshTime, at: .start)
        }
        #expect(
            refusal([UInt8](repeating: 0, count: 1101), rights) == .refused(.form(.tooLong(1101))))
        guard case .refused(.form) = refusal([UInt8](record.octets.dropLast()), rights) else {
            Issue.record("a part of a record was not refused for its form")
            return
        }
        var forged = record.octets
        forged[25] ^= 1
        // The signature is the last door: a forgery that another shuts does not reach it.
        #expect(
            refusal(forged, rights, Mesh.now - 600_001) == .parked(.future(sequence: Mesh.now)))
        #expect(refusal(record.octets, rights, Mesh.now - 600_000) == .stored(id(record)))
        #expect(refusal(forged, rights, Mesh.now + 96 * Mesh.hour) == .refused(.expired))
        #expect(
            refusal(record.octets, rights, Mesh.now + 96 * Mesh.hour - 1) == .stored(id(record)))
        var other = rights
        other.revoked = [Mesh.key(1).publicKey]
        #expect(refusal(forged, other) == .refused(.revoked))
        other = FakeRights()
        #expect(refusal(forged, other) == .parked(.unknownSigner(Mesh.key(1).publicKey)))
        other = FakeRights(known: [Mesh.key(1)])
        #expect(refusal(forged, other) == .refused(.notCovered))
        #expect(refusal(forged, rights) == .refused(.signature))
        #expect(store.offer(record, rights) == .stored(id(record)))
        let older = try Mesh.record(net, by: 1, sequence: Mesh.now - 1)
        #expect(store.offer(older, rights) == .older(than: record.octets))
        #expect(store.offer(record, rights) == .equal(id(record)))
        #expect(store.count == 1 && store.octets(id(record)) == record.octets)
        #expect(store.record(net, by: Mesh.key(1).publicKey) == record)
        #expect(store.record(net, by: Mesh.key(2).publicKey) == nil)
    }

    @Test("an answer differs only inside the EIDs that the store names as changed")
    func changesAreNamed() throws {
        for seed in UInt64(0)..<4 {
            var random = SeededRandom(seed: seed)
            var store = RecordStore(mesh: Mesh.id)
            let asked = try ["10.0.0.1/32", "10.1.0.1/32", "10.1.1.1/32", "11.0.0.1/32"].map(
                EID.init)
            let registered = try ["10.0.0.0/8", "10.1.0.0/16", "10.1.1.1/32"].map(EID.init)
            var named = 0
            for step in 0..<60 {
                let (number, before) = (store.changes, asked.map { store.answer($0, rights) })
                if step % 10 == 9 {
                    _ = store.purge(Mesh.key(1 + random.below(2)).publicKey)
                } else {
                    let record = try Mesh.record(
                        random.pick(registered), by: 1 + random.below(2),
                        sequence: Mesh.now + UInt64(step), locator: UInt32(step),
                        ttl: random.below(4) == 0 ? 0 : 60)
                    _ = store.offer(record, rights, at: .start + .seconds(step))
                }
                guard let changed = store.changed(since: number) else { continue }
                named += changed.count
                for (eid, answer) in zip(asked, before) where store.answer(eid, rights) != answer {
                    #expect(changed.contains { $0.contains(eid) }, "seed \(seed), step \(step)")
                }
            }
            #expect(named > 30, "seed \(seed)")
            #expect(store.changed(since: store.changes)?.isEmpty == true)
            #expect(store.changed(since: 0) == nil)
        }
    }

    @Test("a key displaces no record of another key")
    func foreignSignerCannotDisplaceOwner() throws {
        var store = RecordStore(mesh: Mesh.id)
        var rights = rights
        let own = Mesh.id.cryptoEID(of: Mesh.key(3).publicKey)
        let owners = try Mesh.record(own, by: 3)
        #expect(store.offer(owners, rights) == .stored(id(owners)))
        // No grant: refused at the door.
        let foreign = try Mesh.record(own, by: 1, sequence: Mesh.now + 5, locator: 7)
        #expect(store.offer(foreign, rights) == .refused(.notCovered))
        // With one that covers it (the mesh's whole block): kept beside it, and it does not count.
        rights.grants.append((own.shortened(to: 48) ?? own, Mesh.key(1).publicKey))
        rights.grants.append((own, Mesh.key(3).publicKey))
        #expect(store.offer(foreign, rights) == .stored(id(foreign)))
        #expect(store.record(own, by: Mesh.key(3).publicKey) == owners)
        #expect(store.answer(own, rights) == 0xC000_0201)
    }

    @Test("of a revoked signer nothing is left, held or waiting")
    func revokedSignerLeavesNoShadow() throws {
        var store = RecordStore(mesh: Mesh.id)
        var rights = rights
        let one = try Mesh.record(net, by: 1, sequence: Mesh.now + 1, locator: 1)
        let two = try Mesh.record(net, by: 2, locator: 2)
        let alone = store
        for record in [one, two] { _ = store.offer(record, rights) }
        #expect(store.answer(net, rights) == 1)
        rights.revoked = [Mesh.key(1).publicKey]
        // What it hid is seen at once, before anything was dropped.
        #expect(store.answer(net, rights) == 2)
        #expect(store.offer(one, rights) == .refused(.revoked))
        #expect(store.rightsChanged(rights) == [id(one)])
        #expect(store.rightsChanged(rights) == [])
        #expect(store.offer(one, rights) == .refused(.revoked))
        var clean = alone
        _ = clean.offer(two, rights)
        #expect(store.digest == clean.digest && store.count == 1)
        // Also what trust still calls a holder.
        struct Forgetful: RegistrationRights {
            var inner: FakeRights
            func isKnown(_ key: Ed25519.PublicKey) -> Bool { true }
            func isRevoked(_ key: Ed25519.PublicKey) -> Bool { inner.isRevoked(key) }
            func covers(_ eid: EID, by key: Ed25519.PublicKey) -> Bool { true }
            func holders(of eid: EID) -> [Ed25519.PublicKey] {
                [Mesh.key(1).publicKey, Mesh.key(2).publicKey]
            }
            func isRegistrar(_ key: Ed25519.PublicKey, of eid: EID) -> Bool { false }
        }
        var both = alone
        for record in [one, two] { _ = both.offer(record, self.rights) }
        guard
            case .mapping(let served) = both.lookup(
                net, rights: Forgetful(inner: rights), meshTime: Mesh.now)
        else {
            Issue.record("the other holder's record does not answer")
            return
        }
        #expect(served.record == two)
    }

    @Test("whoever loses a right to EIDs loses those records, and no other")
    func uncovered() throws {
        var rights = rights
        let part = try EID("10.7.0.0/16")
        let other = try EID("[7]10.7.0.0/16")
        let mac = try EID("0200-0000-0000/16")
        let group = try EID("(*,224.1.2.3)")
        rights.grants += [
            (part, Mesh.key(3).publicKey), (other, Mesh.key(3).publicKey),
            (mac, Mesh.key(3).publicKey),
        ]
        let own = Mesh.id.cryptoEID(of: Mesh.key(3).publicKey)
        let lost = try [part, mac, EID("10.7.1.0/24")].map { try Mesh.record($0, by: 3) }
        let kept =
            try [own, group, other].map { try Mesh.record($0, by: 3) }
            + [part, net].map { try Mesh.record($0, by: 1) }
        var store = RecordStore(mesh: Mesh.id)
        for record in lost + kept {
            guard case .stored = store.offer(record, rights) else {
                Issue.record("\(record.eid) is covered")
                return
            }
        }
        #expect(store.dropUncovered(rights).isEmpty && store.count == 8)
        rights.grants.removeAll { $0.key == Mesh.key(3).publicKey && $0.range != other }
        var told: [RecordID: [UInt8]] = [:]
        let dropped = store.dropUncovered(rights) { told[$0] = $1 }
        #expect(dropped == lost.map(id).sorted())
        #expect(lost.allSatisfy { told[id($0)] == $0.octets } && told.count == lost.count)
        #expect(kept.allSatisfy { store.contains(id($0)) } && store.count == kept.count)
        #expect(!lost.contains { store.contains(id($0)) })
        // As if it had never heard of them, whatever order it hears in.
        var fresh = RecordStore(mesh: Mesh.id)
        for record in kept + lost { _ = fresh.offer(record, rights) }
        #expect(fresh.digest == store.digest)
        #expect(store.offer(lost[0], rights) == .refused(.notCovered))
    }

    @Test("stores that heard the same are equal, in whatever order", arguments: UInt64(0)..<6)
    func mergeIsOrderFree(seed: UInt64) throws {
        var random = SeededRandom(seed: seed)
        var rights = rights
        let part = try EID("10.1.0.0/16")
        rights.grants += [(part, Mesh.key(3).publicKey)]
        var records: [SignedRecord] = []
        for _ in 0..<40 {
            let signer = 1 + random.below(3)
            records.append(
                try Mesh.record(
                    signer == 3 ? part : random.pick([net, part]), by: signer,
                    sequence: Mesh.now - UInt64(random.below(4)) * Mesh.hour / 2,
                    locator: UInt32(random.below(4)), ttl: random.chance(oneIn: 4) ? 0 : 60))
        }
        var stores: [RecordStore] = []
        for _ in 0..<4 {
            var store = RecordStore(mesh: Mesh.id)
            for record in records.shuffled(using: &random) {
                _ = store.offer(
                    record.octets, from: .disk, rights: rights, meshTime: Mesh.now, at: .start)
            }
            stores.append(store)
        }
        // The rule itself, said slowly.
        var best: [SignedRecord] = []
        for record in records {
            func isSameKey(_ other: SignedRecord) -> Bool {
                other.eid == record.eid && other.signature.signer == record.signature.signer
            }
            let greatest = records.filter(isSameKey).max { left, right in
                let sequences = (left.signature.sequence, right.signature.sequence)
                if sequences.0 != sequences.1 { return sequences.0 < sequences.1 }
                return SHA256.hash(left.octets).lexicographicallyPrecedes(
                    SHA256.hash(right.octets))
            }
            if let greatest, !best.contains(greatest) { best.append(greatest) }
        }
        for store in stores {
            #expect(store.digest == stores[0].digest, "seed \(seed)")
            #expect(
                store.hours.flatMap(store.recordIDs(inHour:)).sorted() == best.map(id).sorted(),
                "seed \(seed)")
        }
    }

    @Test("a tombstone stays as long as anything that it withdraws could come back")
    func tombstoneNeverOutlived() throws {
        var store = RecordStore(mesh: Mesh.id)
        let mapping = try Mesh.record(net, by: 1, sequence: Mesh.now - 1)
        let tombstone = try Mesh.record(net, by: 1, sequence: Mesh.now, ttl: 0)
        #expect(store.offer(mapping, rights) == .stored(id(mapping)))
        #expect(store.offer(tombstone, rights) == .stored(id(tombstone)))
        for hours in [0, 23, 24, 25, 48, 95] as [UInt64] {
            let time = Mesh.now + hours * Mesh.hour
            #expect(store.expire(meshTime: time) == [])
            #expect(store.offer(mapping, rights, meshTime: time) == .older(than: tombstone.octets))
            #expect(store.answer(net, rights, meshTime: time) == 0)
        }
        let end = Mesh.now + 96 * Mesh.hour
        #expect(store.expire(meshTime: end - 1) == [] && store.nextExpiry == end)
        #expect(store.expire(meshTime: end) == [id(tombstone)])
        #expect(store.count == 0 && store.nextExpiry == nil)
        for record in [mapping, tombstone] {
            #expect(store.offer(record, rights, meshTime: end) == .refused(.expired))
        }
    }

    @Test("what is signed far ahead of time waits, and hides nothing of anybody")
    func farFutureSeqHarmsOnlyItsSigner() throws {
        var store = RecordStore(mesh: Mesh.id)
        let present = try Mesh.record(net, by: 1, locator: 1)
        let ahead = try Mesh.record(net, by: 1, sequence: Mesh.now + 700_000, locator: 2)
        let farAhead = try Mesh.record(
            net, by: 1, sequence: RecordSignature.maximumSequence, locator: 3)
        #expect(store.offer(present, rights) == .stored(id(present)))
        for record in [ahead, farAhead, ahead] {
            #expect(
                store.offer(record, rights)
                    == .parked(.future(sequence: record.signature.sequence)))
        }
        #expect(store.parkedCount == 2 && store.count == 1)
        #expect(store.answer(net, rights) == 1 && store.nextRetry == Mesh.now + 100_000)
        // Not even its own: a change that it signs with a right clock is taken.
        let change = try Mesh.record(net, by: 1, sequence: Mesh.now + 1, locator: 4)
        #expect(store.offer(change, rights) == .stored(id(change)))
        func retried(_ time: UInt64) -> [RecordStore.Offer] {
            store.retryParked(rights: rights, meshTime: time, at: .start).map(\.1)
        }
        #expect(retried(Mesh.now + 99_999) == [])
        #expect(retried(Mesh.now + 100_000) == [.stored(id(ahead))])
        #expect(store.parkedCount == 1)
    }

    @Test("of waiting records the oldest of the largest sender makes room")
    func parking() throws {
        var store = RecordStore(mesh: Mesh.id)
        let few = try (0..<3).map {
            try Mesh.record(net, by: 1, sequence: Mesh.now + 700_000 + UInt64($0))
        }
        for record in few { _ = store.offer(record, by: 5, rights) }
        // One record with 4,100 sequences; what waits is not verified yet.
        let flood = try Mesh.record(net, by: 2, sequence: Mesh.now + 1_000_000)
        let text = [UInt8]("\(Mesh.now + 1_000_000)".utf8)
        let start = try #require(
            flood.octets.indices.first { flood.octets[$0...].starts(with: text) })
        for number in 0..<4100 {
            var octets = flood.octets
            octets.replaceSubrange(
                start..<start + text.count,
                with: "\(Mesh.now + 1_000_000 + UInt64(number))".utf8)
            _ = store.offer(
                octets, from: .member(Mesh.node(6)), rights: rights, meshTime: Mesh.now, at: .start)
        }
        #expect(store.parkedCount == 4096)
        let results = store.retryParked(
            rights: rights, meshTime: Mesh.now + 100_002, at: .start)
        #expect(results.map(\.0) == [Mesh.node(5), Mesh.node(5), Mesh.node(5)])
        #expect(store.answer(net, rights) == 0xC000_0201 && store.parkedCount == 4093)
    }

    @Test("a record of an unknown signer waits for its chain")
    func unknownSigner() throws {
        var store = RecordStore(mesh: Mesh.id)
        let record = try Mesh.record(net, by: 1)
        let key = Mesh.key(1).publicKey
        #expect(store.offer(record, FakeRights()) == .parked(.unknownSigner(key)))
        #expect(
            store.retryParked(rights: FakeRights(), meshTime: Mesh.now, at: .start).isEmpty)
        let results = store.retryParked(rights: rights, meshTime: Mesh.now, at: .start)
        #expect(results.map(\.1) == [.stored(id(record))] && results[0].0 == Mesh.node(99))
        #expect(store.parkedCount == 0)
    }

    @Test("a signer changes a record once a second, five at once")
    func registrationBudget() throws {
        var store = RecordStore(mesh: Mesh.id)
        func change(_ number: Int, at now: Moment) throws -> RecordStore.Offer {
            let record = try Mesh.record(net, by: 1, sequence: Mesh.now + UInt64(number))
            return store.offer(record, by: number, rights, at: now)
        }
        for number in 0...5 {
            guard case .stored = try change(number, at: .start) else {
                Issue.record("change \(number) was not taken")
                return
            }
        }
        #expect(try change(6, at: .start) == .refused(.signerBudget))
        let almost = Moment.start + .milliseconds(999)
        #expect(try change(7, at: almost) == .refused(.signerBudget))
        guard case .stored = try change(8, at: .start + .seconds(1)) else {
            Issue.record("nothing was taken after a second")
            return
        }
        // Its own node and its disk do not count.
        let last = try Mesh.record(net, by: 1, sequence: Mesh.now + 100)
        #expect(
            store.offer(
                last.octets, from: .own, rights: rights, meshTime: Mesh.now, at: .start)
                == .stored(id(last)))
    }

    @Test("a sender has 64 signatures a second verified, and forgeries cost the signer nothing")
    func verificationBudget() throws {
        var store = RecordStore(mesh: Mesh.id)
        let record = try Mesh.record(net, by: 1)
        for number in 0..<64 {
            var forged = record.octets
            forged[25] = UInt8(number + 1)
            #expect(
                store.offer(
                    forged, from: .member(Mesh.node(7)), rights: rights, meshTime: Mesh.now,
                    at: .start) == .refused(.signature))
        }
        #expect(store.offer(record, by: 7, rights) == .refused(.senderBudget))
        #expect(
            store.offer(record, by: 7, rights, at: .start + .milliseconds(10))
                == .refused(.senderBudget))
        #expect(store.offer(record, by: 8, rights) == .stored(id(record)))
        #expect(store.offer(record, by: 7, rights) == .equal(id(record)))
    }

    @Test("a signer has 4,096 records")
    func recordsPerSigner() throws {
        var store = RecordStore(mesh: Mesh.id)
        for number in 0..<RecordStore.recordsPerSigner {
            let eid = EID(.ipv4(Prefix(host: IPv4Address(rawValue: 10 << 24 | UInt32(number)))))
            let octets = try Mesh.record(eid, by: 1).octets
            _ = store.offer(octets, from: .disk, rights: rights, meshTime: Mesh.now, at: .start)
        }
        #expect(store.count == 4096)
        #expect(store.offer(try Mesh.record(net, by: 1), rights) == .refused(.tooManyRecords))
        guard case .stored = store.offer(try Mesh.record(net, by: 2), rights) else {
            Issue.record("another signer's was refused")
            return
        }
    }

    @Test("digests tell any difference, by the hour of the sequence")
    func digests() throws {
        var store = RecordStore(mesh: Mesh.id)
        let empty = store.digest
        let early = try Mesh.record(net, by: 1, sequence: Mesh.now - 2 * Mesh.hour)
        let late = try Mesh.record(net, by: 2, sequence: Mesh.now)
        _ = store.offer(early, rights)
        let one = store
        #expect(one.digest != empty)
        _ = store.offer(late, rights)
        let hour = UInt32(Mesh.now / Mesh.hour)
        #expect(store.hours == [hour - 2, hour])
        #expect(store.digest != one.digest)
        #expect(store.digest(ofHour: hour - 2) == one.digest(ofHour: hour - 2))
        #expect(store.digest(ofHour: hour) == SHA256.first8(of: [id(late)]))
        #expect(store.digest(ofHour: hour - 1) == 0)
        #expect(store.recordIDs(inHour: hour) == [id(late)])
        // A copy has its own: what changes later is not in it.
        let changed = try Mesh.record(net, by: 2, sequence: Mesh.now + 1)
        let before = store
        _ = store.offer(changed, rights)
        #expect(store.digest(ofHour: hour) == SHA256.first8(of: [id(changed)]))
        #expect(before.digest(ofHour: hour) == SHA256.first8(of: [id(late)]))
    }

    @Test("touches are a note, and only the signer's and listed nodes' count")
    func touchByOthersIgnored() throws {
        var store = RecordStore(mesh: Mesh.id)
        var content = Mesh.content(net, sequence: Mesh.now)
        content.nodes = [.init(count: 1, node: Mesh.node(2))]
        let record = try SignedRecord(signing: content, by: Mesh.key(1), in: Mesh.id)
        _ = store.offer(record, rights)
        func at(_ seconds: Int) -> Moment { .start + .seconds(seconds) }
        #expect(store.isTouched(id(record), at: at(179)))
        #expect(!store.isTouched(id(record), at: at(180)))
        #expect(store.touch(id(record), by: Mesh.node(3), at: at(180)) == false)
        #expect(!store.isTouched(id(record), at: at(180)))
        #expect(store.touch(id(record), by: Mesh.node(1), at: at(180)) == true)
        #expect(store.isTouched(id(record), at: at(359)))
        #expect(store.touch(id(record), by: Mesh.node(2), at: at(400)) == true)
        #expect(store.isTouched(id(record), at: at(579)))
        #expect(store.touch(id(record), at: at(600)) == true)
        #expect(store.isTouched(id(record), at: at(700)))
        #expect(store.touch(RecordID(rawValue: 1), at: at(0)) == false)
        // Validity is another thing.
        #expect(store.answer(net, rights) == 0xC000_0201)
    }
}

func id(_ record: SignedRecord) -> RecordID { RecordID(of: record.octets) }

extension SHA256 {
    fileprivate static func first8(of ids: [RecordID]) -> UInt64 {
        let octets = ids.flatMap { id in withUnsafeBytes(of: id.rawValue.bigEndian) { [UInt8]($0) }
        }
        return hash(octets).prefix(8).reduce(0) { $0 << 8 | UInt64($1) }
    }
}
