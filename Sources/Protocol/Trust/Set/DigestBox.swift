import Synchronization

/// A digest that is computed when somebody asks, at most once for each content. It belongs to what it is
/// a digest of, and copies of that share it while they are equal.
package final class DigestBox: Sendable {
    private let known = Mutex<[UInt8]?>(nil)

    package init() {}

    package func octets(else compute: () -> [UInt8]) -> [UInt8] {
        if let octets = known.withLock({ $0 }) { return octets }
        let octets = compute()
        known.withLock { $0 = octets }
        return octets
    }

    /// To be called when the content changes.
    package static func forget(_ box: inout DigestBox) {
        // A copy of the content may still need the old one.
        if isKnownUniquelyReferenced(&box) {
            box.known.withLock { $0 = nil }
        } else {
            box = DigestBox()
        }
    }
}
