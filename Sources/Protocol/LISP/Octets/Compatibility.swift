/// Spellings of other implementations that break the RFCs, read and written only when asked for.
///
/// Nothing here is on by default: with an empty set the codec is the RFCs'. A value that was read in
/// another spelling remembers it wherever the spelling can vary from one value to the next, so that
/// it is written again octet for octet.
package struct Compatibility: OptionSet, Hashable, Sendable {
    package let rawValue: UInt8
    package init(rawValue: UInt8) { self.rawValue = rawValue }

    /// Multicast Info LCAFs may have two octets between Length and Instance-ID that Length does not
    /// count. Both spellings are read: first RFC 8060 §4.5, then this one.
    package static let paddedMulticastInfo = Compatibility(rawValue: 1 << 0)

    /// The Length of the NAT Traversal LCAF of an Info-Reply is a constant; what counts is the end
    /// of the datagram.
    package static let constantLCAFLength = Compatibility(rawValue: 1 << 1)

    /// MAC addresses (AFI 6) have the two octets of each 16-bit group exchanged.
    package static let swappedMAC = Compatibility(rawValue: 1 << 2)

    /// E.164 numbers (AFI 8) have the octets of each 32-bit half reversed.
    package static let swappedE164 = Compatibility(rawValue: 1 << 3)

    /// The address of an RLE entry may be followed by a distinguished name, with its AFI.
    package static let namedReplicationEntries = Compatibility(rawValue: 1 << 4)

    /// LCAF type 5 has the layout that RFC 10040 gives to type 17, as drafts of it had.
    package static let geoLocationAsType5 = Compatibility(rawValue: 1 << 5)

    /// Everything above, as lispers.net sends it from a little-endian machine.
    package static let lispersNet: Compatibility = [
        .paddedMulticastInfo, .constantLCAFLength, .swappedMAC, .swappedE164,
        .namedReplicationEntries, .geoLocationAsType5,
    ]
}
