import CTOML

/// A TOML text, taken apart, with the place of each key and value. Flat: what contains what is said by
/// numbers, so that no text is too deep for it.
struct TOMLDocument: Sendable {
    /// Parents before what they contain; the first is the whole text.
    let items: [Item]

    struct Item: Sendable {
        let value: Value
        let place: Place
        /// In a table.
        let key: String?
        let keyPlace: Place
        /// What a table or an array contains.
        fileprivate(set) var children: [Int] = []
    }

    enum Value: Hashable, Sendable {
        case table, array
        case string(String)
        case integer(Int64)
        case real(Double)
        case boolean(Bool)
        case time
    }

    /// Counted from 1.
    struct Place: Hashable, Comparable, Sendable {
        let line: Int
        let column: Int

        static func < (left: Place, right: Place) -> Bool {
            (left.line, left.column) < (right.line, right.column)
        }
    }

    struct Failure: Error, Hashable {
        let text: String
        let place: Place
    }

    init(_ octets: [UInt8]) throws(Failure) {
        let parsed = octets.withUnsafeBytes {
            ctoml_parse($0.baseAddress?.assumingMemoryBound(to: CChar.self), $0.count)
        }
        guard let parsed else { throw Failure(text: "no memory", place: Place(line: 1, column: 1)) }
        defer { ctoml_free(parsed) }
        var (line, column): (UInt32, UInt32) = (0, 0)
        if let text = ctoml_error(parsed, &line, &column) {
            throw Failure(
                text: String(cString: text),
                place: Place(line: max(1, Int(line)), column: max(1, Int(column))))
        }
        var items: [Item] = []
        for index in 0..<ctoml_count(parsed) {
            let item = ctoml_get(parsed, index)
            items.append(
                Item(
                    value: Self.value(of: item), place: Place(line: item.line, column: item.column),
                    key: item.key.map { Self.text($0, item.key_length) },
                    keyPlace: Place(line: item.key_line, column: item.key_column)))
            if item.parent >= 0 { items[Int(item.parent)].children.append(index) }
        }
        self.items = items
    }

    private static func value(of item: ctoml_item) -> Value {
        switch item.kind {
        case CTOML_TABLE: return .table
        case CTOML_ARRAY: return .array
        case CTOML_STRING: return .string(item.string.map { text($0, item.string_length) } ?? "")
        case CTOML_INTEGER: return .integer(item.integer)
        case CTOML_FLOAT: return .real(item.real)
        case CTOML_BOOLEAN: return .boolean(item.boolean)
        default: return .time
        }
    }

    private static func text(_ start: UnsafePointer<CChar>, _ count: Int) -> String {
        String(decoding: UnsafeRawBufferPointer(start: start, count: count), as: UTF8.self)
    }
}

extension TOMLDocument.Place {
    fileprivate init(line: UInt32, column: UInt32) {
        self.init(line: Int(line), column: Int(column))
    }
}

extension TOMLDocument.Item {
    /// What a person sees there, for error messages.
    var shown: String {
        switch value {
        case .table: return "a table"
        case .array: return "a list"
        case .string(let text): return "\"\(text.prefix(60))\""
        case .integer(let number): return "\(number)"
        case .real(let number): return "\(number)"
        case .boolean(let flag): return "\(flag)"
        case .time: return "a date or time"
        }
    }
}
