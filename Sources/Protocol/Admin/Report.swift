import LISP

/// An answer for a person or a program: named values in order.
package indirect enum Report: Hashable, Sendable {
    case text(String)
    case integer(UInt64)
    case flag(Bool)
    case list([Report])
    case fields([Field])
    /// One line for people, its parts for programs.
    case summary(String, [Field])

    package struct Field: Hashable, Sendable {
        /// What people call it, in the words of the standard: `Record TTL`. Its name in JSON is the
        /// same in lower case with underscores: `record_ttl`.
        package var label: String
        package var value: Report

        package init(_ label: String, _ value: Report) {
            self.label = label
            self.value = value
        }
    }
}

extension Report: ExpressibleByStringLiteral, ExpressibleByStringInterpolation {
    package init(stringLiteral value: String) { self = .text(value) }
}

extension Report {
    package static func number(_ value: some UnsignedInteger) -> Report { .integer(UInt64(value)) }

    package static func hex(_ value: some UnsignedInteger & FixedWidthInteger) -> Report {
        .text("0x\(value.hex(width: value.bitWidth / 4))")
    }

    package static func octets(_ octets: [UInt8]) -> Report { .text("0x\(octets.hex)") }
}

extension Report {
    /// The letters of the set bits, in the order given; what is set and has no letter as a number.
    static func letters<Flags: OptionSet>(
        _ flags: Flags, _ letters: [(String, Flags)]
    ) -> Report where Flags.RawValue: UnsignedInteger, Flags.Element == Flags {
        var rest = flags
        var set: [Report] = []
        for (letter, flag) in letters where rest.contains(flag) {
            set.append(.text(letter))
            rest.subtract(flag)
        }
        if rest.rawValue != 0 {
            set.append(.text("reserved 0x\(String(rest.rawValue, radix: 16))"))
        }
        return .list(set)
    }
}

extension Report.Field {
    static func flags<Flags: OptionSet>(_ flags: Flags, _ letters: [(String, Flags)]) -> Self
    where Flags.RawValue: UnsignedInteger, Flags.Element == Flags {
        Self("Flags", .letters(flags, letters))
    }
}

extension Report {
    /// For people: a line a value, two spaces further in for each level, no end of line behind the
    /// last.
    package var plainText: String {
        var lines: [String] = []
        write(to: &lines, indent: 0)
        return lines.joined(separator: "\n")
    }

    private func write(to lines: inout [String], indent: Int) {
        let space = String(repeating: "  ", count: indent)
        switch self {
        case .fields(let fields):
            for field in fields { field.write(to: &lines, indent: indent) }
        case .list(let items) where isOneLine:
            if !items.isEmpty { lines.append(space + inline) }
        case .list(let items):
            for item in items { item.write(to: &lines, indent: indent) }
        case .text, .integer, .flag, .summary:
            lines.append(space + inline)
        }
    }

    /// On one line; lists and fields joined by commas.
    fileprivate var inline: String {
        switch self {
        case .text(let text), .summary(let text, _): return text.printable
        case .integer(let number): return "\(number)"
        case .flag(let flag): return flag ? "yes" : "no"
        case .list(let items): return items.map(\.inline).joined(separator: ", ")
        case .fields(let fields):
            return fields.map { "\($0.label) \($0.value.inline)" }.joined(separator: ", ")
        }
    }

    fileprivate var isOneLine: Bool {
        switch self {
        case .text, .integer, .flag, .summary: return true
        case .list(let items): return items.allSatisfy(\.isScalar)
        case .fields: return false
        }
    }

    private var isScalar: Bool {
        switch self {
        case .text, .integer, .flag: return true
        case .list, .fields, .summary: return false
        }
    }
}

extension Report.Field {
    fileprivate func write(to lines: inout [String], indent: Int) {
        let space = String(repeating: "  ", count: indent)
        if value.isOneLine {
            let text = value.inline
            lines.append("\(space)\(label): \(text.isEmpty ? "none" : text)")
        } else if case .list(let items) = value {
            for (index, item) in items.enumerated() {
                Report.Field("\(label) \(index + 1)", item).write(to: &lines, indent: indent)
            }
        } else {
            lines.append("\(space)\(label)")
            value.write(to: &lines, indent: indent + 1)
        }
    }

    fileprivate var key: String {
        String(
            decoding: label.utf8.map { octet in
                switch octet {
                case UInt8(ascii: "A")...UInt8(ascii: "Z"): return octet | 0x20
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"):
                    return octet
                default: return UInt8(ascii: "_")
                }
            }, as: UTF8.self)
    }
}

extension Report {
    /// For programs: one line of JSON (RFC 8259), members in the order of the fields.
    package var json: String {
        switch self {
        case .text(let text): return text.jsonString
        case .integer(let number): return "\(number)"
        case .flag(let flag): return flag ? "true" : "false"
        case .list(let items): return "[\(items.map(\.json).joined(separator: ","))]"
        case .fields(let fields), .summary(_, let fields):
            let members = fields.map { "\($0.key.jsonString):\($0.value.json)" }
            return "{\(members.joined(separator: ","))}"
        }
    }
}

extension String {
    /// What a peer sent or somebody pasted may hold anything: nothing of it shall steer a terminal.
    package var printable: String {
        if utf8.allSatisfy({ 0x20..<0x7F ~= $0 }) { return self }
        return unicodeScalars.map {
            $0.value < 0x20 || 0x7F..<0xA0 ~= $0.value
                ? "\\\(UInt8($0.value).hex(width: 2))" : String($0)
        }.joined()
    }

    fileprivate var jsonString: String {
        let isPlain = utf8.allSatisfy {
            0x20..<0x7F ~= $0 && $0 != UInt8(ascii: "\"") && $0 != UInt8(ascii: "\\")
        }
        if isPlain { return "\"\(self)\"" }
        var text = "\""
        for scalar in unicodeScalars {
            switch scalar {
            case "\"": text += "\\\""
            case "\\": text += "\\\\"
            case "\n": text += "\\n"
            case _ where scalar.value < 0x20 || 0x7F..<0xA0 ~= scalar.value:
                text += "\\u\(UInt16(scalar.value).hex(width: 4))"
            default: text.unicodeScalars.append(scalar)
            }
        }
        return text + "\""
    }
}

extension Report {
    /// The version of all JSON that the reading verbs print; it grows when a member changes its
    /// meaning or goes away.
    package static let schema: UInt64 = 1

    package var withSchema: Report {
        guard case .fields(let fields) = self else { return self }
        return .fields([.init("Schema", .integer(Self.schema))] + fields)
    }

    /// `{"schema":1,"packets":[…]}`
    package static func packets(_ packets: [Report]) -> Report {
        Report.fields([.init("Packets", .list(packets))]).withSchema
    }

    /// What stands before and behind the packets of ``packets(_:)``, to print them one by one.
    package static let packetsHead = "{\"schema\":\(schema),\"packets\":["
    package static let packetsTail = "]}"
}
