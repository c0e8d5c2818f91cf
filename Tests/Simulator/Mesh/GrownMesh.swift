import Clocks
import Cryptography
import LISP
import LISPNode
import Mappings
import Sessions
import TestKit
import Trust

/// A mesh that has many members already and is quiet: all know each other and hold all records.
///
/// Nothing is made up. The root signs genesis and the first admin's grant, the admin signs an invite and
/// admits everybody with it. Then each node is started alone for a moment, and signs its node record and
/// its records itself; what they signed, verified once, is what all of them begin with. They share the
/// memory of it (``Common``): nobody's disk has what all hold.
struct GrownMesh {
    let common: Common
    /// By machine: what is only its own.
    let disks: [DiskContents]
    let settings: Settings

    /// Signed an hour before the world begins.
    private static let age: UInt64 = 3_600_000

    /// - Returns: `nil` if something that was signed is not right.
    init?(nodes: Int, seed: UInt64, epoch: UInt64, settings: Settings) {
        var random = SeededRandom.derived(seed, 7)
        self.settings = settings
        guard let founder = Founder(now: epoch - Self.age, nodes, using: &random) else {
            return nil
        }
        var trust = TrustSet(mesh: founder.mesh)
        for object in founder.objects { trust.insert(object) }
        var disks: [DiskContents] = []
        var records: [[UInt8]] = []
        var nodeRecords: [TrustObject] = []
        let before = Common(trust: trust, records: RecordStore(mesh: founder.mesh))
        for (index, seed) in founder.seeds.enumerated() {
            let disk = Node.disk(
                mesh: founder.mesh, seed: seed, dataKey: random.octets(count: 32), since: epoch)
            var member = Beginner(
                Node(settings, disk: disk, common: before), disk: disk, epoch: epoch)
            member.begin(at: World<Node>.defaultAddress(of: index), using: &random)
            guard let core = member.node.core, let octets = core.member?.nodeRecordOctets,
                let nodeRecord = try? TrustObject(octets: octets)
            else { return nil }
            nodeRecords.append(nodeRecord)
            records += core.own.published
            disks.append(member.disk)
        }
        for object in nodeRecords { trust.insert(object) }
        let standing = trust.standing(at: epoch)
        var store = RecordStore(mesh: founder.mesh)
        for octets in records {
            _ = store.offer(octets, from: .disk, rights: standing, meshTime: epoch, at: .start)
        }
        guard standing.members.count == nodes, store.count == records.count else { return nil }
        self.disks = disks
        common = Common(trust: trust, records: store)
    }

    func node(_ machine: Int) -> Node { Node(settings, disk: disks[machine], common: common) }
}

/// Who founds the mesh and lets everybody in.
private struct Founder {
    let mesh: MeshID
    let seeds: [[UInt8]]
    private(set) var objects: [TrustObject] = []

    init?(now: UInt64, _ nodes: Int, using random: inout SeededRandom) {
        seeds = (0..<nodes).map { _ in random.octets(count: 32) }
        let keys = seeds.compactMap(Ed25519.SecretKey.init(seed:))
        guard let root = Ed25519.SecretKey(seed: random.octets(count: 32)),
            let next = Ed25519.SecretKey(seed: random.octets(count: 32)),
            let inviteKey = Ed25519.SecretKey(seed: random.octets(count: 32)),
            let pool = Prefix(IPv4Address(rawValue: 0x0A00_0000), length: 8),
            let name = MeshName("relief"), let admin = keys.first
        else { return nil }
        let commitment = RootCommitment(to: next.publicKey)
        mesh = MeshID(firstRoot: root.publicKey, commitment: commitment)
        var grant = Grant(to: admin.publicKey, roles: [.member, .admin])
        grant.depth = 3
        grant.ranges = [EID(.ipv4(pool)), EID(.ipv6(mesh.prefix))]
        var invite = Invite(key: inviteKey.publicKey, roles: [.member, .admitter])
        invite.uses = UInt16(clamping: nodes)
        sign(.genesis(Genesis(name: name, commitment: commitment, pool: pool)), by: root, now)
        sign(.grant(grant), by: root, now)
        sign(.invite(invite), by: admin, now)
        guard let inviteID = objects.last?.id(in: mesh) else { return nil }
        for key in keys.dropFirst() {
            let proof = Redemption.proof(
                by: inviteKey, invite: inviteID, node: key.publicKey, in: mesh)
            guard
                let admission = Admission(
                    of: key.publicKey, by: inviteID, proof: proof,
                    nonce: random.octets(count: Admission.nonceSize))
            else { return nil }
            sign(.admission(admission), by: admin, now)
        }
        for key in keys {
            sign(.claim(Claim(.address(index: 0), for: key.publicKey)), by: admin, now)
        }
    }

    private mutating func sign(
        _ kind: Statement.Kind, by key: Ed25519.SecretKey, _ stamp: UInt64
    ) {
        if let object = try? TrustObject(signing: Statement(kind, stamp: stamp), by: key, in: mesh)
        {
            objects.append(object)
        }
    }
}

/// A node that runs alone until it has written what it has to say.
private struct Beginner {
    private(set) var node: Node
    private(set) var disk: DiskContents
    private let now: Now

    init(_ node: Node, disk: DiskContents, epoch: UInt64) {
        self.node = node
        self.disk = disk
        now = Now(.start, clock: ClockReading(milliseconds: epoch, quality: .synchronised))
    }

    mutating func begin(at address: Address, using random: inout SeededRandom) {
        handle(.start, using: &random)
        handle(.locators([address]), using: &random)
    }

    private mutating func handle(_ event: Event, using random: inout SeededRandom) {
        for effect in node.handle(event, at: now, using: &random) {
            guard case .write(let writes, let batch) = effect else { continue }
            for write in writes { disk[write.key] = write.value }
            handle(.written(batch: batch), using: &random)
        }
    }
}
