import Cryptography
import Laboratory
import TestKit
import Testing

@Suite("Ciphers")
struct CipherTests {
    static let sunscreen = [UInt8](
        """
        Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, \
        sunscreen would be it.
        """.utf8)

    @Test("XChaCha20-Poly1305 of draft-irtf-cfrg-xchacha-03, A.3.1")
    func xchacha() {
        let key = [UInt8](0x80...0x9F)
        let nonce = [UInt8](0x40...0x57)
        let data = [UInt8](hex: "50515253c0c1c2c3c4c5c6c7")
        let sealed = XChaCha20Poly1305.seal(
            Self.sunscreen, key: key, nonce: nonce, authenticating: data)
        #expect(
            sealed
                == [UInt8](
                    hex: """
                        bd6d179d3e83d43b9576579493c0e939572a1700252bfaccbed2902c21396cbb731c7f1b0b4a\
                        a6440bf3a82f4eda7e39ae64c6708c54c216cb96b72e1213b4522f8c9ba40db5d945b11b69b9\
                        82c1bb9e3f3fac2bc369488f76b2383565d3fff921f9664c97637da9768812f615c68b13b52e\
                        c0875924c1c7987947deafd8780acf49
                        """))
        #expect(
            XChaCha20Poly1305.open(sealed, key: key, nonce: nonce, authenticating: data)
                == Self.sunscreen)
        #expect(XChaCha20Poly1305.open(sealed, key: key, nonce: nonce, authenticating: []) == nil)
        #expect(
            XChaCha20Poly1305.open([1, 2], key: key, nonce: nonce, authenticating: []) == nil)
    }

    @Test("a packet opens under its key and counter alone", arguments: PacketCipher.available)
    func packets(cipher: PacketCipher) { Self.checkPackets(cipher) }

    static func checkPackets(_ cipher: PacketCipher) {
        let key = [UInt8](repeating: 7, count: 32)
        for size in [0, 1, 15, 16, 17, 100] {
            let plaintext = (0..<size).map { UInt8($0) }
            let packet = cipher.packet(headSize: 4, plaintext: plaintext, key: key, counter: 9) {
                $0.storeBytes(of: 0x0102_0304, as: UInt32.self)
            }
            #expect(packet.count == 4 + size + 16)
            #expect(cipher.open(packet, headSize: 4, key: key, counter: 9) == plaintext)
            #expect(cipher.open(packet, headSize: 4, key: key, counter: 10) == nil)
            let other = [UInt8](repeating: 8, count: 32)
            #expect(cipher.open(packet, headSize: 4, key: other, counter: 9) == nil)
            for index in packet.indices {
                var changed = packet
                changed[index] ^= 1
                #expect(cipher.open(changed, headSize: 4, key: key, counter: 9) == nil)
                let cut = [UInt8](packet.prefix(index))
                #expect(cipher.open(cut, headSize: 4, key: key, counter: 9) == nil)
            }
        }
    }

    #if Laboratory
        @Test("stand-ins keep sizes and tell keys, messages and signatures apart")
        func standIns() async {
            // In a process of its own: the switch is for all of one.
            await #expect(processExitsWith: .success) {
                StandIns.areUsed = true
                let hash = SHA256.hash([1, 2, 3])
                let ed = [UInt8(1), 2].compactMap {
                    Ed25519.SecretKey(seed: [UInt8](repeating: $0, count: 32))
                }
                let x = [UInt8(1), 2, 3].compactMap {
                    X25519.SecretKey(octets: [UInt8](repeating: $0, count: 32))
                }
                precondition(hash.count == 32 && hash != SHA256.hash([1, 2, 4]))
                precondition(SHA256.hash([]) != SHA256.hash([0]))
                // The same on every machine.
                precondition(hash.prefix(2) == SHA256.hash([1, 2, 3]).prefix(2))
                let signature = ed[0].signature(of: [5])
                precondition(signature.count == 64 && ed[0].publicKey != ed[1].publicKey)
                precondition(ed[0].publicKey.verifies(signature, of: [5]))
                precondition(!ed[1].publicKey.verifies(signature, of: [5]))
                precondition(!ed[0].publicKey.verifies(signature, of: [6]))
                var changed = signature
                changed[63] ^= 1
                precondition(!ed[0].publicKey.verifies(changed, of: [5]))
                let shared = x[0].sharedSecret(with: x[1].publicKey)
                precondition(shared?.count == 32)
                precondition(shared == x[1].sharedSecret(with: x[0].publicKey))
                precondition(shared != x[2].sharedSecret(with: x[0].publicKey))
                precondition(HMAC.sha256(key: [1], [2]) != HMAC.sha256(key: [2], [2]))
                precondition(HMAC.sha256(key: [1], [2]).count == 32)
                let nonce = [UInt8](repeating: 1, count: 12)
                let sealed = ChaCha20Poly1305.seal(
                    [1, 2], key: hash, nonce: nonce, authenticating: [3])
                precondition(sealed.count == 18)
                precondition(
                    ChaCha20Poly1305.open(sealed, key: hash, nonce: nonce, authenticating: [3])
                        == [1, 2])
                precondition(
                    ChaCha20Poly1305.open(sealed, key: hash, nonce: nonce, authenticating: [4])
                        == nil)
                CipherTests.checkPackets(.chaCha20Poly1305)
            }
        }
    #endif
}
