import Cryptography
import LISP
import TestKit
import Testing
import Trust

@Suite("What trust objects mean together")
struct StandingTests {
    /// Two admins by grant of the root, and nodes.
    static let (alice, bob, carol, dave, eve) = (
        TrustWorld.key(1), TrustWorld.key(2), TrustWorld.key(3), TrustWorld.key(4),
        TrustWorld.key(5)
    )

    static func world() throws -> TrustWorld {
        var world = try TrustWorld()
        try world.grant(alice, [.member, .admin])
        try world.grant(bob, [.member, .admin], at: 0.1)
        return world
    }

    @Test func inviteEndsMemberStays() throws {
        var world = try Self.world()
        let invite = try world.add(
            .invite(try world.invite(1, uses: 2, until: 2)), by: Self.alice)
        try world.admit(Self.carol, invite: invite, 1, by: Self.bob, at: 1)
        try world.admit(Self.dave, invite: invite, 1, by: Self.bob, at: 2.01)
        #expect(world.isMember(Self.carol, at: 1.5) && world.isMember(Self.carol, at: 1_000))
        #expect(!world.isMember(Self.dave, at: 3))
        let standing = world.standing(at: 3)
        #expect(
            standing.redemption(of: invite, by: Self.eve.publicKey)
                == .expired(at: TrustWorld.time(2)))
        let member = try #require(standing.member(key: Self.carol.publicKey))
        #expect(member.admitter == Self.bob.publicKey && member.inviter == Self.alice.publicKey)
        #expect(member.depth == 2 && member.roles == [.member, .admitter])
    }

    @Test("a member lasts as long as a grant of its inviter does, and a renewed one renews it")
    func inviterEnds() throws {
        var world = try TrustWorld()
        try world.grant(Self.bob, [.member, .admin])
        try world.grant(Self.alice, [.member, .inviter], until: 10)
        let invite = try world.add(.invite(try world.invite(1, until: 9)), by: Self.alice)
        try world.admit(Self.carol, invite: invite, 1, by: Self.bob, at: 1)
        #expect(world.isMember(Self.carol, at: 10) && !world.isMember(Self.carol, at: 10.01))
        #expect(world.standing(at: 2).changesAt == TrustWorld.time(10) + 1)
        // Renewed by somebody deeper.
        try world.grant(
            Self.alice, [.member, .inviter], by: Self.bob, until: 20, depth: 1, at: 11)
        #expect(world.isMember(Self.carol, at: 20) && !world.isMember(Self.carol, at: 20.01))
    }

    @Test func singleUseLoserSameEverywhere() throws {
        var world = try Self.world()
        let invite = try world.add(.invite(try world.invite(1)), by: Self.alice)
        var halves = [world, world]
        try halves[0].admit(Self.carol, invite: invite, 1, by: Self.alice, at: 2)
        try halves[1].admit(Self.dave, invite: invite, 1, by: Self.bob, at: 1)
        #expect(halves[0].isMember(Self.carol, at: 3) && halves[1].isMember(Self.dave, at: 3))
        for object in halves[1].objects { halves[0].set.insert(object) }
        for object in halves[0].objects.reversed() { halves[1].set.insert(object) }
        for half in halves {
            let standing = half.standing(at: 3)
            #expect(standing.member(key: Self.dave.publicKey) != nil)
            #expect(standing.member(key: Self.carol.publicKey) == nil)
            #expect(standing.isSuspended(Self.carol.publicKey))
            #expect(standing.admissions(of: invite).map(\.counts) == [true, false])
            #expect(standing.redemption(of: invite, by: Self.eve.publicKey) == .used)
        }
        #expect(halves[0].set.digest == halves[1].set.digest)
    }

    @Test("of the admissions of one invite, the lowest stay, whatever the order")
    func admissionsAreBounded() throws {
        var world = try Self.world()
        let invite = try world.add(.invite(try world.invite(1)), by: Self.alice)
        let admissions = try (0..<12).map { number in
            try world.sign(
                .admission(
                    try world.admission(of: TrustWorld.key(20 + number), invite: invite, 1)),
                by: Self.bob, at: 1 + Double(number))
        }
        var other = world
        for admission in admissions { world.set.insert(admission) }
        for admission in admissions.reversed() { other.set.insert(admission) }
        #expect(world.set.count == other.set.count && world.set.digest == other.set.digest)
        #expect(world.set.count == 4 + 1 + 8)
        let late = world.set.insert(admissions[11])
        #expect(late == .refused(.bound))
        #expect(world.isMember(TrustWorld.key(20), at: 50))
        #expect(other.isMember(TrustWorld.key(20), at: 50))
    }

    @Test func admissionNeedsInviteProof() throws {
        var world = try Self.world()
        let invite = try world.add(.invite(try world.invite(1)), by: Self.alice)
        let forged = try world.admission(of: Self.carol, invite: invite, 2)
        let object = try world.sign(.admission(forged), by: Self.bob)
        let outcome1 = world.set.insert(object)
        #expect(outcome1 == .refused(.proof))
        // The proof of another node does not do either.
        let other = try world.admission(of: Self.dave, invite: invite, 1)
        let taken = try #require(
            Admission(
                of: Self.carol.publicKey, by: invite, proof: other.proof, nonce: other.nonce))
        let outcome2 = world.set.insert(try world.sign(.admission(taken), by: Self.bob))
        #expect(outcome2 == .refused(.proof))
        #expect(!world.isMember(Self.carol))
    }

    @Test func boundInviteRefusesOthers() throws {
        var world = try Self.world()
        let invite = try world.add(
            .invite(try world.invite(1, uses: 5, bound: Self.carol)), by: Self.alice)
        let object = try world.sign(
            .admission(try world.admission(of: Self.dave, invite: invite, 1)), by: Self.bob)
        let outcome3 = world.set.insert(object)
        #expect(outcome3 == .refused(.boundToAnother))
        #expect(!world.isMember(Self.dave))
        #expect(
            world.standing().redemption(of: invite, by: Self.dave.publicKey) == .boundToAnother)
        #expect(world.standing().redemption(of: invite, by: Self.carol.publicKey) == .possible)
        try world.admit(Self.carol, invite: invite, 1, by: Self.bob)
        #expect(world.isMember(Self.carol))
        #expect(world.standing().redemption(of: invite, by: Self.carol.publicKey) == .redeemed)
    }

    @Test func backdatedObjectOfRevokedAdminVoid() throws {
        var world = try Self.world()
        let kept = try world.grant(Self.carol, .member, by: Self.alice, depth: 0, at: 1)
        try world.grant(Self.dave, .member, by: Self.alice, depth: 0, at: 1)
        #expect(world.isMember(Self.carol) && world.isMember(Self.dave))
        try world.revoke(Self.alice, by: world.root, keep: [kept], at: 5)
        try world.grant(Self.eve, .member, by: Self.alice, depth: 0, at: 0.5)
        #expect(world.isMember(Self.carol, at: 6), "kept")
        #expect(!world.isMember(Self.dave, at: 6), "not kept")
        #expect(!world.isMember(Self.eve, at: 6), "dated back")
        #expect(!world.isMember(Self.alice, at: 6))
        #expect(world.standing(at: 6).isRevoked(Self.alice.publicKey))
        // Out for ever: no new grant brings the key back.
        try world.grant(Self.alice, [.member, .admin], at: 7)
        #expect(!world.isMember(Self.alice, at: 8))
    }

    @Test("until the keep list is here, all counts as kept")
    func keepListMissing() throws {
        var world = try Self.world()
        let kept = try world.grant(Self.carol, .member, by: Self.alice, depth: 0)
        try world.grant(Self.dave, .member, by: Self.alice, depth: 0)
        var revocation = Revocation(of: .key(Self.alice.publicKey))
        revocation.keepList = SHA256.hash(kept.octets)
        try world.add(.revocation(revocation), by: world.root)
        #expect(world.set.missingKeepLists == [SHA256.hash(kept.octets)])
        #expect(world.isMember(Self.dave) && !world.isMember(Self.alice))
        let outcome4 = world.set.insert(keepList: [kept, kept])
        #expect(!outcome4)
        let outcome5 = world.set.insert(keepList: [kept])
        #expect(outcome5)
        #expect(world.set.missingKeepLists.isEmpty)
        #expect(!world.isMember(Self.dave) && world.isMember(Self.carol))
    }

    @Test func adminDuelEndsBothUntilRoot() throws {
        var world = try Self.world()
        try world.grant(Self.carol, .member, by: Self.alice, depth: 0)
        try world.revoke(Self.alice, by: Self.bob, at: 1)
        try world.revoke(Self.bob, by: Self.alice, at: 2)
        #expect(!world.isMember(Self.alice) && !world.isMember(Self.bob))
        #expect(!world.isMember(Self.carol))
        // The root finds for Alice: what Bob revoked is void.
        try world.revoke(Self.bob, by: world.root, at: 3)
        #expect(world.isMember(Self.alice) && !world.isMember(Self.bob))
        #expect(world.isMember(Self.carol))
    }

    @Test("who leaves takes nobody along")
    func leave() throws {
        var world = try Self.world()
        try world.grant(Self.carol, .member, by: Self.alice, depth: 0)
        try world.revoke(Self.alice, by: Self.alice, at: 1)
        #expect(!world.isMember(Self.alice, at: 2) && world.isMember(Self.carol, at: 2))
        #expect(world.standing(at: 2).isRevoked(Self.alice.publicKey))
    }

    @Test("a revoker reaches nobody who is nearer to the root; a member nobody at all")
    func reachOfRevokers() throws {
        var world = try Self.world()
        try world.grant(Self.carol, [.member, .revoker], by: Self.alice, depth: 1)
        try world.grant(Self.dave, .member, by: Self.alice, depth: 0)
        try world.revoke(Self.alice, by: Self.carol)
        try world.revoke(Self.carol, by: Self.dave)
        #expect(world.isMember(Self.alice) && world.isMember(Self.carol))
        try world.revoke(Self.dave, by: Self.carol)
        #expect(!world.isMember(Self.dave))
        // An equal of another branch may, and one on the chain.
        try world.revoke(Self.carol, by: Self.bob)
        #expect(!world.isMember(Self.carol))
    }

    @Test("a delegate cannot be revoked by one who only gave it a range")
    func rangeGiverIsNoLord() throws {
        var world = try Self.world()
        try world.grant(Self.carol, .member, ranges: ["10.1.0.0/16"], at: 0.2)
        try world.grant(Self.dave, .member, by: Self.alice, depth: 0)
        try world.grant(Self.dave, [], by: Self.carol, ranges: ["10.1.1.0/24"], depth: 0)
        try world.revoke(Self.dave, by: Self.carol)
        #expect(world.isMember(Self.dave))
    }

    @Test func rootRotationKeepsAddresses() throws {
        var world = try Self.world()
        let claim = try world.add(
            .claim(Claim(.address(index: 0), for: Self.alice.publicKey)), by: Self.bob)
        let before = try #require(world.standing().member(key: Self.alice.publicKey))
        #expect(before.addresses.count == 1)
        let kept = world.objects.map { $0.id(in: world.mesh) }.filter { $0 != claim }.sorted()
        var rotation = Rotation(commitment: RootCommitment(to: world.roots[2].publicKey))
        rotation.keepList = SHA256.hash(kept.flatMap(\.octets))
        try world.add(.rotation(rotation), by: world.roots[1], at: 2)
        let outcome6 = world.set.insert(keepList: kept)
        #expect(outcome6)
        let after = world.standing(at: 3)
        #expect(after.root == world.roots[1].publicKey)
        let member = try #require(after.member(key: Self.alice.publicKey))
        #expect(member.id == before.id && member.addresses == before.addresses)
        #expect(world.isMember(Self.bob, at: 3))
        #expect(after.isRevoked(world.root.publicKey))
        // The old root says nothing more; the new one does.
        try world.grant(Self.carol, .member, by: world.roots[0], depth: 0, at: 1)
        try world.grant(Self.dave, .member, by: world.roots[1], depth: 0, at: 3)
        try world.revoke(Self.alice, by: world.roots[0], at: 1)
        #expect(!world.isMember(Self.carol, at: 4) && world.isMember(Self.dave, at: 4))
        #expect(world.isMember(Self.alice, at: 4))
        // And on: the next after the next.
        let next = Rotation(commitment: RootCommitment(to: world.roots[3].publicKey))
        try world.add(.rotation(next), by: world.roots[2], at: 5)
        #expect(world.standing(at: 6).root == world.roots[2].publicKey)
        #expect(!world.isMember(Self.dave, at: 6), "signed by the root before, and not kept")
        #expect(world.isMember(Self.alice, at: 6), "kept when the first root went")
    }

    @Test func stolenRootCannotRotate() throws {
        var world = try Self.world()
        let own = RootCommitment(to: TrustWorld.key(99).publicKey)
        let rotation = try world.sign(.rotation(Rotation(commitment: own)), by: world.root)
        let outcome7 = world.set.insert(rotation)
        #expect(outcome7 == .parked)
        let other = try world.sign(.rotation(Rotation(commitment: own)), by: TrustWorld.key(99))
        let outcome8 = world.set.insert(other)
        #expect(outcome8 == .parked)
        try world.grant(TrustWorld.key(99), [.member, .admin], at: 1)
        let outcome9 = world.set.insert(other)
        #expect(outcome9 == .parked)
        #expect(world.standing().root == world.root.publicKey)
        // Nor can it be revoked, by itself or by others.
        try world.revoke(world.root, by: world.root)
        try world.revoke(world.root, by: Self.alice)
        #expect(!world.standing().isRevoked(world.root.publicKey))
        #expect(world.isMember(Self.alice))
        // The genesis of another mesh is none of ours.
        let foreign = Genesis(
            name: try #require(MeshName("other")), commitment: own,
            pool: try #require(Prefix(IPv4Address(rawValue: 0x0A00_0000), length: 8)))
        let object = try world.sign(.genesis(foreign), by: world.root)
        let outcome10 = world.set.insert(object)
        #expect(outcome10 == .refused(.unknownRoot))
    }

    @Test func samePoolHalvesMerge() throws {
        var world = try Self.world()
        let pool = try #require(world.standing().genesis?.pool)
        // Two nodes whose keys give them one address.
        var seen: [IPv4Address: (Ed25519.SecretKey, UInt8)] = [:]
        var pair: [(Ed25519.SecretKey, UInt8)] = []
        search: for number in 100... {
            let key = TrustWorld.key(number)
            for index in UInt8(0)...15 {
                let address = try #require(
                    world.mesh.address(of: key.publicKey, index: index, pool: pool))
                if let other = seen[address], other.0.publicKey != key.publicKey {
                    pair = [other, (key, index)]
                    break search
                }
                seen[address] = (key, index)
            }
        }
        let (first, second) = (pair[0], pair[1])
        let name = try #require(MeshName("clinic"))
        try world.grant(first.0, .member, depth: 0)
        try world.grant(second.0, .member, depth: 0)
        var halves = [world, world]
        for (half, (node, index)) in [first, second].enumerated() {
            let admin = half == 0 ? Self.alice : Self.bob
            try halves[half].add(
                .claim(Claim(.address(index: index), for: node.publicKey)), by: admin,
                at: 2 - Double(half))
            try halves[half].add(
                .claim(Claim(.name(name), for: node.publicKey)), by: admin, at: 1 + Double(half))
            let member = try #require(halves[half].standing(at: 5).member(key: node.publicKey))
            #expect(member.addresses.count == 1 && member.names == [name])
        }
        for object in halves[1].objects { halves[0].set.insert(object) }
        for object in halves[0].objects { halves[1].set.insert(object) }
        #expect(halves[0].set.digest == halves[1].set.digest)
        for half in halves {
            let standing = half.standing(at: 5)
            let members = [first, second].map { standing.member(key: $0.0.publicKey) }
            #expect(members.map { $0?.addresses.count } == [0, 1], "the lower stamp has it")
            #expect(members.map { $0?.names.count } == [1, 0])
            #expect(standing.member(named: name)?.key == first.0.publicKey)
            let address = try #require(members[1]?.addresses.first)
            let eid = EID(.ipv4(Prefix(host: address)))
            #expect(standing.holders(of: eid) == [second.0.publicKey])
            #expect(standing.covers(eid, by: second.0.publicKey))
            #expect(!standing.covers(eid, by: first.0.publicKey))
        }
    }

    @Test func homographRefused() throws {
        var world = try Self.world()
        try world.grant(Self.carol, .member, depth: 0)
        try world.grant(Self.dave, .member, depth: 0)
        for (number, (first, second)) in [
            ("clinic-01", "c1inic-ol"), ("modern", "rnodern"), ("w5", "vvs"), ("vvv", "vw"),
        ].enumerated() {
            let (a, b) = (try #require(MeshName(first)), try #require(MeshName(second)))
            try world.add(
                .claim(Claim(.name(a), for: Self.carol.publicKey)), by: Self.alice,
                at: Double(number))
            try world.add(
                .claim(Claim(.name(b), for: Self.dave.publicKey)), by: Self.alice,
                at: Double(number) + 0.5)
            let standing = world.standing(at: 10)
            #expect(standing.member(named: a)?.key == Self.carol.publicKey, "\(a)")
            #expect(standing.member(named: b) == nil, "\(b)")
        }
        // A grant that lists a name precedes every claim.
        try world.grant(Self.bob, .member, names: ["modern"], depth: 0, at: 9)
        let name = try #require(MeshName("modern"))
        #expect(world.standing(at: 10).member(named: name)?.key == Self.bob.publicKey)
    }

    @Test("a name that was freed is nobody's for 96 hours")
    func freedNameWaits() throws {
        var world = try Self.world()
        try world.grant(Self.carol, .member, depth: 0)
        try world.grant(Self.dave, .member, depth: 0)
        let name = try #require(MeshName("clinic"))
        for (node, hour) in [(Self.carol, 1.0), (Self.dave, 2.0)] {
            try world.add(
                .claim(Claim(.name(name), for: node.publicKey)), by: Self.alice, at: hour)
        }
        try world.revoke(Self.carol, by: Self.alice, at: 10)
        let standing = world.standing(at: 11)
        #expect(standing.member(named: name) == nil)
        #expect(standing.changesAt == TrustWorld.time(106))
        #expect(world.standing(at: 106).member(named: name)?.key == Self.dave.publicKey)
        // Nobody claims for itself unless it may grant.
        try world.add(
            .claim(Claim(.name(try #require(MeshName("own"))), for: Self.dave.publicKey)),
            by: Self.dave)
        #expect(world.standing(at: 11).member(key: Self.dave.publicKey)?.names.isEmpty == true)
    }

    @Test func revokedSignerLeavesNoShadow() throws {
        var world = try Self.world()
        try world.grant(Self.carol, .member, ranges: ["10.0.0.0/8"], depth: 2)
        try world.grant(Self.dave, [], by: Self.carol, ranges: ["10.1.0.0/16"], depth: 0)
        let eid = try EID("10.1.2.3/32")
        #expect(world.standing().holders(of: eid) == [Self.dave.publicKey])
        #expect(world.standing().holders(of: try EID("10.2.0.0/16")) == [Self.carol.publicKey])
        try world.revoke(Self.dave, by: world.root)
        #expect(world.standing().holders(of: eid) == [Self.carol.publicKey])
        #expect(!world.standing().covers(eid, by: Self.dave.publicKey))
        try world.revoke(Self.carol, by: world.root)
        #expect(world.standing().holders(of: eid).isEmpty)
    }

    @Test("a delegation stays inside its range, its depth and its life")
    func delegationIsChecked() throws {
        var world = try TrustWorld()
        try world.grant(
            Self.alice, [.member, .grantor], ranges: ["10.0.0.0/8"], until: 10, depth: 1)
        func hold(_ key: Ed25519.SecretKey, _ text: String) throws -> Bool {
            world.standing().covers(try EID(text), by: key.publicKey)
        }
        try world.grant(
            Self.bob, .member, by: Self.alice, ranges: ["11.0.0.0/8"], until: 9, depth: 0)
        #expect(!world.isMember(Self.bob))
        try world.grant(
            Self.bob, .member, by: Self.alice, ranges: ["10.9.0.0/16"], until: 9, depth: 1)
        #expect(!world.isMember(Self.bob))
        try world.grant(
            Self.bob, .member, by: Self.alice, ranges: ["10.9.0.0/16"], until: 11, depth: 0)
        #expect(!world.isMember(Self.bob))
        try world.grant(
            Self.bob, [.member, .revoker], by: Self.alice, until: 9, depth: 0)
        #expect(!world.isMember(Self.bob))
        try world.grant(
            Self.bob, .member, by: Self.alice, ranges: ["10.9.0.0/16"], until: 9, depth: 0)
        #expect(world.isMember(Self.bob) && !world.isMember(Self.bob, at: 9.1))
        #expect(try hold(Self.bob, "10.9.9.0/24") && !(try hold(Self.bob, "10.8.0.0/16")))
        // One's own crypto-EID may be delegated by anybody who has depth left.
        let own = world.mesh.cryptoEID(of: Self.alice.publicKey, instance: 7)
        try world.grant(
            Self.carol, [], by: Self.alice, ranges: [own.description], until: 9, depth: 0)
        #expect(world.standing().covers(own, by: Self.carol.publicKey))
        #expect(world.standing().holders(of: own) == [Self.carol.publicKey])
        let unused = world.mesh.cryptoEID(of: Self.alice.publicKey, instance: 8)
        #expect(world.standing().holders(of: unused) == [Self.alice.publicKey])
    }

    @Test("a chain shown to a newcomer, in its order, is enough and parks nothing")
    func chainIsEnough() throws {
        var world = try Self.world()
        try world.grant(Self.carol, [.member, .inviter], by: Self.alice, depth: 1)
        let invite = try world.add(.invite(try world.invite(1)), by: Self.carol)
        try world.admit(Self.dave, invite: invite, 1, by: Self.bob, at: 1)
        try world.revoke(Self.eve, by: Self.bob)
        var newcomer = TrustSet(mesh: world.mesh)
        for id in world.standing().chain(of: Self.dave.publicKey) {
            let object = try #require(world.set.object(id))
            let outcome11 = newcomer.insert(object)
            #expect(outcome11 == .new([id]))
        }
        let standing = newcomer.standing(at: TrustWorld.time(2))
        #expect(standing.member(key: Self.dave.publicKey)?.depth == 3)
        #expect(standing.isRevoked(Self.eve.publicKey) && standing.revocationCount == 1)
    }

    @Test("a new node record changes its member and nothing else")
    func nodeRecords() throws {
        var world = try Self.world()
        let dataKey = try #require(
            X25519.PublicKey(octets: [9] + [UInt8](repeating: 0, count: 31)))
        for incarnation in [2, 3, 1] as [UInt32] {
            let before = world.standing()
            let object = try world.sign(
                .nodeRecord(NodeRecord(dataKey: dataKey, incarnation: incarnation)),
                by: Self.alice, at: Double(incarnation))
            let outcome = world.set.insert(object)
            #expect((outcome == .refused(.superseded)) == (incarnation == 1))
            let after = world.standing()
            #expect(
                after.member(key: Self.alice.publicKey)?.nodeRecord?.incarnation
                    == max(2, incarnation == 1 ? 3 : incarnation))
            #expect(
                after.member(key: Self.bob.publicKey) === before.member(key: Self.bob.publicKey))
        }
        #expect(world.set.count == 4)
    }

    @Test(
        "who loses a range, a role or a claim is noticed, also if it is no member; who gains is not"
    )
    func lostCoverage() throws {
        var world = try Self.world()
        var before = world.standing(at: 1)
        func change(_ hours: Double = 1) -> Bool {
            defer { before = world.standing(at: hours) }
            return before.hasLostCoverage(in: world.standing(at: hours))
        }
        // Eve never joins.
        let range = try world.grant(Self.eve, [], ranges: ["10.1.0.0/16"], until: 50)
        try world.grant(Self.carol, [.member], until: 40)
        #expect(!change())
        try world.grant(Self.eve, [], ranges: ["10.0.0.0/8"], until: 50, at: 0.5)
        #expect(!change())
        try world.add(
            .revocation(Revocation(of: .object(range))), by: world.root, at: 0.6)
        // What is left contains what was taken.
        #expect(!change())
        try world.add(
            .claim(Claim(.address(index: 0), for: Self.carol.publicKey)), by: Self.alice, at: 0.6)
        #expect(!change() && before.member(key: Self.carol.publicKey)?.addresses.count == 1)
        #expect(change(41) && before.member(key: Self.carol.publicKey) == nil)
        #expect(!change(42))
        let lost = try EID("10.1.0.0/16")
        #expect(change(51) && !before.covers(lost, by: Self.eve.publicKey))
        try world.revoke(Self.bob, by: world.root, at: 51)
        #expect(change(52) && !change(53))
    }
}
