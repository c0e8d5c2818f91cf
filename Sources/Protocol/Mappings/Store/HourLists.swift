import Trust

/// The records by the hour of their sequence: where each list begins, and its digest while nothing
/// changed. There are about a hundred, because records end after four days.
struct HourLists: Sendable {
    struct Hour: Sendable {
        let number: UInt32
        fileprivate(set) var first: Handle
        fileprivate(set) var count: Int
        /// No record of the hour has a lesser sequence.
        fileprivate(set) var earliest: UInt64
        fileprivate(set) var digest = DigestBox()
    }

    /// By number.
    private(set) var all: [Hour] = []
    /// Of all hours together.
    private(set) var digest = DigestBox()

    static func number(of sequence: UInt64) -> UInt32 {
        UInt32(clamping: sequence / 3_600_000)
    }

    subscript(number: UInt32) -> Hour? {
        let (index, isThere) = find(number)
        return isThere ? all[index] : nil
    }

    private func find(_ number: UInt32) -> (index: Int, isThere: Bool) {
        var (low, high) = (0, all.count)
        while low < high {
            let middle = (low + high) / 2
            if all[middle].number < number { low = middle + 1 } else { high = middle }
        }
        return (low, low < all.count && all[low].number == number)
    }

    /// - Returns: the record that stands behind it now.
    mutating func insert(_ handle: Handle, sequence: UInt64) -> Handle {
        let number = Self.number(of: sequence)
        let (index, isThere) = find(number)
        DigestBox.forget(&digest)
        guard isThere else {
            all.insert(Hour(number: number, first: handle, count: 1, earliest: sequence), at: index)
            return .nowhere
        }
        let next = all[index].first
        all[index].first = handle
        all[index].count += 1
        all[index].earliest = min(all[index].earliest, sequence)
        DigestBox.forget(&all[index].digest)
        return next
    }

    /// - Parameter first: the list's new beginning, if that was removed.
    mutating func remove(sequence: UInt64, first: Handle?) {
        let (index, isThere) = find(Self.number(of: sequence))
        guard isThere else { return }
        DigestBox.forget(&digest)
        if all[index].count == 1 {
            all.remove(at: index)
            return
        }
        all[index].count -= 1
        if let first { all[index].first = first }
        DigestBox.forget(&all[index].digest)
    }

    mutating func setEarliest(_ sequence: UInt64, of number: UInt32) {
        let (index, isThere) = find(number)
        if isThere { all[index].earliest = sequence }
    }
}
