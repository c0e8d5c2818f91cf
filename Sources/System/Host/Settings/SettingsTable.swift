import Admin

/// Reads a file of settings, and collects what is wrong with it.
final class SettingsReader {
    private let file: String
    private let document: TOMLDocument?
    private var errors: [(place: TOMLDocument.Place, text: String)] = []
    /// Of all tables: where a key belongs that stands in the wrong one.
    fileprivate var homes: [String: String] = [:]
    fileprivate var unknown:
        [(place: TOMLDocument.Place, text: String, key: String, near: String?)] = []

    /// Larger files are none of ours.
    private static let maximumSize = 256 * 1024

    init(_ octets: [UInt8], file: String) {
        self.file = file
        guard octets.count <= Self.maximumSize else {
            document = nil
            fail(at: .init(line: 0, column: 0), "longer than \(Self.maximumSize) octets")
            return
        }
        do throws(TOMLDocument.Failure) {
            document = try TOMLDocument(octets)
        } catch {
            document = nil
            fail(at: error.place, error.text)
        }
    }

    /// The whole file; empty if it could not be read.
    func root() -> SettingsTable { SettingsTable(self, document.map { _ in 0 }, name: "") }

    func fail(at place: TOMLDocument.Place, _ text: String) {
        // What the parser or a quoted value has in it must not break the line.
        let line = text.split(whereSeparator: \.isNewline).joined(separator: " ").printable
        errors.append((place, line))
    }

    /// To be called at the end, when all known keys were asked for.
    func finish() throws(SettingsErrors) {
        for entry in unknown {
            var text = entry.text
            if let near = entry.near {
                text += "; did you mean \"\(near)\"?"
            } else if let home = homes[entry.key] {
                text += "; it belongs \(home)"
            }
            fail(at: entry.place, text)
        }
        guard !errors.isEmpty else { return }
        let sorted = errors.enumerated().sorted {
            ($0.element.place, $0.offset) < ($1.element.place, $1.offset)
        }
        throw SettingsErrors(
            all: sorted.map { _, error in
                SettingsError(
                    file: file, line: error.place.line, column: error.place.column, text: error.text
                )
            })
    }

    fileprivate func item(_ index: Int) -> TOMLDocument.Item? { document?.items[index] }
}

/// One table of a file, key by key: what is not asked for is not known.
final class SettingsTable {
    private let reader: SettingsReader
    private let children: [TOMLDocument.Item]
    private let indices: [Int]
    private let name: String
    private var known: [String] = []
    /// Where the table begins.
    let place: TOMLDocument.Place

    fileprivate init(_ reader: SettingsReader, _ index: Int?, name: String) {
        self.reader = reader
        self.name = name
        let item = index.flatMap { reader.item($0) }
        indices = item?.children ?? []
        children = indices.compactMap { reader.item($0) }
        place = item?.place ?? .init(line: 0, column: 0)
    }

    private func take(_ key: String) -> TOMLDocument.Item? {
        known.append(key)
        if reader.homes[key] == nil {
            reader.homes[key] = name.isEmpty ? "at the beginning, before any [table]" : "in \(name)"
        }
        return children.first { $0.key == key }
    }

    /// Where a key stands, for what is wrong with it beside others.
    func place(of key: String) -> TOMLDocument.Place? {
        children.first { $0.key == key }?.keyPlace
    }

    func fail(_ key: String, _ text: String) { reader.fail(at: place(of: key) ?? place, text) }

    /// Says of every key that was not asked for that it is unknown.
    func finish() {
        for child in children {
            guard let key = child.key, !known.contains(key) else { continue }
            let place = name.isEmpty ? "" : " in \(name)"
            reader.unknown.append(
                (
                    child.keyPlace, "unknown key \"\(key)\"\(place)", key,
                    NearestWord.nearest(to: key, among: known)
                ))
        }
    }

    // MARK: Values

    /// - Parameters:
    ///   - allowed: what may stand there, as the end of "… must be".
    ///   - read: `nil` if the value is none.
    func value<Value>(
        _ key: String, _ allowed: String, _ read: (TOMLDocument.Value) -> Value?
    ) -> Value? {
        guard let item = take(key) else { return nil }
        if let value = read(item.value) { return value }
        reader.fail(at: item.place, "\(key) must be \(allowed); it is \(item.shown)")
        return nil
    }

    func string<Value>(_ key: String, _ allowed: String, _ read: (String) -> Value?) -> Value? {
        value(key, allowed) { value in
            guard case .string(let text) = value else { return nil }
            return read(text)
        }
    }

    func integer(_ key: String, in range: ClosedRange<Int64>) -> Int64? {
        value(key, "a number from \(range.lowerBound) to \(range.upperBound)") { value in
            guard case .integer(let number) = value, range ~= number else { return nil }
            return number
        }
    }

    /// A number, or the word `auto`, which is `nil` in an optional that is there.
    func integerOrAutomatic(_ key: String, in range: ClosedRange<Int64>) -> Int64?? {
        value(key, "a number from \(range.lowerBound) to \(range.upperBound), or \"auto\"") {
            switch $0 {
            case .integer(let number) where range ~= number: return .some(number)
            case .string("auto"): return .some(nil)
            default: return nil
            }
        }
    }

    func boolean(_ key: String) -> Bool? {
        value(key, "true or false") { value in
            guard case .boolean(let flag) = value else { return nil }
            return flag
        }
    }

    func choice<Choice: RawRepresentable & CaseIterable>(
        _ key: String, _ type: Choice.Type
    ) -> Choice? where Choice.RawValue == String {
        let words = Choice.allCases.map { "\"\($0.rawValue)\"" }
        let allowed = words.dropLast().joined(separator: ", ") + " or " + (words.last ?? "")
        return string(key, allowed) { Choice(rawValue: $0) }
    }

    /// A list of strings.
    /// - Parameter allowed: what each may be, as the end of "each of … must be".
    func strings<Value>(
        _ key: String, _ allowed: String, _ read: (String) -> Value?
    ) -> [Value]? {
        guard let item = take(key) else { return nil }
        guard item.value == .array else {
            reader.fail(
                at: item.place, "\(key) must be a list, [\"…\", \"…\"]; it is \(item.shown)")
            return nil
        }
        var found: [Value] = []
        for element in item.children.compactMap({ reader.item($0) }) {
            if case .string(let text) = element.value, let value = read(text) {
                found.append(value)
            } else {
                reader.fail(
                    at: element.place, "each of \(key) must be \(allowed); this is \(element.shown)"
                )
            }
        }
        return found
    }

    // MARK: Tables

    /// An empty one if it is not there.
    func table(_ key: String) -> SettingsTable {
        let inner = name.isEmpty ? "[\(key)]" : "[\(name.dropFirst().dropLast()).\(key)]"
        guard let item = take(key) else { return SettingsTable(reader, nil, name: inner) }
        guard item.value == .table else {
            reader.fail(at: item.keyPlace, "\(key) must be a table, \(inner); it is \(item.shown)")
            return SettingsTable(reader, nil, name: inner)
        }
        return SettingsTable(reader, index(of: key), name: inner)
    }

    func tables(_ key: String) -> [SettingsTable] {
        let inner = name.isEmpty ? "[[\(key)]]" : "[[\(name.dropFirst().dropLast()).\(key)]]"
        guard let item = take(key) else { return [] }
        let elements = item.children
        guard item.value == .array, elements.allSatisfy({ reader.item($0)?.value == .table }) else {
            reader.fail(at: item.keyPlace, "\(key) must be tables, \(inner); it is \(item.shown)")
            return []
        }
        return elements.map { SettingsTable(reader, $0, name: inner) }
    }

    private func index(of key: String) -> Int? {
        zip(indices, children).first { $1.key == key }?.0
    }
}
