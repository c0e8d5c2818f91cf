import Cryptography
import LISP
package import LISPNode
package import Trust

/// `NAME.MESH.internal`: what ends in `.internal` is kept free for private use (ICANN, 2024).
enum FullName {
    private static let suffix = "internal"

    static func text(_ name: String, in mesh: String) -> String { "\(name).\(mesh).\(suffix)" }

    /// A name in lower case without what may stand behind it.
    static func bare(_ text: String, in mesh: String?) -> String {
        var text = text
        if text.hasSuffix(".\(suffix)") { text.removeLast(suffix.count + 1) }
        if let mesh, text.hasSuffix(".\(mesh)") { text.removeLast(mesh.count + 1) }
        return text
    }
}

/// Finds the member that a person means: by name, by address, by key or id or the beginning of one.
package struct Resolver: Sendable {
    private let standing: Standing

    package init(_ core: Core) { standing = core.standing }

    package init(_ standing: Standing) { self.standing = standing }

    package enum Resolution: Sendable {
        case found(Member)
        /// The beginning of several keys or ids; at least two, by name.
        case ambiguous([Member])
        /// Nobody; the nearest name, if one is near.
        case none(nearest: String?)
    }

    /// Shorter beginnings of keys and ids are refused: they would mean somebody else tomorrow.
    package static let shortestPrefix = 4

    /// - Parameter text: a name, with or without `.MESH.internal`; `k-` and digits of a key; an EID, with
    ///   or without `[instance]`; a key in base32 or a node id in hexadecimal digits, or so many of their
    ///   first digits that nobody else's begins with them.
    package func find(_ text: String) -> Resolution {
        let wanted = bare(text)
        if let name = MeshName(wanted), let member = standing.member(named: name) {
            return .found(member)
        }
        if let eid = try? EID(text), let member = member(at: eid) { return .found(member) }
        let candidates = beginning(with: wanted)
        switch candidates.count {
        case 1: return .found(candidates[0])
        case 2...: return .ambiguous(candidates)
        default: break
        }
        let names = standing.members.flatMap { $0.names.map(\.description) }
        return .none(
            nearest: wanted.count > 64 ? nil : NearestWord.nearest(to: wanted, among: names))
    }

    /// The same, or the line that says why not.
    package func member(_ text: String) throws(AdminError) -> Member {
        switch find(text) {
        case .found(let member): return member
        case .ambiguous(let members):
            let list = members.map { "\($0.displayName) (\($0.id.octets.hex.prefix(12)))" }
            throw AdminError(
                "ambiguous",
                "\"\(text)\" is the beginning of \(members.count) members' keys or ids",
                hint: "give more of it, or a name: \(list.joined(separator: ", "))", exit: .usage)
        case .none(let nearest):
            throw AdminError(
                "no_such_member", "there is no member \"\(text.cut(to: 64))\"",
                hint: nearest.map { "did you mean \"\($0)\"?" }
                    ?? "whither show members lists them",
                exit: .usage)
        }
    }

    /// In lower case, without the mesh's name behind it.
    private func bare(_ text: String) -> String {
        var text = text.lowercased()
        if text.hasSuffix(".") { text.removeLast() }
        return FullName.bare(text, in: standing.genesis?.name.description)
    }

    /// Whose address it is.
    private func member(at eid: EID) -> Member? {
        if case .name(let name) = eid.kind {
            return MeshName(name.description).flatMap { standing.member(named: $0) }
        }
        return standing.holders(of: eid).first.flatMap { standing.member(key: $0) }
    }

    private func beginning(with text: String) -> [Member] {
        let isKeyName = text.hasPrefix("k-")
        let digits = isKeyName ? String(text.dropFirst(2)) : text
        guard digits.count >= Self.shortestPrefix else { return [] }
        return standing.members.filter { member in
            KeyText.text(member.key).hasPrefix(digits)
                || !isKeyName && member.id.octets.hex.hasPrefix(digits)
        }.sorted { $0.displayName < $1.displayName }
    }
}
