import LISP

/// That a grant or admission is rightly given, by a chain of a certain number of links. One that can be
/// reached over several chains has a fact for each number.
struct Fact: Hashable, Sendable {
    /// Which object, by its place in the order of (stamp, id); ``root`` is what a root has by itself.
    let item: Int
    /// Links from the root.
    let level: Int
    /// It is effective up to and at this time.
    let until: UInt64
    /// How many links may hang below.
    let depth: Int

    static let root = -1
    /// A root gives depth 3: four links.
    static let rootDepth = 4
    /// An admission is as deep as its admitter too, so levels are not bounded by depth alone; nobody
    /// needs so many.
    static let maximumLevel = 16

    static func ofRoot() -> Fact {
        Fact(item: root, level: 0, until: .max, depth: rootDepth)
    }
}

/// On what terms an invite may be used, found level by level.
struct InviteTerms: Sendable {
    /// The fewest links over which it is effective; `nil`: only its admissions' life would have a base.
    var level: Int?
    var carriers: [Carrier] = []

    /// What the inviter has that is enough for the invite but for its end.
    struct Carrier: Sendable {
        let level: Int
        let until: UInt64
        let depth: Int
    }
}

/// A revocation that counts.
struct Ruling: Sendable {
    /// Of its signer; an old root is ruled out by its successor, before all others.
    let depth: Int
    let rank: Rank
    let kept: Kept

    static let rotationDepth = -1

    enum Kept: Sendable {
        case all
        case none
        case list(Set<ObjectID>)

        func contains(_ id: ObjectID) -> Bool {
            switch self {
            case .all: return true
            case .none: return false
            case .list(let ids): return ids.contains(id)
            }
        }
    }

    /// Of several rulings on one thing: the shallowest signer's, then the greatest (stamp, id).
    func outweighs(_ other: Ruling) -> Bool {
        depth != other.depth ? depth < other.depth : rank > other.rank
    }
}

/// Smallest first.
struct Heap {
    private var numbers: [Int] = []

    mutating func push(_ number: Int) {
        numbers.append(number)
        var child = numbers.count - 1
        while child > 0, numbers[child] < numbers[(child - 1) / 2] {
            numbers.swapAt(child, (child - 1) / 2)
            child = (child - 1) / 2
        }
    }

    mutating func pop() -> Int? {
        guard let first = numbers.first, let last = numbers.popLast() else { return nil }
        guard !numbers.isEmpty else { return first }
        numbers[0] = last
        var parent = 0
        while true {
            var least = parent
            for child in [2 * parent + 1, 2 * parent + 2]
            where child < numbers.count && numbers[child] < numbers[least] {
                least = child
            }
            guard least != parent else { return first }
            numbers.swapAt(parent, least)
            parent = least
        }
    }
}
