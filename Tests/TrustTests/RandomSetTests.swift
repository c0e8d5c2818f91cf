import Cryptography
import LISP
import TestKit
import Testing
import Trust

@Suite("Random sets of objects")
struct RandomSetTests {
    static let nodes = (1...6).map(TrustWorld.key)

    /// A small mesh in which everybody does anything, most of it wrong.
    static func world(_ random: inout SeededRandom, objects: Int) throws -> (
        world: TrustWorld, objects: [TrustObject], lists: [[ObjectID]]
    ) {
        var world = try TrustWorld(policy: random.chance(oneIn: 4) ? 1 : 0)
        var made = [world.genesis]
        var lists: [[ObjectID]] = []
        var invites: [(id: ObjectID, number: Int)] = []
        let ranges = ["10.0.0.0/8", "10.1.0.0/16", "10.1.1.0/24", "11.0.0.0/8"]
        let names = ["clinic", "c1inic", "rn", "m"].compactMap(MeshName.init)
        let roles: [Roles] = [
            .member, [.member, .admin], [.member, .inviter], [.member, .grantor, .revoker],
            [.admin], [], [.member, .registrar], [.member, .revoker],
        ]
        func time() -> Double { Double(random.below(40)) / 2 }
        func until() -> Double? { random.chance(oneIn: 3) ? Double(10 + random.below(12)) : nil }
        for number in 0..<objects {
            var signer =
                random.chance(oneIn: 3) || number < 3
                ? world.root : random.pick(Self.nodes)
            let node = random.pick(Self.nodes)
            let kind: Statement.Kind
            switch random.below(12) {
            case _ where number < 2, 0, 1, 2:
                var grant = Grant(
                    to: node.publicKey, roles: number < 2 ? [.member, .admin] : random.pick(roles))
                grant.ranges = try (0..<random.below(3)).map { _ in
                    random.chance(oneIn: 4)
                        ? world.mesh.cryptoEID(of: signer.publicKey) : try EID(random.pick(ranges))
                }
                grant.ranges = grant.ranges.enumerated().filter { index, range in
                    grant.ranges.firstIndex(of: range) == index
                }.map(\.element)
                if random.chance(oneIn: 4) { grant.names = [random.pick(names)] }
                grant.notAfter = until().map(TrustWorld.time) ?? 0
                grant.depth = UInt8(number < 2 ? 3 : random.below(4))
                kind = .grant(grant)
            case 3, 4:
                var invite = try world.invite(
                    number, roles: random.pick(roles), uses: UInt16(1 + random.below(2)),
                    until: until())
                if random.chance(oneIn: 4) { invite.ranges = [try EID(random.pick(ranges))] }
                kind = .invite(invite)
            case 5, 6, 7:
                guard !invites.isEmpty else { continue }
                let invite = random.pick(invites)
                kind = .admission(
                    try world.admission(
                        of: node, invite: invite.id, invite.number, nonce: UInt8(number)))
            case 8, 9:
                kind = .claim(
                    Claim(
                        random.chance(oneIn: 2)
                            ? .name(random.pick(names)) : .address(index: UInt8(random.below(2))),
                        for: node.publicKey))
            case 10 where random.chance(oneIn: 3):
                signer = random.pick(Array(world.roots.dropFirst()))
                let at = world.roots.firstIndex { $0.publicKey == signer.publicKey } ?? 0
                var rotation = Rotation(
                    commitment: RootCommitment(
                        to: world.roots[min(at + 1, world.roots.count - 1)].publicKey))
                rotation.keepList = keepList(made, world, &lists, &random)
                kind = .rotation(rotation)
            default:
                let subject: Revocation.Subject =
                    random.chance(oneIn: 3)
                    ? .object(random.pick(made).id(in: world.mesh))
                    : .key((random.chance(oneIn: 3) ? signer : node).publicKey)
                var revocation = Revocation(of: subject)
                revocation.keepList = keepList(made, world, &lists, &random)
                kind = .revocation(revocation)
            }
            let object = try world.sign(kind, by: signer, at: time())
            if case .invite = kind { invites.append((object.id(in: world.mesh), number)) }
            made.append(object)
        }
        world.set = TrustSet(mesh: world.mesh)
        return (world, made, lists)
    }

    private static func keepList(
        _ made: [TrustObject], _ world: TrustWorld, _ lists: inout [[ObjectID]],
        _ random: inout SeededRandom
    ) -> [UInt8]? {
        guard !random.chance(oneIn: 3) else { return nil }
        let list = Set(made.map { $0.id(in: world.mesh) }.filter { _ in !random.chance(oneIn: 3) })
            .sorted()
        if !random.chance(oneIn: 5) { lists.append(list) }
        return SHA256.hash(list.flatMap(\.octets))
    }

    @Test("agree with the slow evaluator, in any order of arrival", arguments: 0..<4)
    func slowTwin(batch: Int) throws {
        var (members, revoked, held) = (0, 0, 0)
        for round in 0..<25 {
            let seed = UInt64(batch * 1_000 + round)
            var random = SeededRandom(seed: seed)
            var (world, objects, lists) = try Self.world(
                &random, objects: 6 + random.below(round % 8 == 0 ? 28 : 12))
            for object in objects.shuffled(using: &random) { world.set.insert(object) }
            for list in lists { _ = world.set.insert(keepList: list) }
            var other = TrustSet(mesh: world.mesh)
            for object in objects.shuffled(using: &random) {
                other.insert(object)
                // What is worked out now, the next evaluation begins with.
                _ = other.standing(at: TrustWorld.time(5))
            }
            for list in lists { _ = other.insert(keepList: list) }
            #expect(world.set.digest == other.digest, "seed \(seed)")
            #expect(world.set.count == other.count, "seed \(seed)")
            let held0 = world.objects
            let slow = SlowEvaluator(mesh: world.mesh, objects: held0, lists: lists)
            for hours in [-1, 5, 10.5, 15, 21, 300] as [Double] {
                let time = TrustWorld.time(hours)
                let standing = world.set.standing(at: time)
                let again = other.standing(at: time)
                #expect(standing.root == slow.roots.last)
                for node in Self.nodes + world.roots {
                    let key = node.publicKey
                    let comment = "seed \(seed), hour \(hours), node \(key.octets[0])"
                    let member = standing.member(key: key)
                    #expect((member != nil) == slow.isMember(key, at: time), "\(comment)")
                    #expect(standing.isRevoked(key) == (slow.end(of: key) != nil), "\(comment)")
                    if let member {
                        members += 1
                        #expect(member.roles == slow.roles(key, at: time), "\(comment)")
                        let ranges = slow.effective(key, at: time).flatMap(\.ranges)
                        #expect(Set(member.ranges) == Set(ranges), "\(comment)")
                        #expect(member.names == slow.names(key, at: time), "\(comment)")
                        #expect(
                            Set(member.addresses.map(\.description))
                                == slow.addresses(key, at: time), "\(comment)")
                        #expect(Int(member.depth) == slow.links(key), "\(comment)")
                        #expect(again.member(key: key)?.admission == member.admission)
                    }
                    #expect((again.member(key: key) != nil) == (member != nil), "\(comment)")
                    if standing.isRevoked(key) { revoked += 1 }
                }
                var eids = try ["10.1.1.0/24", "10.1.1.7/32", "10.1.0.0/16", "10.200.0.0/16"]
                    .map { try EID($0) }
                eids += Self.nodes.map { world.mesh.cryptoEID(of: $0.publicKey) }
                eids += standing.members.flatMap(\.addresses).map {
                    EID(.ipv4(Prefix(host: $0)))
                }
                for eid in eids {
                    let expected = slow.holders(of: eid, at: time)
                    let found = standing.holders(of: eid)
                    #expect(Set(found) == expected, "seed \(seed), hour \(hours), \(eid)")
                    #expect(found == again.holders(of: eid))
                    held += found.count
                }
            }
        }
        #expect(members > 100 && revoked > 50 && held > 50, "\(members) \(revoked) \(held)")
    }

    @Test("what changes with time is foretold")
    func changesAt() throws {
        for seed in UInt64(0)..<60 {
            var random = SeededRandom(seed: 77_000 + seed)
            var (world, objects, lists) = try Self.world(&random, objects: 25)
            for object in objects { world.set.insert(object) }
            for list in lists { _ = world.set.insert(keepList: list) }
            var standing = world.set.standing(at: TrustWorld.start)
            for _ in 0..<40 {
                guard let next = standing.changesAt else { break }
                #expect(next > standing.time)
                var copy = TrustSet(mesh: world.mesh)
                for object in world.objects { copy.insert(object) }
                for list in lists { _ = copy.insert(keepList: list) }
                let before = copy.standing(at: next - 1)
                #expect(
                    before.members.map(\.key) == standing.members.map(\.key)
                        && before.members.map(\.names) == standing.members.map(\.names)
                        && before.members.map(\.roles) == standing.members.map(\.roles),
                    "seed \(seed)")
                standing = world.set.standing(at: next)
            }
        }
    }
}
