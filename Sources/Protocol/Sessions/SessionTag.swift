import Cryptography
import Trust

/// What hashes, signatures and handshakes of sessions are for.
enum SessionTag: String, UseTag {
    case session = "whither/session/v1"
    case join = "whither/join/v1"
    case joinProof = "whither/join-proof/v1"
    case ephemeral = "whither/ephemeral/v1"
    case mac1 = "whither/mac1/v1"
    case cookie = "whither/cookie/v1"
}

/// The secrets of sessions, and what they are made from.
enum SessionSecret {
    /// What both sides of a handshake must agree on beforehand.
    static func prologue(_ mesh: MeshID, responder: NodeID) -> [UInt8] {
        SessionTag.session.octets + mesh.octets + responder.octets
    }

    static func joinPrologue(_ mesh: MeshID) -> [UInt8] { SessionTag.join.octets + mesh.octets }

    /// The ephemeral key of a handshake. A machine whose random numbers repeat still has another boot
    /// id or stamp, and one whose octets are guessed still has its data key.
    static func ephemeral(
        random: [UInt8], dataKey: X25519.SecretKey, stamp: UInt64, bootID: [UInt8]
    ) -> [UInt8] {
        SessionTag.ephemeral.hash(random + dataKey.octets + octets(of: stamp) + bootID)
    }

    /// - Parameter target: the responder's data key; the mesh id when joining.
    static func mac1Key(_ target: [UInt8]) -> [UInt8] { SessionTag.mac1.hash(target) }
    static func cookieKey(_ target: [UInt8]) -> [UInt8] { SessionTag.cookie.hash(target) }

    /// The key of one direction.
    static func packetKey(_ split: [UInt8], _ cipher: PacketCipher) -> [UInt8] {
        let name: String
        switch cipher {
        case .aes256GCM: name = "AES-256-GCM"
        case .chaCha20Poly1305: name = "ChaCha20-Poly1305"
        }
        let info = [UInt8]("whither/data/v1 \(name)".utf8)
        return HKDF.expand(split, info: info, length: PacketCipher.keySize)
    }

    /// What a joiner's invite key signs.
    static func joinProof(_ mesh: MeshID, ephemeral: [UInt8], stamp: UInt64) -> [UInt8] {
        SessionTag.joinProof.message((ephemeral + octets(of: stamp))[...], in: mesh)
    }

    static func octets(of value: UInt64) -> [UInt8] {
        withUnsafeBytes(of: value.bigEndian) { [UInt8]($0) }
    }
}

/// The first 16 octets of HMAC-SHA-256.
func shortMAC(_ key: [UInt8], _ octets: ArraySlice<UInt8>) -> [UInt8] {
    [UInt8](HMAC.sha256(key: key, pieces: [octets]).prefix(16))
}

extension RandomNumberGenerator {
    /// - Parameter count: a multiple of 8.
    mutating func octets(_ count: Int) -> [UInt8] {
        var octets: [UInt8] = []
        octets.reserveCapacity(count)
        while octets.count < count { octets += SessionSecret.octets(of: next()) }
        return octets
    }
}
