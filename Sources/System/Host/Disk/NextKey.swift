package import Cryptography

/// The identity with which this machine joins next, made before so that somebody can invite its key alone.
/// A file of its seed in the folder of all meshes, only root's; gone once a node has it.
package enum NextKey {
    private static func path(in root: String) -> String { "\(root)/next-key" }

    /// - Returns: `nil` if none was made.
    /// - Throws: ``HostError`` if the file cannot be read, others may read it, or it is damaged.
    package static func read(in root: String) throws(HostError) -> Ed25519.SecretKey? {
        try seed(in: root).flatMap { Ed25519.SecretKey(seed: $0) }
    }

    /// 32 octets; `nil` if none was made.
    package static func seed(in root: String) throws(HostError) -> [UInt8]? {
        guard let seed = try SecretFile.read(path(in: root)) else { return nil }
        guard seed.count == Ed25519.seedSize else {
            throw HostError(
                "\(path(in: root)) is damaged: remove it, and whither id --next makes another")
        }
        return seed
    }

    /// The one that waits, or a new one.
    package static func make(in root: String) throws(HostError) -> Ed25519.PublicKey {
        if let key = try read(in: root) { return key.publicKey }
        try StateDirectory.make(root, mode: 0o755)
        var random = SystemRandomNumberGenerator()
        let seed = (0..<Ed25519.seedSize).map { _ in UInt8.random(in: 0...255, using: &random) }
        try SecretFile.write(seed, to: path(in: root))
        guard let key = Ed25519.SecretKey(seed: seed) else {
            preconditionFailure("a seed has 32 octets")
        }
        return key.publicKey
    }

    package static func remove(in root: String) throws(HostError) {
        try SecretFile.remove(path(in: root))
    }
}
