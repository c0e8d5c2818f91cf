import Cryptography

/// The lists that say which objects of a revoked key, or of a replaced root, stay.
struct KeepLists: Hashable, Sendable {
    /// trust.md 10, of one list.
    static let listLimit = 65_536
    /// Of all lists together: 16 lists of full length, 16 MiB.
    static let totalLimit = 16 * listLimit

    private var lists: [[UInt8]: [ObjectID]] = [:]
    /// How many objects of the set ask for a list.
    private var wanted: [[UInt8]: Int] = [:]
    private var total = 0

    /// What everybody has: nothing stays.
    private static let empty = SHA256.hash([])

    mutating func want(_ hash: [UInt8]?) {
        if let hash { wanted[hash, default: 0] += 1 }
    }

    /// - Returns: whether a list went with it.
    mutating func unwant(_ hash: [UInt8]?) -> Bool {
        guard let hash, let count = wanted[hash] else { return false }
        wanted[hash] = count > 1 ? count - 1 : nil
        guard count == 1, let list = lists.removeValue(forKey: hash) else { return false }
        total -= list.count
        return true
    }

    /// - Parameter ids: sorted, or no list has their hash.
    /// - Returns: whether somebody asks for it and it was not here.
    mutating func insert(_ ids: [ObjectID]) -> Bool {
        guard ids.count <= Self.listLimit, total + ids.count <= Self.totalLimit else {
            return false
        }
        let hash = SHA256.hash(ids.flatMap(\.octets))
        guard wanted[hash] != nil, lists[hash] == nil, zip(ids, ids.dropFirst()).allSatisfy(<)
        else { return false }
        lists[hash] = ids
        total += ids.count
        return true
    }

    subscript(hash: [UInt8]) -> [ObjectID]? { lists[hash] ?? (hash == Self.empty ? [] : nil) }

    /// Sorted by hash: only so many of them fit.
    var all: [[ObjectID]] {
        lists.sorted { $0.key.lexicographicallyPrecedes($1.key) }.map(\.value)
    }

    func isMissing(_ hash: [UInt8]) -> Bool { wanted[hash] != nil && self[hash] == nil }

    var missing: [[UInt8]] {
        wanted.keys.filter { self[$0] == nil }.sorted { $0.lexicographicallyPrecedes($1) }
    }
}
