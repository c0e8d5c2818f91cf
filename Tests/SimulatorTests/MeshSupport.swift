import Clocks
import Cryptography
import LISP
import LISPNode
import Mappings
import Sessions
import Simulator
import Testing
import Trust

extension MeshRun {
    /// What a machine finds for an EID now.
    func found(_ eid: EID, at machine: Int) throws -> Lookup {
        let core = try inside(machine)
        return core.records.lookup(
            eid, rights: core.standing, meshTime: core.clock.time(at: world.now(of: machine)))
    }

    /// Who signed what a machine serves for an EID; `nil`: nobody.
    func signer(of eid: EID, at machine: Int) throws -> Ed25519.PublicKey? {
        guard case .mapping(let served) = try found(eid, at: machine), served.record.eid == eid
        else { return nil }
        return served.record.signature.signer
    }

    /// Gives a machine a range of the mesh's block.
    /// - Returns: an EID in it.
    func grantRange(to machine: Int) throws -> EID {
        let prefix = try inside(machine).mesh.prefix.address
        let high = prefix.high | UInt64(machine + 1)
        var grant = Grant(to: try inside(machine).key.publicKey, roles: [])
        grant.ranges = [
            EID(.ipv6(Prefix(host: IPv6Address(high: high, low: 0)).shortened(to: 64)))
        ]
        guard case .signed = ask(0, .state(.grant(grant))) else {
            throw LISPNode.Failure.notAllowed
        }
        world.run(for: .seconds(2))
        return EID(.ipv6(Prefix(host: IPv6Address(high: high, low: 5))))
    }

    /// An invite of one machine with other seeds than it would name.
    func invite(by machine: Int, seeds: [Int], _ wish: InviteWish = .init()) throws -> String {
        let text = try #require(invite(by: machine, wish), "\(failure)")
        return try self.text(of: InviteString(text), seeds: seeds)
    }

    func text(of invite: InviteString, seeds: [Int]) throws -> String {
        let others = try seeds.map { seed -> InviteString.Seed in
            let address = try #require(world.addresses(of: seed).first)
            let node = try inside(seed).id
            return try #require(InviteString.Seed(address, port: LISPPort.data, node: node))
        }
        let changed = InviteString(
            mesh: invite.mesh, secret: invite.secret, object: invite.object, seeds: others)
        return try #require(changed).text
    }

    /// What a machine says would come of revoking another's key.
    func plan(_ machine: Int, toRevoke victim: Int) throws -> RevocationPlan {
        let key = try inside(victim).key.publicKey
        return try inside(machine).planRevocation(of: key, at: world.now(of: machine))
    }

    /// Has a machine say something in its session with another.
    func say(_ payload: Payload, from machine: Int, to other: Int) throws {
        let node = try inside(other).id
        world.act(on: machine) { member, now, random in
            member.say(payload, to: .member(node), at: now, using: &random)
        }
    }

    /// One of the mesh's root keys, from the paper.
    func root(next: Bool = false) throws -> Ed25519.SecretKey {
        let roots = try #require(roots)
        return try #require(Ed25519.SecretKey(seed: next ? roots.next : roots.root))
    }

    func signed(
        _ kind: Statement.Kind, by key: Ed25519.SecretKey, at machine: Int = 0
    ) throws -> TrustObject {
        let core = try inside(machine)
        return try TrustObject(
            signing: Statement(kind, stamp: core.clock.time(at: world.now(of: machine))), by: key,
            in: core.mesh)
    }

    /// All datagrams that go to a path from now on.
    func listen(at path: Path) -> Overheard {
        let overheard = Overheard()
        let before = world.hooks.sent
        world.hooks.sent = { world, packet in
            before?(world, packet)
            if packet.destination == path { overheard.octets.append(packet.octets) }
        }
        return overheard
    }

    final class Overheard {
        var octets: [[UInt8]] = []
    }

    /// Notices of a machine from now on.
    func watchNotices() -> Notices {
        let notices = Notices()
        world.hooks.notice = { _, machine, notice in notices.all.append((machine, notice)) }
        return notices
    }

    final class Notices {
        var all: [(machine: Int, notice: Notice)] = []
        func have(_ notice: Notice, of machine: Int) -> Bool {
            all.contains { $0.machine == machine && $0.notice == notice }
        }
    }
}
