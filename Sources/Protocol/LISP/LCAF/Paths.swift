/// One hop of an explicit locator path; LCAF type 10 holds them in order (RFC 8060 §4.6).
///
///     | Rsvd3:13 L:1 P:1 S:1 | AFI:16 | reencap hop… |
package struct ExplicitHop: Hashable, Sendable, WireValue {
    package var flags: Flags
    package var address: Address

    package struct Flags: OptionSet, Hashable, Sendable {
        package let rawValue: UInt16
        package init(rawValue: UInt16) { self.rawValue = rawValue }
        /// L: the address is an EID to look up.
        package static let lookup = Flags(rawValue: 1 << 2)
        /// P: RLOC-probe this hop.
        package static let probe = Flags(rawValue: 1 << 1)
        /// S: strict, the hop must be visited.
        package static let strict = Flags(rawValue: 1 << 0)
    }

    package init(_ address: Address, flags: Flags = []) {
        self.flags = flags
        self.address = address
    }

    package init(from reader: inout OctetReader) throws(WireError) {
        flags = Flags(rawValue: try reader.read("Reencap Hop flags"))
        address = try Address(from: &reader, "Reencap Hop")
    }

    package func write(to writer: inout OctetWriter) {
        writer.write(flags.rawValue)
        address.write(to: &writer)
    }
}

/// One receiver of a replication list; LCAF type 13 holds them (RFC 8060 §4.9).
///
///     | Rsvd3:24 | Level Value:8 | AFI:16 | RTR/ETR… |
package struct ReplicationEntry: Hashable, Sendable, WireValue {
    /// 24 reserved bits, then the level: 0 is the root; RFC 8378 uses 128 for receivers.
    package var word: UInt32
    package var address: Address
    /// The name of ``Compatibility/namedReplicationEntries``.
    package var name: OctetName?

    package var level: UInt8 { UInt8(truncatingIfNeeded: word) }

    package init(word: UInt32, address: Address, name: OctetName? = nil) {
        self.word = word
        self.address = address
        self.name = name
    }

    package init(from reader: inout OctetReader) throws(WireError) {
        word = try reader.read("Level Value")
        address = try Address(from: &reader, "RTR/ETR")
        let namesAllowed = reader.compatibility.contains(.namedReplicationEntries)
        guard namesAllowed, reader.peek() == 0,
            reader.peek(ahead: 1) == UInt8(AFI.distinguishedName)
        else { return }
        if case .distinguishedName(let name) = try Address(from: &reader, "RTR/ETR name") {
            self.name = name
        }
    }

    package func write(to writer: inout OctetWriter) {
        writer.write(word)
        address.write(to: &writer)
        if let name { Address.distinguishedName(name).write(to: &writer) }
    }
}
