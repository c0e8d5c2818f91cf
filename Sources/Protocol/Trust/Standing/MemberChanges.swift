/// What became of the members from one standing to a later one; each list sorted by node id.
package struct MemberChanges: Sendable {
    package private(set) var left: [Member] = []
    package private(set) var joined: [Member] = []
    /// Members before and after of which anything may be different. Who is not here is as before.
    package private(set) var renewed: [(old: Member, new: Member)] = []

    init(from old: [Member], to new: [Member]) {
        // Both are sorted.
        var (place, next) = (0, 0)
        while place < old.count || next < new.count {
            if next == new.count || (place < old.count && old[place].id < new[next].id) {
                left.append(old[place])
                place += 1
            } else if place == old.count || new[next].id < old[place].id {
                joined.append(new[next])
                next += 1
            } else {
                if old[place] !== new[next] { renewed.append((old[place], new[next])) }
                place += 1
                next += 1
            }
        }
    }
}

extension Standing {
    package func changes(since before: Standing) -> MemberChanges {
        MemberChanges(
            from: storage === before.storage ? [] : before.members,
            to: storage === before.storage ? [] : members)
    }
}
