package import Cryptography

/// What a hash or signature is for: a text and one zero octet in front of what is hashed or signed.
/// No tag has two uses.
package enum Tag: String, Hashable, Sendable, CaseIterable {
    case nextRoot = "whither/next-root/v1"
    case mesh = "whither/mesh/v1"
    case node = "whither/node/v1"
    case record = "whither/record/v1"
    case object = "whither/object/v1"
    case inviteKey = "whither/invite-key/v1"
    case redeem = "whither/redeem/v1"
    case ipv4 = "whither/ipv4/v1"

    var octets: [UInt8] { [UInt8](rawValue.utf8) + [0] }

    /// SHA-256 of the tag and the octets.
    func hash(_ octets: [UInt8]) -> [UInt8] { SHA256.hash(self.octets + octets) }

    /// What is signed: the tag, the mesh, the octets.
    func message(_ octets: [UInt8], in mesh: MeshID) -> [UInt8] {
        self.octets + mesh.octets + octets
    }

    package func signature(
        by key: Ed25519.SecretKey, of octets: [UInt8], in mesh: MeshID
    ) -> [UInt8] {
        key.signature(of: message(octets, in: mesh))
    }

    package func verifies(
        _ signature: [UInt8], by key: Ed25519.PublicKey, of octets: [UInt8], in mesh: MeshID
    ) -> Bool {
        key.verifies(signature, of: message(octets, in: mesh))
    }
}
