/// The authentication fields of Map-Register, Map-Notify and Map-Notify-Ack (RFC 9301 §5.6).
///
///     | Key ID:8 | Algorithm ID:8 | Authentication Data Length:16 | Authentication Data… |
///
/// What the data must be is for ``MessageAuthentication``.
package struct AuthenticationField: Hashable, Sendable, WireValue {
    package var keyID: UInt8
    package var algorithmID: UInt8
    /// At most 65,535 octets.
    package var data: [UInt8]

    package init(keyID: UInt8 = 0, algorithmID: UInt8 = 0, data: [UInt8] = []) {
        self.keyID = keyID
        self.algorithmID = algorithmID
        self.data = data
    }

    package init(from reader: inout OctetReader) throws(WireError) {
        keyID = try reader.read("Key ID")
        algorithmID = try reader.read("Algorithm ID")
        let length: UInt16 = try reader.read("Authentication Data Length")
        data = try reader.readOctets("Authentication Data", count: Int(length))
    }

    package func write(to writer: inout OctetWriter) {
        precondition(data.count <= 65535, "Authentication Data Length has 16 bits")
        writer.write(keyID)
        writer.write(algorithmID)
        writer.write(UInt16(data.count))
        writer.write(octets: data)
    }
}
