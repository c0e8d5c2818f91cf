/// One RLOC of a mapping, and how much traffic it is meant to carry (RFC 9301 §5.4).
///
///     | Priority:8 | Weight:8 | M Priority:8 | M Weight:8 |
///     | Unused Flags:13 L:1 p:1 R:1 | Loc-AFI:16 | Locator… |
package struct LocatorRecord: Hashable, Sendable, WireValue {
    package var unicast: Preference
    package var multicast: Preference
    package var flags: Flags
    package var locator: Address

    /// With a locator of AFI 0.
    static let minimumSize = 8

    /// Lower priority first, 255 never; weight is a share among equals.
    package struct Preference: Hashable, Sendable {
        package var priority: UInt8
        package var weight: UInt8

        package init(priority: UInt8, weight: UInt8) {
            self.priority = priority
            self.weight = weight
        }

        /// Priority 255: must not be used.
        package static let never = Preference(priority: 255, weight: 0)
    }

    /// Unused bits are kept.
    package struct Flags: OptionSet, Hashable, Sendable {
        package let rawValue: UInt16
        package init(rawValue: UInt16) { self.rawValue = rawValue }
        /// L: an address of the one who answers.
        package static let local = Flags(rawValue: 0x0004)
        /// p: the locator that this RLOC-probe reply answers for.
        package static let probed = Flags(rawValue: 0x0002)
        /// R: reachable, as the sender sees it.
        package static let reachable = Flags(rawValue: 0x0001)
    }

    package init(
        _ locator: Address, unicast: Preference, multicast: Preference = .never, flags: Flags = []
    ) {
        self.unicast = unicast
        self.multicast = multicast
        self.flags = flags
        self.locator = locator
    }

    package init(from reader: inout OctetReader) throws(WireError) {
        let preferences: UInt32 = try reader.read("Locator Priority and Weight")
        let flags: UInt16 = try reader.read("Locator flags")
        let locator = try Address(from: &reader, "Locator")
        self.unicast = Preference(
            priority: UInt8(truncatingIfNeeded: preferences >> 24),
            weight: UInt8(truncatingIfNeeded: preferences >> 16))
        self.multicast = Preference(
            priority: UInt8(truncatingIfNeeded: preferences >> 8),
            weight: UInt8(truncatingIfNeeded: preferences))
        self.flags = Flags(rawValue: flags)
        self.locator = locator
    }

    package func write(to writer: inout OctetWriter) {
        writer.write(unicast.priority)
        writer.write(unicast.weight)
        writer.write(multicast.priority)
        writer.write(multicast.weight)
        writer.write(flags.rawValue)
        locator.write(to: &writer)
    }
}
