/// Columns of text, two spaces apart, none behind the last.
struct TextTable {
    let titles: [String]
    private(set) var rows: [[String]] = []

    init(_ titles: [String]) { self.titles = titles }

    mutating func add(_ cells: [String]) {
        precondition(cells.count == titles.count, "a row has a cell for each title")
        rows.append(cells.map(\.printable))
    }

    /// - Parameter width: the widest columns are cut until the lines fit; `nil`: nothing is cut.
    func lines(width: Int? = nil) -> [String] {
        let all = [titles] + rows
        var widths = titles.indices.map { column in
            all.map { $0[column].unicodeScalars.count }.max() ?? 0
        }
        if let width {
            func total() -> Int { widths.reduce(0, +) + 2 * (widths.count - 1) }
            while total() > width, let widest = widths.indices.max(by: { widths[$0] < widths[$1] }),
                widths[widest] > Self.narrowest
            {
                widths[widest] -= 1
            }
        }
        return all.map { row in
            var line = ""
            for (column, cell) in row.enumerated() {
                let cell = cell.cut(to: widths[column])
                line += cell
                guard column < row.count - 1 else { break }
                line += String(
                    repeating: " ", count: widths[column] - cell.unicodeScalars.count + 2)
            }
            return line.trimmingSpaces
        }
    }

    /// No column gets narrower: a name that is cut more says nothing.
    private static let narrowest = 8
}

extension String {
    /// With `…` in the place of its middle if it is longer: both ends of an address tell it from others.
    func cut(to width: Int) -> String {
        let scalars = [Unicode.Scalar](unicodeScalars)
        guard scalars.count > width, width > 0 else { return self }
        let tail = (width - 1) / 3
        var text = String.UnicodeScalarView(scalars.prefix(width - 1 - tail))
        text.append("…")
        text.append(contentsOf: scalars.suffix(tail))
        return String(text)
    }

    fileprivate var trimmingSpaces: String {
        var text = self
        while text.last == " " { text.removeLast() }
        return text
    }
}
