import Clocks
import LISP
import Mappings
import TestKit
import Testing

@Suite("What a node signs")
struct OwnRecordsTests {
    let eid = Mesh.id.cryptoEID(of: Mesh.key(1).publicKey)

    private func begin(_ past: OwnRecords.Past = .none) -> OwnRecords {
        OwnRecords(key: Mesh.key(1), mesh: Mesh.id, past: past)
    }

    /// Handles an event, writes what is to be written, and gives back what is then published.
    private func published(
        _ own: inout OwnRecords, _ event: OwnRecords.Event, _ time: UInt64 = Mesh.now,
        at now: Moment = .start
    ) throws -> [SignedRecord] {
        var records: [SignedRecord] = []
        for effect in own.handle(event, meshTime: time, at: now) {
            guard case .write(let write) = effect else { continue }
            for effect in own.handle(.durable(write: write.number), meshTime: time, at: now) {
                guard case .publish(let octets) = effect else { continue }
                records.append(try SignedRecord(octets: octets))
            }
        }
        return records
    }

    private func content(_ locator: UInt32 = 1) -> SignedRecord.Content {
        Mesh.content(eid, sequence: 0, locator: locator)
    }

    private func other(_ sequence: UInt64, locator: UInt32 = 99) throws -> SignedRecord {
        try Mesh.record(eid, by: 1, sequence: sequence, locator: locator)
    }

    @Test("nothing is published before it is durable, and no sequence is used twice")
    func durableFirst() throws {
        var own = begin()
        let first = own.handle(.set(content(1)), meshTime: Mesh.now, at: .start)
        guard case .write(let one) = first.first, first.count == 1 else {
            Issue.record("\(first)")
            return
        }
        #expect(own.published == [])
        // Changed again before the disk answered: the first is never published.
        let second = own.handle(.set(content(2)), meshTime: Mesh.now, at: .start)
        guard case .write(let two) = second.first, second.count == 1 else {
            Issue.record("\(second)")
            return
        }
        #expect(own.handle(.durable(write: one.number), meshTime: Mesh.now, at: .start) == [])
        #expect(
            own.handle(.durable(write: two.number), meshTime: Mesh.now, at: .start)
                == [.publish(two.octets)])
        #expect(own.handle(.durable(write: two.number), meshTime: Mesh.now, at: .start) == [])
        #expect(own.published == [two.octets])
        let sequences = try [one, two].map {
            try SignedRecord(octets: $0.octets).signature.sequence
        }
        #expect(sequences == [Mesh.now, Mesh.now + 1])
        #expect(own.handle(.set(content(2)), meshTime: Mesh.now + 9, at: .start) == [])
    }

    @Test("owners sign again at 12 h, and withdraw with a tombstone that is not renewed")
    func renewal() throws {
        var own = begin()
        #expect(try published(&own, .set(content())).count == 1)
        let due = Mesh.now + 12 * Mesh.hour
        #expect(own.nextDeadline(meshTime: Mesh.now, at: .start) == .start + .hours(12))
        #expect(try published(&own, .deadline, due - 1) == [])
        #expect(try published(&own, .deadline, due).map(\.signature.sequence) == [due])
        let end = try published(&own, .withdraw(eid), due + 5)
        #expect(end.map(\.isTombstone) == [true])
        #expect(own.nextDeadline(meshTime: due + 5, at: .start) == nil)
        #expect(try published(&own, .deadline, due + 50 * Mesh.hour) == [])
        #expect(own.published.count == 1)
        // Set again: above the tombstone, also at the same time.
        let again = try published(&own, .set(content()), due + 5)
        #expect(again.map(\.signature.sequence) == [due + 6])
        #expect(try published(&own, .withdraw(eid), due + 6).count == 1)
        #expect(try published(&own, .deadline, due + 97 * Mesh.hour) == [])
        #expect(own.published == [])
    }

    @Test("after a restart the sequence goes on, and what did not change is not signed")
    func restored() throws {
        var own = begin()
        guard
            case .write(let write) = own.handle(
                .set(content()), meshTime: Mesh.now, at: .start
            ).first
        else {
            Issue.record("nothing written")
            return
        }
        var next = begin(.restored([write]))
        #expect(next.published == [write.octets])
        #expect(next.handle(.set(content()), meshTime: Mesh.now - 9, at: .start) == [])
        let changed = try published(&next, .set(content(7)), Mesh.now - 9)
        #expect(changed.map(\.signature.sequence) == [Mesh.now + 1])
    }

    @Test("a clock that was wrong and is right again: the node signs in present time")
    func clockRepairRecovers() throws {
        let ahead = Mesh.now + 1000 * Mesh.hour
        var own = begin()
        var store = RecordStore(mesh: Mesh.id)
        let rights = FakeRights(known: [Mesh.key(1)])
        // It signs in the far future: the others make it wait.
        let wrong = try published(&own, .set(content()), ahead)
        #expect(wrong.map(\.signature.sequence) == [ahead])
        for record in wrong {
            #expect(store.offer(record, rights) == .parked(.future(sequence: ahead)))
        }
        // Its clock is put right.
        let effects = own.handle(.clockStepped, meshTime: Mesh.now, at: .start)
        guard case .write(let write) = effects.first, effects.count == 1 else {
            Issue.record("\(effects)")
            return
        }
        #expect(write.ahead == [ahead])
        let right = try SignedRecord(octets: write.octets)
        #expect(right.signature.sequence == Mesh.now)
        #expect(store.offer(right, rights) == .stored(id(right)))
        _ = own.handle(.durable(write: write.number), meshTime: Mesh.now, at: .start)
        let changed = try published(&own, .set(content(2)), Mesh.now + 3)
        #expect(changed.map(\.signature.sequence) == [Mesh.now + 3])
        // It is remembered over a restart, and when its time comes the node signs above it.
        var next = begin(.restored([write]))
        var time = Mesh.now
        var now = Moment.start
        var last = right
        for _ in 0..<200 where last.signature.sequence < ahead {
            let deadline = try #require(next.nextDeadline(meshTime: time, at: now))
            time += UInt64((deadline - now).milliseconds)
            now = deadline
            last = try #require(try published(&next, .deadline, time, at: now).first)
        }
        #expect(last.signature.sequence == ahead + 1 && time == ahead - 600_000)
        // Also a node that starts with a right clock and an old record from the future.
        var started = begin(
            .restored([.init(number: 1, octets: try #require(wrong.first).octets, ahead: [])]))
        let signed = try published(&started, .set(content()))
        #expect(signed.map(\.signature.sequence) == [Mesh.now])
    }

    @Test(
        "a record under its key that it does not hold: the owner signs the present state above it")
    func ownerFightsBack() throws {
        var own = begin()
        let present = try published(&own, .set(content()))
        #expect(try published(&own, .seen(#require(present.first))) == [])
        // What it signed before, and what others signed, is no threat.
        #expect(try published(&own, .seen(other(Mesh.now - 1))) == [])
        let foreign = try Mesh.record(eid, by: 2, sequence: Mesh.now + 5)
        #expect(try published(&own, .seen(foreign)) == [])
        let seen = try other(Mesh.now + 1000)
        var forged = seen.octets
        forged[forged.count - 80] ^= 1
        if let forged = try? SignedRecord(octets: forged) {
            #expect(try published(&own, .seen(forged)) == [])
        }
        let answer = try published(&own, .seen(seen))
        #expect(answer.map(\.signature.sequence) == [Mesh.now + 1001])
        #expect(answer.map(\.locators) == present.map(\.locators))
        // Heard of it once more, from somebody else.
        #expect(try published(&own, .seen(seen)) == [])
        // The same sequence with other octets can win too.
        #expect(try published(&own, .seen(other(Mesh.now + 1001))).count == 1)
        // An EID of which it has nothing to say is withdrawn.
        let lost = try Mesh.record(try EID("10.0.0.1/32"), by: 1, sequence: Mesh.now)
        let end = try published(&own, .seen(lost))
        #expect(end.map(\.isTombstone) == [true] && end.map(\.eid) == [lost.eid])
        // One from the future waits for its time.
        let future = try other(Mesh.now + Mesh.hour)
        #expect(try published(&own, .seen(future)) == [])
        let deadline = try #require(own.nextDeadline(meshTime: Mesh.now, at: .start))
        #expect(deadline == .start + .minutes(50))
        let late = try published(&own, .deadline, Mesh.now + 50 * 60_000, at: deadline)
        #expect(late.map(\.signature.sequence) == [Mesh.now + Mesh.hour + 1])
    }

    @Test("two nodes with one key: after three rounds one stops and says so")
    func twoCopiesOfAnIdentityStop() throws {
        var one = begin()
        var two = begin()
        var report: [OwnRecords.Effect] = []
        var now = Moment.start
        func step(
            _ own: inout OwnRecords, _ event: OwnRecords.Event
        ) throws -> SignedRecord? {
            let time = Mesh.now + UInt64(now.microseconds / 1000)
            var copy = own
            report += copy.handle(event, meshTime: time, at: now).filter {
                if case .reportSecondCopy = $0 { return true }
                return false
            }
            return try published(&own, event, time, at: now).last
        }
        var last = try step(&one, .set(content(1)))
        _ = try step(&two, .set(content(2)))
        var rounds = 0
        while let record = last, rounds < 20 {
            rounds += 1
            now += .seconds(2)
            last = try rounds % 2 == 1 ? step(&two, .seen(record)) : step(&one, .seen(record))
        }
        #expect(rounds < 10 && report == [.reportSecondCopy(eid)])
        #expect([one.state, two.state].contains(.secondCopy))
        // It signs no more, whatever happens.
        var stopped = one.state == .secondCopy ? one : two
        for event in [.set(content(9)), .clockStepped, .deadline, .seen(try other(Mesh.now + 999))]
            as [OwnRecords.Event]
        {
            #expect(stopped.handle(event, meshTime: Mesh.now + 20 * Mesh.hour, at: now) == [])
        }
        #expect(stopped.nextDeadline(meshTime: Mesh.now, at: now) == nil)
    }

    @Test("rare rounds are no second copy")
    func rareRounds() throws {
        var own = begin()
        _ = try published(&own, .set(content()))
        var now = Moment.start
        for round in 1...10 {
            now += .seconds(200)
            let time = Mesh.now + UInt64(now.microseconds / 1000)
            let answers = try published(&own, .seen(other(time + 5)), time, at: now)
            // Three in ten minutes are the last that are fought.
            #expect(answers.count == 1, "round \(round)")
        }
        #expect(own.state == .signing)
    }

    @Test("a node without its old state asks two members before it signs")
    func oldStateFirst() throws {
        var own = begin(.lost)
        #expect(own.handle(.set(content()), meshTime: Mesh.now, at: .start) == [])
        #expect(own.nextDeadline(meshTime: Mesh.now, at: .start) == nil)
        let old = try Mesh.record(try EID("10.0.0.1/32"), by: 1, sequence: Mesh.now - 5)
        let told = OwnRecords.Event.told(
            by: Mesh.node(2), [try other(Mesh.now + 300), old, try Mesh.record(eid, by: 5)])
        #expect(own.handle(told, meshTime: Mesh.now, at: .start) == [])
        // The same member twice is one.
        #expect(own.handle(told, meshTime: Mesh.now, at: .start) == [])
        #expect(own.state == .waitingForOldState(heard: [Mesh.node(2)]))
        let signed = try published(&own, .told(by: Mesh.node(3), [try other(Mesh.now + 400)]))
        #expect(own.state == .signing)
        #expect(signed.map(\.signature.sequence) == [Mesh.now + 401, Mesh.now])
        #expect(signed.map(\.isTombstone) == [false, true])
        // In a mesh of two there is only one to ask.
        var small = begin(.lost)
        _ = small.handle(.set(content()), meshTime: Mesh.now, at: .start)
        #expect(try published(&small, .nobodyElseTells).count == 1)
    }

    @Test("changes keep to the budget that the others give a signer")
    func budget() throws {
        var own = begin()
        let eids = try (0..<20).map { try EID("10.0.0.\($0)/32") }
        for eid in eids {
            #expect(try published(&own, .set(Mesh.content(eid, sequence: 0))).count == 1)
        }
        var count = try published(&own, .clockStepped, Mesh.now + 1).count
        #expect(count == 5)
        var now = Moment.start
        while let deadline = own.nextDeadline(meshTime: Mesh.now + 1, at: now),
            deadline < .start + .seconds(60)
        {
            now = max(deadline, now)
            let more = try published(&own, .deadline, Mesh.now + 1, at: now).count
            #expect(more == 1)
            count += more
        }
        #expect(count == 20 && now == .start + .seconds(15))
    }
}
