/// The right word that somebody probably meant.
package enum NearestWord {
    /// - Returns: the word with the fewest edits from `text`, if they are few for its length.
    package static func nearest(to text: String, among words: [String]) -> String? {
        let ranked = words.map { (word: $0, distance: distance(text, $0)) }
        guard let best = ranked.min(by: { $0.distance < $1.distance }) else { return nil }
        return best.distance <= max(1, best.word.count / 3) ? best.word : nil
    }

    /// How many characters must be put in, taken out, replaced or exchanged with their neighbour.
    static func distance(_ left: String, _ right: String) -> Int {
        let (left, right) = ([Character](left), [Character](right))
        var rows = [[Int](0...right.count)]
        for (i, character) in left.enumerated() {
            var row = [i + 1]
            for (j, other) in right.enumerated() {
                var best = min(row[j] + 1, rows[i][j + 1] + 1)
                best = min(best, rows[i][j] + (character == other ? 0 : 1))
                if i > 0, j > 0, character == right[j - 1], left[i - 1] == other {
                    best = min(best, rows[i - 1][j - 1] + 1)
                }
                row.append(best)
            }
            rows.append(row)
        }
        return rows[left.count][right.count]
    }
}
