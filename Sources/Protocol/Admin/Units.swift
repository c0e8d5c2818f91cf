package import Clocks

/// Lengths of time as people write and read them.
package enum DurationText {
    /// `90s`, `30m`, `2h`, `7d`, `1w`, or several together: `1h30m`. A number without a unit is refused: it
    /// could be anything.
    package static func span(_ text: String) throws(AdminError) -> Span {
        var seconds: Int64 = 0
        var number: Int64?
        var isEmpty = true
        for character in text.lowercased() {
            if let digit = character.wholeNumberValue, character.isASCII {
                let (product, overflows) = (number ?? 0).multipliedReportingOverflow(by: 10)
                guard !overflows, product < limit else { throw tooLong(text) }
                number = product + Int64(digit)
                continue
            }
            guard let count = number, let unit = units[character] else { throw wrong(text) }
            let (product, overflows) = count.multipliedReportingOverflow(by: unit)
            guard !overflows, product <= limit, seconds + product <= limit else {
                throw tooLong(text)
            }
            seconds += product
            number = nil
            isEmpty = false
        }
        guard number == nil, !isEmpty else { throw wrong(text) }
        return .seconds(Int(seconds))
    }

    private static let units: [Character: Int64] = [
        "s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 7 * 86_400,
    ]
    /// A hundred years.
    private static let limit: Int64 = 36_525 * 86_400

    private static func wrong(_ text: String) -> AdminError {
        let isNumber = !text.isEmpty && text.allSatisfy { $0.isASCII && $0.isNumber }
        return AdminError(
            "bad_duration", "\"\(text.printable)\" is no length of time",
            hint: isNumber
                ? "say of what: \(text)s, \(text)m, \(text)h or \(text)d"
                : "write it like 90s, 30m, 2h, 7d or 1h30m", exit: .usage)
    }

    private static func tooLong(_ text: String) -> AdminError {
        AdminError(
            "bad_duration", "\"\(text.cut(to: 40).printable)\" is more than a hundred years",
            hint: "leave it out if it shall never end", exit: .usage)
    }

    /// Two units at most: `4s`, `3h12m`, `2d`. Less than a second is `0s`.
    package static func text(seconds: Double) -> String {
        guard seconds.isFinite, seconds < 1e15 else { return "-" }
        let all = Int64(max(0, seconds))
        let parts: [(Int64, String)] = [
            (all / 86_400, "d"), (all / 3600 % 24, "h"), (all / 60 % 60, "m"), (all % 60, "s"),
        ]
        guard let first = parts.firstIndex(where: { $0.0 > 0 }) else { return "0s" }
        // Behind minutes come seconds only if there are few minutes.
        let isExact = first < parts.count - 1 && (first < 2 || parts[first].0 < 10)
        return parts[first...].prefix(isExact ? 2 : 1).filter { $0.0 > 0 }
            .map { "\($0.0)\($0.1)" }.joined()
    }

    /// Of a round trip: `0.3ms`, `18ms`, `1.2s`.
    package static func roundTrip(seconds: Double) -> String {
        let milliseconds = seconds * 1000
        if milliseconds >= 999.5 { return "\(Decimal.one(seconds))s" }
        return milliseconds >= 9.95
            ? "\(Int(milliseconds.rounded()))ms" : "\(Decimal.one(milliseconds))ms"
    }

    /// `00:03:12`, or `2d04h` from a day on: as LISP operators know it from IOS.
    static func cisco(seconds: Double) -> String {
        guard seconds.isFinite, seconds < 1e15 else { return "never" }
        let all = Int64(max(0, seconds))
        func two(_ number: Int64) -> String { number < 10 ? "0\(number)" : "\(number)" }
        if all >= 7 * 86_400 { return "\(all / (7 * 86_400))w\(all / 86_400 % 7)d" }
        if all >= 86_400 { return "\(all / 86_400)d\(two(all / 3600 % 24))h" }
        return "\(two(all / 3600)):\(two(all / 60 % 60)):\(two(all % 60))"
    }
}

/// Octets as people read them, with units of 1000: `0`, `812`, `1.2K`, `88M`.
package enum OctetText {
    package static func text(_ count: UInt64) -> String {
        var value = Double(count)
        for unit in ["", "K", "M", "G", "T", "P"] {
            if value < 999.5 {
                if unit.isEmpty || value >= 9.95 { return "\(Int(value.rounded()))\(unit)" }
                return "\(Decimal.one(value))\(unit)"
            }
            value /= 1000
        }
        return "\(Int(value.rounded()))E"
    }
}

enum Decimal {
    /// One digit behind the point, none if it is 0.
    static func one(_ value: Double) -> String {
        let tenths = Int((value * 10).rounded())
        return tenths % 10 == 0 ? "\(tenths / 10)" : "\(tenths / 10).\(tenths % 10)"
    }
}

extension Span {
    var seconds: Double { Double(microseconds) / 1_000_000 }
}

/// Mesh time as people write it: RFC 3339, in UTC, to the second.
package enum TimeText {
    package static func text(milliseconds: UInt64) -> String {
        let all = Int64(clamping: milliseconds / 1000)
        let (day, second) = (all / 86_400, all % 86_400)
        // Days since 1 March 0000, in eras of 400 years.
        let shifted = day + 719_468
        let era = shifted / 146_097
        let dayOfEra = shifted - era * 146_097
        let yearOfEra =
            (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shiftedMonth = (5 * dayOfYear + 2) / 153
        let dayOfMonth = dayOfYear - (153 * shiftedMonth + 2) / 5 + 1
        let month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
        let year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
        func two(_ number: Int64) -> String { number < 10 ? "0\(number)" : "\(number)" }
        return "\(year)-\(two(month))-\(two(dayOfMonth))T"
            + "\(two(second / 3600)):\(two(second / 60 % 60)):\(two(second % 60))Z"
    }
}
