import TestKit

/// What campaigns start from.
package enum Corpus {
    /// Every LISP datagram under Tests/Vectors.
    package static func load() throws -> [[UInt8]] {
        let captures =
            Checkout.openOverlayRouterCaptures.map { "oor/\($0).pcap" } + ["decent-2019.pcap"]
        return try captures.flatMap { try CapturedDatagram.all(in: $0) }.map(\.payload)
    }
}
