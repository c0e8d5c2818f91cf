package import Cryptography
import LISP
package import Trust

/// How keys and ids are printed, and typed: lower-case base32 for keys, so that nothing depends on case,
/// and hexadecimal digits for ids.
package enum KeyText {
    /// 52 digits of RFC 4648 base32.
    package static func text(_ key: Ed25519.PublicKey) -> String {
        Base32.text(key.octets).lowercased()
    }

    /// - Returns: `nil` unless the text is what ``text(_:)`` writes, in either case of letters.
    package static func key(_ text: String) -> Ed25519.PublicKey? {
        guard let (octets, endsWell) = Base32.octets(text.uppercased().utf8), endsWell else {
            return nil
        }
        return Ed25519.PublicKey(octets: octets)
    }

    /// The name that every node has and nobody can take: `k-` and the first 16 digits, 80 bits, of its
    /// key's text.
    package static func name(_ key: Ed25519.PublicKey) -> String { "k-\(text(key).prefix(16))" }
}

extension Member {
    /// The first that it claimed, or the one made from its key.
    package var displayName: String { names.first?.description ?? KeyText.name(key) }
}

extension Standing {
    /// What to call a node, by its id; also one that is no member.
    func name(of node: NodeID) -> String { member(node)?.displayName ?? node.octets.hex }
}

extension Roles {
    /// In the words of the command line.
    package static let words: [(String, Roles)] = [
        ("member", .member), ("admitter", .admitter), ("inviter", .inviter),
        ("revoker", .revoker), ("grantor", .grantor), ("steward", .steward), ("ttr", .ttr),
        ("gateway", .gateway), ("registrar", .registrar),
    ]

    /// `admin` stands for its five.
    package var words: [String] {
        let isAdmin = isSuperset(of: .admin)
        let rest = isAdmin ? subtracting(.admin) : self
        return (isAdmin ? ["admin"] : [])
            + Self.words.filter { rest.contains($0.1) }.map(\.0)
    }

    package init(words: [String]) throws(AdminError) {
        self = []
        for word in words {
            if word == "admin" {
                formUnion(.admin)
            } else if let role = Self.words.first(where: { $0.0 == word }) {
                formUnion(role.1)
            } else {
                let known = ["admin"] + Self.words.map(\.0)
                let nearest = NearestWord.nearest(to: word, among: known)
                throw AdminError(
                    "bad_role", "there is no role \"\(word.printable)\"",
                    hint: nearest.map { "did you mean \"\($0)\"?" }
                        ?? "roles are \(known.joined(separator: ", "))", exit: .usage)
            }
        }
    }
}
