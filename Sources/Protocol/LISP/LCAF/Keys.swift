/// The flow that an address is for; LCAF type 4 (RFC 8060 §5.1).
///
///     | IP TOS, IPv6 TC or flow label:24 | Protocol:8 |
///     | local port, lower:16 | upper:16  | remote port, lower:16 | upper:16 | AFI:16 | address… |
package struct ApplicationData: Hashable, Sendable, WireValue {
    /// TOS, traffic class or flow label in the high 24 bits, the protocol in the low 8.
    package var trafficAndProtocol: UInt32
    /// Lower and upper port of the range, in the high and the low 16 bits.
    package var localPorts: UInt32
    package var remotePorts: UInt32
    package var address: Address

    package init(
        trafficAndProtocol: UInt32, localPorts: UInt32, remotePorts: UInt32, address: Address
    ) {
        self.trafficAndProtocol = trafficAndProtocol
        self.localPorts = localPorts
        self.remotePorts = remotePorts
        self.address = address
    }

    package init(from reader: inout OctetReader) throws(WireError) {
        trafficAndProtocol = try reader.read("TOS and Protocol")
        localPorts = try reader.read("Local Port")
        remotePorts = try reader.read("Remote Port")
        address = try Address(from: &reader)
    }

    package func write(to writer: inout OctetWriter) {
        writer.write(trafficAndProtocol)
        writer.write(localPorts)
        writer.write(remotePorts)
        address.write(to: &writer)
    }
}

/// A key whose meaning only its users know; LCAF type 6 (RFC 8060 §5.2).
///
///     | Key Field Num:8 | Key Wildcard Fields:16 | Key… to the end |
package struct OpaqueKey: Hashable, Sendable, WireValue {
    /// The number of sub-fields of the key, less one.
    package var fieldNumber: UInt8
    /// A bit a sub-field, lowest bit first: set if it may have any value.
    package var wildcards: UInt16
    package var key: [UInt8]

    package init(fieldNumber: UInt8, wildcards: UInt16, key: [UInt8]) {
        self.fieldNumber = fieldNumber
        self.wildcards = wildcards
        self.key = key
    }

    package init(from reader: inout OctetReader) throws(WireError) {
        fieldNumber = try reader.read("Key Field Num")
        wildcards = try reader.read("Key Wildcard Fields")
        key = reader.readRest()
    }

    package func write(to writer: inout OctetWriter) {
        writer.write(fieldNumber)
        writer.write(wildcards)
        writer.write(octets: key)
    }
}

/// Keys for the encapsulated packets of one locator; LCAF type 11 (RFC 8060 §4.7, RFC 8061 §5).
///
///     | Key Count:8 | Rsvd3:8 | Key Algorithm:8 | Rsvd4:7 R:1 |
///     | { Key Length:16 | key… } Key Count times | AFI:16 | address… |
package struct SecurityKey: Hashable, Sendable, WireValue {
    package var reserved3: UInt8
    /// The key algorithm; in RFC 8061 the cipher suite.
    package var algorithm: UInt8
    /// Seven reserved bits, then R: this key is revoked.
    package var flags: UInt8
    /// At most 255.
    package var keys: [[UInt8]]
    package var address: Address

    package init(
        algorithm: UInt8, keys: [[UInt8]], address: Address, reserved3: UInt8 = 0, flags: UInt8 = 0
    ) {
        self.reserved3 = reserved3
        self.algorithm = algorithm
        self.flags = flags
        self.keys = keys
        self.address = address
    }

    package init(from reader: inout OctetReader) throws(WireError) {
        let count: UInt8 = try reader.read("Key Count")
        reserved3 = try reader.read("Rsvd3")
        algorithm = try reader.read("Key Algorithm")
        flags = try reader.read("Rsvd4")
        keys = []
        for _ in 0..<count {
            let length: UInt16 = try reader.read("Key Length")
            keys.append(try reader.readOctets("Key Material", count: Int(length)))
        }
        address = try Address(from: &reader)
    }

    package func write(to writer: inout OctetWriter) {
        precondition(keys.count <= 255, "Key Count has 8 bits")
        writer.write(UInt8(keys.count))
        writer.write(reserved3)
        writer.write(algorithm)
        writer.write(flags)
        for key in keys {
            precondition(key.count <= 65535, "Key Length has 16 bits")
            writer.write(UInt16(key.count))
            writer.write(octets: key)
        }
        address.write(to: &writer)
    }
}

/// A pair of prefixes as the key of a lookup; LCAF type 12 (RFC 8060 §4.8).
///
///     | Reserved:16 | Source-ML:8 | Dest-ML:8 | AFI:16 | source… | AFI:16 | destination… |
package struct SourceDestinationKey: Hashable, Sendable, WireValue {
    package var reserved: UInt16
    package var sourceMaskLength: UInt8
    package var destinationMaskLength: UInt8
    package var source: Address
    package var destination: Address

    package init(
        source: Address, sourceMaskLength: UInt8, destination: Address,
        destinationMaskLength: UInt8, reserved: UInt16 = 0
    ) {
        self.reserved = reserved
        self.sourceMaskLength = sourceMaskLength
        self.destinationMaskLength = destinationMaskLength
        self.source = source
        self.destination = destination
    }

    package init(from reader: inout OctetReader) throws(WireError) {
        reserved = try reader.read("Reserved")
        sourceMaskLength = try reader.read("Source-ML")
        destinationMaskLength = try reader.read("Dest-ML")
        source = try Address(from: &reader, "source prefix")
        destination = try Address(from: &reader, "destination prefix")
    }

    package func write(to writer: inout OctetWriter) {
        writer.write(reserved)
        writer.write(sourceMaskLength)
        writer.write(destinationMaskLength)
        source.write(to: &writer)
        destination.write(to: &writer)
    }
}
