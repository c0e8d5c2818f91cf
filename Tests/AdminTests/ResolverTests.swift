import Admin
import Cryptography
import LISP
import LISPNode
import Simulator
import Testing
import Trust

@Suite("Whom a person means")
struct ResolverTests {
    @Test("names, addresses, keys and ids lead to one member")
    func found() throws {
        let run = try MeshRun.formed(4)
        let core = try run.inside(0)
        let resolver = Resolver(core)
        for machine in 0..<4 {
            let id = try run.inside(machine).id
            let member = try #require(core.standing.member(id))
            let key = KeyText.text(member.key)
            let address = try run.inside(machine).cryptoAddress
            let ipv4 = try #require(member.addresses.first)
            for text in [
                "n\(machine)", "N\(machine)", "n\(machine).relief.internal", "n\(machine).relief",
                "n\(machine).relief.internal.", KeyText.name(member.key), key, key.uppercased(),
                String(key.prefix(10)), id.octets.hex, String(id.octets.hex.prefix(12)),
                "\(address)", "[0]\(address)", "[0]\(address)/128", "\(ipv4)", "'n\(machine)'",
                KeyText.name(member.key) + ".relief.internal",
            ] {
                guard case .found(let one) = resolver.find(text) else {
                    Issue.record("\(text) is nobody")
                    continue
                }
                #expect(one.id == id, "\(text)")
            }
        }
    }

    @Test("the beginning of several ids is refused, with all of them")
    func ambiguous() throws {
        let standing = try Self.twins()
        let resolver = Resolver(standing)
        let ids = standing.members.map { $0.id.octets.hex }
        let (left, right) = (ids[0], ids[1])
        let prefix = String(left.prefix(4))
        try #require(right.hasPrefix(prefix) && left != right)
        guard case .ambiguous(let members) = resolver.find(prefix) else {
            Issue.record("\(prefix) is not ambiguous")
            return
        }
        #expect(Set(members.map { $0.id.octets.hex }).isSuperset(of: [left, right]))
        let error = #expect(throws: AdminError.self) { try resolver.member(prefix) }
        #expect(error?.code == "ambiguous" && error?.exit == .usage)
        #expect(error?.hint?.contains(members[1].displayName) == true)
        guard case .found(let one) = resolver.find(left) else {
            Issue.record("\(left) is nobody")
            return
        }
        #expect(one.id.octets.hex == left)
    }

    /// Two members whose node ids begin alike.
    private static func twins() throws -> Standing {
        func key(_ number: Int) throws -> Ed25519.SecretKey {
            let octets =
                [UInt8](repeating: 0, count: 30) + [UInt8(number >> 8), UInt8(number & 255)]
            return try #require(Ed25519.SecretKey(seed: octets))
        }
        let (root, next) = (try key(1), try key(2))
        let commitment = RootCommitment(to: next.publicKey)
        let mesh = MeshID(firstRoot: root.publicKey, commitment: commitment)
        var known: [String: Ed25519.PublicKey] = [:]
        var pair: [Ed25519.PublicKey] = []
        for number in 3..<5000 where pair.isEmpty {
            let one = try key(number).publicKey
            let digits = String(NodeID(of: one, in: mesh).octets.hex.prefix(4))
            if let other = known[digits] { pair = [one, other] }
            known[digits] = one
        }
        let pool = try #require(Prefix(IPv4Address(rawValue: 0x0A00_0000), length: 8))
        let name = try #require(MeshName("relief"))
        var trust = TrustSet(mesh: mesh)
        let kinds: [Statement.Kind] =
            [.genesis(Genesis(name: name, commitment: commitment, pool: pool))]
            + pair.map { .grant(Grant(to: $0, roles: .member)) }
        for kind in kinds {
            _ = trust.insert(
                try TrustObject(signing: Statement(kind, stamp: 1000), by: root, in: mesh))
        }
        let standing = trust.standing(at: 2000)
        try #require(standing.members.count == 2)
        return standing
    }

    @Test("nobody: the nearest name is told, if one is near")
    func nobody() throws {
        let run = try MeshRun.formed(3)
        let resolver = Resolver(try run.inside(0))
        guard case .none(let nearest) = resolver.find("m1") else {
            Issue.record("m1 is somebody")
            return
        }
        #expect(nearest == "n1")
        let near = #expect(throws: AdminError.self) { try resolver.member("n9") }
        #expect(near?.code == "no_such_member")
        #expect(near?.hint?.hasPrefix("did you mean \"n") == true)
        let far = #expect(throws: AdminError.self) { try resolver.member("hospital") }
        #expect(far?.hint == "whither show members lists them")
        for text in [
            "", "k-", "k-aa", "-", "2001:db8::1", "\u{1B}[2J", String(repeating: "é", count: 5000),
        ] {
            guard case .none = resolver.find(text) else {
                Issue.record("\(text) is somebody")
                continue
            }
            let error = #expect(throws: AdminError.self) { try resolver.member(text) }
            #expect(isPlain(error?.description ?? ""))
        }
    }
}
