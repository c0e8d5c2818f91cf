/// A value with one spelling on the wire.
///
/// Reading may fail and says where; writing may not. Fields are read and written in wire order. What
/// was read is written again octet for octet, reserved bits included.
package protocol WireValue {
    init(from reader: inout OctetReader) throws(WireError)
    func write(to writer: inout OctetWriter)
}

extension WireValue {
    /// Reads a value that fills `octets` from end to end.
    package init(octets: [UInt8], compatibility: Compatibility = []) throws(WireError) {
        var reader = OctetReader(octets.span.bytes, compatibility: compatibility)
        self = try Self(from: &reader)
        try reader.finish("\(Self.self)")
    }

    package func octets(compatibility: Compatibility = []) -> [UInt8] {
        var writer = OctetWriter(compatibility: compatibility)
        write(to: &writer)
        return writer.octets
    }
}
