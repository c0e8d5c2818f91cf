import CSodium
import Laboratory

/// Key agreement of RFC 7748, by libsodium, which clamps private keys.
package enum X25519 {
    package struct PublicKey: Hashable, Sendable {
        /// 32 octets.
        package let octets: [UInt8]

        /// - Returns: `nil` if there are not 32.
        package init?(octets: [UInt8]) {
            guard octets.count == X25519.keySize else { return nil }
            self.octets = octets
        }

        fileprivate init(whole octets: [UInt8]) { self.octets = octets }

        /// All at once: an array would hash its octets one by one.
        package func hash(into hasher: inout Hasher) {
            octets.withUnsafeBytes { hasher.combine(bytes: $0) }
        }
    }

    package struct SecretKey: Sendable {
        package let publicKey: PublicKey
        /// What other secrets may be mixed from; never sent.
        package let octets: [UInt8]

        /// - Parameter octets: 32 random octets.
        /// - Returns: `nil` if there are not 32.
        package init?(octets: [UInt8]) {
            guard octets.count == X25519.keySize else { return nil }
            if StandIns.areUsed {
                self.octets = octets
                publicKey = PublicKey(whole: StandIn.octets(.publicKey, [octets]))
                return
            }
            var publicOctets = [UInt8](repeating: 0, count: X25519.keySize)
            crypto_scalarmult_base(&publicOctets, octets)
            self.octets = octets
            self.publicKey = PublicKey(whole: publicOctets)
        }

        /// What both sides can compute.
        /// - Returns: `nil` if the other's key is of low order: then everybody could.
        package func sharedSecret(with other: PublicKey) -> [UInt8]? {
            if StandIns.areUsed {
                let isLower = publicKey.octets.lexicographicallyPrecedes(other.octets)
                let pair = [publicKey.octets, other.octets]
                return StandIn.octets(.agreement, isLower ? pair : pair.reversed())
            }
            var secret = [UInt8](repeating: 0, count: X25519.keySize)
            return crypto_scalarmult(&secret, octets, other.octets) == 0 ? secret : nil
        }
    }

    package static let keySize = 32
}
