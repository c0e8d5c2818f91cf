/// An address in one of 2^32 tables; LCAF type 2 (RFC 8060 §4.1).
///
///     | Instance-ID:32 | AFI:16 | address… |
///
/// With AFI 0 it means the Instance-ID itself; then the LCAF's Rsvd2 is a mask length over it.
package struct InstanceIDAddress: Hashable, Sendable, WireValue {
    package var instance: UInt32
    package var address: Address

    package init(instance: UInt32, address: Address) {
        self.instance = instance
        self.address = address
    }

    package init(from reader: inout OctetReader) throws(WireError) {
        instance = try reader.read("Instance-ID")
        address = try Address(from: &reader)
    }

    package func write(to writer: inout OctetWriter) {
        writer.write(instance)
        address.write(to: &writer)
    }
}

/// An address and the autonomous system that it is in; LCAF type 3 (RFC 8060 §4.2).
///
///     | AS Number:32 | AFI:16 | address… |
package struct ASNumberAddress: Hashable, Sendable, WireValue {
    package var number: UInt32
    package var address: Address

    package init(number: UInt32, address: Address) {
        self.number = number
        self.address = address
    }

    package init(from reader: inout OctetReader) throws(WireError) {
        number = try reader.read("AS Number")
        address = try Address(from: &reader)
    }

    package func write(to writer: inout OctetWriter) {
        writer.write(number)
        address.write(to: &writer)
    }
}

/// An address with a nonce to use towards it; LCAF type 8 (RFC 8060 §5.3).
///
///     | Reserved:8 | Nonce:24 | AFI:16 | address… |
package struct NonceLocator: Hashable, Sendable, WireValue {
    /// Eight reserved bits, then the nonce.
    package var word: UInt32
    package var address: Address

    package var nonce: UInt32 { word & 0xFF_FFFF }

    package init(word: UInt32, address: Address) {
        self.word = word
        self.address = address
    }

    package init(from reader: inout OctetReader) throws(WireError) {
        word = try reader.read("Nonce")
        address = try Address(from: &reader)
    }

    package func write(to writer: inout OctetWriter) {
        writer.write(word)
        address.write(to: &writer)
    }
}

/// An address and the encapsulations it takes; LCAF type 16 (RFC 8060 §5.6).
///
///     | Reserved:25 U:1 G:1 N:1 v:1 V:1 l:1 L:1 | AFI:16 | address… |
package struct EncapsulationFormat: Hashable, Sendable, WireValue {
    package var formats: Formats
    package var address: Address

    package struct Formats: OptionSet, Hashable, Sendable {
        package let rawValue: UInt32
        package init(rawValue: UInt32) { self.rawValue = rawValue }
        package static let lisp = Formats(rawValue: 1 << 0)  // L
        package static let layer2LISP = Formats(rawValue: 1 << 1)  // l
        package static let vxlan = Formats(rawValue: 1 << 2)  // V
        package static let vxlanGPE = Formats(rawValue: 1 << 3)  // v
        package static let nvgre = Formats(rawValue: 1 << 4)  // N
        package static let geneve = Formats(rawValue: 1 << 5)  // G
        package static let gue = Formats(rawValue: 1 << 6)  // U
    }

    package init(formats: Formats, address: Address) {
        self.formats = formats
        self.address = address
    }

    package init(from reader: inout OctetReader) throws(WireError) {
        formats = Formats(rawValue: try reader.read("encapsulation formats"))
        address = try Address(from: &reader)
    }

    package func write(to writer: inout OctetWriter) {
        writer.write(formats.rawValue)
        address.write(to: &writer)
    }
}

/// Two addresses, one looked up by the other; LCAF type 15 (RFC 8060 §5.5).
///
///     | AFI:16 | key address… | AFI:16 | value address… |
package struct KeyValue: Hashable, Sendable, WireValue {
    package var key: Address
    package var value: Address

    package init(key: Address, value: Address) {
        self.key = key
        self.value = value
    }

    package init(from reader: inout OctetReader) throws(WireError) {
        key = try Address(from: &reader, "key address")
        value = try Address(from: &reader, "value address")
    }

    package func write(to writer: inout OctetWriter) {
        key.write(to: &writer)
        value.write(to: &writer)
    }
}
