/// A multicast EID, (S,G); LCAF type 9 (RFC 8060 §4.5, RFC 8378).
///
///     | Instance-ID:32 | Reserved:16 | Source MaskLen:8 | Group MaskLen:8 |
///     | AFI:16 | source… | AFI:16 | group… |
///
/// The LCAF's Rsvd2 ends in the bits R, L and J. (*,G) has a source of length 0.
package struct MulticastInfo: Hashable, Sendable {
    package var instance: UInt32
    package var reserved: UInt16
    package var sourceMaskLength: UInt8
    package var groupMaskLength: UInt8
    package var source: Address
    package var group: Address
    /// The two octets of ``Compatibility/paddedMulticastInfo``, where they were or shall be sent.
    package var padding: UInt16?

    package init(
        instance: UInt32, source: Address, sourceMaskLength: UInt8, group: Address,
        groupMaskLength: UInt8, reserved: UInt16 = 0, padding: UInt16? = nil
    ) {
        self.instance = instance
        self.reserved = reserved
        self.sourceMaskLength = sourceMaskLength
        self.groupMaskLength = groupMaskLength
        self.source = source
        self.group = group
        self.padding = padding
    }

    /// The Length to state: it does not count the padding.
    var statedLength: UInt16? {
        guard padding != nil else { return nil }
        var unpadded = self
        unpadded.padding = nil
        return UInt16(truncatingIfNeeded: unpadded.octets().count)
    }
}

extension MulticastInfo: WireValue {
    package init(from reader: inout OctetReader) throws(WireError) {
        padding = nil
        instance = try reader.read("Instance-ID")
        reserved = try reader.read("Reserved")
        sourceMaskLength = try reader.read("Source MaskLen")
        groupMaskLength = try reader.read("Group MaskLen")
        source = try Address(from: &reader, "Source/Subnet Address")
        group = try Address(from: &reader, "Group Address")
    }

    /// Tries RFC 8060's spelling and then the padded one.
    /// - Parameter length: the LCAF's Length.
    init(from reader: inout OctetReader, length: UInt16) throws(WireError) {
        let start = reader.mark
        do {
            let outer = try reader.enter("Multicast Info", length: Int(length))
            self = try Self(from: &reader)
            try reader.leave(outer, of: "Multicast Info")
        } catch {
            reader.rewind(to: start)
            let padding: UInt16 = try reader.read("Multicast Info padding")
            let outer = try reader.enter("Multicast Info", length: Int(length))
            self = try Self(from: &reader)
            try reader.leave(outer, of: "Multicast Info")
            self.padding = padding
        }
    }

    package func write(to writer: inout OctetWriter) {
        if let padding { writer.write(padding) }
        writer.write(instance)
        writer.write(reserved)
        writer.write(sourceMaskLength)
        writer.write(groupMaskLength)
        source.write(to: &writer)
        group.write(to: &writer)
    }
}
