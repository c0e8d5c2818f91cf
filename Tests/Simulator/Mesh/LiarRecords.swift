import Cryptography
import LISP
import MappingSystem
import Mappings
import Sessions
import TestKit
import Trust

// What liars say of mappings and of who may do what.
extension Liars {
    func payloads(of lie: Lie, _ now: Situation) -> [Payload] {
        switch lie {
        case .spoiltRecord:
            return anyRecord(of: now.victim).map { [record(spoilt($0), now)] } ?? []
        case .recordOfAnotherMesh:
            let mesh = MeshID(octets: random.octets(count: 32)) ?? now.core.mesh
            return signed(now.core.cryptoEID, at: now.time, now, in: mesh).map {
                [record($0, now)]
            } ?? []
        case .recordOfOthersEID:
            let eid = run.honest.compactMap { run.core($0)?.cryptoEID }
            guard !eid.isEmpty else { return [] }
            return signed(random.pick(eid), at: now.time, now).map { [record($0, now)] } ?? []
        case .oldRecord: return oldRecords.isEmpty ? [] : [record(random.pick(oldRecords), now)]
        case .twoRecordsOfOneSequence:
            return areInventive ? halves(now).first.map { [record($0, now)] } ?? [] : []
        case .recordFromTheFuture:
            let far = UInt64(1) << UInt64(20 + random.below(27))
            return signed(now.core.cryptoEID, at: now.time + 600_001 + far, now).map {
                [record($0, now)]
            } ?? []
        case .falseRegistration:
            let octets = signed(now.victim.cryptoEID, at: now.time, now) ?? []
            let group = PushGroup.address(of: now.core.mesh)
            var packet = PushGroup.registration(
                of: octets, id: RecordID(of: octets), to: group, from: now.victim.cryptoAddress)
            if random.chance(oneIn: 2) { Damage.flip(&packet, &random) }
            return [.control(packet)]
        case .spoiltObject, .objectOfAnotherMesh, .usurpingObject, .backdatedClaim, .oldObject,
            .twoNodeRecordsOfOneStamp:
            return objects(of: lie, now).map { .control(MeshMessage.objects([$0]).octets) }
        case .falseSummary, .echoedSummary, .falseBuckets, .falseObjectIDs, .falseHours,
            .falseRecordIDs, .everythingWanted, .falseAcknowledgement, .touchOfOthers,
            .falseKeepList:
            return comparisons(of: lie, now).map { .control($0.octets) }
        case .garbage, .randomKinds, .flood, .foreignInnerSource, .joinersWords,
            .manyClaimsWanted, .manyEIDsAskedFor:
            return noise(of: lie, now)
        }
    }

    /// What others are told in contradiction to it.
    func contradictions(of lie: Lie, _ now: Situation) -> [Payload] {
        switch lie {
        case .twoRecordsOfOneSequence where areInventive:
            return halves(now).last.map { [record($0, now)] } ?? []
        case .twoNodeRecordsOfOneStamp where areInventive:
            return nodeRecord(2, now).map { [.control(MeshMessage.objects([$0]).octets)] } ?? []
        default: return []
        }
    }

    /// As kind 24, or as a Map-Register to the group.
    private func record(_ octets: [UInt8], _ now: Situation) -> Payload {
        if random.chance(oneIn: 2) { return .control(MeshMessage.records([octets]).octets) }
        return .control(
            PushGroup.registration(
                of: octets, id: RecordID(of: octets), to: PushGroup.address(of: now.core.mesh),
                from: now.core.cryptoAddress))
    }

    func spoilt(_ octets: [UInt8]) -> [UInt8] {
        var octets = octets
        Damage.flip(&octets, &random)
        return octets
    }

    /// Two records of one EID and sequence.
    private func halves(_ now: Situation) -> [[UInt8]] {
        (UInt32(1)...2).compactMap {
            signed(now.core.cryptoEID, at: now.time, now, locator: $0)
        }
    }

    private func signed(
        _ eid: EID, at sequence: UInt64, _ now: Situation, in mesh: MeshID? = nil,
        locator: UInt32 = 0
    ) -> [UInt8]? {
        var content = SignedRecord.Content(
            eid: eid, ttl: 60,
            locators: [
                LocatorRecord(
                    .ipv4(IPv4Address(rawValue: 0xC000_0200 + locator)),
                    unicast: .init(priority: 1, weight: 100), flags: .reachable)
            ], sequence: sequence)
        if mesh == nil, random.chance(oneIn: 4) { content.isClass0 = true }
        return try? SignedRecord(
            signing: content, by: now.core.key, in: mesh ?? now.core.mesh
        ).octets
    }
}

// Trust objects
extension Liars {
    private func objects(of lie: Lie, _ now: Situation) -> [[UInt8]] {
        switch lie {
        case .spoiltObject: return anyObject(of: now.victim).map { [spoilt($0)] } ?? []
        case .oldObject: return oldObjects.isEmpty ? [] : [random.pick(oldObjects)]
        case .objectOfAnotherMesh:
            let mesh = MeshID(octets: random.octets(count: 32)) ?? now.core.mesh
            return sign(.grant(grant(now)), at: now.time, now, in: mesh)
        case .usurpingObject: return spend { usurpation(now) }
        case .backdatedClaim:
            return spend {
                let honest = run.honest.compactMap { run.core($0)?.key.publicKey }
                let subject = random.chance(oneIn: 2) ? random.pick(honest) : now.core.key.publicKey
                guard let name = MeshName("n\(random.below(40))") else { return [] }
                let what: Claim.What =
                    random.chance(oneIn: 2)
                    ? .name(name) : .address(index: UInt8(random.below(16)))
                return sign(
                    .claim(Claim(what, for: subject)), at: 1 + UInt64(random.below(9)), now)
            }
        case .twoNodeRecordsOfOneStamp:
            return areInventive ? spend { nodeRecord(1, now).map { [$0] } ?? [] } : []
        default: return []
        }
    }

    private func spend(_ sign: () -> [[UInt8]]) -> [[UInt8]] {
        guard areInventive, objectsLeft > 0 else { return [] }
        objectsLeft -= 1
        return sign()
    }

    /// Something that this key has no right to.
    private func usurpation(_ now: Situation) -> [[UInt8]] {
        let key = Ed25519.SecretKey(seed: random.octets(count: Ed25519.seedSize)) ?? now.core.key
        let id = ObjectID(octets: random.octets(count: ObjectID.size))
        let genesis = now.core.standing.genesis
        switch random.below(9) {
        case 0: return sign(.grant(grant(now)), at: now.time, now)
        case 1: return sign(.invite(Invite(key: key.publicKey, roles: .admin)), at: now.time, now)
        case 2:
            return sign(
                .revocation(Revocation(of: .key(now.victim.key.publicKey))), at: now.time, now)
        case 3:
            let old = anyObject(of: now.victim).flatMap { try? TrustObject(octets: $0) }
            return old.map {
                sign(.revocation(Revocation(of: .object($0.id(in: now.core.mesh)))), at: 1, now)
            } ?? []
        case 4:
            return sign(
                .rotation(Rotation(commitment: RootCommitment(to: key.publicKey))), at: now.time,
                now)
        case 5: return sign(.time, at: now.time + 1 << 40, now)
        case 6:
            return Salt(epoch: .max, random: random.octets(count: Salt.randomSize)).map {
                sign(.salt($0), at: now.time, now)
            } ?? []
        case 7:
            return id.flatMap {
                Admission(
                    of: key.publicKey, by: $0,
                    proof: random.octets(count: Ed25519.signatureSize),
                    nonce: random.octets(count: Admission.nonceSize))
            }.map { sign(.admission($0), at: now.time, now) } ?? []
        default:
            return genesis.map { sign(.genesis($0), at: 1, now) } ?? []
        }
    }

    private func grant(_ now: Situation) -> Grant {
        var grant = Grant(to: now.core.key.publicKey, roles: [.member, .admin])
        grant.depth = 3
        grant.ranges = [EID(.ipv6(now.core.mesh.prefix))]
        return grant
    }

    func nodeRecord(_ number: UInt32, _ now: Situation) -> [UInt8]? {
        guard var record = now.core.member?.nodeRecord else { return nil }
        record.activePartitions = number
        return sign(.nodeRecord(record), at: now.time, now).first
    }

    private func sign(
        _ kind: Statement.Kind, at stamp: UInt64, _ now: Situation, in mesh: MeshID? = nil
    ) -> [[UInt8]] {
        let object = try? TrustObject(
            signing: Statement(kind, stamp: stamp), by: now.core.key, in: mesh ?? now.core.mesh)
        return object.map { [$0.octets] } ?? []
    }
}
