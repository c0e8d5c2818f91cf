import Cryptography
import Foundation
import LISP
import TestKit
import Testing
import Trust

@Suite("Invite strings")
struct InviteStringTests {
    /// Tests/Vectors/README.md says who wrote them.
    static let vectors: [String: String] = {
        let path = Checkout.vector("invite-strings.txt")
        let text = (try? String(contentsOfFile: path, encoding: .utf8)) ?? ""
        var vectors: [String: String] = [:]
        for line in text.split(separator: "\n") {
            let words = line.split(separator: " ").map(String.init)
            vectors[words[0]] = words[1]
        }
        return vectors
    }()

    static let mesh = IdentifierTests.mesh
    static let node = IdentifierTests.key(2)

    @Test("text, key, id and proof agree with another implementation, both ways")
    func golden() throws {
        let two = try #require(Self.vectors["two"])
        let read = try InviteString(two)
        #expect(read.mesh == Self.mesh && read.secret == [UInt8](0..<16))
        #expect(read.invite.key.octets.hex == Self.vectors["inviteKey"])
        #expect(read.object.id(in: Self.mesh).octets.hex == Self.vectors["inviteID"])
        #expect(read.object.isSigned(in: Self.mesh))
        let node = NodeID(of: Self.node.publicKey, in: Self.mesh)
        let seeds = [
            try #require(
                InviteString.Seed(
                    .ipv4(IPv4Address(rawValue: 0xC000_0201)), port: 4342, node: node)),
            try #require(
                InviteString.Seed(
                    .ipv6(IPv6Address(high: 0x2001_0DB8 << 32, low: 1)), port: 14342, node: node)),
        ]
        #expect(read.seeds == seeds && read.text == two)
        let none = try #require(
            InviteString(mesh: Self.mesh, secret: read.secret, object: read.object, seeds: []))
        #expect(none.text == Self.vectors["none"])
        #expect(read.proof(for: Self.node.publicKey)?.hex == Self.vectors["proof"])
        let pool = try #require(Prefix(IPv4Address(rawValue: 0x0A4D_0000), length: 16))
        for index in [0, 15] as [UInt8] {
            let address = Self.mesh.address(of: Self.node.publicKey, index: index, pool: pool)
            #expect(address?.description == Self.vectors["address\(index)"])
        }
        #expect(
            InviteString(
                mesh: Self.mesh, secret: [UInt8](1...16), object: read.object, seeds: []) == nil)
    }

    @Test func inviteSaysWhatIsWrong() throws {
        let text = try #require(Self.vectors["two"])
        // As people paste it.
        var broken = ""
        for (index, letter) in text.enumerated() {
            broken += (index % 60 == 59 ? "\r\n  " : "") + String(letter)
        }
        #expect(try InviteString("\t" + broken.lowercased() + "\n").text == text)

        for length in 1..<text.count {
            let known = length >= 8 + 5
            #expect(throws: InviteError.cutOff(length, of: known ? text.count : nil)) {
                try InviteString(String(text.prefix(length)))
            }
        }
        for other in ["", "hello", "WHITHER2" + text.dropFirst(8)] {
            #expect(throws: InviteError.noInvite) { try InviteString(other) }
        }
        for index in (8 + 5)..<text.count {
            var letters = Array(text)
            letters[index] = letters[index] == "A" ? "B" : "A"
            #expect(throws: InviteError.damaged) { try InviteString(String(letters)) }
            letters[index] = "1"
            #expect(throws: InviteError.damaged) { try InviteString(String(letters)) }
        }
        #expect(throws: InviteError.damaged) { try InviteString(text + "A") }
        #expect(throws: InviteError.version(2)) { try InviteString(try Self.changed(text, [0: 2])) }
        // More seeds than there may be, and fewer than it says.
        let none = try #require(Self.vectors["none"])
        let count = try Self.octets(none).count - 5
        for number in [1, 4] as [UInt8] {
            #expect(throws: InviteError.damaged) {
                try InviteString(try Self.changed(none, [count: number]))
            }
        }
    }

    @Test("against the mesh: expired, used, revoked, bound to another, in this order")
    func invitesAgainstTheMesh() throws {
        var world = try StandingTests.world()
        let (alice, bob, carol, dave) = (
            StandingTests.alice, StandingTests.bob, StandingTests.carol, StandingTests.dave
        )
        let object = try world.sign(
            .invite(try world.invite(1, until: 10, bound: carol)), by: alice)
        let invite = object.id(in: world.mesh)
        let string = try #require(
            InviteString(
                mesh: world.mesh, secret: TrustWorld.secret(1), object: object, seeds: []))
        func error(_ key: Ed25519.SecretKey, at hours: Double) -> InviteError? {
            do throws(InviteError) {
                try string.check(for: key.publicKey, in: world.standing(at: hours))
                return nil
            } catch {
                return error
            }
        }
        #expect(error(carol, at: 1) == .notEffective)
        #expect(error(carol, at: 11) == .expired(at: TrustWorld.time(10)))
        world.set.insert(object)
        #expect(error(carol, at: 10) == nil && error(dave, at: 1) == .boundToAnother)
        var revoked = world
        let revocation = Revocation(of: .object(invite))
        try revoked.add(.revocation(revocation), by: alice)
        world = revoked
        #expect(error(dave, at: 1) == .revoked && error(carol, at: 1) == .revoked)
        #expect(error(carol, at: 11) == .expired(at: TrustWorld.time(10)))
        world = try StandingTests.world()
        world.set.insert(object)
        try world.admit(carol, invite: invite, 1, by: bob, at: 1)
        #expect(error(carol, at: 2) == nil && error(dave, at: 2) == .used)
        try world.revoke(carol, by: alice)
        #expect(error(dave, at: 2) == .used, "a use that is over is not free again")
        try world.add(.revocation(revocation), by: alice)
        #expect(error(dave, at: 2) == .used || error(dave, at: 2) == .revoked)
        #expect(!world.isMember(carol))
    }

    @Test("random text is refused")
    func randomText() {
        var random = SeededRandom(seed: 1)
        let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567 a7é\u{0}")
        for _ in 0..<500 {
            let letters = (0..<random.below(300)).map { _ in random.pick(alphabet) }
            #expect(throws: InviteError.self) { try InviteString("WHITHER1" + String(letters)) }
        }
    }

    /// The text with octets changed and a right checksum.
    static func changed(_ text: String, _ changes: [Int: UInt8]) throws -> String {
        var octets = [UInt8](try octets(text).dropLast(4))
        for (index, octet) in changes { octets[index] = octet }
        octets += SHA256.hash(octets).prefix(4)
        let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567")
        let bits = octets.flatMap { octet in (0..<8).map { octet >> (7 - $0) & 1 } }
        var text = "WHITHER1"
        for start in stride(from: 0, to: bits.count, by: 5) {
            let number = (0..<5).reduce(0) { number, offset in
                number * 2 + (start + offset < bits.count ? Int(bits[start + offset]) : 0)
            }
            text.append(alphabet[number])
        }
        return text
    }

    static func octets(_ text: String) throws -> [UInt8] {
        let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567")
        let bits = try text.dropFirst(8).flatMap { letter in
            let value = try #require(alphabet.firstIndex(of: letter))
            return (0..<5).map { UInt8(value >> (4 - $0) & 1) }
        }
        return stride(from: 0, to: bits.count - 7, by: 8).map { start in
            bits[start..<start + 8].reduce(0) { $0 << 1 | $1 }
        }
    }
}
