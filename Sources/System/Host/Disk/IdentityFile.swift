import Cryptography
import LISP
import LISPNode

/// The file `identity`: a node's ``Lifeline``, for the day on which its database is lost.
///
///     # comment
///     key value          in hexadecimal digits, a line each, sorted
///     sum …              SHA-256 of all lines before
///
/// Keys are in it before the database has them, so that it never names older keys than others were told.
struct IdentityFile {
    let path: String
    /// What the file says.
    private(set) var content: [[UInt8]: [UInt8]]

    private static let head =
        "# Keys of this node. Keep it secret: whoever has a copy is this node.\n"

    enum Reading {
        case missing
        case damaged
        case whole(IdentityFile)
    }

    private init(path: String, content: [[UInt8]: [UInt8]]) {
        self.path = path
        self.content = content
    }

    init(emptyAt path: String) { self.init(path: path, content: [:]) }

    static func read(_ path: String) throws(HostError) -> Reading {
        guard let octets = try SecretFile.read(path) else { return .missing }
        guard let content = content(of: octets) else { return .damaged }
        return .whole(IdentityFile(path: path, content: content))
    }

    /// Makes the file say this, if it does not yet.
    mutating func replace(by new: [[UInt8]: [UInt8]]) throws(HostError) {
        guard new != content else { return }
        if new.isEmpty {
            try SecretFile.remove(path)
        } else {
            try SecretFile.write(Self.text(of: new), to: path)
        }
        content = new
    }

    /// What must be in the file before the database takes these writes.
    mutating func prepare(for writes: some Sequence<DiskWrite>) throws(HostError) {
        var new = content
        for write in writes where Lifeline.isIdentity(write.key) { new[write.key] = write.value }
        // Without its keys the rest is nobody's.
        if !new.keys.contains(where: Lifeline.isIdentity) { new = [:] }
        try replace(by: new)
    }

    private static func text(of content: [[UInt8]: [UInt8]]) -> [UInt8] {
        let sorted = content.sorted { $0.key.lexicographicallyPrecedes($1.key) }
        let lines = sorted.map { "\($0.key.hex) \($0.value.hex)\n" }
        let text = [UInt8]((head + lines.joined()).utf8)
        return text + "sum \(SHA256.hash(text).hex)\n".utf8
    }

    private static func content(of octets: [UInt8]) -> [[UInt8]: [UInt8]]? {
        let sumSize = "sum \n".utf8.count + 2 * SHA256.size
        guard octets.count > sumSize else { return nil }
        let body = [UInt8](octets.dropLast(sumSize))
        guard octets.suffix(sumSize).elementsEqual("sum \(SHA256.hash(body).hex)\n".utf8) else {
            return nil
        }
        var content: [[UInt8]: [UInt8]] = [:]
        for line in body.split(separator: UInt8(ascii: "\n")) where line.first != UInt8(ascii: "#")
        {
            let words = line.split(separator: UInt8(ascii: " "), omittingEmptySubsequences: false)
            guard words.count == 2, let key = digits(words[0]),
                let value = digits(words[1])
            else { return nil }
            content[key] = value
        }
        return content
    }

    private static func digits(_ digits: some Sequence<UInt8>) -> [UInt8]? {
        let text = String(decoding: Array(digits), as: UTF8.self)
        return text.isEmpty ? [] : Hex.octets(of: text)
    }
}
