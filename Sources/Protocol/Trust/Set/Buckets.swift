import Cryptography

/// The ids of a set in 256 buckets by their first octet, each with its hash: two sets find out with few
/// octets whether, and where, they differ. One object more hashes its own bucket again and no other.
struct Buckets: Sendable {
    private var ids: [[ObjectID]]
    /// 32 octets of each, in one piece: the digest is over all of it.
    private var hashes: [UInt8]
    private(set) var count = 0
    private var all = DigestBox()

    static let count = 256

    init() {
        ids = Array(repeating: [], count: Self.count)
        let none = SHA256.hash([])
        hashes = []
        hashes.reserveCapacity(Self.count * SHA256.size)
        for _ in 0..<Self.count { hashes += none }
    }

    func ids(in bucket: UInt8) -> [ObjectID] { ids[Int(bucket)] }

    /// The first 8 octets of H(sorted ids of the bucket).
    func digest(of bucket: UInt8) -> UInt64 {
        hashes[Int(bucket) * SHA256.size..<Int(bucket) * SHA256.size + 8]
            .reduce(0) { $0 << 8 | UInt64($1) }
    }

    /// H(the hashes of all buckets): whole ones, since an id can be ground.
    var digest: [UInt8] { all.octets { SHA256.hash(hashes) } }

    mutating func insert(_ id: ObjectID) {
        let bucket = Int(id.bucket)
        ids[bucket].insert(id, at: ids[bucket].firstIndex { $0 > id } ?? ids[bucket].count)
        count += 1
        rehash(bucket)
    }

    mutating func remove(_ id: ObjectID) {
        let bucket = Int(id.bucket)
        guard let index = ids[bucket].firstIndex(of: id) else { return }
        ids[bucket].remove(at: index)
        count -= 1
        rehash(bucket)
    }

    private mutating func rehash(_ bucket: Int) {
        let start = bucket * SHA256.size
        hashes.replaceSubrange(
            start..<start + SHA256.size, with: SHA256.hash(ids[bucket].flatMap(\.octets)))
        DigestBox.forget(&all)
    }
}
