import Clocks
import Cryptography
import LISP
import Laboratory
import MappingSystem
import Mappings
import Sessions
import Trust

extension Core {
    /// A datagram of either port: ours, or plain LISP.
    mutating func receive(
        _ datagram: Datagram, turn: inout Turn, using random: inout some RandomNumberGenerator
    ) {
        guard datagram.isWhither else {
            receivePlain(datagram, turn: &turn, using: &random)
            return
        }
        withSessions(turn: &turn, using: &random) { sessions, time, directory, random in
            sessions.handle(datagram, at: time, directory: &directory, using: &random)
        }
    }

    mutating func perform(
        _ effects: [SessionEffect], turn: inout Turn,
        using random: inout some RandomNumberGenerator
    ) {
        for effect in effects {
            switch effect {
            case .send(let datagram): turn.send(.send(datagram))
            case .deliver(.data(let packet, let instance), from: let peer, isEarly: _):
                decapsulate(packet, instance: instance, from: peer, turn: &turn)
            case .deliver(.control(let plaintext), from: .member(let node), isEarly: _):
                if settings.showsPlaintext {
                    show(plaintext, .member(node), isSent: false, turn: &turn)
                }
                receiveControl(plaintext, from: node, turn: &turn, using: &random)
            case .deliver(.control(let plaintext), from: .joining(let number), isEarly: _):
                if settings.showsPlaintext {
                    show(plaintext, .joining(number), isSent: false, turn: &turn)
                }
                receiveJoin(plaintext, from: number, turn: &turn, using: &random)
            case .established(.member(let node)):
                turn.send(.notice(.sessionBegan(node)))
                stopped.remove(node)
                reconciler.meet(node, at: turn.now.moment)
                retryAt = min(retryAt, turn.now.moment + Self.retryPause)
                noteReached(node, turn: &turn)
                tellPorts(to: node, turn: &turn, using: &random)
            case .ended(.member(let node), let reason):
                if reason == .restarted, member != nil { restarted.append(node) }
                sightings.forget(node)
                trials.forget(node)
                clock.forget(node)
                turn.send(.notice(.sessionEnded(node)))
            case .clock(let node, let reading): hear(reading, from: node, turn: &turn)
            case .joinOpened(let peer, let nodeRecord, let invite):
                joinOpened(
                    peer, nodeRecord: nodeRecord, invite: invite, turn: &turn, using: &random)
            case .pathMoved(let node, _):
                turn.send(.notice(.pathMoved(node)))
                sightings.pathMoved(to: node)
                trials.forget(node)
            case .pathProved(let node):
                if let member = standing.member(node), isWhereItSays(member) {
                    noteReached(node, turn: &turn)
                }
                tellPorts(to: node, turn: &turn, using: &random)
                tryPorts(to: node, turn: &turn, using: &random)
            case .dataSent(let node): checkPorts(to: node, turn: &turn, using: &random)
            case .lossTold(let node, let expected, let received):
                if trials.heardLoss(
                    of: node, expected: expected, received: received, at: turn.now.moment)
                {
                    sessions.portsChanged(of: node, isUrgent: true)
                }
            case .ended(.joining(let number), _): joinEnded(number)
            case .established(.joining): break
            case .reopen(let datagram, let isRelayed):
                turn.send(.reopen(datagram, isRelayed: isRelayed))
            case .undeliverable: counters.undeliverable += 1
            }
        }
    }

    /// What a peer's clock says, for the mesh's.
    private mutating func hear(_ reading: ClockReading, from node: NodeID, turn: inout Turn) {
        guard let member = standing.member(node) else { return }
        clock.heard(reading, from: node, admitter: member.admitter, at: turn.now.moment)
        clockChanged(clock.update(at: turn.now), turn: &turn)
    }

    /// A plaintext of lane 255 from a member.
    private mutating func receiveControl(
        _ plaintext: [UInt8], from node: NodeID, turn: inout Turn,
        using random: inout some RandomNumberGenerator
    ) {
        guard let first = plaintext.first else { return }
        if first >> 4 == 4 || first >> 4 == 6 {
            receiveEncapsulated(plaintext, from: node, turn: &turn, using: &random)
            return
        }
        do throws(WireError) {
            for message in try MeshMessage.all(in: plaintext) {
                handle(message, from: node, turn: &turn, using: &random)
            }
        } catch {
            counters.malformed += 1
        }
    }

    private mutating func handle(
        _ message: MeshMessage, from node: NodeID, turn: inout Turn,
        using random: inout some RandomNumberGenerator
    ) {
        switch message {
        case .lisp(let message):
            handle(message, from: node, turn: &turn, using: &random)
        case .objects(let pieces):
            take(objects: pieces, from: node, turn: &turn, using: &random)
        case .records(let pieces):
            for piece in pieces {
                take(record: piece, from: node, turn: &turn, using: &random)
            }
        case .acknowledged(let ids): acknowledged(ids, by: node, turn: &turn)
        case .touch(let ids): touch(ids, by: node, turn: &turn, using: &random)
        case .keepListWanted(let hash, let from):
            guard let list = trust.keepList(hash) else { return }
            for piece in Batches.keepList(list, hash: hash, from: from) {
                say(piece, to: .member(node), turn: &turn, using: &random)
            }
        case .keepList(let hash, let from, let total, let ids):
            take(
                keepList: hash, from: from, total: total, ids, by: node, turn: &turn,
                using: &random)
        case .claimWanted(let what):
            signClaim(what, for: node, turn: &turn, using: &random)
        case .summary(let theirs)
        where (theirs.trust == trust.digest || isPlanted(.summaryTakenForApplied))
            && !reach.isEmpty:
            reach.holdsAll(by: node)
            fallthrough
        case .summary, .buckets, .objectIDs, .objectsWanted, .hours, .recordIDs, .recordsWanted:
            let answers = reconciler.answer(
                message, from: node, trust: trust, records: records, at: turn.now.moment)
            for answer in answers {
                say(answer, to: .member(node), turn: &turn, using: &random)
            }
        case .seen(let sighting): take(sighting, of: node, turn: &turn, using: &random)
        case .goodbye(let bootID): takeGoodbye(bootID, of: node, turn: &turn, using: &random)
        case .chainWanted, .chain, .redeem, .admitted, .refused: counters.malformed += 1
        }
    }

    mutating func say(
        _ message: MeshMessage, to peer: Peer, turn: inout Turn,
        using random: inout some RandomNumberGenerator
    ) {
        send(.control(message.octets), to: peer, turn: &turn, using: &random)
    }

    /// Trust objects of a member; it hears which of them are safe here.
    private mutating func take(
        objects pieces: [[UInt8]], from node: NodeID, turn: inout Turn,
        using random: inout some RandomNumberGenerator
    ) {
        var held: [UInt64] = []
        for piece in pieces {
            // Most are here already: several members tell of each.
            let id = TrustObject.id(of: piece, in: mesh)
            if trust.contains(id) {
                held.append(id.number)
                continue
            }
            guard let object = try? TrustObject(octets: piece) else {
                counters.malformed += 1
                continue
            }
            guard mayVerify(for: node, at: turn.now.moment) else {
                counters.objectsRefused += 1
                continue
            }
            let new = adopt(object, turn: &turn)
            if !new.isEmpty { reconciler.learned(from: node) }
            for newID in new where passesOn {
                // Not everybody hears from the signer itself in a large mesh.
                guard let object = trust.object(newID) else { continue }
                distribute(object, except: node, turn: &turn, using: &random)
            }
            if trust.contains(id) { held.append(id.number) }
        }
        guard !held.isEmpty else { return }
        reach.holds(held, by: node)
        turn.hold(.acknowledge(held, to: node))
    }

    /// A new object costs a verification: a large mesh comes in half a minute, and a flood takes less
    /// than a hundredth of a core.
    private mutating func mayVerify(for node: NodeID, at now: Moment) -> Bool {
        var budget = objectBudgets[node] ?? Bucket(full: Self.objectsAtOnce, at: now)
        defer { objectBudgets[node] = budget }
        return budget.take(burst: Self.objectsAtOnce, rate: Self.objectsASecond, at: now)
    }

    private static let objectsAtOnce = 512
    private static let objectsASecond = 128

    private mutating func take(
        keepList hash: [UInt8], from: UInt32, total: UInt32, _ ids: [ObjectID], by node: NodeID,
        turn: inout Turn, using random: inout some RandomNumberGenerator
    ) {
        guard missingLists.contains(hash), trust.isMissing(keepList: hash) else { return }
        switch keepListPieces.take(
            hash, from: from, total: total, ids, by: node, limit: Self.maximumKeepList,
            at: turn.now.moment)
        {
        case .nothing: break
        case .next(let question):
            say(question, to: .member(node), turn: &turn, using: &random)
        case .whole(let list):
            guard trust.insert(keepList: list) else { return }
            turn.write(
                DiskKey.keepList(SHA256.hash(list.flatMap(\.octets))), list.flatMap(\.octets))
            trustChanged = true
        }
    }

    /// LISP's own messages inside the seal.
    private mutating func handle(
        _ message: ControlMessage, from node: NodeID, turn: inout Turn,
        using random: inout some RandomNumberGenerator
    ) {
        switch message {
        case .mapRegister(let register):
            take(register, from: node, turn: &turn, using: &random)
        case .mapRequest(let request) where request.flags.contains(.probe):
            answerProbe(request, from: node, turn: &turn, using: &random)
        case .mapReply(let reply) where reply.flags.contains(.probe):
            probeAnswered(reply, by: node, turn: &turn)
        case .mapRequest(let request):
            for reply in replies(to: request, forMembers: true, turn: turn) {
                say(.lisp(.mapReply(reply)), to: .member(node), turn: &turn, using: &random)
            }
        case .mapReply, .mapNotify, .info, .sharedExtension, .opaque: break
        }
    }

    /// A control packet to a group, as RFC 9962 §4.1 sends it.
    private mutating func receiveEncapsulated(
        _ packet: [UInt8], from node: NodeID, turn: inout Turn,
        using random: inout some RandomNumberGenerator
    ) {
        guard let datagram = try? UDPDatagram(ipPacket: packet),
            datagram.destinationPort == LISPPort.control,
            case .ipv6(let group) = datagram.destination,
            group == PushGroup.address(of: mesh),
            case .mapRegister(let register) = try? ControlMessage(octets: datagram.payload)
        else {
            counters.malformed += 1
            return
        }
        take(register, from: node, turn: &turn, using: &random)
    }

    private mutating func take(
        _ register: MapRegister, from node: NodeID, turn: inout Turn,
        using random: inout some RandomNumberGenerator
    ) {
        for record in register.records {
            take(record: record.octets(), from: node, turn: &turn, using: &random)
        }
    }
}

extension Datagram {
    /// One of our sealed forms: KK = 01 and I on the data port, the sub-type of type 15 on the
    /// control port (trust.md 7).
    fileprivate var isWhither: Bool {
        switch port {
        case .data: return octets.first == 0x09
        case .control: return octets.starts(with: [0xF5, 0x7E])
        }
    }
}
