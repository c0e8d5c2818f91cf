/// Who sent a message, apart from its addresses: 128 bits of xTR-ID, then 64 of Site-ID
/// (RFC 9301 §5.6, RFC 9437 §4).
package struct XTRIdentity: Hashable, Sendable, WireValue {
    package var xtrHigh: UInt64
    package var xtrLow: UInt64
    package var site: UInt64

    /// How many octets it has.
    package static let size = 24

    package init(xtrHigh: UInt64, xtrLow: UInt64, site: UInt64) {
        self.xtrHigh = xtrHigh
        self.xtrLow = xtrLow
        self.site = site
    }

    package init(from reader: inout OctetReader) throws(WireError) {
        xtrHigh = try reader.read("xTR-ID")
        xtrLow = try reader.read("xTR-ID")
        site = try reader.read("Site-ID")
    }

    package func write(to writer: inout OctetWriter) {
        writer.write(xtrHigh)
        writer.write(xtrLow)
        writer.write(site)
    }
}
