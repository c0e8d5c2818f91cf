import CSodium
import Laboratory

/// Authenticated encryption of RFC 8439, by libsodium: what handshakes use.
package enum ChaCha20Poly1305 {
    package static let keySize = 32
    package static let nonceSize = 12
    package static let tagSize = 16

    /// - Returns: the ciphertext and its tag.
    package static func seal(
        _ plaintext: [UInt8], key: [UInt8], nonce: [UInt8], authenticating data: [UInt8]
    ) -> [UInt8] {
        precondition(key.count == keySize && nonce.count == nonceSize, "sizes of RFC 8439 §2.8")
        if StandIns.areUsed { return StandIn.seal(plaintext, key, nonce, data) }
        var sealed = [UInt8](repeating: 0, count: plaintext.count + tagSize)
        crypto_aead_chacha20poly1305_ietf_encrypt(
            &sealed, nil, plaintext, UInt64(plaintext.count), data, UInt64(data.count), nil, nonce,
            key)
        return sealed
    }

    /// - Returns: the plaintext; `nil` unless the tag is right.
    package static func open(
        _ sealed: [UInt8], key: [UInt8], nonce: [UInt8], authenticating data: [UInt8]
    ) -> [UInt8]? {
        precondition(key.count == keySize && nonce.count == nonceSize, "sizes of RFC 8439 §2.8")
        guard sealed.count >= tagSize else { return nil }
        if StandIns.areUsed { return StandIn.open(sealed, key, nonce, data) }
        var plaintext = [UInt8](repeating: 0, count: sealed.count - tagSize)
        let result = crypto_aead_chacha20poly1305_ietf_decrypt(
            &plaintext, nil, nil, sealed, UInt64(sealed.count), data, UInt64(data.count), nonce, key
        )
        return result == 0 ? plaintext : nil
    }
}

/// The same with a nonce so long that random ones never meet (draft-irtf-cfrg-xchacha), by libsodium.
package enum XChaCha20Poly1305 {
    package static let keySize = 32
    package static let nonceSize = 24
    package static let tagSize = 16

    /// - Returns: the ciphertext and its tag.
    package static func seal(
        _ plaintext: [UInt8], key: [UInt8], nonce: [UInt8], authenticating data: [UInt8]
    ) -> [UInt8] {
        precondition(key.count == keySize && nonce.count == nonceSize, "sizes of XChaCha20")
        if StandIns.areUsed { return StandIn.seal(plaintext, key, nonce, data) }
        var sealed = [UInt8](repeating: 0, count: plaintext.count + tagSize)
        crypto_aead_xchacha20poly1305_ietf_encrypt(
            &sealed, nil, plaintext, UInt64(plaintext.count), data, UInt64(data.count), nil, nonce,
            key)
        return sealed
    }

    /// - Returns: the plaintext; `nil` unless the tag is right.
    package static func open(
        _ sealed: [UInt8], key: [UInt8], nonce: [UInt8], authenticating data: [UInt8]
    ) -> [UInt8]? {
        precondition(key.count == keySize && nonce.count == nonceSize, "sizes of XChaCha20")
        guard sealed.count >= tagSize else { return nil }
        if StandIns.areUsed { return StandIn.open(sealed, key, nonce, data) }
        var plaintext = [UInt8](repeating: 0, count: sealed.count - tagSize)
        let result = crypto_aead_xchacha20poly1305_ietf_decrypt(
            &plaintext, nil, nil, sealed, UInt64(sealed.count), data, UInt64(data.count), nonce, key
        )
        return result == 0 ? plaintext : nil
    }
}
