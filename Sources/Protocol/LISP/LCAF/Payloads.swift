/// Text in JSON; LCAF type 14 (RFC 8060 §5.4).
///
///     | JSON length:16 | JSON… | AFI:16 | optional address… |
///
/// The lowest bit of the LCAF's Rsvd2 is B: binary JSON.
package struct JSONData: Hashable, Sendable, WireValue {
    /// At most 65,535 octets. They are carried, not parsed.
    package var json: [UInt8]
    package var address: Address

    package init(json: [UInt8], address: Address = .none) {
        self.json = json
        self.address = address
    }

    package init(from reader: inout OctetReader) throws(WireError) {
        let length: UInt16 = try reader.read("JSON length")
        json = try reader.readOctets("JSON binary/text encoding", count: Int(length))
        address = try Address(from: &reader)
    }

    package func write(to writer: inout OctetWriter) {
        precondition(json.count <= 65535, "JSON length has 16 bits")
        writer.write(UInt16(json.count))
        writer.write(octets: json)
        address.write(to: &writer)
    }
}

/// Octets of one vendor's own; LCAF type 255 (RFC 9306 §4).
///
///     | Rsvd3:8 | OUI:24 | internal format… to the end |
///
/// Whoever cannot read a vendor's octets must drop the message (RFC 9306 §3); that is for the
/// receiver to decide, the codec carries them.
package struct VendorData: Hashable, Sendable, WireValue {
    /// Eight reserved bits, then the Organizationally Unique Identifier.
    package var word: UInt32
    package var octets: [UInt8]

    package var organization: UInt32 { word & 0xFF_FFFF }

    package init(word: UInt32, octets: [UInt8]) {
        self.word = word
        self.octets = octets
    }

    package init(from reader: inout OctetReader) throws(WireError) {
        word = try reader.read("OUI")
        octets = reader.readRest()
    }

    package func write(to writer: inout OctetWriter) {
        writer.write(word)
        writer.write(octets: octets)
    }
}
