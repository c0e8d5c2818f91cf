import Cryptography
import LISP

/// What an evaluation stands on: the objects of a set but for node records, sorted, and their keys,
/// numbered. One object more changes little of it, so it is handed from one evaluation to the next.
struct Ground: Sendable {
    let mesh: MeshID
    /// In the order of (stamp, id).
    private(set) var entries: [Entry] = []
    /// By place: who signed it, and whom it is about; ``nobody`` if that is no key.
    private(set) var signers: [Int] = []
    private(set) var subjects: [Int] = []
    /// In the order in which they came: no decision depends on it.
    private(set) var keys: [Key] = []
    private(set) var numbers: [Ed25519.PublicKey: Int] = [:]

    struct Key: Sendable {
        let key: Ed25519.PublicKey
        let node: NodeID
        let cryptoEID: EID
    }

    static let nobody = -1
    /// Each is put in its place with a move of all behind it.
    static let maximumAdded = 64

    init(of entries: [Entry], in mesh: MeshID) {
        self.mesh = mesh
        self.entries = entries.sorted { $0.rank < $1.rank }
        signers.reserveCapacity(entries.count)
        subjects.reserveCapacity(entries.count)
        for entry in self.entries {
            signers.append(number(entry.signer))
            subjects.append(entry.subject.map { number($0) } ?? Self.nobody)
        }
    }

    func adding(_ more: [Entry]) -> Ground {
        var ground = self
        for entry in more {
            let place = ground.place(of: entry.rank)
            ground.entries.insert(entry, at: place)
            ground.signers.insert(ground.number(entry.signer), at: place)
            ground.subjects.insert(
                entry.subject.map { ground.number($0) } ?? Self.nobody, at: place)
        }
        return ground
    }

    /// A grant, or the invite of an admission: what gives roles and ranges. `nil`: something else.
    /// - Parameter inviteOf: by place, that of the invite of an admission.
    func giver(of item: Int, inviteOf: [Int]) -> Entry? {
        guard item >= 0 else { return nil }
        switch entries[item].form {
        case .grant: return entries[item]
        case .admission: return inviteOf[item] >= 0 ? entries[inviteOf[item]] : nil
        default: return nil
        }
    }

    /// Of the first entry that does not come before the rank.
    private func place(of rank: Rank) -> Int {
        var (low, high) = (0, entries.count)
        while low < high {
            let middle = (low + high) / 2
            if entries[middle].rank < rank { low = middle + 1 } else { high = middle }
        }
        return low
    }

    private mutating func number(_ key: Ed25519.PublicKey) -> Int {
        if let number = numbers[key] { return number }
        keys.append(
            Key(key: key, node: NodeID(of: key, in: mesh), cryptoEID: mesh.cryptoEID(of: key)))
        numbers[key] = keys.count - 1
        return keys.count - 1
    }
}
