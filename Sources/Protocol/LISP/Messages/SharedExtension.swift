/// A message of somebody's own, told apart by a sub-type (RFC 9304 §2).
///
///     | Type=15:4 Sub-type:12 | extension specific… to the end |
package struct SharedExtension: Hashable, Sendable, WireValue {
    /// 12 bits.
    package var subtype: UInt16
    package var content: [UInt8]

    package static let type: UInt8 = 15

    package init(subtype: UInt16, content: [UInt8]) {
        self.subtype = subtype & 0x0FFF
        self.content = content
    }

    package init(from reader: inout OctetReader) throws(WireError) {
        let start = reader.offset
        let word: UInt16 = try reader.read("Sub-type")
        guard word >> 12 == UInt16(Self.type) else {
            throw .invalid("Type of shared extension", value: Int(word >> 12), at: start)
        }
        subtype = word & 0x0FFF
        content = reader.readRest()
    }

    package func write(to writer: inout OctetWriter) {
        writer.write(UInt16(Self.type) << 12 | subtype & 0x0FFF)
        writer.write(octets: content)
    }
}
