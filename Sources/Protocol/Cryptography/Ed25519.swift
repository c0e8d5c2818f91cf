import CSodium
import Laboratory

/// Signatures of RFC 8032, by libsodium, which refuses weak keys and spellings that are not canonical.
package enum Ed25519 {
    /// A key that anybody may have.
    package struct PublicKey: Hashable, Sendable {
        /// 32 octets.
        package let octets: [UInt8]

        /// - Returns: `nil` if there are not 32.
        package init?(octets: [UInt8]) {
            guard octets.count == Ed25519.publicKeySize else { return nil }
            self.octets = octets
        }

        fileprivate init(whole octets: [UInt8]) { self.octets = octets }

        /// All at once: an array would hash its octets one by one.
        package func hash(into hasher: inout Hasher) {
            octets.withUnsafeBytes { hasher.combine(bytes: $0) }
        }

        /// - Parameter signature: any octets; only 64 can be right.
        package func verifies(_ signature: [UInt8], of message: [UInt8]) -> Bool {
            guard signature.count == Ed25519.signatureSize else { return false }
            if StandIns.areUsed {
                return signature
                    == StandIn.octets(
                        .signature, [octets, message], count: Ed25519.signatureSize)
            }
            return crypto_sign_verify_detached(
                signature, message, UInt64(message.count), octets) == 0
        }
    }

    /// A key that signs, and never leaves its node.
    package struct SecretKey: Sendable {
        package let publicKey: PublicKey
        private let expanded: [UInt8]

        /// - Parameter seed: 32 random octets.
        /// - Returns: `nil` if there are not 32.
        package init?(seed: [UInt8]) {
            guard seed.count == Ed25519.seedSize else { return nil }
            if StandIns.areUsed {
                publicKey = PublicKey(whole: StandIn.octets(.publicKey, [seed]))
                expanded = []
                return
            }
            var publicOctets = [UInt8](repeating: 0, count: Ed25519.publicKeySize)
            var expanded = [UInt8](repeating: 0, count: 64)
            crypto_sign_seed_keypair(&publicOctets, &expanded, seed)
            self.publicKey = PublicKey(whole: publicOctets)
            self.expanded = expanded
        }

        /// 64 octets, the same for the same message.
        package func signature(of message: [UInt8]) -> [UInt8] {
            if StandIns.areUsed {
                return StandIn.octets(
                    .signature, [publicKey.octets, message], count: Ed25519.signatureSize)
            }
            var signature = [UInt8](repeating: 0, count: Ed25519.signatureSize)
            crypto_sign_detached(&signature, nil, message, UInt64(message.count), expanded)
            return signature
        }
    }

    package static let seedSize = 32
    package static let publicKeySize = 32
    package static let signatureSize = 64
}
