import Cryptography
package import Mappings
package import Trust

/// What all members of a mesh hold alike. Nodes of one process that begin with it share its memory for
/// as long as they do not change it: for simulations of large meshes, where a thousand disks would say
/// the same and a thousand nodes would keep it a thousand times. A node that is alone reads its disk.
package struct Common: Sendable {
    package var trust: TrustSet
    package var records: RecordStore

    package init(trust: TrustSet, records: RecordStore) {
        self.trust = trust
        self.records = records
    }
}

extension Node {
    /// The disk of a node that has an identity, and nothing else of its own yet.
    /// - Parameters:
    ///   - seed: of the identity key, 32 octets.
    ///   - dataKey: 32 octets, made at this mesh time.
    package static func disk(
        mesh: MeshID, seed: [UInt8], dataKey: [UInt8], since: UInt64
    ) -> [[UInt8]: [UInt8]] {
        [
            DiskKey.identity: mesh.octets + seed,
            DiskKey.dataKeys: Core.DataKeys(current: dataKey, since: since).octets,
        ]
    }

    /// Takes the memory of a node that holds the same trust objects, and gives its own up. What this
    /// node knows and does stays as it is.
    package mutating func shareTrust(with other: TrustSet) { core?.shareTrust(with: other) }
}

extension Core {
    mutating func shareTrust(with other: TrustSet) {
        guard trust.share(with: other) else { return }
        believe(trust.standing(at: standing.time))
    }
}
