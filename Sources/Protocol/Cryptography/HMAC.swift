import CCrypto
import CSodium
import Laboratory

/// Keyed hashes (RFC 2104). Any key length.
package enum HMAC {
    /// 32 octets, by libsodium.
    package static func sha256(key: [UInt8], _ octets: [UInt8]) -> [UInt8] {
        sha256(key: key, pieces: [octets[...]])
    }

    /// Over the pieces, one after another.
    package static func sha256(key: [UInt8], pieces: [ArraySlice<UInt8>]) -> [UInt8] {
        if StandIns.areUsed {
            var whole: [UInt8] = []
            for piece in pieces { whole += piece }
            return StandIn.octets(.mac, [key, whole])
        }
        var state = crypto_auth_hmacsha256_state()
        crypto_auth_hmacsha256_init(&state, key, key.count)
        for piece in pieces {
            piece.withUnsafeBufferPointer {
                _ = crypto_auth_hmacsha256_update(&state, $0.baseAddress, UInt64($0.count))
            }
        }
        var mac = [UInt8](repeating: 0, count: 32)
        crypto_auth_hmacsha256_final(&state, &mac)
        return mac
    }

    /// 20 octets, by libcrypto: libsodium has no SHA-1, and legacy xTRs know nothing else.
    package static func sha1(key: [UInt8], _ octets: [UInt8]) -> [UInt8] {
        var mac = [UInt8](repeating: 0, count: 20)
        var length: UInt32 = 0
        let result = CCrypto.HMAC(
            EVP_sha1(), key, Int32(key.count), octets, octets.count, &mac, &length)
        precondition(result != nil && length == 20, "libcrypto has SHA-1 in its default provider")
        return mac
    }
}

/// HKDF with SHA-256 (RFC 5869).
package enum HKDF {
    /// - Parameter length: 1 to 8,160 octets.
    package static func sha256(
        salt: [UInt8], inputKey: [UInt8], info: [UInt8] = [], length: Int
    ) -> [UInt8] {
        return expand(HMAC.sha256(key: salt, inputKey), info: info, length: length)
    }

    /// The second half (§2.3), for a key that is random already.
    /// - Parameter length: 1 to 8,160 octets.
    package static func expand(
        _ pseudorandomKey: [UInt8], info: [UInt8], length: Int
    ) -> [UInt8] {
        precondition(1...255 * 32 ~= length, "RFC 5869 §2.3: at most 255 blocks")
        var output: [UInt8] = []
        var block: [UInt8] = []
        var counter: UInt8 = 0
        while output.count < length {
            counter += 1
            block = HMAC.sha256(key: pseudorandomKey, block + info + [counter])
            output += block
        }
        return [UInt8](output.prefix(length))
    }
}

/// Whether two secrets are equal, in a time that depends only on their length.
package func equalInConstantTime(_ left: [UInt8], _ right: [UInt8]) -> Bool {
    left.count == right.count && sodium_memcmp(left, right, left.count) == 0
}
