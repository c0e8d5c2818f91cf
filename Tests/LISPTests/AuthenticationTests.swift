import LISP
import TestKit
import Testing

@Suite("Message authentication (RFC 9301 §5.6)")
struct AuthenticationTests {
    static let authentication = MessageAuthentication(key: [UInt8]("password".utf8))
    static let register = MapRegister(
        flags: [.proxyReply, .wantMapNotify], nonce: 1, records: [MessageTests.record])

    static let vectors: [(AuthenticationAlgorithm, String)] = [
        (.sha1Full, "0101 0014 8e99107013a8ef35365bbf5f3f5d9d4edca28aa5"),
        (.sha1First96, "0101 000c 96838517a3aaf9967c04593d"),
        (.sha256Full, "0102 0020 ad46af9fb7d76b27cf8f11bf236a82ea2074ee6e9386f57f272a72f79aad2bb0"),
        (.sha256First128, "0102 0010 1cd07c8c22dbb2c4247c267e6bd26339"),
        (.sha256First128HKDF, "0103 0010 b18d042fbc178ebfc0713fbab2126882"),
    ]

    @Test("a signed Map-Register is the known octets, and verifies", arguments: vectors)
    func golden(algorithm: AuthenticationAlgorithm, fields: String) throws {
        let signed = Self.authentication.signed(Self.register, keyID: 1, algorithm)
        let expected = [UInt8](hex: "38000101 0000000000000001 \(fields) \(MessageTests.recordHex)")
        #expect(signed.octets().hex == expected.hex)
        #expect(try Self.authentication.verify(.mapRegister(signed)) == .wholeMessage)
    }

    @Test("xTR-ID and Site-ID may be covered or not; both are recognised")
    func coverage() throws {
        var register = Self.register
        register.identity = XTRIdentity(
            xtrHigh: 0x0001_0203_0405_0607, xtrLow: 0x0809_0A0B_0C0D_0E0F, site: 7)
        let vectors: [(AuthenticationCoverage, String)] = [
            (.wholeMessage, "ac34852101dc31317aed899e45028b8c4f24d39c809b6ef24769e9e39b115437"),
            (.throughRecords, "29a245c01c2dc7779ec423396db272ebdc16b5d2d96529fff05b931d27cb8230"),
        ]
        for (coverage, mac) in vectors {
            let signed = Self.authentication.signed(
                register, keyID: 1, .sha256Full, covering: coverage)
            #expect(signed.authentication.data.hex == mac)
            #expect(try Self.authentication.verify(.mapRegister(signed)) == coverage)
        }
    }

    @Test("algorithm 3 has a key for each message and kind")
    func messageKeys() {
        let keys = [
            ("Map-Register", "72dcb2f072779293bf5333c2e682cdc99aa4ac34073f022657b369b0afb8a204"),
            ("Map-Notify", "2ba5b6b7ca82ece633acf0bd1bbbb57ff07094dc7642676f29f9e5154780add0"),
            ("Map-Notify-Ack", "7a6770a3d031ef4650185f5585ad7224deec602c0627b95897b8b7dc860b2adc"),
        ]
        for (kind, key) in keys {
            let salt = "\(kind) Authentication"
            #expect(Self.authentication.messageKey(nonce: 1, salt: salt).hex == key)
        }
    }

    @Test("every algorithm signs every kind of message, and one changed bit anywhere is noticed")
    func changes() throws {
        for algorithm in AuthenticationAlgorithm.allCases {
            let messages: [ControlMessage] = [
                .mapRegister(Self.authentication.signed(Self.register, keyID: 1, algorithm)),
                .mapNotify(
                    Self.authentication.signed(
                        MapNotify(
                            nonce: 1, records: [MessageTests.record],
                            rtrAuthentication: .init(keyID: 1, data: [1, 2, 3])),
                        keyID: 1, algorithm)),
                .mapNotify(
                    Self.authentication.signed(
                        MapNotify(.acknowledgement, nonce: 1, records: [MessageTests.record]),
                        keyID: 1, algorithm)),
                .info(
                    Self.authentication.signed(
                        InfoMessage(nonce: 1, maskLength: 24, eid: .ip("10.0.1.0")), algorithm)),
            ]
            for message in messages {
                try Self.authentication.verify(message)
                try expectChangesNoticed(message)
            }
        }
    }

    private func expectChangesNoticed(_ message: ControlMessage) throws {
        let octets = message.octets()
        var covered = octets.count
        if case .mapNotify(let notify) = message, let proof = notify.rtrAuthentication {
            covered -= 4 + proof.data.count
        }
        for bit in 0..<covered * 8 {
            var changed = octets
            changed[bit / 8] ^= 0x80 >> UInt8(bit % 8)
            guard let read = try? ControlMessage(octets: changed) else { continue }
            #expect(throws: AuthenticationFailure.self, "bit \(bit) of \(octets.hex)") {
                try Self.authentication.verify(read)
            }
        }
    }

    @Test("what has no MAC, or one of unknown kind, says so")
    func unverifiable() {
        #expect(throws: AuthenticationFailure.noAlgorithm) {
            try Self.authentication.verify(.mapRegister(Self.register))
        }
        var odd = Self.register
        odd.authentication = .init(keyID: 1, algorithmID: 2, data: [1, 2, 3])
        #expect(throws: AuthenticationFailure.unknownAlgorithm(id: 2, length: 3)) {
            try Self.authentication.verify(.mapRegister(odd))
        }
        #expect(throws: AuthenticationFailure.notAuthenticated) {
            try Self.authentication.verify(.mapRequest(MessageTests.request))
        }
    }

    @Test("a message in another spelling verifies under that spelling")
    func compatibility() throws {
        var register = Self.register
        register.records = [
            EIDRecord(eid: .mac(MACAddress(rawValue: 0x0102_0304_0506)), maskLength: 48, ttl: 3)
        ]
        let theirs = MessageAuthentication(
            key: [UInt8]("password".utf8), compatibility: .lispersNet)
        let octets = theirs.signed(register, keyID: 1, .sha256Full)
            .octets(compatibility: .lispersNet)
        let read = try ControlMessage(octets: octets, compatibility: .lispersNet)
        #expect(try theirs.verify(read) == .wholeMessage)
        #expect(throws: AuthenticationFailure.mismatch) { try Self.authentication.verify(read) }
    }
}
