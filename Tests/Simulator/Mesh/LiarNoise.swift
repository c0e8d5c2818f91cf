import Cryptography
import LISP
import MappingSystem
import Mappings
import Sessions
import TestKit
import Trust

// What liars say of what they hold.
extension Liars {
    func comparisons(of lie: Lie, _ now: Situation) -> [MeshMessage] {
        switch lie {
        case .falseSummary:
            return [
                .summary(
                    .init(
                        trust: random.octets(count: 32), records: random.octets(count: 32),
                        wantsAnswer: random.chance(oneIn: 2)))
            ]
        case .echoedSummary:
            // I hold just what you hold.
            return [
                .summary(
                    .init(
                        trust: now.victim.trust.digest, records: now.victim.records.digest,
                        wantsAnswer: false))
            ]
        case .falseBuckets:
            let digests = (UInt8.min..<90).map {
                MeshMessage.BucketDigest(bucket: $0 &* 7, digest: random.next())
            }
            return [.buckets(first: UInt8(random.below(256)), last: .max, digests)]
        case .falseObjectIDs:
            guard let low = anyID(random.below(256), 0), let high = anyID(Int(low.bucket), 255)
            else { return [] }
            let ids = (0..<random.below(70)).compactMap { _ in anyID(Int(low.bucket), nil) }
            return [.objectIDs(first: low, last: high, ids)]
        case .falseHours:
            let hour = UInt32(now.time / 3_600_000)
            let digests = (0..<UInt32(random.below(90))).map {
                MeshMessage.HourDigest(hour: hour &- $0, digest: random.next())
            }
            return [.hours(first: random.chance(oneIn: 2) ? 0 : hour, last: .max, digests)]
        case .falseRecordIDs:
            let hours = now.victim.records.hours
            let hour = hours.isEmpty ? 0 : random.pick(hours)
            return [
                .recordIDs(
                    hour: hour, first: RecordID(rawValue: 0), last: RecordID(rawValue: .max),
                    (0..<random.below(90)).map { _ in RecordID(rawValue: random.next()) })
            ]
        case .everythingWanted:
            let objects = (UInt8.min ... .max).flatMap { now.victim.trust.ids(inBucket: $0) }
            let records = now.victim.records.hours.flatMap {
                now.victim.records.recordIDs(inHour: $0)
            }
            return [
                .objectsWanted([ObjectID](objects.prefix(70))),
                .recordsWanted([RecordID](records.prefix(90))),
                .keepListWanted(hash: random.octets(count: 32), from: UInt32.max),
            ]
        case .falseAcknowledgement:
            // Of the newest that its victim has, perhaps before it was even sent.
            let all = now.victim.own.published.map { RecordID(of: $0).rawValue }
            return [.acknowledged(all + [random.next()])]
        case .touchOfOthers:
            let ids = now.victim.records.hours.flatMap {
                now.victim.records.recordIDs(inHour: $0)
            }
            return [.touch([RecordID](ids.prefix(100)) + [RecordID(rawValue: random.next())])]
        case .falseKeepList:
            let hash =
                now.victim.trust.missingKeepLists.first ?? random.octets(count: 32)
            let ids = (0..<random.below(60)).compactMap { _ in anyID(random.below(256), nil) }
            return [
                .keepList(
                    hash: hash, from: 0, total: UInt32(random.below(3) * ids.count), ids)
            ]
        default: return []
        }
    }

    /// - Parameter rest: the octets behind the first; random ones if `nil`.
    private func anyID(_ bucket: Int, _ rest: UInt8?) -> ObjectID? {
        let octets =
            rest.map { [UInt8](repeating: $0, count: ObjectID.size - 1) }
            ?? random.octets(count: ObjectID.size - 1)
        return ObjectID(octets: [UInt8(bucket)] + octets)
    }
}

// What liars say for no reason.
extension Liars {
    func noise(of lie: Lie, _ now: Situation) -> [Payload] {
        switch lie {
        case .garbage:
            return [.control(random.octets(count: random.below(MeshMessage.maximumSize)))]
        case .randomKinds: return [.control(randomKinds())]
        case .flood: return (0..<300).map { _ in piece(ofFlood: now) }
        case .foreignInnerSource:
            let others = run.honest.compactMap { run.core($0) }.filter { $0.id != now.victim.id }
            guard !others.isEmpty else { return [] }
            let packet = TestPacket(
                from: random.pick(others).cryptoAddress, to: now.victim.cryptoAddress,
                number: nextFalsePacket())
            return [.data(packet.octets, instance: random.chance(oneIn: 4) ? 7 : 0)]
        case .joinersWords:
            let proof = random.octets(count: Ed25519.signatureSize)
            let piece = anyObject(of: now.victim) ?? []
            let words: [MeshMessage] = [
                .chainWanted(from: 0), .chain(from: 0, total: 1, [piece]),
                .redeem(proof: proof, name: nil), .admitted([piece]), .refused(.used),
                .goodbye(bootID: [UInt8](repeating: 0, count: MeshMessage.bootIDSize)),
            ]
            return words.map { .control($0.octets) }
        case .manyClaimsWanted:
            return (0..<20).compactMap { _ in MeshName("x\(random.below(1_000_000))") }
                .map { .control(MeshMessage.claimWanted(.name($0)).octets) }
        case .manyEIDsAskedFor:
            let (length, eid) = now.victim.cryptoEID.wire
            let request = MapRequest(
                nonce: random.next(), sourceEID: .none,
                itrRLOCs: [.ipv4(IPv4Address(rawValue: 1))],
                records: Few((0..<50).map { _ in .init(eid: eid, maskLength: length) }))
            return [.control(MeshMessage.lisp(.mapRequest(request)).octets)]
        default: return []
        }
    }

    /// Whole kinds and lengths around random content.
    private func randomKinds() -> [UInt8] {
        var octets: [UInt8] = []
        for _ in 0...random.below(6) {
            let content = random.octets(count: random.below(120))
            let kind = UInt8(random.chance(oneIn: 8) ? random.below(256) : random.below(40))
            octets += [kind, 0, UInt8(content.count)] + content
        }
        return octets
    }

    private func piece(ofFlood now: Situation) -> Payload {
        switch random.below(5) {
        case 0: return .control([16] + random.octets(count: 100))
        case 1:
            return .control(
                MeshMessage.summary(
                    .init(
                        trust: random.octets(count: 32), records: random.octets(count: 32),
                        wantsAnswer: true)
                ).octets)
        case 2:
            let ids = (0..<140).map { _ in RecordID(rawValue: random.next()) }
            return .control(MeshMessage.touch(ids).octets)
        case 3:
            return .control(
                MeshMessage.records((anyRecord(of: now.victim)).map { [spoilt($0)] } ?? []).octets)
        default: return .control(randomKinds())
        }
    }
}
