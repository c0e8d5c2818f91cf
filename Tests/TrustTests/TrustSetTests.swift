import Cryptography
import LISP
import TestKit
import Testing
import Trust

@Suite("Sets of trust objects")
struct TrustSetTests {
    @Test("buckets and digests are what they are said to be, and only their own bucket changes")
    func digests() throws {
        var world = try StandingTests.world()
        let before = (0..<256).map { world.set.bucketDigest(UInt8($0)) }
        let id = try world.grant(StandingTests.carol, .member)
        for bucket in 0..<TrustSet.buckets {
            let ids = world.set.ids(inBucket: UInt8(bucket))
            #expect(ids == ids.sorted() && ids.allSatisfy { Int($0.octets[0]) == bucket })
            let hash = SHA256.hash(ids.flatMap(\.octets))
            let digest = hash.prefix(8).reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
            #expect(world.set.bucketDigest(UInt8(bucket)) == digest)
            #expect((digest == before[bucket]) == (bucket != Int(id.octets[0])))
        }
        #expect(world.set.digest.count == 32 && world.set.contains(id) && world.set.count == 4)
    }

    @Test("a bad signature is refused, also of an object that would be parked")
    func signatures() throws {
        var world = try StandingTests.world()
        var grant = Grant(to: StandingTests.carol.publicKey, roles: .member)
        grant.depth = 1
        for signer in [world.root, StandingTests.eve] {
            var octets = try world.sign(.grant(grant), by: signer).octets
            octets[octets.count - 1] ^= 1
            let outcome = world.set.insert(try TrustObject(octets: octets))
            #expect(outcome == .refused(.signature))
        }
    }

    @Test("an object that comes before its signer waits, and comes in with it")
    func parking() throws {
        let source = try StandingTests.world()
        var objects = source.objects
        objects.removeAll { $0 == source.genesis }
        var set = TrustSet(mesh: source.mesh)
        for object in objects {
            let outcome = set.insert(object)
            #expect(outcome == .parked)
        }
        #expect(set.count == 0 && set.parkedCount == 2)
        let outcome = set.insert(source.genesis)
        guard case .new(let ids) = outcome else {
            Issue.record("not new")
            return
        }
        #expect(ids.count == 3 && set.parkedCount == 0 && set.digest == source.set.digest)
        let again = set.insert(source.genesis)
        #expect(again == .known)
    }

    @Test("at most 256 grants an issuer, the same in any order, also with what stood on them")
    func quotas() throws {
        var world = try TrustWorld()
        var objects: [TrustObject] = []
        for number in 0..<259 {
            var grant = Grant(to: TrustWorld.key(number).publicKey, roles: [.member, .inviter])
            grant.depth = 1
            objects.append(try world.sign(.grant(grant), by: world.root, at: Double(number)))
        }
        // What the last ones signed must go with them.
        for number in [3, 257, 258] {
            objects.append(
                try world.sign(.invite(try world.invite(number)), by: TrustWorld.key(number)))
        }
        var random = SeededRandom(seed: 5)
        var other = world
        for object in objects { world.set.insert(object) }
        for object in objects.shuffled(using: &random) { other.set.insert(object) }
        #expect(world.set.count == 1 + 256 + 1 && other.set.count == world.set.count)
        #expect(world.set.digest == other.set.digest)
        #expect(!world.isMember(TrustWorld.key(256)) && world.isMember(TrustWorld.key(255)))
    }

    @Test("claims dated back push nobody else's claims for a node out, in any order")
    func claimsTakeTurns() throws {
        var world = try StandingTests.world()
        for node in [1, 2, 3].map(TrustWorld.key) {
            try world.grant(node, [.member, .admitter])
        }
        let victim = StandingTests.alice.publicKey
        let names = (0..<24).compactMap { MeshName("n\($0)") }
        var objects: [TrustObject] = []
        // One signs two dozen as if long ago; two others one and two, now.
        for (number, name) in names.enumerated() {
            let claim = Claim(.name(name), for: victim)
            objects.append(
                try world.sign(
                    .claim(claim), by: TrustWorld.key(1), at: -1000 + Double(number)))
        }
        var honest: [TrustObject] = []
        for (signer, name, hours) in [(2, "clinic", 1.0), (3, "ward", 2), (3, "gate", 3)] {
            let claim = Claim(.name(try #require(MeshName(name))), for: victim)
            honest.append(try world.sign(.claim(claim), by: TrustWorld.key(signer), at: hours))
        }
        objects += honest
        var digests: Set<[UInt8]> = []
        for seed in UInt64(0)..<20 {
            var random = SeededRandom(seed: seed)
            var set = world.set
            for object in objects.shuffled(using: &random) { set.insert(object) }
            #expect(set.count == world.set.count + 16, "seed \(seed)")
            #expect(honest.allSatisfy { set.contains($0.id(in: world.mesh)) }, "seed \(seed)")
            digests.insert(set.digest)
            // What went is told once, and is nothing that is here.
            let gone = set.takeGone().objects
            #expect(gone.allSatisfy { !set.contains($0) })
            #expect(set.takeGone().objects.isEmpty)
        }
        #expect(digests.count == 1)
        world.set = TrustSet(mesh: world.mesh)
    }

    @Test("a large set comes back from the disk whole, though its objects stand there in any order")
    func restores() throws {
        var world = try TrustWorld()
        try world.grant(StandingTests.alice, Roles.admin.union(.member))
        // One that admits all, as most meshes begin: of what she signed most comes before her grant.
        let invite = try world.add(
            .invite(try world.invite(1, uses: 1_200)), by: StandingTests.alice)
        for number in 0..<1_200 {
            let node = TrustWorld.key(20_000 + number)
            try world.admit(node, invite: invite, 1, by: StandingTests.alice, at: 1)
            for index in 0..<4 {
                try world.add(
                    .claim(Claim(.address(index: UInt8(index)), for: node.publicKey)),
                    by: StandingTests.alice, at: 2)
            }
        }
        // The worst order: backwards.
        let objects = [TrustObject](
            world.objects.sorted { $0.statement.stamp > $1.statement.stamp })
        #expect(objects.count == 3 + 1_200 * 5)
        var plain = TrustSet(mesh: world.mesh)
        for object in objects { plain.insert(object) }
        #expect(plain.count < objects.count, "more than can wait, or this proves nothing")
        var set = TrustSet(mesh: world.mesh)
        set.restore(objects)
        #expect(set.digest == world.set.digest && set.parkedCount == 0)
    }

    @Test("claims for who is nobody wait, so that no signer fills the set with them")
    func claimsForNobody() throws {
        var world = try StandingTests.world()
        try world.grant(TrustWorld.key(1), [.member, .admitter])
        let (before, late) = (world.set.count, TrustWorld.key(500))
        for number in 500..<700 {
            let claim = Claim(.address(index: 0), for: TrustWorld.key(number).publicKey)
            try world.add(.claim(claim), by: TrustWorld.key(1), at: 1)
        }
        #expect(world.set.count == before && world.set.parkedCount == 200)
        // One of them comes in.
        try world.grant(late, .member, at: 2)
        #expect(world.set.count == before + 2 && world.set.parkedCount == 199)
        #expect(world.standing(at: 3).member(key: late.publicKey)?.addresses.count == 1)
    }

    @Test("a joiner is shown the revocations that decide something, and no others")
    func chainOfRevocations() throws {
        var world = try StandingTests.world()
        let alice = StandingTests.alice
        for number in [301, 302] { try world.grant(TrustWorld.key(number), .member, at: 1) }
        for number in 600..<640 {
            try world.revoke(TrustWorld.key(number), by: TrustWorld.key(301), at: 2)
        }
        let real = try world.revoke(TrustWorld.key(302), by: world.root, at: 3)
        let chain = world.standing(at: 4).chain(of: alice.publicKey)
        #expect(chain.contains(real) && chain.count <= 6)
        #expect(world.standing(at: 4).isRevoked(TrustWorld.key(302).publicKey))
    }

    @Test("a keep list that nothing depends on is not asked for")
    func listsOfNobody() throws {
        var world = try StandingTests.world()
        try world.grant(TrustWorld.key(300), .member, at: 1)
        var junk = Revocation(of: .key(TrustWorld.key(600).publicKey))
        junk.keepList = SHA256.hash([1])
        try world.add(.revocation(junk), by: TrustWorld.key(300), at: 2)
        var real = Revocation(of: .key(TrustWorld.key(300).publicKey))
        real.keepList = SHA256.hash([2])
        try world.add(.revocation(real), by: world.root, at: 3)
        let missing = world.set.missingKeepLists
        #expect(missing.count == 2)
        #expect(world.standing(at: 4).heeded(keepLists: missing) == [SHA256.hash([2])])
    }

    @Test("1,000 members are evaluated in a moment, and a node record costs next to nothing")
    func thousandMembers() throws {
        var world = try StandingTests.world()
        let invite = try world.add(
            .invite(try world.invite(1, uses: 1_000)), by: StandingTests.alice)
        let nodes = (0..<300).map { TrustWorld.key(10_000 + $0) }
        for (number, node) in nodes.enumerated() {
            let admitter = number < 2 ? StandingTests.bob : nodes[number / 2]
            try world.admit(
                node, invite: invite, 1, by: admitter, at: 1 + Double(number) / 1_000)
        }
        let clock = ContinuousClock()
        var standing = world.standing(at: 0)
        let evaluating = clock.measure { standing = world.standing(at: 5) }
        #expect(standing.members.count == 302)
        #expect(standing.members.allSatisfy { $0.depth <= 2 })
        // Debug builds, shared machines: an O(n^2) evaluation of hashes would still take far longer.
        #expect(evaluating < .seconds(2))
    }
}
