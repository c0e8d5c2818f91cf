import CSodium
import Laboratory

/// Authenticated encryption of RFC 8439, by libsodium: what handshakes use.
package enum ChaCha20Poly1305: AuthenticatedEncryption {
    package static let nonceSize = 12
    package static let functions = SodiumAEAD(
        encrypt: crypto_aead_chacha20poly1305_ietf_encrypt,
        decrypt: crypto_aead_chacha20poly1305_ietf_decrypt)
}

/// The same with a nonce so long that random ones never meet (draft-irtf-cfrg-xchacha), by libsodium.
package enum XChaCha20Poly1305: AuthenticatedEncryption {
    package static let nonceSize = 24
    package static let functions = SodiumAEAD(
        encrypt: crypto_aead_xchacha20poly1305_ietf_encrypt,
        decrypt: crypto_aead_xchacha20poly1305_ietf_decrypt)
}

/// A cipher with keys of 32 octets and tags of 16, of which libsodium has the functions.
package protocol AuthenticatedEncryption {
    static var nonceSize: Int { get }
    static var functions: SodiumAEAD { get }
}

/// Two functions of libsodium, in its order of arguments.
package struct SodiumAEAD: Sendable {
    typealias Octets = UnsafePointer<UInt8>
    typealias Room = UnsafeMutablePointer<UInt8>
    typealias Length = UnsafeMutablePointer<UInt64>

    let encrypt:
        @Sendable (
            Room, Length?, Octets?, UInt64, Octets?, UInt64, Octets?, Octets, Octets
        ) -> Int32
    let decrypt:
        @Sendable (
            Room?, Length?, Room?, Octets, UInt64, Octets?, UInt64, Octets, Octets
        ) -> Int32
}

extension AuthenticatedEncryption {
    package static var keySize: Int { 32 }
    package static var tagSize: Int { 16 }

    /// - Returns: the ciphertext and its tag.
    package static func seal(
        _ plaintext: [UInt8], key: [UInt8], nonce: [UInt8], authenticating data: [UInt8]
    ) -> [UInt8] {
        precondition(key.count == keySize && nonce.count == nonceSize, "the cipher's sizes")
        if StandIns.areUsed { return StandIn.seal(plaintext, key, nonce, data) }
        var sealed = [UInt8](repeating: 0, count: plaintext.count + tagSize)
        _ = functions.encrypt(
            &sealed, nil, plaintext, UInt64(plaintext.count), data, UInt64(data.count), nil, nonce,
            key)
        return sealed
    }

    /// - Returns: the plaintext; `nil` unless the tag is right.
    package static func open(
        _ sealed: [UInt8], key: [UInt8], nonce: [UInt8], authenticating data: [UInt8]
    ) -> [UInt8]? {
        precondition(key.count == keySize && nonce.count == nonceSize, "the cipher's sizes")
        guard sealed.count >= tagSize else { return nil }
        if StandIns.areUsed { return StandIn.open(sealed, key, nonce, data) }
        var plaintext = [UInt8](repeating: 0, count: sealed.count - tagSize)
        let result = functions.decrypt(
            &plaintext, nil, nil, sealed, UInt64(sealed.count), data, UInt64(data.count), nonce, key
        )
        return result == 0 ? plaintext : nil
    }
}
