/// A place on Earth, and perhaps a circle around it: what geo EIDs say (RFC 10040).
package struct GeoPoint: Hashable, Sendable {
    package var latitude: Angle
    package var isNorth: Bool
    package var longitude: Angle
    package var isEast: Bool
    /// Metres.
    package var altitude: Int32?
    /// Kilometres.
    package var radius: UInt16?

    /// Degrees, minutes and seconds.
    package struct Angle: Hashable, Sendable {
        package let degrees: UInt8
        package let minutes: UInt8
        package let seconds: UInt8

        /// - Returns: `nil` if a part is out of range or the whole is above `limit` degrees.
        package init?(_ degrees: Int, _ minutes: Int, _ seconds: Int, limit: Int) {
            guard 0...limit ~= degrees, 0..<60 ~= minutes, 0..<60 ~= seconds,
                degrees < limit || minutes == 0 && seconds == 0
            else { return nil }
            self.degrees = UInt8(degrees)
            self.minutes = UInt8(minutes)
            self.seconds = UInt8(seconds)
        }
    }

    package init(
        latitude: Angle, isNorth: Bool, longitude: Angle, isEast: Bool, altitude: Int32? = nil,
        radius: UInt16? = nil
    ) {
        self.latitude = latitude
        self.isNorth = isNorth
        self.longitude = longitude
        self.isEast = isEast
        self.altitude = altitude
        self.radius = radius
    }
}

extension GeoPoint: CustomStringConvertible {
    /// `48-51-12-N-2-20-55-E`, then `-altitude` and `/radius` if there are any.
    package var description: String {
        func text(_ angle: Angle) -> String { "\(angle.degrees)-\(angle.minutes)-\(angle.seconds)" }
        var all =
            "\(text(latitude))-\(isNorth ? "N" : "S")-\(text(longitude))-\(isEast ? "E" : "W")"
        if let altitude { all += "-\(altitude)" }
        if let radius { all += "/\(radius)" }
        return all
    }

    /// Reads what ``description`` prints.
    package init?(_ text: String) {
        let halves = text.split(separator: "/", omittingEmptySubsequences: false)
        var parts = halves[0].split(separator: "-", omittingEmptySubsequences: false)
        guard halves.count <= 2, parts.count >= 8 else { return nil }
        func angle(_ start: Int, limit: Int) -> Angle? {
            let numbers = parts[start..<start + 3].compactMap { UInt16(decimalDigits: $0) }
            guard numbers.count == 3 else { return nil }
            return Angle(Int(numbers[0]), Int(numbers[1]), Int(numbers[2]), limit: limit)
        }
        guard let latitude = angle(0, limit: 90), let longitude = angle(4, limit: 180),
            parts[3] == "N" || parts[3] == "S", parts[7] == "E" || parts[7] == "W"
        else { return nil }
        self.init(
            latitude: latitude, isNorth: parts[3] == "N", longitude: longitude,
            isEast: parts[7] == "E")
        parts.removeFirst(8)
        if !parts.isEmpty {
            // An altitude below zero has a sign behind the separator.
            let sign: Int64 = parts.first == "" ? -1 : 1
            if sign < 0 { parts.removeFirst() }
            guard parts.count == 1, let metres = UInt32(decimalDigits: parts[0]),
                let altitude = Int32(exactly: sign * Int64(metres))
            else { return nil }
            self.altitude = altitude
        }
        if halves.count == 2 {
            guard let radius = UInt16(decimalDigits: halves[1]) else { return nil }
            self.radius = radius
        }
    }
}

extension GeoPoint {
    /// - Returns: `nil` if a field is out of range, or finer than this form can say: milliseconds,
    ///   altitude in centimetres, radius in metres, an uncertainty, an address.
    package init?(_ geo: GeoLocation) {
        func angle(_ word: UInt32, limit: Int) -> Angle? {
            let milliseconds = Int(word & 0xFF_FFFF)
            guard milliseconds % 1000 == 0, milliseconds < 3_600_000 else { return nil }
            let seconds = milliseconds / 1000
            return Angle(Int(word >> 24), seconds / 60, seconds % 60, limit: limit)
        }
        let flags = geo.flags
        guard let latitude = angle(geo.latitude, limit: 90),
            let longitude = angle(geo.longitude, limit: 180), !flags.contains(.uncertainty),
            geo.address == .none,
            !flags.contains(.altitude) || flags.contains(.metres) || geo.isDraft,
            !flags.contains(.radius) || flags.contains(.kilometres)
        else { return nil }
        self.init(
            latitude: latitude, isNorth: flags.contains(.north), longitude: longitude,
            isEast: flags.contains(.east),
            altitude: flags.contains(.altitude) ? geo.altitude : nil,
            radius: flags.contains(.radius) ? geo.radius : nil)
    }

    /// - Returns: `nil` if a field is out of range or there is an address.
    package init?(_ geo: GeoCoordinates) {
        func angle(_ word: UInt32, limit: Int) -> Angle? {
            Angle(Int(word >> 16 & 0x7FFF), Int(word >> 8 & 0xFF), Int(word & 0xFF), limit: limit)
        }
        guard let latitude = angle(geo.latitude, limit: 90),
            let longitude = angle(geo.longitude, limit: 180), geo.address == .none
        else { return nil }
        self.init(
            latitude: latitude, isNorth: geo.latitude >> 31 == 1, longitude: longitude,
            isEast: geo.longitude >> 31 == 1,
            altitude: geo.altitude == GeoCoordinates.noAltitude ? nil : geo.altitude)
    }

    /// The wire form, LCAF type 17.
    package var location: GeoLocation {
        func word(_ angle: Angle) -> UInt32 {
            let seconds = UInt32(angle.minutes) * 60 + UInt32(angle.seconds)
            return UInt32(angle.degrees) << 24 | seconds * 1000
        }
        var flags: GeoLocation.Flags = []
        if isNorth { flags.insert(.north) }
        if isEast { flags.insert(.east) }
        if altitude != nil { flags.formUnion([.altitude, .metres]) }
        if radius != nil { flags.formUnion([.radius, .kilometres]) }
        return GeoLocation(
            flags: flags, latitude: word(latitude), longitude: word(longitude),
            altitude: altitude ?? 0, radius: radius ?? 0)
    }
}
