import Cryptography
import Trust

/// A root key on paper: the seed that makes it, in digits that can be read aloud and typed, with a check
/// that finds a wrong one.
///
///     "R1-" or "N1-" and base32 of:  | seed:256 | first 3 octets of H("whither/paper/v1" 0 kind seed):24 |
///
/// 56 digits in 14 groups of 4. `R1` is the present root, `N1` the next one, which the mesh has already
/// promised itself to: whoever has both can replace the root.
package struct RootWords: Hashable, Sendable {
    package let kind: Kind
    /// 32 octets.
    package let seed: [UInt8]

    package enum Kind: String, Codable, Hashable, Sendable, CaseIterable {
        case root = "R1"
        case nextRoot = "N1"
    }

    package static let groupSize = 4
    private static let checkSize = 3
    private static let digits = Base32.digits(of: Ed25519.seedSize + checkSize)

    /// - Returns: `nil` if there are not 32 octets.
    package init?(_ kind: Kind, seed: [UInt8]) {
        guard seed.count == Ed25519.seedSize else { return nil }
        self.kind = kind
        self.seed = seed
    }

    /// `R1-ABCD-…`, 14 groups.
    package var text: String {
        let all = [Character](Base32.text(seed + Self.check(kind, seed)))
        let groups = stride(from: 0, to: all.count, by: Self.groupSize).map {
            String(all[$0..<min($0 + Self.groupSize, all.count)])
        }
        return ([kind.rawValue] + groups).joined(separator: "-")
    }

    /// Reads what somebody typed: either case, `-`, spaces and line breaks anywhere, 0 for O, 1 for I and 8
    /// for B.
    package init(typed text: String) throws(AdminError) {
        let typed = text.uppercased().filter { !$0.isWhitespace && $0 != "-" }
        guard let kind = Kind.allCases.first(where: { typed.hasPrefix($0.rawValue) }) else {
            throw AdminError(
                "no_root_words", "a root key on paper begins with R1 or N1",
                hint: "type the line as it stands there", exit: .usage)
        }
        let digits = typed.dropFirst(2).map { Self.mistaken[$0] ?? $0 }
        if let wrong = digits.firstIndex(where: { !Self.alphabet.contains($0) }) {
            throw AdminError(
                "root_words_damaged", "\"\(digits[wrong])\" is no digit of a root key",
                at: Self.place(wrong), hint: "they have A to Z and 2 to 7", exit: .usage)
        }
        guard digits.count == Self.digits else {
            throw AdminError(
                "root_words_cut_off",
                "\(digits.count) digits after \(kind.rawValue), and there are \(Self.digits)",
                hint: digits.count < Self.digits
                    ? "\(Self.place(digits.count)) is where they end" : "type the line once",
                exit: .usage)
        }
        guard let seed = Self.seed(kind, digits) else {
            let nearest = Self.corrected(kind, digits)
            throw AdminError(
                "root_words_damaged", "the check does not fit: some digit is wrong",
                at: nearest.map { Self.place($0.place) },
                hint: nearest.map { "that group is probably \($0.group)" }
                    ?? "compare it with the paper group by group", exit: .usage)
        }
        self.kind = kind
        self.seed = seed
    }

    private static let alphabet = [Character]("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567")
    private static let mistaken: [Character: Character] = ["0": "O", "1": "I", "8": "B"]

    private static func place(_ digit: Int) -> String { "group \(digit / groupSize + 1)" }

    private static func check(_ kind: Kind, _ seed: [UInt8]) -> [UInt8] {
        let hashed = [UInt8]("whither/paper/v1".utf8) + [0] + [UInt8](kind.rawValue.utf8) + seed
        return [UInt8](SHA256.hash(hashed).prefix(checkSize))
    }

    private static func seed(_ kind: Kind, _ digits: [Character]) -> [UInt8]? {
        guard let octets = Base32.octets(digits.compactMap(\.asciiValue))?.octets,
            octets.count == Ed25519.seedSize + checkSize
        else { return nil }
        let seed = [UInt8](octets.prefix(Ed25519.seedSize))
        return [UInt8](octets.suffix(checkSize)) == check(kind, seed) ? seed : nil
    }

    /// The one digit that would make it right; 1 of 10,000 wrong lines has such a digit by chance.
    private static func corrected(
        _ kind: Kind, _ digits: [Character]
    ) -> (place: Int, group: String)? {
        var digits = digits
        for place in digits.indices {
            let typed = digits[place]
            for other in alphabet where other != typed {
                digits[place] = other
                guard seed(kind, digits) != nil else { continue }
                let start = place / groupSize * groupSize
                return (place, String(digits[start..<start + groupSize]))
            }
            digits[place] = typed
        }
        return nil
    }
}
