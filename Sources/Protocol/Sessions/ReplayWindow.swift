import Laboratory

/// Which of the last 2,048 sequence numbers of one lane were seen (RFC 6479's ring of words).
struct ReplayWindow: Sendable {
    /// The greatest seen.
    private(set) var newest: UInt64 = 0
    private var isEmpty = true
    /// A ring: the word of a sequence is its 64th part, modulo the size. It grows while the lane is
    /// young, so that a session of a few packets takes a few words.
    private var words: [UInt64] = []

    static let size: UInt64 = 2_048
    /// One more than the window needs, for the word that is just begun.
    static let wordCount = Int(size / 64) + 1

    /// How many sequences there are up to the newest.
    var span: UInt64 { isEmpty ? 0 : newest &+ 1 }

    /// For whoever goes on with it; `nil` if nothing was seen.
    var state: (newest: UInt64, words: [UInt64])? { isEmpty ? nil : (newest, words) }

    /// Whether the sequence is neither seen nor too old.
    func accepts(_ sequence: UInt64) -> Bool {
        guard !isEmpty, sequence <= newest else { return true }
        guard newest - sequence < Self.size else { return isPlanted(.windowTooWide) }
        return words[Self.index(of: sequence)] & Self.bit(of: sequence) == 0
    }

    /// To be called once a packet has verified, with a sequence that is accepted.
    /// - Returns: whether it is the newest of its lane.
    mutating func mark(_ sequence: UInt64) -> Bool {
        let isNewest = isEmpty || sequence > newest
        if isNewest {
            advance(to: sequence)
        } else if newest - sequence >= Self.size {
            return false
        }
        if !isPlanted(.windowUnmarked) { words[Self.index(of: sequence)] |= Self.bit(of: sequence) }
        return isNewest
    }

    private mutating func advance(to sequence: UInt64) {
        let first = isEmpty ? 0 : newest / 64 + 1
        let last = sequence / 64
        if last < UInt64(Self.wordCount) {
            while words.count <= Int(last) { words.append(0) }
        } else {
            while words.count < Self.wordCount { words.append(0) }
            // Words that the ring enters again; those from before the window.
            if isEmpty || last - min(first, last) >= UInt64(Self.wordCount) {
                for index in words.indices { words[index] = 0 }
            } else if first <= last {
                for word in first...last { words[Int(word % UInt64(Self.wordCount))] = 0 }
            }
        }
        newest = sequence
        isEmpty = false
    }

    private static func index(of sequence: UInt64) -> Int {
        Int(sequence / 64 % UInt64(wordCount))
    }

    private static func bit(of sequence: UInt64) -> UInt64 { 1 << (sequence % 64) }
}
