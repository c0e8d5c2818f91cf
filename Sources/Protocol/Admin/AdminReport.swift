import FoundationEssentials

/// An answer of a verb that looks at a node: the same for people and for programs.
package protocol AdminReport: Codable, Hashable, Sendable {
    /// Grows when a member of the JSON changes its meaning or goes away.
    var schema: Int { get }
    /// For people; no end of line behind the last.
    /// - Parameter width: of the terminal; `nil` is no terminal, where nothing is cut.
    func text(width: Int?) -> String
}

extension AdminReport {
    package var text: String { text(width: nil) }

    /// For programs: one line, members sorted, seconds and octets as numbers. What is not known is not
    /// there.
    package var json: String { AdminJSON.line(self) }
}

/// JSON as Admin writes it: `snake_case`, sorted, on one line.
package enum AdminJSON {
    package static func line(_ value: some Encodable) -> String {
        let encoder = JSONEncoder()
        encoder.keyEncodingStrategy = .convertToSnakeCase
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        encoder.nonConformingFloatEncodingStrategy = .convertToString(
            positiveInfinity: "inf", negativeInfinity: "-inf", nan: "nan")
        guard let data = try? encoder.encode(value) else {
            preconditionFailure("a report holds nothing that JSON cannot say")
        }
        return String(decoding: data, as: UTF8.self).escapingControls
    }

    package static func value<Value: Decodable>(
        _ type: Value.Type, from line: some Sequence<UInt8>
    ) throws -> Value {
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .custom { path in
            Key(stringValue: path.last.map { camelCase($0.stringValue) } ?? "")
        }
        return try decoder.decode(type, from: Data(line))
    }

    private struct Key: CodingKey {
        let stringValue: String
        var intValue: Int? { nil }
        init(stringValue: String) { self.stringValue = stringValue }
        init?(intValue: Int) { nil }
    }

    /// What the encoder makes of it is the text again: `mesh_id` is `meshID`, unlike Foundation's.
    private static func camelCase(_ text: String) -> String {
        let parts = text.split(separator: "_").map(String.init)
        return parts.enumerated().map { index, part in
            if index == 0 { return part }
            return acronyms.contains(part)
                ? part.uppercased() : part.prefix(1).uppercased() + part.dropFirst()
        }.joined()
    }

    private static let acronyms: Set<String> = ["id", "mtu", "eid", "ttl"]
}

extension String {
    /// The encoder escapes what JSON demands; a terminal that somebody prints it on demands more.
    fileprivate var escapingControls: String {
        guard unicodeScalars.contains(where: { 0x7F..<0xA0 ~= $0.value }) else { return self }
        var text = ""
        for scalar in unicodeScalars {
            if 0x7F..<0xA0 ~= scalar.value {
                let digits = String(scalar.value, radix: 16)
                text += "\\u00" + digits
            } else {
                text.unicodeScalars.append(scalar)
            }
        }
        return text
    }
}
