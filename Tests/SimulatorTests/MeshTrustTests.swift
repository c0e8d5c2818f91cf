import Clocks
import Cryptography
import LISP
import LISPNode
import MappingSystem
import Mappings
import Sessions
import Simulator
import Testing
import Trust

@Suite("Meshes: who may do what")
struct MeshTrustTests {
    @Test("an invite ends; who came in with it stays")
    func meshInviteEndsMemberStays() throws {
        let run = try MeshRun.formed(2)
        let first = run.world.addMachine()
        let second = run.world.addMachine()
        run.world.start()
        var wish = InviteWish()
        wish.uses = 5
        wish.lifetime = .minutes(1)
        let text = try #require(run.invite(by: 0, wish))
        guard case .joined(let node) = run.ask(first, .join(text, name: nil)) else {
            Issue.record("the invite is not over: \(run.failure)")
            return
        }
        run.world.run(for: .minutes(2))
        #expect(
            run.ask(second, .join(text, name: nil), within: .minutes(5))
                == .failed(.refused(.expired)))
        #expect(run.core(second) == nil)
        for machine in [0, 1, first] {
            #expect(try run.inside(machine).standing.member(node) != nil)
        }
    }

    @Test("whom a revoked admin let in stays with its keep list, and its open invite ends")
    func meshKeepsWhatARevokedSigned() throws {
        let run = try MeshRun.formed(3) { $0.roles = Roles.admin.union(.member) }
        let guest = run.world.addMachine()
        let late = run.world.addMachine()
        run.world.start()
        var wish = InviteWish()
        wish.uses = 5
        let text = try run.invite(by: 1, seeds: [1, 2], wish)
        #expect(try run.plan(0, toRevoke: 1).isHarmless)
        guard case .joined(let node) = run.ask(guest, .join(text, name: MeshName("guest"))) else {
            Issue.record("nobody lets it in: \(run.failure)")
            return
        }
        #expect(run.converge(within: .minutes(1)), "\(run.failure)")
        let before = try #require(try run.inside(2).standing.member(node))
        let plan = try run.plan(0, toRevoke: 1)
        #expect(plan.leaving.map(\.id) == [node] && plan.losing.isEmpty)
        #expect(plan.openInvites.map(\.admissions) == [[before.admission]])
        for invite in plan.openInvites {
            _ = run.ask(0, .revoke(.object(invite.id), reason: "", keeping: invite.admissions))
        }
        let key = try run.inside(1).key.publicKey
        _ = run.ask(0, .revoke(.key(key), reason: "", keeping: plan.kept))
        run.world.run(for: .seconds(30))
        for machine in [0, 2, guest] {
            let standing = try run.inside(machine).standing
            let member = try #require(standing.member(node), "machine \(machine)")
            #expect(standing.isRevoked(key) && standing.member(key: key) == nil)
            #expect(member.names == before.names && member.addresses == before.addresses)
            #expect(member.roles == before.roles && !member.names.isEmpty)
        }
        #expect(
            run.ask(late, .join(text, name: nil), within: .minutes(5))
                == .failed(.noMemberAnswered))
        // Nor would it count if somebody took it all the same.
        for machine in [0, 2] {
            let standing = try run.inside(machine).standing
            for invite in plan.openInvites {
                #expect(
                    try standing.redemption(of: invite.id, by: run.root().publicKey) == .revoked)
            }
        }
    }

    @Test(
        "of two who used one single-use invite on both sides of a partition all keep the same one")
    func meshSingleUseLoserSameEverywhere() throws {
        let run = try MeshRun.formed(2)
        let left = run.world.addMachine()
        let right = run.world.addMachine()
        run.world.start()
        let atZero = try run.invite(by: 0, seeds: [0])
        let invite = try InviteString(atZero)
        let atOne = try run.text(of: invite, seeds: [1])
        let cut = run.world.partition([[0, left], [1, right]])
        guard case .joined(let one) = run.ask(left, .join(atZero, name: nil)),
            case .joined(let other) = run.ask(right, .join(atOne, name: nil))
        else {
            Issue.record("each side can be joined: \(run.failure)")
            return
        }
        run.world.mend(cut)
        run.world.run(for: .minutes(2))
        let kept = try [0, 1].map { machine in
            try [one, other].filter { try run.inside(machine).standing.member($0) != nil }
        }
        #expect(kept[0].count == 1 && kept[0] == kept[1])
    }

    @Test("two admins who revoke each other are both out, until the root ends one of them")
    func meshAdminDuelEndsBothUntilRoot() throws {
        let run = try MeshRun.formed(4)
        for machine in 1...2 {
            var grant = Grant(
                to: try run.inside(machine).key.publicKey, roles: [.member, .admin])
            grant.depth = 1
            #expect(
                run.ask(0, .publish([try run.signed(.grant(grant), by: run.root())])) == .done)
        }
        run.world.run(for: .seconds(5))
        let keys = try (1...2).map { try run.inside($0).key.publicKey }
        // Each has a witness, so that neither word is lost when sessions with both are cut.
        let cut = run.world.partition([[1, 0], [2, 3]])
        _ = run.ask(1, .revoke(.key(keys[1]), reason: "he did it", keeping: []))
        _ = run.ask(2, .revoke(.key(keys[0]), reason: "he did it", keeping: []))
        run.world.mend(cut)
        run.world.run(for: .minutes(1))
        for machine in [0, 3] {
            let standing = try run.inside(machine).standing
            #expect(keys.allSatisfy { standing.isRevoked($0) }, "machine \(machine)")
        }
        let end = try run.signed(.revocation(Revocation(of: .key(keys[0]))), by: run.root())
        #expect(run.ask(0, .publish([end])) == .done)
        run.world.run(for: .seconds(30))
        for machine in [0, 3] {
            let standing = try run.inside(machine).standing
            #expect(standing.isRevoked(keys[0]) && !standing.isRevoked(keys[1]))
            #expect(standing.member(key: keys[1]) != nil, "machine \(machine)")
        }
    }

    @Test("a new root changes no address, and no packet is lost by it")
    func meshRootRotationKeepsAddresses() throws {
        let run = try MeshRun.formed(3)
        let before = try (0..<3).map { try run.inside($0).cryptoEID }
        let pool = try (0..<3).map { try run.inside($0).member?.addresses }
        let mesh = try run.inside(0).mesh
        let kept = (UInt8.min ... .max).flatMap { bucket in
            (try? run.inside(0).trust.ids(inBucket: bucket)) ?? []
        }
        let third = try #require(Ed25519.SecretKey(seed: [UInt8](repeating: 3, count: 32)))
        var rotation = Rotation(commitment: RootCommitment(to: third.publicKey))
        let packed = kept.sorted().flatMap(\.octets)
        rotation.keepList = SHA256.hash(packed)
        let object = try run.signed(.rotation(rotation), by: run.root(next: true))
        #expect(run.ask(0, .publish([object])) == .done)
        run.world.run(for: .seconds(5))
        // The list comes to one, and from there to all.
        let list = MeshMessage.keepList(
            hash: SHA256.hash(packed), from: 0, total: UInt32(kept.count), kept.sorted())
        try run.say(.control(list.octets), from: 1, to: 0)
        run.world.run(for: .minutes(2))
        let next = try run.root(next: true).publicKey
        for machine in 0..<3 {
            let core = try run.inside(machine)
            #expect(core.mesh == mesh && core.standing.root == next, "machine \(machine)")
            #expect(core.standing.members.count == 3 && core.cryptoEID == before[machine])
            #expect(core.member?.addresses == pool[machine])
            #expect(core.trust.missingKeepLists.isEmpty, "machine \(machine)")
        }
        run.checkReachable(within: .seconds(20))
        #expect(run.world.failure == nil, "\(run.failure)")
    }

    @Test("a revocation is everywhere within two seconds, cuts sessions, and ends deliveries")
    func revocationCutsSessionsEverywhere() throws {
        let run = try MeshRun.formed(4)
        run.checkReachable(within: .seconds(30))
        let key = try run.inside(3).key.publicKey
        let node = try run.inside(3).id
        run.revoke(3, by: 0)
        run.world.run(for: .seconds(2))
        for machine in 0..<3 {
            let core = try run.inside(machine)
            #expect(core.standing.isRevoked(key), "machine \(machine)")
            #expect(!core.sessions.isEstablished(with: node), "machine \(machine)")
            #expect(core.records.recordIDs(of: key).isEmpty, "machine \(machine)")
        }
        let numbers = (0..<3).compactMap { run.sendPacket(from: 3, to: $0) }
        run.world.run(for: .minutes(1))
        #expect(numbers.count == 3 && run.arrived.isDisjoint(with: numbers))
        #expect(run.world.failure == nil, "\(run.failure)")
    }

    @Test("a revocation reaches everybody at once although its first copies are lost")
    func revocationIsSentAgain() throws {
        let run = try MeshRun.formed(4)
        run.checkReachable(within: .seconds(30))
        let key = try run.inside(3).key.publicKey
        let cut = run.world.partition([[0], [1, 2, 3]])
        run.revoke(3, by: 0)
        run.world.run(for: .milliseconds(100))
        run.world.mend(cut)
        run.world.run(for: .seconds(1))
        for machine in 1...2 {
            #expect(try run.inside(machine).standing.isRevoked(key), "machine \(machine)")
        }
    }

    @Test("a backdated claim takes a name or an address, and no session and no packet with it")
    func backdatedClaimDivertsNoSession() throws {
        let run = try MeshRun.formed(4)
        let victim = try run.inside(2)
        let name = try #require(MeshName("n2"))
        #expect(try run.inside(0).standing.member(named: name)?.id == victim.id)
        // Machine 1 may admit, and so may claim for machine 3.
        for what in [Claim.What.name(name), .address(index: 0)] {
            let claim = Statement(
                .claim(Claim(what, for: try run.inside(3).key.publicKey)), stamp: 1)
            let object = try TrustObject(
                signing: claim, by: run.inside(1).key, in: victim.mesh)
            try run.say(
                .control(MeshMessage.objects([object.octets]).octets), from: 1, to: 0)
        }
        run.world.run(for: .minutes(1))
        #expect(try run.inside(0).standing.member(named: name)?.id != victim.id)
        // Whoever has the name now, sessions are with keys, and so are crypto-EIDs.
        for machine in [0, 1, 3] {
            #expect(
                try run.signer(of: victim.cryptoEID, at: machine) == victim.key.publicKey,
                "machine \(machine)")
            let number = try #require(run.sendPacket(from: machine, to: 2))
            run.world.run(for: .seconds(2))
            #expect(run.arrived.contains(number), "machine \(machine)")
        }
        #expect(run.world.failure == nil, "\(run.failure)")
    }

    @Test("who is shown fewer revocations than the inviter saw is not done, and says so")
    func joinerNoticesHiddenRevocations() throws {
        let run = try MeshRun.formed(3)
        let joiner = run.world.addMachine()
        run.world.start()
        // Machine 1 hears nothing of it: as good as a host that hides it.
        let cut = run.world.partition([[0, 2], [1, joiner]])
        run.revoke(2, by: 0)
        run.world.run(for: .seconds(2))
        let text = try run.invite(by: 0, seeds: [1])
        #expect(try InviteString(text).invite.revocationsSeen == 1)
        guard case .joined = run.ask(joiner, .join(text, name: nil)) else {
            Issue.record("machine 1 is a member: \(run.failure)")
            return
        }
        run.world.run(for: .minutes(2))
        let core = try run.inside(joiner)
        #expect(core.partlyJoined != nil && !core.isReconciled)
        let nobody = try EID("192.0.2.1/32")
        #expect(run.ask(joiner, .lookup(nobody)) == .notReconciled)
        run.world.mend(cut)
        // Who was silent for minutes is tried again only after minutes.
        run.world.run(
            until: { _ in run.core(joiner)?.partlyJoined == nil }, within: .minutes(10))
        #expect(try run.inside(joiner).partlyJoined == nil)
        #expect(try run.inside(joiner).isReconciled)
        guard case .found(.negative) = run.ask(joiner, .lookup(nobody)) else {
            Issue.record("it has seen everything now")
            return
        }
    }

    @Test("an invite that nobody could redeem is not answered: roles that it lacks, one too many")
    func uselessInvite() throws {
        let run = try MeshRun.formed(2)
        var wish = InviteWish()
        #expect(run.ask(1, .invite(wish)) == .failed(.notAllowed))
        wish.roles = [.member, .ttr]
        #expect(run.ask(0, .invite(wish)) == .failed(.notAllowed))
        var answered = 0
        while answered < 1000, case .invite? = run.ask(0, .invite(InviteWish())) { answered += 1 }
        // With the one that the mesh was formed by: as many as one key may sign.
        #expect(answered == 255)
        #expect(run.ask(0, .invite(InviteWish())) == .failed(.tooMany))
        #expect(run.world.failure == nil, "\(run.failure)")
    }

    @Test("a seed that cannot show that it may let in is told nothing, although it would let in")
    func joinerBelievesNoFormerMember() throws {
        let run = try MeshRun.formed(2)
        let end = try run.inside(0).clock.time(at: run.world.now(of: 0)) + 20 * 60_000
        var grant = Grant(to: try run.inside(1).key.publicKey, roles: [.member, .inviter])
        grant.notAfter = end
        grant.depth = 2
        guard case .signed = run.ask(0, .state(.grant(grant))) else {
            Issue.record("the creator is a grantor")
            return
        }
        run.world.run(for: .seconds(5))
        var wish = InviteWish()
        wish.lifetime = .minutes(18)
        let former = run.world.addMachine()
        let joiner = run.world.addMachine()
        run.world.start()
        guard
            case .joined = run.ask(
                former, .join(try run.invite(by: 1, seeds: [1], wish), name: nil))
        else {
            Issue.record("who invites for a while lets in for a while: \(run.failure)")
            return
        }
        run.world.run(for: .seconds(20))
        // Its clock stands, and nobody tells it so: it goes on as a member for ever.
        run.world.partition([[0, 1], [former]])
        run.world.freezeClock(of: former)
        run.world.run(for: .minutes(30))
        #expect(try run.inside(former).member != nil)
        #expect(try run.inside(0).standing.member(run.inside(former).id) == nil)
        let text = try run.invite(by: 0, seeds: [former])
        let before = try run.inside(former).trust.count
        #expect(
            run.ask(joiner, .join(text, name: nil), within: .minutes(5)) == .failed(.falseSeed))
        #expect(try run.inside(former).trust.count == before)
    }
}
