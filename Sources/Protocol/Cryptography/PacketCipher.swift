import CSodium
import Laboratory

/// Authenticated encryption of packets, each with a counter that is never used twice under one key.
///
/// The nonce is four zero octets and the counter, highest octet first.
package enum PacketCipher: UInt8, Hashable, Sendable, CaseIterable {
    /// AES-256-GCM (NIST SP 800-38D), by libsodium; only where the processor has instructions for it.
    case aes256GCM = 1
    /// RFC 8439, by libsodium.
    case chaCha20Poly1305 = 2

    package static let keySize = 32
    package static let tagSize = 16

    /// What this machine can do, the fastest first.
    package static let available: [PacketCipher] = {
        _ = sodium_init()
        return crypto_aead_aes256gcm_is_available() == 1
            ? [.aes256GCM, .chaCha20Poly1305] : [.chaCha20Poly1305]
    }()

    /// Makes a whole packet in one piece: a head that is authenticated, the ciphertext, the tag.
    /// - Parameter writeHead: writes exactly `headSize` octets.
    package func packet(
        headSize: Int, plaintext: [UInt8], key: [UInt8], counter: UInt64,
        writeHead: (UnsafeMutableRawPointer) -> Void
    ) -> [UInt8] {
        precondition(key.count == Self.keySize, "a key has 32 octets")
        let size = headSize + plaintext.count + Self.tagSize
        return [UInt8](unsafeUninitializedCapacity: size) { room, count in
            guard let base = room.baseAddress else { return }
            writeHead(UnsafeMutableRawPointer(base))
            if StandIns.areUsed {
                StandIn.seal(
                    plaintext, to: base + headSize, head: base, headSize: headSize, key: key,
                    nonce: counter)
            } else {
                var nonce = (UInt32(0), UInt32(0), UInt32(0))
                Self.write(counter, to: &nonce)
                withUnsafeBytes(of: &nonce) { nonce in
                    guard let nonce = nonce.bindMemory(to: UInt8.self).baseAddress else { return }
                    switch self {
                    case .aes256GCM:
                        _ = crypto_aead_aes256gcm_encrypt(
                            base + headSize, nil, plaintext, UInt64(plaintext.count), base,
                            UInt64(headSize), nil, nonce, key)
                    case .chaCha20Poly1305:
                        _ = crypto_aead_chacha20poly1305_ietf_encrypt(
                            base + headSize, nil, plaintext, UInt64(plaintext.count), base,
                            UInt64(headSize), nil, nonce, key)
                    }
                }
            }
            count = size
        }
    }

    /// - Parameter headSize: how many octets stand before the ciphertext; they are authenticated.
    /// - Returns: the plaintext; `nil` unless the tag is right.
    package func open(
        _ packet: [UInt8], headSize: Int, key: [UInt8], counter: UInt64
    ) -> [UInt8]? {
        precondition(key.count == Self.keySize, "a key has 32 octets")
        let size = packet.count - headSize - Self.tagSize
        guard headSize >= 0, size >= 0 else { return nil }
        var isRight = false
        let plaintext = [UInt8](unsafeUninitializedCapacity: max(size, 1)) { room, count in
            packet.withUnsafeBufferPointer { packet in
                guard let base = packet.baseAddress else { return }
                let sealedSize = size + Self.tagSize
                if StandIns.areUsed {
                    isRight = StandIn.open(
                        base + headSize, size: sealedSize, to: room.baseAddress, head: base,
                        headSize: headSize, key: key, nonce: counter)
                    return
                }
                var nonce = (UInt32(0), UInt32(0), UInt32(0))
                Self.write(counter, to: &nonce)
                withUnsafeBytes(of: &nonce) { nonce in
                    guard let nonce = nonce.bindMemory(to: UInt8.self).baseAddress else { return }
                    switch self {
                    case .aes256GCM:
                        isRight =
                            crypto_aead_aes256gcm_decrypt(
                                room.baseAddress, nil, nil, base + headSize, UInt64(sealedSize),
                                base, UInt64(headSize), nonce, key) == 0
                    case .chaCha20Poly1305:
                        isRight =
                            crypto_aead_chacha20poly1305_ietf_decrypt(
                                room.baseAddress, nil, nil, base + headSize, UInt64(sealedSize),
                                base, UInt64(headSize), nonce, key) == 0
                    }
                }
            }
            count = isRight ? size : 0
        }
        return isRight ? plaintext : nil
    }

    private static func write(_ counter: UInt64, to nonce: inout (UInt32, UInt32, UInt32)) {
        nonce.1 = UInt32(truncatingIfNeeded: counter >> 32).bigEndian
        nonce.2 = UInt32(truncatingIfNeeded: counter).bigEndian
    }
}
