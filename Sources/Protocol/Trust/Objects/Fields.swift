import LISP
import Laboratory

/// What a trust object's fields are called on the wire.
enum FieldTag: UInt8 {
    case key = 1
    case roles = 2
    case ranges = 3
    case names = 4
    case notAfter = 5
    case depth = 6
    case invite = 7
    case stamp = 8
    case uses = 9
    case boundKey = 10
    case seen = 11
    case proof = 12
    case nonce = 13
    case dataKey = 14
    case locators = 15
    case incarnation = 16
    case keepList = 17
    case object = 18
    case reason = 19
    case index = 20
    case salt = 21
    case commitment = 22
    case partitions = 25
    case pool = 26
    case policy = 27

    var name: String { "field \(rawValue)" }
}

/// The fields of one object, by tag. Those that are not taken out must be ones that may be ignored.
struct Fields: Hashable, Sendable {
    private var values: [UInt8: Field] = [:]
    /// Behind the last field, counted from the start of the object.
    private var end = 0

    private struct Field: Sendable {
        var octets: [UInt8]
        /// Where the value begins, counted from the start of the object; no part of what it says.
        var offset = 0
    }

    init() {}

    /// - Parameter base: where the octets stand in the object.
    /// - Throws: ``WireError`` unless the octets are whole fields with ascending tags.
    init(octets: [UInt8], at base: Int) throws(WireError) {
        end = base + octets.count
        do throws(WireError) {
            var reader = OctetReader(octets.span.bytes)
            var last: UInt8?
            while reader.remaining > 0 {
                let start = reader.offset
                let tag: UInt8 = try reader.read("tag")
                guard last.map({ $0 < tag }) ?? true else {
                    throw .invalid("order of field", value: Int(tag), at: start)
                }
                let length: UInt16 = try reader.read("length of field \(tag)")
                let offset = base + reader.offset
                let value = try reader.readOctets("field \(tag)", count: Int(length))
                values[tag] = Field(octets: value, offset: offset)
                last = tag
            }
        } catch {
            throw error.moved(by: base)
        }
    }

    /// In the order of the tags.
    var octets: [UInt8] {
        var writer = OctetWriter()
        for (tag, value) in values.sorted(by: { $0.key < $1.key }) {
            writer.write(tag)
            // One that is longer makes the object too long in any case.
            writer.write(UInt16(clamping: value.octets.count))
            writer.write(octets: value.octets)
        }
        return writer.octets
    }

    /// A field is absent rather than empty.
    mutating func set(_ tag: FieldTag, _ octets: [UInt8]?) {
        if let octets, !octets.isEmpty { values[tag.rawValue] = Field(octets: octets) }
    }

    mutating func set(_ tag: FieldTag, _ value: some FixedWidthInteger & BitwiseCopyable) {
        var writer = OctetWriter()
        writer.write(value)
        set(tag, writer.octets)
    }

    static func == (left: Fields, right: Fields) -> Bool { left.octets == right.octets }
    func hash(into hasher: inout Hasher) { hasher.combine(octets) }
}

extension Fields {
    /// Takes a field out and reads all of it; errors count from the start of the object.
    /// - Returns: `nil` if the field is not there.
    /// - Throws: ``WireError`` if it is there and empty, or what `read` throws.
    mutating func take<Value>(
        _ tag: FieldTag, _ read: (inout OctetReader) throws(WireError) -> Value
    ) throws(WireError) -> Value? {
        guard let field = values.removeValue(forKey: tag.rawValue) else { return nil }
        do throws(WireError) {
            guard !field.octets.isEmpty else { throw .truncated(tag.name, at: 0) }
            var reader = OctetReader(field.octets.span.bytes)
            let value = try read(&reader)
            try reader.finish(tag.name)
            return value
        } catch {
            throw error.moved(by: field.offset)
        }
    }

    /// - Throws: ``WireError`` if it is not there, too.
    mutating func need<Value>(
        _ tag: FieldTag, _ read: (inout OctetReader) throws(WireError) -> Value
    ) throws(WireError) -> Value {
        guard let value = try take(tag, read) else { throw missing(tag) }
        return value
    }

    mutating func need<Value: FixedWidthInteger & BitwiseCopyable>(
        _ tag: FieldTag, as type: Value.Type = Value.self
    ) throws(WireError) -> Value {
        try need(tag) { reader throws(WireError) in try reader.read(tag.name) }
    }

    /// Octets of one size.
    mutating func take(_ tag: FieldTag, size: Int) throws(WireError) -> [UInt8]? {
        try take(tag) { reader throws(WireError) in
            try reader.readOctets(tag.name, count: size)
        }
    }

    mutating func need(_ tag: FieldTag, size: Int) throws(WireError) -> [UInt8] {
        guard let value = try take(tag, size: size) else { throw missing(tag) }
        return value
    }

    /// What to throw where a field must be: its place would have been before the end.
    func missing(_ tag: FieldTag) -> WireError { .truncated(tag.name, at: end) }

    /// - Throws: ``WireError`` if a field is left that may not be ignored.
    func finish() throws(WireError) {
        let refused = values.filter { $0.key < TrustObject.firstIgnoredTag }
        if let (tag, field) = refused.min(by: { $0.key < $1.key }), !isPlanted(.unknownTagIgnored) {
            // The tag and two octets of length stand before the value.
            throw .unsupported("field", value: Int(tag), at: field.offset - 3)
        }
    }
}
