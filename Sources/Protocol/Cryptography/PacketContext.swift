import CSodium
import Laboratory

/// A key made ready for many packets, sealed and opened where they stand. It is a few numbers, so that
/// packet threads copy it and count no references; whoever made it must ``erase()`` it in the end, and
/// nobody may use a copy after that.
package struct PacketContext: @unchecked Sendable {
    package let cipher: PacketCipher
    /// For AES-256-GCM what libsodium makes of the key; in front of it the key itself.
    private let room: UnsafeMutableRawPointer

    private static let expandedSize = MemoryLayout<crypto_aead_aes256gcm_state>.size
    private static let expandedOffset = 32

    /// - Parameter key: 32 octets.
    package init(_ cipher: PacketCipher, key: [UInt8]) {
        precondition(key.count == PacketCipher.keySize, "a key has 32 octets")
        self.cipher = cipher
        room = .allocate(byteCount: Self.expandedOffset + Self.expandedSize, alignment: 32)
        key.withUnsafeBytes { key in
            if let base = key.baseAddress {
                room.copyMemory(from: base, byteCount: PacketCipher.keySize)
            }
        }
        if cipher == .aes256GCM, !StandIns.areUsed {
            _ = crypto_aead_aes256gcm_beforenm(expanded, key)
        }
    }

    package func erase() {
        sodium_memzero(room, Self.expandedOffset + Self.expandedSize)
        room.deallocate()
    }

    private var expanded: UnsafeMutablePointer<crypto_aead_aes256gcm_state> {
        (room + Self.expandedOffset).assumingMemoryBound(to: crypto_aead_aes256gcm_state.self)
    }

    private var key: UnsafePointer<UInt8> {
        UnsafePointer(room.assumingMemoryBound(to: UInt8.self))
    }

    /// Seals the octets behind a head, and puts the tag behind them.
    /// - Parameters:
    ///   - head: `headSize` octets to be authenticated, then `size` octets, then room for the tag.
    ///   - counter: never used before under this key.
    package func seal(
        _ head: UnsafeMutableRawPointer, headSize: Int, size: Int, counter: UInt64
    ) {
        let base = head.assumingMemoryBound(to: UInt8.self)
        let text = base + headSize
        if StandIns.areUsed {
            let plaintext = [UInt8](UnsafeBufferPointer(start: text, count: size))
            StandIn.seal(
                plaintext, to: text, head: base, headSize: headSize, key: keyOctets, nonce: counter)
            return
        }
        withNonce(counter) { nonce in
            switch cipher {
            case .aes256GCM:
                _ = crypto_aead_aes256gcm_encrypt_afternm(
                    text, nil, text, UInt64(size), base, UInt64(headSize), nil, nonce, expanded)
            case .chaCha20Poly1305:
                _ = crypto_aead_chacha20poly1305_ietf_encrypt(
                    text, nil, text, UInt64(size), base, UInt64(headSize), nil, nonce, key)
            }
        }
    }

    /// Opens the octets behind a head where they stand.
    /// - Parameter size: of the octets and their tag, 16 or more.
    /// - Returns: whether the tag is right; if it is not, the octets are lost.
    package func open(
        _ head: UnsafeMutableRawPointer, headSize: Int, size: Int, counter: UInt64
    ) -> Bool {
        let base = head.assumingMemoryBound(to: UInt8.self)
        let text = base + headSize
        if StandIns.areUsed {
            return StandIn.open(
                text, size: size, to: text, head: base, headSize: headSize, key: keyOctets,
                nonce: counter)
        }
        return withNonce(counter) { nonce in
            switch cipher {
            case .aes256GCM:
                return crypto_aead_aes256gcm_decrypt_afternm(
                    text, nil, nil, text, UInt64(size), base, UInt64(headSize), nonce, expanded)
                    == 0
            case .chaCha20Poly1305:
                return crypto_aead_chacha20poly1305_ietf_decrypt(
                    text, nil, nil, text, UInt64(size), base, UInt64(headSize), nonce, key) == 0
            }
        }
    }

    private var keyOctets: [UInt8] {
        [UInt8](UnsafeBufferPointer(start: key, count: PacketCipher.keySize))
    }

    @inline(__always)
    private func withNonce<Result>(
        _ counter: UInt64, _ body: (UnsafePointer<UInt8>) -> Result
    ) -> Result {
        var nonce = (
            UInt32(0), UInt32(truncatingIfNeeded: counter >> 32).bigEndian,
            UInt32(truncatingIfNeeded: counter).bigEndian
        )
        return withUnsafeMutableBytes(of: &nonce) { octets in
            // A tuple of three words has an address.
            body(
                UnsafePointer(
                    octets.baseAddress.unsafelyUnwrapped.assumingMemoryBound(to: UInt8.self)))
        }
    }
}
