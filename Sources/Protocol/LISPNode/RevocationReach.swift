package import Cryptography
import MappingSystem
import Sessions
package import Trust

/// Who is known to hold the newest revocations, and so has cut off whom they name: whoever acknowledged one,
/// sent it, or has the same set of trust objects. It is what members say; after a start it is learned again,
/// within a few rounds of reconciling.
package struct RevocationReach: Sendable {
    /// The one that came last is last.
    private var entries: [Entry] = []

    private struct Entry: Sendable {
        let id: ObjectID
        let subject: Revocation.Subject
        let signer: Ed25519.PublicKey
        var holders: Set<NodeID> = []
    }

    /// Older ones have reached who is there. With the most members, some MB.
    package static let maximum = 16

    var isEmpty: Bool { entries.isEmpty }

    mutating func begin(_ object: TrustObject, in mesh: MeshID) {
        guard case .revocation(let revocation) = object.statement.kind else { return }
        let id = object.id(in: mesh)
        guard !entries.contains(where: { $0.id == id }) else { return }
        if entries.count >= Self.maximum { entries.removeFirst() }
        entries.append(Entry(id: id, subject: revocation.subject, signer: object.signer))
    }

    /// - Parameter ids: the first 8 octets of object ids.
    mutating func holds(_ ids: [UInt64], by node: NodeID) {
        for index in entries.indices where ids.contains(entries[index].id.number) {
            entries[index].holders.insert(node)
        }
    }

    mutating func holdsAll(by node: NodeID) {
        for index in entries.indices { entries[index].holders.insert(node) }
    }

    mutating func forget(_ node: NodeID) {
        for index in entries.indices { entries[index].holders.remove(node) }
    }

    /// Whether a member has said that it holds every revocation of a key, which must be among those that are
    /// remembered; or of all keys.
    package func isHeld(by node: NodeID, of key: Ed25519.PublicKey? = nil) -> Bool {
        let asked = entries.filter { key == nil || $0.subject == key.map { .key($0) } }
        return (key == nil || !asked.isEmpty) && asked.allSatisfy { $0.holders.contains(node) }
    }

    /// What may have ended a member, and what it did not sign itself.
    func revocations(of key: Ed25519.PublicKey) -> [ObjectID] {
        entries.filter { entry in
            guard entry.signer != key else { return false }
            if case .key(let subject) = entry.subject { return subject == key }
            return true
        }.map(\.id)
    }
}

extension Core {
    /// The other members that have not said that they hold the newest revocations, or those of one key.
    package func withoutRevocations(of key: Ed25519.PublicKey? = nil) -> [Member] {
        standing.members.filter { $0.id != id && !reach.isHeld(by: $0.id, of: key) }
    }

    /// The last that a node hears that is a member no more: why. Without that it would believe that all
    /// others are gone.
    mutating func sayWhy(
        to member: Member, turn: inout Turn, using random: inout some RandomNumberGenerator
    ) {
        guard sessions.isEstablished(with: member.id) else { return }
        var ids = reach.revocations(of: member.key)
        if standing.isSuspended(member.key) { ids += admissions(before: member.key) }
        let pieces = ids.compactMap { trust.object($0)?.octets }
        for message in Batches.objects(pieces) {
            say(message, to: .member(member.id), turn: &turn, using: &random)
        }
    }

    /// Those that had used up the invite by which somebody joined. It looks through all objects, which is as
    /// rare as a partition in which an invite was used on both sides.
    private func admissions(before key: Ed25519.PublicKey) -> [ObjectID] {
        for bucket in UInt8.min ... .max {
            for id in trust.ids(inBucket: bucket) {
                guard case .admission(let admission)? = trust.object(id)?.statement.kind,
                    admission.node == key
                else { continue }
                return standing.admissions(of: admission.invite).filter(\.counts)
                    .prefix(Self.maximumShown).map(\.admission)
            }
        }
        return []
    }

    /// Uses of an invite that a suspended node is shown.
    private static let maximumShown = 64
}
