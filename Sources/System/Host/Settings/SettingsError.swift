/// What is wrong with one place of a file that a person wrote.
package struct SettingsError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The path, as it was given.
    package let file: String
    /// Counted from 1; 0: the file as a whole.
    package let line: Int
    package let column: Int
    package let text: String

    /// As compilers print it: editors jump there.
    package var description: String {
        line == 0 ? "\(file): \(text)" : "\(file):\(line):\(column): \(text)"
    }
}

/// Everything that is wrong with a file, in the order of its lines; never empty.
package struct SettingsErrors: Error, Hashable, Sendable, CustomStringConvertible {
    package let all: [SettingsError]

    package var description: String { all.map(\.description).joined(separator: "\n") }
}
