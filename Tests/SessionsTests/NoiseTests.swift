import Cryptography
import Sessions
import TestKit
import Testing

@Suite("Noise handshakes")
struct NoiseTests {
    struct Vector: Sendable, CustomStringConvertible {
        let pattern: NoiseHandshake.Pattern
        let hash: String
        /// What is sent, in turn, initiator first; transport messages follow the handshake's.
        let ciphertexts: [String]
        var description: String { pattern.rawValue }
    }

    /// From the vectors of the Haskell library cacophony, in the file that the Rust library snow tests
    /// with: Noise_IK_25519_ChaChaPoly_SHA256 and Noise_XX_25519_ChaChaPoly_SHA256. The hashes are
    /// those that the Python library noiseprotocol 0.3.1 ends with for the same keys and payloads; the
    /// field `handshake_hash` of that file holds another value.
    static let vectors = [
        Vector(
            pattern: .ik, hash: "0b0f68fb0c27e03ce9b97565995ed4838cc0581b762ef72b062f6a546419fad7",
            ciphertexts: [
                """
                ca35def5ae56cec33dc2036731ab14896bc4c75dbb07a61f879f8e3afa4c7944718da798efbcd91528520204\
                f904b9bd6c7413dccdc214d951e15253e39987f18146e8cd0873654207148333479d4d16c289f0294b29960a\
                72f48e0b7bba2e89083169825e59642148d492020664ccf7
                """,
                """
                95ebc60d2b1fa672c1f46a8aa265ef51bfe38e7ccb39ec5be34069f1448088435361e70b2ed446e6c9ec387d\
                1d6b3b840f194e373979d241b203c4acafccf5
                """,
                "050e9f3c8fac16b68dbce8f8c4bfbf6617c897f9ada4aa29aa19c8",
                "344233a6cabb7141d80f3da2fedc311d9646bbb0f505afe403a667",
                "62cdeeb172ad7ade7aa7d9e069da5790f12331bfa00177787a1d0810c67dc3b2b4",
                "029bead1b40992327044d409d9a1f3ad8f36c3c452775d557e18bbeb2e8dfcead32d514024",
            ]),
        Vector(
            pattern: .xx, hash: "c8e5f64e846193be2a834104c2a009868d6c9f3bd3c186299888b488b2f1f58e",
            ciphertexts: [
                """
                ca35def5ae56cec33dc2036731ab14896bc4c75dbb07a61f879f8e3afa4c79444c756477696720766f6e204d\
                69736573
                """,
                """
                95ebc60d2b1fa672c1f46a8aa265ef51bfe38e7ccb39ec5be34069f14480884381cbad1f276e038c48378ffc\
                e2b65285e08d6b68aaa3629a5a8639392490e5b9bd5269c2f1e4f488ed8831161f19b7815528f8982ffe09be\
                9b5c412f8a0db50f8814c7194e83f23dbd8d162c9326ad
                """,
                """
                c7195ffacac1307ff99046f219750fc47693e23c3cb08b89c2af808b444850a80ae475b9df0f169ae80a89be\
                0865b57f58c9fea0d4ec82a286427402f113e4b6ae769a1d95941d49b25030
                """,
                "96763ed773f8e47bb3712f0e29b3060ffc956ffc146cee53d5e1df",
                "3e40f15f6f3a46ae446b253bf8b1d9ffb6ed9b174d272328ff91a7e2e5c79c07f5",
                "eb3f3515110702e047a6c9da4478b6ead94873c11c0f2d710ddb3f09fce024b3a58502ae3f",
            ]),
    ]

    static let payloads = [
        "4c756477696720766f6e204d69736573", "4d757272617920526f746862617264",
        "462e20412e20486179656b", "4361726c204d656e676572", "4a65616e2d426170746973746520536179",
        "457567656e2042f6686d20766f6e2042617765726b",
    ].map { [UInt8](hex: $0) }

    static let prologue = [UInt8](hex: "4a6f686e2047616c74")
    static let initiatorStatic = key(
        "e61ef9919cde45dd5f82166404bd08e38bceb5dfdfded0a34c8df7ed542214d1")
    static let responderStatic = key(
        "4a3acbfdb163dec651dfa3194dece676d437029c62a408b4c5ea9114246e4893")

    @Test("the published vectors hold, on both sides and after the handshake", arguments: vectors)
    func noiseVectorsHold(vector: Vector) throws {
        var (initiator, responder) = try Self.pair(vector.pattern)
        var counters = [UInt64](repeating: 0, count: 2)
        for (number, expected) in vector.ciphertexts.enumerated() {
            let payload = Self.payloads[number]
            let isInitiators = number % 2 == 0
            if !initiator.isFinished {
                let message =
                    isInitiators
                    ? try initiator.write(payload: payload) : try responder.write(payload: payload)
                #expect(message == [UInt8](hex: expected))
                let read = isInitiators ? try responder.read(message) : try initiator.read(message)
                #expect(read == payload)
            } else {
                let keys = try #require(initiator.split())
                let key = isInitiators ? keys.fromInitiator : keys.fromResponder
                let nonce = noiseNonce(counters[number % 2])
                counters[number % 2] += 1
                let sealed = ChaCha20Poly1305.seal(
                    payload, key: key, nonce: nonce, authenticating: [])
                #expect(sealed == [UInt8](hex: expected))
            }
        }
        #expect(initiator.hash == [UInt8](hex: vector.hash) && responder.hash == initiator.hash)
        #expect(responder.split()?.fromInitiator == initiator.split()?.fromInitiator)
        #expect(responder.split()?.fromResponder == initiator.split()?.fromResponder)
        #expect(responder.remoteStatic == Self.initiatorStatic.publicKey)
        #expect(initiator.remoteStatic == Self.responderStatic.publicKey)
    }

    @Test("a changed bit or a cut message is refused and changes nothing", arguments: vectors)
    func damage(vector: Vector) throws {
        var (initiator, responder) = try Self.pair(vector.pattern)
        while !initiator.isFinished {
            for isInitiators in [true, false] where !initiator.isFinished {
                let message =
                    isInitiators
                    ? try initiator.write(payload: [1, 2]) : try responder.write(payload: [1, 2])
                var reader = isInitiators ? responder : initiator
                let before = reader.hash
                // XX sends its first message in the clear: what is changed there shows in the second.
                let isClear = vector.pattern == .xx && message.count == 34
                for bit in 0..<message.count * 8 where !isClear {
                    var changed = message
                    changed[bit / 8] ^= 0x80 >> UInt8(bit % 8)
                    // The highest bit of a key does not count (RFC 7748 §5), but it is hashed.
                    #expect(throws: NoiseHandshake.Failure.self) { try reader.read(changed) }
                }
                for length in 0..<(isClear ? 32 : message.count) {
                    let cut = [UInt8](message.prefix(length))
                    #expect(throws: NoiseHandshake.Failure.self) { try reader.read(cut) }
                }
                #expect(reader.hash == before)
                #expect(try reader.read(message) == [1, 2])
                if isInitiators { responder = reader } else { initiator = reader }
            }
        }
        #expect(initiator.hash == responder.hash)
    }

    @Test("another prologue, another responder and keys of low order are refused")
    func strangers() throws {
        var (initiator, _) = try Self.pair(.ik)
        let message = try initiator.write(payload: [])
        var other = try #require(
            NoiseHandshake(
                .ik, as: .responder, prologue: [], static: Self.responderStatic,
                ephemeral: Self.responderStatic))
        #expect(throws: NoiseHandshake.Failure.tag) { try other.read(message) }
        var stranger = try #require(
            NoiseHandshake(
                .ik, as: .responder, prologue: Self.prologue, static: Self.initiatorStatic,
                ephemeral: Self.responderStatic))
        #expect(throws: NoiseHandshake.Failure.tag) { try stranger.read(message) }
        var (_, responder) = try Self.pair(.ik)
        let lowOrder = [UInt8](repeating: 0, count: 32) + message.dropFirst(32)
        #expect(throws: NoiseHandshake.Failure.weakKey) { try responder.read(lowOrder) }
    }

    @Test("turns are kept, and sizes")
    func turns() throws {
        var (initiator, responder) = try Self.pair(.xx)
        #expect(throws: NoiseHandshake.Failure.outOfTurn) { try responder.write(payload: []) }
        #expect(throws: NoiseHandshake.Failure.outOfTurn) { try initiator.read([]) }
        let tooLong = [UInt8](repeating: 0, count: NoiseHandshake.maximumMessage)
        #expect(throws: NoiseHandshake.Failure.length) { try initiator.write(payload: tooLong) }
        #expect(throws: NoiseHandshake.Failure.length) { try responder.read(tooLong + [0]) }
        let message = try initiator.write(payload: [])
        #expect(throws: NoiseHandshake.Failure.outOfTurn) { try initiator.write(payload: []) }
        #expect(try responder.read(message) == [] && !responder.isFinished)
        #expect(responder.split() == nil)
    }

    @Test("who must know the responder's key must say it, and nobody else")
    func knowledge() {
        for (pattern, role) in [
            (NoiseHandshake.Pattern.ik, NoiseHandshake.Role.responder), (.xx, .initiator),
            (.xx, .responder), (.ik, .initiator),
        ] {
            let needs = pattern == .ik && role == .initiator
            for key in [nil, Self.responderStatic.publicKey] {
                let handshake = NoiseHandshake(
                    pattern, as: role, prologue: [], static: Self.initiatorStatic,
                    ephemeral: Self.responderStatic, remoteStatic: key)
                #expect((handshake != nil) == (needs == (key != nil)))
            }
        }
    }

    private static func pair(
        _ pattern: NoiseHandshake.Pattern
    ) throws -> (initiator: NoiseHandshake, responder: NoiseHandshake) {
        let initiator = NoiseHandshake(
            pattern, as: .initiator, prologue: prologue, static: initiatorStatic,
            ephemeral: key("893e28b9dc6ca8d611ab664754b8ceb7bac5117349a4439a6b0569da977c464a"),
            remoteStatic: pattern == .ik ? responderStatic.publicKey : nil)
        let responder = NoiseHandshake(
            pattern, as: .responder, prologue: prologue, static: responderStatic,
            ephemeral: key("bbdb4cdbd309f1a1f2e1456967fe288cadd6f712d65dc7b7793d5e63da6b375b"))
        return (try #require(initiator), try #require(responder))
    }

    private static func key(_ hex: String) -> X25519.SecretKey {
        guard let key = X25519.SecretKey(octets: [UInt8](hex: hex)) else {
            preconditionFailure("a key has 32 octets")
        }
        return key
    }
}
