/// The order of section 4 in which objects of equal right come: the lower stamp, then the lower id.
struct Rank: Hashable, Comparable, Sendable {
    var stamp: UInt64
    var id: ObjectID

    static func < (left: Rank, right: Rank) -> Bool {
        left.stamp != right.stamp ? left.stamp < right.stamp : left.id < right.id
    }
}
