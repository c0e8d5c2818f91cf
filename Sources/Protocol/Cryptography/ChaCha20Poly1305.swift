import CSodium

/// Authenticated encryption of RFC 8439, by libsodium.
package enum ChaCha20Poly1305 {
    package static let keySize = 32
    package static let nonceSize = 12
    package static let tagSize = 16

    /// - Returns: the ciphertext and its tag.
    package static func seal(
        _ plaintext: [UInt8], key: [UInt8], nonce: [UInt8], authenticating data: [UInt8]
    ) -> [UInt8] {
        precondition(key.count == keySize && nonce.count == nonceSize, "sizes of RFC 8439 §2.8")
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
        var plaintext = [UInt8](repeating: 0, count: sealed.count - tagSize)
        let result = crypto_aead_chacha20poly1305_ietf_decrypt(
            &plaintext, nil, nil, sealed, UInt64(sealed.count), data, UInt64(data.count), nonce, key
        )
        return result == 0 ? plaintext : nil
    }
}
