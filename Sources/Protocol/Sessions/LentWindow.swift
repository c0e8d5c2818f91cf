import Laboratory

/// A ``ReplayWindow`` in memory of its own, for one thread that allocates nothing. Whoever made it must
/// ``free()`` it.
struct LentWindow {
    /// One more than the greatest seen; 0 if none was.
    private(set) var next: UInt64
    /// A ring of ``wordCount`` words.
    private let words: UnsafeMutablePointer<UInt64>

    private static let wordCount = ReplayWindow.wordCount

    init() {
        next = 0
        words = .allocate(capacity: Self.wordCount)
        words.initialize(repeating: 0, count: Self.wordCount)
    }

    init(_ window: ReplayWindow) {
        self.init()
        guard let state = window.state else { return }
        next = state.newest + 1
        for (index, word) in state.words.enumerated() { words[index] = word }
    }

    func free() { words.deallocate() }

    /// Whether the sequence is neither seen nor too old.
    func accepts(_ sequence: UInt64) -> Bool {
        guard sequence < next else { return true }
        guard next - 1 - sequence < ReplayWindow.size else { return isPlanted(.windowTooWide) }
        return words[Self.index(of: sequence)] & Self.bit(of: sequence) == 0
    }

    /// To be called once a packet has verified, with a sequence that is accepted: 56 bits.
    /// - Returns: whether it is the newest of its lane.
    mutating func mark(_ sequence: UInt64) -> Bool {
        let isNewest = sequence >= next
        if isNewest {
            // Words between the newest and this one that the ring enters again.
            var word = next == 0 ? 0 : (next - 1) / 64 + 1
            let last = sequence / 64
            if last >= UInt64(Self.wordCount) {
                word = max(word, last - UInt64(Self.wordCount) + 1)
            }
            while word <= last {
                words[Int(word % UInt64(Self.wordCount))] = 0
                word += 1
            }
            next = sequence + 1
        } else if next - 1 - sequence >= ReplayWindow.size {
            return false
        }
        if !isPlanted(.windowUnmarked) { words[Self.index(of: sequence)] |= Self.bit(of: sequence) }
        return isNewest
    }

    private static func index(of sequence: UInt64) -> Int {
        Int(sequence / 64 % UInt64(wordCount))
    }

    private static func bit(of sequence: UInt64) -> UInt64 { 1 << (sequence % 64) }
}
