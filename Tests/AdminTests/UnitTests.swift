import Admin
import Clocks
import Testing

@Suite("Lengths, counts, times and keys as people read them")
struct UnitTests {
    @Test(
        "lengths of time are read",
        arguments: [
            ("90s", 90), ("30m", 1800), ("2h", 7200), ("7d", 604_800), ("1w", 604_800),
            ("1h30m", 5400), ("2H", 7200), ("0s", 0), ("36500d", 3_153_600_000),
        ])
    func reads(text: String, seconds: Int) throws {
        #expect(try DurationText.span(text) == .seconds(seconds))
    }

    @Test(
        "what is no length of time is refused, with what would be right",
        arguments: [
            ("30", "say of what: 30s, 30m, 30h or 30d"),
            ("", "write it like 90s, 30m, 2h, 7d or 1h30m"),
            ("h", "write it like 90s, 30m, 2h, 7d or 1h30m"),
            ("2x", "write it like 90s, 30m, 2h, 7d or 1h30m"),
            ("2h3", "write it like 90s, 30m, 2h, 7d or 1h30m"),
            ("-2h", "write it like 90s, 30m, 2h, 7d or 1h30m"),
            ("٢h", "write it like 90s, 30m, 2h, 7d or 1h30m"),
            ("99999999999999999999d", "leave it out if it shall never end"),
            ("36526d", "leave it out if it shall never end"),
        ])
    func refuses(text: String, hint: String) {
        let error = #expect(throws: AdminError.self) { try DurationText.span(text) }
        #expect(error?.hint == hint)
        #expect(error?.exit == .usage)
    }

    @Test(
        "lengths of time are printed",
        arguments: [
            (0.4, "0s"), (4, "4s"), (59.9, "59s"), (60, "1m"), (90, "1m30s"), (840, "14m"),
            (11_520, "3h12m"), (7200, "2h"), (172_800, "2d"), (180_000, "2d2h"),
            (.infinity, "-"), (-3, "0s"),
        ])
    func prints(seconds: Double, text: String) {
        #expect(DurationText.text(seconds: seconds) == text)
    }

    @Test(
        "round trips",
        arguments: [(0.0003, "0.3ms"), (0.018, "18ms"), (0.00995, "10ms"), (1.25, "1.3s")])
    func roundTrips(seconds: Double, text: String) {
        #expect(DurationText.roundTrip(seconds: seconds) == text)
    }

    @Test(
        "octets",
        arguments: [
            (0, "0"), (812, "812"), (999, "999"), (1000, "1K"), (1234, "1.2K"), (88_000_000, "88M"),
            (1_200_000_000, "1.2G"), (999_950, "1M"), (UInt64.max, "18E"),
        ])
    func octets(count: UInt64, text: String) {
        #expect(OctetText.text(count) == text)
    }

    @Test(
        "times",
        arguments: [
            (0, "1970-01-01T00:00:00Z"), (1_763_718_000_000, "2025-11-21T09:40:00Z"),
            (951_782_400_000, "2000-02-29T00:00:00Z"), (4_107_542_399_000, "2100-02-28T23:59:59Z"),
        ])
    func times(milliseconds: UInt64, text: String) {
        #expect(TimeText.text(milliseconds: milliseconds) == text)
    }
}

@Suite("A root key on paper")
struct RootWordsTests {
    static let seed = [UInt8](0..<32)

    @Test("is printed in groups, and typed back in any case and spacing")
    func typedBack() throws {
        for kind in RootWords.Kind.allCases {
            let words = try #require(RootWords(kind, seed: Self.seed))
            #expect(words.text.split(separator: "-").count == 15)
            for typed in [
                words.text, words.text.lowercased(), words.text.replacing("-", with: "\n "),
                words.text.replacing("O", with: "0"),
            ] {
                #expect(try RootWords(typed: typed) == words)
            }
        }
    }

    @Test("has one spelling for ever")
    func golden() throws {
        let words = try #require(RootWords(.root, seed: Self.seed))
        #expect(
            words.text
                == "R1-AAAQ-EAYE-AUDA-OCAJ-BIFQ-YDIO-B4IB-CEQT-CQKR-MFYY-DENB-WHA5-DYP7-N6HD")
    }

    @Test("every wrong digit is noticed, and its group is named", arguments: 0..<56)
    func wrongDigit(place: Int) throws {
        let words = try #require(RootWords(.nextRoot, seed: Self.seed))
        var digits = [Character](words.text.dropFirst(2).filter { $0 != "-" })
        let right = digits
        digits[place] = digits[place] == "Q" ? "R" : "Q"
        let error = #expect(throws: AdminError.self) { try RootWords(typed: "N1" + String(digits)) }
        #expect(error?.code == "root_words_damaged")
        #expect(error?.place == "group \(place / 4 + 1)")
        let group = String(right[place / 4 * 4..<place / 4 * 4 + 4])
        #expect(error?.hint == "that group is probably \(group)")
    }

    @Test("exchanged groups, a missing one and the other kind are noticed")
    func wrongGroups() throws {
        let words = try #require(RootWords(.root, seed: Self.seed))
        var groups = words.text.split(separator: "-").map(String.init)
        groups.swapAt(2, 3)
        for typed in [
            groups.joined(separator: "-"), String(words.text.dropLast(5)), words.text + "-AAAA",
            "N1" + words.text.dropFirst(2), "", "R1", words.text.replacing("A", with: "$"),
        ] {
            #expect(throws: AdminError.self) { try RootWords(typed: typed) }
        }
    }
}
