/// A place in degrees, minutes and seconds; LCAF type 5 (RFC 8060 §4.3, deprecated by RFC 10040).
///
///     | N:1 Latitude Degrees:15 | Minutes:8 | Seconds:8 |
///     | E:1 Longitude Degrees:15 | Minutes:8 | Seconds:8 | Altitude:32 | AFI:16 | address… |
///
/// Values out of range are carried, not refused: see ``GeoPoint`` for the checked form.
package struct GeoCoordinates: Hashable, Sendable, WireValue {
    /// N (north), 15 bits of degrees, minutes, seconds.
    package var latitude: UInt32
    /// E (east), 15 bits of degrees, minutes, seconds.
    package var longitude: UInt32
    /// Metres; 0x7FFFFFFF if there is none.
    package var altitude: Int32
    package var address: Address

    package static let noAltitude: Int32 = 0x7FFF_FFFF

    package init(latitude: UInt32, longitude: UInt32, altitude: Int32, address: Address = .none) {
        self.latitude = latitude
        self.longitude = longitude
        self.altitude = altitude
        self.address = address
    }

    package init(from reader: inout OctetReader) throws(WireError) {
        latitude = try reader.read("Latitude")
        longitude = try reader.read("Longitude")
        altitude = try reader.read("Altitude")
        address = try Address(from: &reader)
    }

    package func write(to writer: inout OctetWriter) {
        writer.write(latitude)
        writer.write(longitude)
        writer.write(altitude)
        address.write(to: &writer)
    }
}

/// A place, or a circle around one; LCAF type 17 (RFC 10040), type 5 in its drafts.
///
///     | U:1 N:1 E:1 A:1 M:1 R:1 K:1 Reserved:9 | Location Uncertainty:16 |
///     | Lat Degrees:8 | Latitude Milliseconds:24 | Long Degrees:8 | Longitude Milliseconds:24 |
///     | Altitude:32 | Radius:16 | Reserved:16 | AFI:16 | address… |
package struct GeoLocation: Hashable, Sendable {
    package var flags: Flags
    /// Centimetres, if U is set.
    package var uncertainty: UInt16
    /// Degrees in the high 8 bits; minutes and seconds as milliseconds in the low 24.
    package var latitude: UInt32
    package var longitude: UInt32
    /// If A is set: metres with M, centimetres without.
    package var altitude: Int32
    /// If R is set: kilometres with K, metres without.
    package var radius: UInt16
    package var reserved: UInt16
    package var address: Address
    /// Sent as type 5: see ``Compatibility/geoLocationAsType5``.
    package var isDraft = false

    package struct Flags: OptionSet, Hashable, Sendable {
        package let rawValue: UInt16
        package init(rawValue: UInt16) { self.rawValue = rawValue }
        package static let uncertainty = Flags(rawValue: 0x8000)  // U
        package static let north = Flags(rawValue: 0x4000)  // N
        package static let east = Flags(rawValue: 0x2000)  // E
        package static let altitude = Flags(rawValue: 0x1000)  // A
        package static let metres = Flags(rawValue: 0x0800)  // M
        package static let radius = Flags(rawValue: 0x0400)  // R
        package static let kilometres = Flags(rawValue: 0x0200)  // K
    }

    package init(
        flags: Flags, latitude: UInt32, longitude: UInt32, altitude: Int32 = 0, radius: UInt16 = 0,
        uncertainty: UInt16 = 0, reserved: UInt16 = 0, address: Address = .none,
        isDraft: Bool = false
    ) {
        self.flags = flags
        self.uncertainty = uncertainty
        self.latitude = latitude
        self.longitude = longitude
        self.altitude = altitude
        self.radius = radius
        self.reserved = reserved
        self.address = address
        self.isDraft = isDraft
    }
}

extension GeoLocation: WireValue {
    package init(from reader: inout OctetReader) throws(WireError) {
        try self.init(from: &reader, isDraft: false)
    }

    init(from reader: inout OctetReader, isDraft: Bool) throws(WireError) {
        self.isDraft = isDraft
        flags = Flags(rawValue: try reader.read("Geo-Location flags"))
        uncertainty = try reader.read("Location Uncertainty")
        latitude = try reader.read("Latitude")
        longitude = try reader.read("Longitude")
        altitude = try reader.read("Altitude")
        radius = try reader.read("Radius")
        reserved = try reader.read("Reserved")
        address = try Address(from: &reader)
    }

    package func write(to writer: inout OctetWriter) {
        writer.write(flags.rawValue)
        writer.write(uncertainty)
        writer.write(latitude)
        writer.write(longitude)
        writer.write(altitude)
        writer.write(radius)
        writer.write(reserved)
        address.write(to: &writer)
    }
}
