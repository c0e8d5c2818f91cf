import LISP

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
    private(set) var values: [UInt8: [UInt8]] = [:]

    init() {}

    /// - Throws: ``WireError`` unless the octets are whole fields with ascending tags.
    init(octets: [UInt8]) throws(WireError) {
        var reader = OctetReader(octets.span.bytes)
        var last: UInt8?
        while reader.remaining > 0 {
            let start = reader.offset
            let tag: UInt8 = try reader.read("tag")
            guard last.map({ $0 < tag }) ?? true else {
                throw .invalid("order of field", value: Int(tag), at: start)
            }
            let length: UInt16 = try reader.read("length of field \(tag)")
            values[tag] = try reader.readOctets("field \(tag)", count: Int(length))
            last = tag
        }
    }

    /// In the order of the tags.
    var octets: [UInt8] {
        var writer = OctetWriter()
        for (tag, value) in values.sorted(by: { $0.key < $1.key }) {
            writer.write(tag)
            // One that is longer makes the object too long in any case.
            writer.write(UInt16(clamping: value.count))
            writer.write(octets: value)
        }
        return writer.octets
    }

    /// A field is absent rather than empty.
    mutating func set(_ tag: FieldTag, _ octets: [UInt8]?) {
        if let octets, !octets.isEmpty { values[tag.rawValue] = octets }
    }

    mutating func set(_ tag: FieldTag, _ value: some FixedWidthInteger & BitwiseCopyable) {
        var writer = OctetWriter()
        writer.write(value)
        set(tag, writer.octets)
    }
}

extension Fields {
    /// Takes a field out.
    /// - Throws: ``WireError`` if it is there and empty.
    mutating func take(_ tag: FieldTag) throws(WireError) -> [UInt8]? {
        guard let value = values.removeValue(forKey: tag.rawValue) else { return nil }
        guard !value.isEmpty else { throw .invalid("length of \(tag.name)", value: 0, at: 0) }
        return value
    }

    /// - Throws: ``WireError`` if it is not there.
    mutating func need(_ tag: FieldTag) throws(WireError) -> [UInt8] {
        guard let value = try take(tag) else { throw .truncated(tag.name, at: 0) }
        return value
    }

    mutating func need<Value: FixedWidthInteger & BitwiseCopyable>(
        _ tag: FieldTag, as type: Value.Type = Value.self
    ) throws(WireError) -> Value {
        let octets = try need(tag)
        var reader = OctetReader(octets.span.bytes)
        let value: Value = try reader.read(tag.name)
        try reader.finish(tag.name)
        return value
    }

    /// Octets of one size.
    mutating func take(_ tag: FieldTag, size: Int) throws(WireError) -> [UInt8]? {
        guard let value = try take(tag) else { return nil }
        guard value.count == size else {
            throw .invalid("length of \(tag.name)", value: value.count, at: 0)
        }
        return value
    }

    mutating func need(_ tag: FieldTag, size: Int) throws(WireError) -> [UInt8] {
        guard let value = try take(tag, size: size) else { throw .truncated(tag.name, at: 0) }
        return value
    }

    /// - Throws: ``WireError`` if a field is left that may not be ignored.
    func finish() throws(WireError) {
        if let tag = values.keys.filter({ $0 < TrustObject.firstIgnoredTag }).min() {
            throw .unsupported("field", value: Int(tag), at: 0)
        }
    }
}
