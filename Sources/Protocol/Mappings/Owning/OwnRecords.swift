package import Clocks
package import Cryptography
package import LISP
import Laboratory
package import Trust

/// What a node signs: for each of its EIDs the present state, with a sequence that nobody has seen yet.
///
///     lost ──▶ waitingForOldState ── two members told ──▶ signing ── 3 fights in 10 min ──▶ secondCopy
///     new, restored ─────────────────────────────────────▶ │ ▲
///                        set, 12 h over, clock stepped,    │ │ durable: publish
///                        own record seen that is not ours  └─┘ write first
///
/// Nothing is published before it is durable: a sequence that was used and forgotten would make the
/// node's next record lose against its last.
package struct OwnRecords: Sendable {
    package let mesh: MeshID
    private let key: Ed25519.SecretKey
    package private(set) var state: State
    /// In the order in which they were first set.
    private var records: [OwnRecord] = []
    private var places: [EID: Int] = [:]
    private var writes: UInt64 = 0
    /// What the others grant a signer: more would be refused there.
    private var changes = TokenBuckets<MeshID>(
        interval: .seconds(1), burst: RecordStore.registrationBurst, bound: 1)

    /// Milliseconds: half of the time that a record is fresh.
    package static let signedAgainAfter: UInt64 = 12 * 3_600_000
    /// Rounds against another record under the own key, of one EID, within ``fightSpan``.
    package static let fights = 3
    package static let fightSpan = Span.minutes(10)
    /// How many members tell a node without its state what it signed.
    package static let tellers = 2

    package enum State: Hashable, Sendable {
        /// The key is old and its state is lost: those that told what they hold.
        case waitingForOldState(heard: [NodeID])
        case signing
        /// Another node signs with this key: one of the two must end.
        case secondCopy
    }

    /// What is known of the past at the start.
    package enum Past: Sendable {
        /// The key is new: nobody has records of it.
        case none
        /// What was written last for each EID, the durable ones.
        case restored([Write])
        case lost
    }

    package enum Event: Sendable {
        /// What the node wants to say of an EID; the sequence does not count.
        case set(SignedRecord.Content)
        /// It has nothing to say of the EID any more.
        case withdraw(EID)
        case durable(write: UInt64)
        /// A record under the own key that came from outside.
        case seen(SignedRecord)
        /// The records under the own key that a member holds: all that it has.
        case told(by: NodeID, [SignedRecord])
        /// There is nobody else to ask.
        case nobodyElseTells
        case clockStepped
        case deadline
    }

    package enum Effect: Hashable, Sendable {
        /// To disk; ``Event/durable(write:)`` when it is safe there.
        case write(Write)
        /// To the own store and to everybody.
        case publish([UInt8])
        case reportSecondCopy(EID)
    }

    /// What must be durable of one EID. It replaces what was written for the EID before.
    package struct Write: Hashable, Sendable {
        package let number: UInt64
        package let octets: [UInt8]
        /// Sequences of the own key that are too far ahead to be followed now.
        package let ahead: [UInt64]

        package init(number: UInt64, octets: [UInt8], ahead: [UInt64]) {
            self.number = number
            self.octets = octets
            self.ahead = ahead
        }
    }

    package init(key: Ed25519.SecretKey, mesh: MeshID, past: Past) {
        self.key = key
        self.mesh = mesh
        state = .signing
        switch past {
        case .none: break
        case .lost: state = .waitingForOldState(heard: [])
        case .restored(let writes):
            for write in writes {
                guard let record = try? SignedRecord(octets: write.octets), isOwn(record) else {
                    continue
                }
                let place = place(of: record.eid)
                records[place].restore(record, ahead: write.ahead)
                self.writes = max(self.writes, write.number)
            }
        }
    }

    /// The present record of each EID that is durable, in the order in which EIDs were first set.
    package var published: [[UInt8]] { records.compactMap(\.published) }

    // MARK: Events

    package mutating func handle(
        _ event: Event, meshTime: UInt64, at now: Moment
    ) -> [Effect] {
        switch (state, event) {
        case (_, .durable(let number)):
            guard let index = records.firstIndex(where: { $0.written?.number == number }),
                let octets = records[index].confirm()
            else { return [] }
            return isPlanted(.sequenceNotDurable) ? [] : [.publish(octets)]
        case (_, .set(let content)): set(content)
        case (_, .withdraw(let eid)): withdraw(eid)
        case (.secondCopy, _): return []
        case (.waitingForOldState(let heard), .told(let teller, let told)):
            for record in told where isOwn(record) { records[place(of: record.eid)].meet(record) }
            let all = heard.contains(teller) ? heard : heard + [teller]
            state = all.count < Self.tellers ? .waitingForOldState(heard: all) : begin()
        case (.waitingForOldState, .nobodyElseTells): state = begin()
        case (.waitingForOldState, .seen(let record)) where isOwn(record):
            records[place(of: record.eid)].meet(record)
        case (.signing, .seen(let record)):
            if let report = fight(record, meshTime, now) { return [report] }
        case (.signing, .told(_, let told)):
            for record in told {
                if let report = fight(record, meshTime, now) { return [report] }
            }
        case (.signing, .clockStepped):
            for index in records.indices where records[index].isSigned {
                records[index].isDue = true
            }
        case (.signing, .deadline), (.signing, .nobodyElseTells), (.waitingForOldState, _): break
        }
        return state == .signing ? signDue(meshTime, now) : []
    }

    /// When ``Event/deadline`` is to come.
    package func nextDeadline(meshTime: UInt64, at now: Moment) -> Moment? {
        guard state == .signing else { return nil }
        if records.contains(where: \.isDue) {
            return changes.next(mesh, at: now)
        }
        guard let due = records.compactMap(\.dueAt).min() else { return nil }
        let wait = due > meshTime ? min(due - meshTime, 1 << 40) : 0
        return now + .milliseconds(Int(wait))
    }

    // MARK: What is wanted

    private mutating func set(_ content: SignedRecord.Content) {
        var wanted = content
        wanted.sequence = 0
        let place = place(of: wanted.eid)
        guard records[place].wanted != wanted else { return }
        records[place].wanted = wanted
        if !records[place].says(wanted) { records[place].isDue = true }
    }

    private mutating func withdraw(_ eid: EID) {
        guard let place = places[eid] else { return }
        records[place].wanted = nil
        records[place].isDue = records[place].mustBeWithdrawn
    }

    private func isOwn(_ record: SignedRecord) -> Bool {
        record.signature.signer == key.publicKey && record.isSigned(in: mesh)
    }

    private mutating func place(of eid: EID) -> Int {
        if let place = places[eid] { return place }
        places[eid] = records.count
        records.append(OwnRecord(eid: eid))
        return records.count - 1
    }

    /// The old sequences are known: what is wanted is signed above them, the rest is withdrawn.
    private mutating func begin() -> State {
        for index in records.indices {
            records[index].isDue = records[index].wanted != nil || records[index].mustBeWithdrawn
        }
        return .signing
    }

    // MARK: Somebody else's

    /// A record under the own key that others may hold in place of the present one: the present state
    /// is signed above it.
    private mutating func fight(
        _ record: SignedRecord, _ meshTime: UInt64, _ now: Moment
    ) -> Effect? {
        guard record.signature.signer == key.publicKey, !isPlanted(.noFightBack) else { return nil }
        if let place = places[record.eid] {
            guard records[place].isThreatened(by: record) else { return nil }
        }
        guard record.isSigned(in: mesh) else { return nil }
        let place = place(of: record.eid)
        records[place].meet(record)
        // Nobody takes it yet; its time is remembered.
        guard record.signature.sequence <= meshTime &+ RecordStore.tolerance else { return nil }
        records[place].fights.removeAll { $0 + Self.fightSpan <= now }
        if records[place].fights.count >= Self.fights, !isPlanted(.secondCopyGoesOn) {
            state = .secondCopy
            return .reportSecondCopy(record.eid)
        }
        if records[place].fights.count < Self.fights { records[place].fights.append(now) }
        records[place].isDue = true
        return nil
    }

    // MARK: Signing

    private mutating func signDue(_ meshTime: UInt64, _ now: Moment) -> [Effect] {
        var effects: [Effect] = []
        forgetEnded(meshTime)
        for index in records.indices {
            let own = records[index]
            guard own.isDue || own.isTooFarAhead(at: meshTime) || own.dueAt ?? .max <= meshTime
            else { continue }
            records[index].isDue = true
            // Only what replaces another costs its signer something.
            let isNew = records[index].isNew
            guard isNew || changes.has(mesh, at: now) else { continue }
            guard let sequence = records[index].nextSequence(meshTime),
                let record = sign(records[index], sequence)
            else {
                records[index].isDue = false
                continue
            }
            if !isNew { changes.take(mesh, at: now) }
            writes += 1
            let write = Write(number: writes, octets: record.octets, ahead: records[index].ahead)
            records[index].wrote(record, write)
            effects.append(.write(write))
            if isPlanted(.sequenceNotDurable) { effects.append(.publish(record.octets)) }
        }
        return effects
    }

    private func sign(_ own: OwnRecord, _ sequence: UInt64) -> SignedRecord? {
        var content =
            own.wanted ?? SignedRecord.Content(eid: own.eid, ttl: 0, locators: [], sequence: 0)
        content.sequence = sequence
        return try? SignedRecord(signing: content, by: key, in: mesh)
    }

    /// Withdrawn EIDs are forgotten when nobody can hold a record of them any more.
    private mutating func forgetEnded(_ meshTime: UInt64) {
        guard records.contains(where: { $0.isEnded(at: meshTime) }) else { return }
        records.removeAll { $0.isEnded(at: meshTime) }
        places = [:]
        for (index, record) in records.enumerated() { places[record.eid] = index }
    }
}
