import Cryptography

/// A record, octet for octet: the first 8 octets of H(record). It is short because stores of a
/// million compare it; who makes two records of one id harms nobody but the records' own signer.
package struct RecordID: Hashable, Comparable, Sendable {
    /// The first octet is the highest.
    package let rawValue: UInt64

    package init(rawValue: UInt64) { self.rawValue = rawValue }

    package init(of record: [UInt8]) { self.init(hash: SHA256.hash(record)) }

    /// - Parameter hash: H(record).
    init(hash: [UInt8]) {
        rawValue = hash.prefix(8).reduce(0) { $0 << 8 | UInt64($1) }
    }

    package static func < (left: RecordID, right: RecordID) -> Bool {
        left.rawValue < right.rawValue
    }
}
