package import Cryptography

/// What a hash or signature is for: a text and one zero octet in front of what is hashed or signed.
/// No tag has two uses.
package protocol UseTag: RawRepresentable, CaseIterable where RawValue == String {}

extension UseTag {
    package var octets: [UInt8] { [UInt8](rawValue.utf8) + [0] }

    /// SHA-256 of the tag and the octets.
    package func hash(_ octets: [UInt8]) -> [UInt8] {
        var hashed = beginning(of: octets.count)
        hashed.append(contentsOf: octets)
        return SHA256.hash(hashed)
    }

    /// The tag, with room behind it for so many more.
    private func beginning(of count: Int) -> [UInt8] {
        var octets: [UInt8] = []
        octets.reserveCapacity(rawValue.utf8.count + 1 + count)
        octets.append(contentsOf: rawValue.utf8)
        octets.append(0)
        return octets
    }

    /// What is signed: the tag, the mesh, the octets.
    package func message(_ octets: ArraySlice<UInt8>, in mesh: MeshID) -> [UInt8] {
        var message = beginning(of: mesh.octets.count + octets.count)
        message.append(contentsOf: mesh.octets)
        message.append(contentsOf: octets)
        return message
    }
}

/// What is hashed and signed for trust itself.
package enum Tag: String, UseTag, Hashable, Sendable {
    case nextRoot = "whither/next-root/v1"
    case mesh = "whither/mesh/v1"
    case node = "whither/node/v1"
    case record = "whither/record/v1"
    case object = "whither/object/v1"
    case inviteKey = "whither/invite-key/v1"
    case redeem = "whither/redeem/v1"
    case ipv4 = "whither/ipv4/v1"

    package func signature(
        by key: Ed25519.SecretKey, of octets: [UInt8], in mesh: MeshID
    ) -> [UInt8] {
        key.signature(of: message(octets[...], in: mesh))
    }

    package func verifies(
        _ signature: [UInt8], by key: Ed25519.PublicKey, of octets: ArraySlice<UInt8>,
        in mesh: MeshID
    ) -> Bool {
        key.verifies(signature, of: message(octets, in: mesh))
    }

    package func verifies(
        _ signature: [UInt8], by key: Ed25519.PublicKey, of octets: [UInt8], in mesh: MeshID
    ) -> Bool {
        verifies(signature, by: key, of: octets[...], in: mesh)
    }
}
