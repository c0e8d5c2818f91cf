import CSodium
import Laboratory

/// SHA-256 (FIPS 180-4), by libsodium.
package enum SHA256 {
    package static let size = 32

    /// 32 octets.
    package static func hash(_ octets: [UInt8]) -> [UInt8] {
        if StandIns.areUsed { return StandIn.octets(.hash, [octets]) }
        var digest = [UInt8](repeating: 0, count: size)
        crypto_hash_sha256(&digest, octets, UInt64(octets.count))
        return digest
    }
}
