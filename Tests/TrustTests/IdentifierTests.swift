import Cryptography
import LISP
import TestKit
import Testing
import Trust

@Suite("Keys and identifiers")
struct IdentifierTests {
    /// RFC 8032 §7.1, tests 1 to 3: seed, public key.
    static let keys = [
        (
            "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
            "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"
        ),
        (
            "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
            "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c"
        ),
        (
            "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
            "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025"
        ),
    ]

    static func key(_ number: Int) -> Ed25519.SecretKey {
        guard let key = Ed25519.SecretKey(seed: [UInt8](hex: keys[number - 1].0)) else {
            preconditionFailure("a seed has 32 octets")
        }
        return key
    }

    /// Root and next root are RFC 8032's tests 1 and 3.
    static let mesh = MeshID(
        firstRoot: key(1).publicKey, commitment: RootCommitment(to: key(3).publicKey))

    @Test("keys and signatures of RFC 8032")
    func rfc8032() throws {
        for (number, vector) in Self.keys.enumerated() {
            #expect(Self.key(number + 1).publicKey.octets.hex == vector.1)
        }
        let signature = Self.key(2).signature(of: [0x72])
        #expect(
            signature.hex
                == "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
                + "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00")
        #expect(Self.key(2).publicKey.verifies(signature, of: [0x72]))
        #expect(!Self.key(2).publicKey.verifies(signature, of: [0x73]))
        #expect(!Self.key(1).publicKey.verifies(signature, of: [0x72]))
        #expect(!Self.key(2).publicKey.verifies([UInt8](signature.dropLast()), of: [0x72]))
        #expect(Ed25519.SecretKey(seed: []) == nil && Ed25519.PublicKey(octets: [1]) == nil)
    }

    @Test("mesh id, node id and crypto-EID are the known octets")
    func vector() throws {
        let node = Self.key(2).publicKey
        #expect(
            Self.mesh.octets.hex
                == "42e3fd8d1e309946ba8ddd545ce1096040b9e93cc2ce1c8d8779912ffd9044bb")
        let commitment = RootCommitment(to: Self.key(3).publicKey).octets.hex
        #expect(commitment.hasPrefix("8d5f1e18df6085ad") && commitment.hasSuffix("8a2d5703cf"))
        #expect(NodeID(of: node, in: Self.mesh).octets.hex == "49679566ac31d843663d8a421319fc87")
        #expect(
            Self.mesh.cryptoEID(of: node).description
                == "[0]fd42:e3fd:8d1e:55ec:653d:1f87:f394:8f01/128")
        #expect(Self.mesh.prefix.description == "fd42:e3fd:8d1e::/48")
    }

    @Test("another mesh, key or instance gives another identifier")
    func separation() throws {
        let other = MeshID(
            firstRoot: Self.key(2).publicKey, commitment: RootCommitment(to: Self.key(3).publicKey))
        let node = Self.key(2).publicKey
        #expect(other != Self.mesh)
        #expect(NodeID(of: node, in: other) != NodeID(of: node, in: Self.mesh))
        #expect(
            Self.mesh.cryptoEID(of: node, instance: 1).kind != Self.mesh.cryptoEID(of: node).kind)
        #expect(Self.mesh.cryptoEID(of: node, instance: 1).instance == 1)
    }

    @Test("a signature holds for one tag, one mesh and one message")
    func tags() throws {
        let key = Self.key(2)
        let signature = Tag.record.signature(by: key, of: [1, 2], in: Self.mesh)
        #expect(Tag.record.verifies(signature, by: key.publicKey, of: [1, 2], in: Self.mesh))
        #expect(!Tag.record.verifies(signature, by: key.publicKey, of: [1, 3], in: Self.mesh))
        #expect(!Tag.node.verifies(signature, by: key.publicKey, of: [1, 2], in: Self.mesh))
        let other = try #require(MeshID(octets: [UInt8](repeating: 7, count: 32)))
        #expect(!Tag.record.verifies(signature, by: key.publicKey, of: [1, 2], in: other))
    }

    @Test("no tag is the beginning of another with its zero octet, and none is used twice")
    func tagsAreDistinct() {
        #expect(Set(Tag.allCases.map(\.rawValue)).count == Tag.allCases.count)
        #expect(Tag.allCases.allSatisfy { $0.rawValue.hasPrefix("whither/") })
    }
}
