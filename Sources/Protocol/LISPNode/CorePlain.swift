import Clocks
import Cryptography
import Forwarding
import LISP
import Laboratory
import MappingSystem
import Mappings
import Sessions
import Trust

/// Token bucket: so many at once, and so many a second after that.
struct Bucket: Hashable, Sendable {
    private var left: Int
    private var refilled: Moment

    init(full count: Int, at now: Moment) {
        left = count
        refilled = now
    }

    mutating func take(burst: Int, rate: Int, at now: Moment) -> Bool {
        let more = (now - refilled).microseconds * Int64(rate) / 1_000_000
        if more > 0 {
            left = min(burst, left + Int(clamping: more))
            refilled = now
        }
        guard left > 0 else { return false }
        left -= 1
        return true
    }
}

/// What is said to sources that nobody verified.
struct PlainBudget: Sendable {
    private var buckets: [Path: Bucket] = [:]

    /// Replies a second to one /24 or /48 (trust.md 8).
    static let replies = 20
    /// All answers to one question together have at most this many times its octets (trust.md 8).
    static let factor = 3
    /// Blocks remembered; all are forgotten when there are more, which no attacker gains by: the
    /// bound on all of them together still holds.
    private static let maximumBlocks = 4096
    private static let allReplies = 2000
    private var all = Bucket(full: allReplies, at: .start)

    mutating func take(for path: Path, at now: Moment) -> Bool {
        if buckets.count >= Self.maximumBlocks { buckets = [:] }
        var bucket = buckets[path.block] ?? Bucket(full: Self.replies, at: now)
        let isFree = bucket.take(burst: Self.replies, rate: Self.replies, at: now)
        buckets[path.block] = bucket
        return isFree && all.take(burst: Self.allReplies, rate: Self.allReplies, at: now)
    }
}

extension Core {
    /// A datagram that is not sealed: a question of a stranger, or a packet that claims to be
    /// somebody's.
    mutating func receivePlain(
        _ datagram: Datagram, turn: inout Turn, using random: inout some RandomNumberGenerator
    ) {
        switch datagram.port {
        case .data: receivePlainPacket(datagram, turn: &turn)
        case .control:
            guard let packet = try? ControlPacket(octets: datagram.octets) else {
                counters.malformed += 1
                return
            }
            guard case .mapRequest(let request) = packet.message else {
                // Nothing is registered without a key that was configured for it, and there is none:
                // algorithm 0 is for the inside of the seal.
                counters.plainRefused += 1
                return
            }
            answer(request, in: packet, to: datagram, turn: &turn)
        }
    }

    /// No downgrade (trust.md 7): a plain packet is taken only if its inner source is mapped to that
    /// outer source, in the record of a registrar or as plain LISP, or by this node's own settings.
    private mutating func receivePlainPacket(_ datagram: Datagram, turn: inout Turn) {
        guard let packet = try? DataPacket(octets: datagram.octets),
            case .ip(let header, let payload) = packet.content
        else {
            counters.malformed += 1
            return
        }
        let inner = [UInt8](datagram.octets.dropFirst(DataHeader.size))
        let instance = packet.header.instance
        guard let addresses = InnerAddresses(packet: inner, instance: instance) else {
            counters.malformed += 1
            return
        }
        guard
            isLegacy(addresses.source, from: datagram.remote.address, turn: turn)
                || mayBePlain(addresses.source.eid, from: datagram.remote.address, turn: turn)
                || isPlanted(.plainPacketAccepted),
            isOwn(addresses.destination)
        else {
            counters.plainRefused += 1
            return
        }
        guard let fields = TunnelFields(header).decapsulated(outside: datagram) else {
            counters.congested += 1
            return
        }
        counters.plainReceived += 1
        turn.send(.deliver(header.with(fields).octets() + payload, instance: instance))
    }

    private func mayBePlain(_ source: EID, from outer: Address, turn: Turn) -> Bool {
        guard
            case .mapping(let served) = records.lookup(
                source, rights: standing, meshTime: meshTime(turn))
        else { return false }
        let record = served.record
        return record.locators.indices.contains {
            record.locators[$0].locator == outer
                && (record.signature.isClass0 || record.node(ofLocator: $0, in: mesh) == .plain)
        }
    }

    /// Answers a stranger, if it shows where it is by asking from there (trust.md 8).
    private mutating func answer(
        _ request: MapRequest, in packet: ControlPacket, to datagram: Datagram, turn: inout Turn
    ) {
        guard request.itrRLOCs.contains(datagram.remote.address), member != nil else {
            counters.plainRefused += 1
            return
        }
        let port = packet.encapsulation?.udp.sourcePort ?? datagram.remote.port
        guard let path = Path(datagram.remote.address, port: port) else { return }
        var room = PlainBudget.factor * datagram.octets.count
        for reply in replies(to: request, forMembers: false, turn: turn) {
            let octets = ControlPacket(.mapReply(reply)).octets()
            guard octets.count <= room || isPlanted(.eachAnswerMayBeLarge),
                plainBudget.take(for: path, at: turn.now.moment)
            else {
                counters.replyLimited += 1
                continue
            }
            room -= octets.count
            turn.send(.send(Datagram(octets, on: .control, remote: path)))
        }
    }

    /// Answers to a Map-Request, from what this node holds (RFC 9962 §4.1: always locally).
    func replies(to request: MapRequest, forMembers: Bool, turn: Turn) -> [MapReply] {
        request.records.prefix(Self.maximumQuestions).compactMap { record -> MapReply? in
            guard let eid = try? record.prefix,
                let answer = answer(for: eid, forMembers: forMembers, turn: turn)
            else { return nil }
            return MapReply(nonce: request.nonce, records: [answer])
        }
    }

    /// RFC 9301 §5.2 has a sender ask for one; more than a few are no question.
    private static let maximumQuestions = 8

    private func answer(for eid: EID, forMembers: Bool, turn: Turn) -> EIDRecord? {
        switch records.lookup(eid, rights: standing, meshTime: meshTime(turn)) {
        case .mapping(let served):
            if forMembers { return try? EIDRecord(octets: served.record.octets) }
            return served.freshness == .fresh ? served.record.legacy : nil
        case .shared(let all): return Lookup.union(of: all)
        case .negative(let negative):
            guard isReconciled || isPlanted(.negativeBeforeReconciled) else { return nil }
            let (maskLength, address) = negative.prefix.wire
            return EIDRecord(
                eid: address, maskLength: maskLength,
                ttl: UInt32(clamping: negative.life.milliseconds / 60_000),
                flags: .init(action: .nativelyForward))
        }
    }
}
