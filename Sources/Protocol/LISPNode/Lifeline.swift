import Cryptography
import LISP
import Trust

/// The least that a node must keep beside its database, to come back as the same node when that is lost,
/// and be told the rest by the others.
///
/// Kept are the keys; the objects that make it and some others members, with where those are, so that it
/// can call them; all revocations, so that nobody who is out is let in again; the floor of mesh time; and
/// what was registered here, which nobody else knows. As it may be behind, the node comes back as one that
/// is only partly joined: it answers for the mesh when others agree with it.
///
/// What else must not go back in time, and why it need not be here:
///  - *Own sequences.* They are at least mesh time, which has its floor here, and a record above them is
///    still held by the others. The first of them shows it, and this node signs above it; it has three
///    such rounds before it takes itself for a second copy, and needs one.
///  - *The node record.* One under the own key that others hold and this process did not sign is signed
///    anew above it, the same way.
///  - *Nonces of sessions.* Ephemeral keys are hashed from the boot id, which is new in each process.
///  - *Others' records.* Stores merge; whoever has the newer one tells. What was acknowledged is held by
///    this node again when it has reconciled.
package enum Lifeline {
    /// Keys that come before this one are all that ``of(_:)`` looks at: records, the great mass, and own
    /// sequences come after.
    package static let end: [UInt8] = [DiskKey.record]

    /// Octets of trust objects that are kept whole: a mesh of some 500 members.
    package static let fewOctets = 512 * 1024
    /// Of a greater mesh: members that can be called, beside this node.
    package static let friends = 32

    /// Whether nothing may rest on the key's new value before it is kept.
    package static func isIdentity(_ key: [UInt8]) -> Bool {
        key == DiskKey.identity || key == DiskKey.dataKeys
    }

    /// Whether the key is here, if only because it is of one of some friends.
    package static func mayHold(_ key: [UInt8]) -> Bool {
        key.lexicographicallyPrecedes(end)
    }

    /// Whether the key's change is worth a new lifeline soon: not the floor, which rises every minute, and
    /// not where others are, which is of no use alone.
    package static func isUrgent(_ key: [UInt8]) -> Bool {
        switch key.first {
        case DiskKey.object, DiskKey.keepList, DiskKey.registration: return true
        default: return isIdentity(key)
        }
    }

    /// - Parameters:
    ///   - disk: all keys before ``end``, or more.
    ///   - few: so many octets of trust objects are kept whole.
    ///   - friends: of a greater mesh, so many members beside this node.
    package static func of(
        _ disk: [[UInt8]: [UInt8]], few: Int = fewOctets, friends: Int = friends
    ) -> [[UInt8]: [UInt8]] {
        guard let (mesh, key) = identity(in: disk), disk[DiskKey.dataKeys] != nil else {
            return [:]
        }
        var kept = disk.filter { mayHold($0.key) }
        let trust = kept.filter { [DiskKey.object, DiskKey.keepList].contains($0.key.first) }
        if trust.values.reduce(0, { $0 + $1.count }) > few {
            for key in trust.keys { kept[key] = nil }
            for key in kept.keys where key.first == DiskKey.path { kept[key] = nil }
            for (key, value) in chains(trust, disk, mesh, key, friends) { kept[key] = value }
        }
        // Whoever comes back with this must have heard of as many revocations before it is sure of itself.
        let objects = kept.filter { $0.key.first == DiskKey.object }
        let revocations = objects.values.filter(isRevocation).count
        if !objects.isEmpty {
            kept[DiskKey.partlyJoined] =
                kept[DiskKey.partlyJoined] ?? UInt32(clamping: revocations).bigEndianOctets
        }
        return kept
    }

    /// Whether a node that comes back with this is in its mesh.
    package static func isMember(_ kept: [[UInt8]: [UInt8]]) -> Bool {
        guard let (mesh, key) = identity(in: kept), kept[DiskKey.dataKeys] != nil else {
            return false
        }
        let floor = kept[DiskKey.floor].flatMap(UInt64.init(octets:)) ?? 0
        let standing = trust(kept, in: mesh).standing(at: floor)
        return standing.member(key: key.publicKey) != nil || standing.isRevoked(key.publicKey)
    }

    private static func identity(
        in disk: [[UInt8]: [UInt8]]
    ) -> (mesh: MeshID, key: Ed25519.SecretKey)? {
        guard let identity = disk[DiskKey.identity],
            let mesh = MeshID(octets: [UInt8](identity.prefix(32))),
            let key = Ed25519.SecretKey(seed: [UInt8](identity.dropFirst(32)))
        else { return nil }
        return (mesh, key)
    }

    private static func trust(_ objects: [[UInt8]: [UInt8]], in mesh: MeshID) -> TrustSet {
        var trust = TrustSet(mesh: mesh)
        let sorted = objects.sorted { $0.key.lexicographicallyPrecedes($1.key) }
        trust.restore(
            sorted.filter { $0.key.first == DiskKey.object }.compactMap {
                try? TrustObject(octets: $0.value)
            })
        return trust
    }

    private static func isRevocation(_ octets: [UInt8]) -> Bool {
        guard case .revocation? = (try? TrustObject(octets: octets))?.statement.kind else {
            return false
        }
        return true
    }

    /// What this node and its friends stand on, and where the friends are.
    private static func chains(
        _ objects: [[UInt8]: [UInt8]], _ disk: [[UInt8]: [UInt8]], _ mesh: MeshID,
        _ key: Ed25519.SecretKey, _ count: Int
    ) -> [[UInt8]: [UInt8]] {
        let trust = trust(objects, in: mesh)
        let floor = disk[DiskKey.floor].flatMap(UInt64.init(octets:)) ?? 0
        let standing = trust.standing(at: floor)
        // Who was talked with comes first, then by id: equal disks have equal lifelines.
        let others = standing.members.filter { $0.key != key.publicKey && $0.nodeRecord != nil }
        let known = others.filter { disk[DiskKey.path(to: $0.id)] != nil }
        let unknown = others.filter { disk[DiskKey.path(to: $0.id)] == nil }
        let friends = (known + unknown).prefix(count)
        var kept: [[UInt8]: [UInt8]] = [:]
        for member in [key.publicKey] + friends.map(\.key) {
            for id in standing.chain(of: member) {
                kept[DiskKey.object(id)] = trust.object(id)?.octets
            }
            if let record = standing.member(key: member)?.nodeRecordOctets,
                let object = try? TrustObject(octets: record)
            {
                kept[DiskKey.object(object.id(in: mesh))] = record
            }
        }
        for friend in friends {
            let path = DiskKey.path(to: friend.id)
            kept[path] = disk[path]
        }
        return kept
    }
}
