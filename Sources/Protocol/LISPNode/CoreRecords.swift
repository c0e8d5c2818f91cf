import Clocks
import Cryptography
import LISP
import Laboratory
import MappingSystem
package import Mappings
import Sessions
package import Trust

extension Standing: RegistrationRights {}

extension Core {
    /// A signed record from a member, whosever it is.
    mutating func take(
        record octets: [UInt8], from node: NodeID, turn: inout Turn,
        using random: inout some RandomNumberGenerator
    ) {
        guard !isDiskBehind else {
            counters.diskBehind += 1
            return
        }
        let offer = records.offer(
            octets, from: .member(node), rights: standing, meshTime: meshTime(turn),
            at: turn.now.moment)
        offered(offer, octets, from: node, turn: &turn, using: &random)
    }

    private mutating func offered(
        _ offer: RecordStore.Offer, _ octets: [UInt8], from node: NodeID, turn: inout Turn,
        using random: inout some RandomNumberGenerator
    ) {
        switch offer {
        case .stored(let id):
            reconciler.learned(from: node)
            keep(id, turn: &turn)
            acknowledge(id, to: node, turn: &turn, using: &random)
            noticeOwn(octets, turn: &turn, using: &random)
            if passesOn {
                distribute(record: id, except: node, turn: &turn, using: &random)
            }
        case .equal(let id):
            acknowledge(id, to: node, turn: &turn, using: &random)
        case .older(than: let ours):
            say(.records([ours]), to: .member(node), turn: &turn, using: &random)
        case .parked(.future): noticeOwn(octets, turn: &turn, using: &random)
        case .parked(.unknownSigner): reconciler.meet(node, at: turn.now.moment)
        case .refused: counters.recordsRefused += 1
        }
    }

    private mutating func acknowledge(
        _ id: RecordID, to node: NodeID, turn: inout Turn,
        using random: inout some RandomNumberGenerator
    ) {
        if isPlanted(.acknowledgedBeforeDurable) {
            say(.acknowledged([id.rawValue]), to: .member(node), turn: &turn, using: &random)
        } else {
            turn.hold(.acknowledge([id.rawValue], to: node))
        }
    }

    /// Writes a record that the store has taken; it takes the place of the signer's older one.
    mutating func keep(_ id: RecordID, turn: inout Turn) {
        guard let record = records.decoded(id) else { return }
        turn.write(DiskKey.record(record.storeKey), record.octets)
    }

    /// To all that shall hear of changes: a Map-Register to the group.
    mutating func distribute(
        record id: RecordID, except sender: NodeID? = nil, turn: inout Turn,
        using random: inout some RandomNumberGenerator
    ) {
        guard let octets = records.octets(id) else { return }
        let packet = PushGroup.registration(
            of: octets, id: id, to: PushGroup.address(of: mesh), from: cryptoAddress)
        distribute(
            Spread.Change(id: id.rawValue, plaintext: packet), except: sender, turn: &turn,
            using: &random)
    }

    mutating func retryParked(
        turn: inout Turn, using random: inout some RandomNumberGenerator
    ) {
        let retried = records.retryParked(
            rights: standing, meshTime: meshTime(turn), at: turn.now.moment)
        for (_, offer) in retried {
            guard case .stored(let id) = offer else { continue }
            keep(id, turn: &turn)
            noticeOwn(records.octets(id) ?? [], turn: &turn, using: &random)
        }
    }

    /// Unchanged registrations, told in 8 octets each: they count as a Map-Register of unchanged
    /// octets, in the session of the signer or of a node that the record names.
    mutating func touch(
        _ ids: [RecordID], by node: NodeID, turn: inout Turn,
        using random: inout some RandomNumberGenerator
    ) {
        var unknown: [RecordID] = []
        for id in ids.prefix(Self.maximumTouches) {
            if !records.contains(id) {
                unknown.append(id)
            } else if !records.touch(id, by: node, at: turn.now.moment) {
                counters.touchesIgnored += 1
            }
        }
        if !unknown.isEmpty {
            say(.recordsWanted(unknown), to: .member(node), turn: &turn, using: &random)
        }
    }

    /// Ids in one touch; as many as fit a message.
    static let maximumTouches = 140

    mutating func sendTouches(
        turn: inout Turn, using random: inout some RandomNumberGenerator
    ) {
        let jitter = Int.random(in: 0..<2_000, using: &random)
        touchAt = turn.now.moment + (Self.touchInterval - .milliseconds(jitter))
        let ids = ownRecordIDs
        guard !ids.isEmpty else { return }
        for start in stride(from: 0, to: ids.count, by: Self.maximumTouches) {
            let piece = [RecordID](ids[start..<min(start + Self.maximumTouches, ids.count)])
            let plaintext = MeshMessage.touch(piece).octets
            // Who is silent is called by the probe: openers for touches that nobody waits for would be
            // most of what a node sends while its mesh is split.
            for node in targets where !isSilent(node) {
                send(.control(plaintext), to: .member(node), turn: &turn, using: &random)
            }
        }
    }

    /// A node that has just become a member hears of the others one after another, and what it announces is
    /// new to each of them: they are told as soon as they are known, not at the next reconciliation.
    mutating func introduce(
        to nodes: [NodeID], turn: inout Turn, using random: inout some RandomNumberGenerator
    ) {
        guard let memberSince, turn.now.moment < memberSince + Self.introduction else { return }
        for node in nodes {
            for id in ownRecordIDs.prefix(Self.maximumIntroduced) {
                guard let octets = records.octets(id) else { continue }
                let change = Spread.Change(
                    id: id.rawValue,
                    plaintext: PushGroup.registration(
                        of: octets, id: id, to: PushGroup.address(of: mesh), from: cryptoAddress))
                guard spread.add(change, for: node, at: turn.now.moment) else { continue }
                send(.control(change.plaintext), to: .member(node), turn: &turn, using: &random)
            }
        }
    }

    /// After that everybody has had a reconciliation or three.
    private static let introduction = Span.seconds(30)
    /// What a node announces by itself, and a few EIDs that a person registered at once.
    private static let maximumIntroduced = 8

    mutating func acknowledged(_ ids: [UInt64], by node: NodeID, turn: inout Turn) {
        spread.acknowledge(ids, by: node)
        reach.holds(ids, by: node)
        for index in registrations.indices {
            guard let id = registrations[index].recordID, ids.contains(id),
                !registrations[index].holders.contains(node)
            else { continue }
            registrations[index].holders.append(node)
        }
        answerRegistrations(turn: &turn)
    }
}

extension SignedRecord {
    /// What names it in the store: signer and EID.
    package var storeKey: [UInt8] { signature.signer.octets + eid.keyOctets }

    /// The node that has a forwarding locator; all zero for plain LISP.
    package func node(ofLocator index: Int, in mesh: MeshID) -> NodeID {
        var end = 0
        for run in signature.nodes {
            end += run.count
            if index < end { return run.node }
        }
        return NodeID(of: signature.signer, in: mesh)
    }
}

extension Core {
    /// Lets the store drop some of its records, and the disk with it.
    mutating func dropRecords(
        turn: inout Turn,
        _ drop: (inout RecordStore, Standing, (RecordID, [UInt8]) -> Void) -> Void
    ) {
        var dropped: [(id: RecordID, octets: [UInt8])] = []
        drop(&records, standing) { dropped.append(($0, $1)) }
        for (_, octets) in dropped.sorted(by: { $0.id < $1.id }) {
            guard let record = try? SignedRecord(octets: octets) else { continue }
            turn.write(DiskKey.record(record.storeKey), nil)
        }
    }
}

extension RecordStore {
    func decoded(_ id: RecordID) -> SignedRecord? {
        octets(id).flatMap { try? SignedRecord(octets: $0) }
    }
}
