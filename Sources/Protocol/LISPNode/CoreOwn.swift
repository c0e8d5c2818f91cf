import Clocks
import Cryptography
import LISP
import Laboratory
import MappingSystem
import Mappings
import Sessions
import Trust

/// What this node registers, beside what follows from its being a member.
struct Wish: Hashable, Sendable {
    var ttl: UInt32
    /// `nil`: wherever this node is.
    var locators: [LocatorRecord]?
}

extension Core {
    /// Tells ``OwnRecords`` what this node wants to say now: where its own EIDs are, that it is in the
    /// mesh's group, and what was registered here.
    mutating func wantOwnEIDs(
        turn: inout Turn, using random: inout some RandomNumberGenerator
    ) {
        guard let member, !locators.isEmpty else { return }
        let here = locators.prefix(Self.maximumLocators).map {
            LocatorRecord($0, unicast: .init(priority: 1, weight: 100), flags: .reachable)
        }
        let list = PushGroup.locator([Address](locators.prefix(Self.maximumLocators)))
        var contents: [SignedRecord.Content] = [content(of: cryptoEID, settings.ttl, here)]
        if let group = PushGroup.eid(of: PushGroup.address(of: mesh)) {
            contents.append(content(of: group, settings.ttl, [list]))
        }
        ownPrefixes = member.addresses.map { EID(.ipv4(Prefix(host: $0))) }
        contents += ownPrefixes.map { content(of: $0, settings.ttl, here) }
        for (eid, wish) in wishes {
            ownPrefixes.append(eid)
            // Of a group what is registered is being one of its receivers (RFC 8378 §5).
            var standard = here
            if case .multicast = eid.kind { standard = [list] }
            contents.append(content(of: eid, wish.ttl, wish.locators ?? standard))
        }
        let wanted = Set(contents.map(\.eid))
        for eid in announced where !wanted.contains(eid) {
            own(.withdraw(eid), turn: &turn, using: &random)
        }
        announced = contents.map(\.eid)
        for content in contents { own(.set(content), turn: &turn, using: &random) }
    }

    private func content(
        of eid: EID, _ ttl: UInt32, _ locators: [LocatorRecord]
    ) -> SignedRecord.Content {
        // Sorted as the record will have them, so that the same wish is the same content.
        SignedRecord.Content(
            eid: eid, ttl: ttl, locators: SignedRecord.sorted(locators), sequence: 0)
    }

    mutating func own(
        _ event: OwnRecords.Event, turn: inout Turn,
        using random: inout some RandomNumberGenerator
    ) {
        if hasTwin { return }
        let effects = own.handle(event, meshTime: meshTime(turn), at: turn.now.moment)
        for effect in effects {
            switch effect {
            case .write(let write):
                guard let record = try? SignedRecord(octets: write.octets) else { continue }
                turn.write(DiskKey.sequence(of: record.eid), write.diskOctets)
                turn.hold(.ownDurable(write.number))
            case .publish(let octets): publish(octets, turn: &turn, using: &random)
            case .reportSecondCopy: turn.send(.notice(.secondCopy))
            }
        }
        updateOwnDeadline(turn)
    }

    /// To be called when something of ``own`` has changed, or when mesh time did not pass as monotone
    /// time does.
    mutating func updateOwnDeadline(_ turn: Turn) {
        ownDeadline = own.nextDeadline(meshTime: meshTime(turn), at: turn.now.moment) ?? .never
    }

    /// A record of this node is durable: into the store, and to everybody.
    private mutating func publish(
        _ octets: [UInt8], turn: inout Turn, using random: inout some RandomNumberGenerator
    ) {
        guard standing.member(id) != nil,
            case .stored(let record) = records.offer(
                octets, from: .own, rights: standing, meshTime: meshTime(turn),
                at: turn.now.moment)
        else { return }
        let eid = (try? SignedRecord(octets: octets))?.eid
        for index in registrations.indices where registrations[index].eid == eid {
            registrations[index].recordID = record.rawValue
        }
        distribute(record: record, turn: &turn, using: &random)
        answerRegistrations(turn: &turn)
    }

    /// What this node had no right to for a while, and so dropped like everybody.
    mutating func republishOwn(
        turn: inout Turn, using random: inout some RandomNumberGenerator
    ) {
        for octets in own.published where !records.contains(RecordID(of: octets)) {
            publish(octets, turn: &turn, using: &random)
        }
    }

    /// A record under this node's own key that came from somebody.
    mutating func noticeOwn(
        _ octets: [UInt8], turn: inout Turn, using random: inout some RandomNumberGenerator
    ) {
        guard let record = try? SignedRecord(octets: octets),
            record.signature.signer == key.publicKey
        else { return }
        own(.seen(record), turn: &turn, using: &random)
    }

    /// After every event.
    mutating func runOwn(
        turn: inout Turn, using random: inout some RandomNumberGenerator
    ) {
        if ownDeadline <= turn.now.moment { own(.deadline, turn: &turn, using: &random) }
        answerRegistrations(turn: &turn)
    }

    /// Which addresses are this node's may have changed.
    mutating func ownRightsChanged(
        before: Standing, turn: inout Turn, using random: inout some RandomNumberGenerator
    ) {
        guard let member else { return }
        let old = before.member(id)
        if old?.addresses != member.addresses {
            let lost = (old?.addresses ?? []).contains { !member.addresses.contains($0) }
            if lost { turn.send(.notice(.lostClaim)) }
            wantOwnEIDs(turn: &turn, using: &random)
        }
    }

    /// A member without an address of the pool asks for one: its claim was lost to an older one. One that
    /// has just come in may only not have heard of the claim that its admitter signed.
    mutating func askForAddress(
        turn: inout Turn, using random: inout some RandomNumberGenerator
    ) {
        guard isReconciled, let member, member.addresses.isEmpty else { return }
        let index = UInt8.random(in: 0...Claim.maximumIndex, using: &random)
        if member.roles.contains(.grantor) {
            guard standing.isFree(addressIndex: index, for: member.key, in: mesh) else { return }
            let claim = Claim(.address(index: index), for: member.key)
            _ = sign(.claim(claim), turn: &turn, using: &random)
            return
        }
        let admitters = sessions.established.filter {
            standing.member($0)?.roles.contains(.admitter) ?? false
        }
        guard let admitter = admitters.randomElement(using: &random) else { return }
        say(
            .claimWanted(.address(index: index)), to: .member(admitter), turn: &turn,
            using: &random)
    }

    /// Ids of the records that this node touches.
    var ownRecordIDs: [RecordID] { own.published.map(RecordID.init(of:)) }
}

// Commands
extension Core {
    mutating func register(
        _ eid: EID, ttl: UInt32, at locators: [LocatorRecord]?, _ number: UInt64,
        turn: inout Turn, using random: inout some RandomNumberGenerator
    ) {
        guard standing.covers(eid, by: key.publicKey) else {
            turn.send(.answer(.failed(.notAllowed), number))
            return
        }
        guard !isSecondCopy else {
            turn.send(.answer(.failed(.secondCopy), number))
            return
        }
        guard registrations.count < Self.maximumWaiting,
            wishes.count < RecordStore.recordsPerSigner / 2
                || wishes.contains(where: { $0.eid == eid })
        else {
            turn.send(.answer(.failed(.tooMany), number))
            return
        }
        let wish = Wish(ttl: min(max(ttl, 1), SignedRecord.maximumTTL), locators: locators)
        registrations.append(
            Registration(command: number, eid: eid, until: turn.now.moment + Self.patience))
        let isSame = wishes.contains { $0.eid == eid && $0.wish == wish }
        if isSame, let record = records.record(eid, by: key.publicKey) {
            let id = RecordID(of: record.octets)
            registrations[registrations.count - 1].recordID = id.rawValue
            distribute(record: id, turn: &turn, using: &random)
        }
        wishes.removeAll { $0.eid == eid }
        wishes.append((eid, wish))
        turn.write(DiskKey.registration(of: eid), wish.octets)
        wantOwnEIDs(turn: &turn, using: &random)
    }

    /// How long a registration waits for somebody else to hold it.
    private static let patience = Span.seconds(10)

    mutating func withdraw(
        _ eid: EID, _ number: UInt64, turn: inout Turn,
        using random: inout some RandomNumberGenerator
    ) {
        wishes.removeAll { $0.eid == eid }
        turn.write(DiskKey.registration(of: eid), nil)
        wantOwnEIDs(turn: &turn, using: &random)
        turn.hold(.answer(.done, number))
    }

    mutating func answerRegistrations(turn: inout Turn) {
        guard !registrations.isEmpty else { return }
        let now = turn.now.moment
        for waiting in registrations {
            let isHeld = !waiting.holders.isEmpty
            let isAlone = targets.isEmpty && waiting.recordID != nil
            guard isHeld || isAlone || waiting.until <= now else { continue }
            let answer: Answer =
                waiting.recordID == nil
                ? .failed(.notWritten)
                : .registered(waiting.eid, others: waiting.holders.count)
            turn.send(.answer(answer, waiting.command))
        }
        registrations.removeAll {
            !$0.holders.isEmpty || (targets.isEmpty && $0.recordID != nil) || $0.until <= now
        }
    }
}

// The disk
extension Core {
    mutating func restoreOwn(
        sequences: [(key: [UInt8], value: [UInt8])],
        registrations: [(key: [UInt8], value: [UInt8])], turn: inout Turn
    ) {
        var writes: [OwnRecords.Write] = []
        for (key, value) in sequences {
            if let write = OwnRecords.Write(diskOctets: value) {
                writes.append(write)
            } else {
                turn.send(.notice(.damagedState(key: key)))
            }
        }
        own = OwnRecords(key: key, mesh: mesh, past: .restored(writes))
        for octets in own.published {
            _ = records.offer(
                octets, from: .own, rights: standing, meshTime: meshTime(turn),
                at: turn.now.moment)
            if let record = try? SignedRecord(octets: octets), !record.isTombstone {
                announced.append(record.eid)
            }
        }
        for (key, value) in registrations {
            guard let eid = EID(keyOctets: [UInt8](key.dropFirst())), let wish = Wish(octets: value)
            else {
                turn.send(.notice(.damagedState(key: key)))
                continue
            }
            wishes.append((eid, wish))
        }
    }
}

extension OwnRecords.Write {
    /// `number 8 | how many are ahead 1 | ahead 8 each | record`
    var diskOctets: [UInt8] {
        number.bigEndianOctets + [UInt8(clamping: ahead.count)]
            + ahead.prefix(255).flatMap(\.bigEndianOctets) + octets
    }

    init?(diskOctets: [UInt8]) {
        var reader = OctetReader(diskOctets.span.bytes)
        guard let number: UInt64 = try? reader.read("number"),
            let count: UInt8 = try? reader.read("count")
        else { return nil }
        var ahead: [UInt64] = []
        for _ in 0..<count {
            guard let sequence: UInt64 = try? reader.read("sequence") else { return nil }
            ahead.append(sequence)
        }
        self.init(number: number, octets: reader.readRest(), ahead: ahead)
    }
}

extension Wish {
    /// `ttl 4 | locators…`, none: wherever the node is.
    var octets: [UInt8] {
        ttl.bigEndianOctets + (locators ?? []).flatMap { $0.octets() }
    }

    init?(octets: [UInt8]) {
        var reader = OctetReader(octets.span.bytes)
        guard let ttl: UInt32 = try? reader.read("TTL") else { return nil }
        var locators: [LocatorRecord] = []
        while reader.remaining > 0 {
            guard let locator = try? LocatorRecord(from: &reader) else { return nil }
            locators.append(locator)
        }
        self.init(ttl: ttl, locators: locators.isEmpty ? nil : locators)
    }
}
