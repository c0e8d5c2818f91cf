import LISP
import Sessions
import Trust

/// Where members were before: when all move while they cannot hear each other, an address of old times
/// may be the only one that still leads to somebody. Openers alone go there.
struct KnownPaths: Sendable {
    private var paths: [NodeID: [Path]] = [:]

    /// Of one member: the first that was ever known, which is most likely to be its home, and the
    /// newest others.
    private static let maximum = 4

    subscript(node: NodeID) -> [Path] { paths[node] ?? [] }

    /// - Returns: whether there was anything new.
    mutating func note(_ more: [Path], of node: NodeID) -> Bool {
        var known = paths[node] ?? []
        let new = more.filter { !known.contains($0) }
        guard !new.isEmpty else { return false }
        known += new
        while known.count > Self.maximum { known.remove(at: 1) }
        paths[node] = known
        return true
    }

    mutating func forget(_ node: NodeID) { paths[node] = nil }
}

// On the disk: { host 16 | port 2 }…
extension KnownPaths {
    func octets(of node: NodeID) -> [UInt8] {
        var writer = OctetWriter()
        for path in self[node] {
            writer.write(path.host.high)
            writer.write(path.host.low)
            writer.write(path.port)
        }
        return writer.octets
    }

    mutating func restore(_ octets: [UInt8], of node: NodeID) {
        var reader = OctetReader(octets.span.bytes)
        var restored: [Path] = []
        while reader.remaining > 0, restored.count < Self.maximum {
            guard let high: UInt64 = try? reader.read("host"),
                let low: UInt64 = try? reader.read("host"),
                let port: UInt16 = try? reader.read("port")
            else { break }
            restored.append(Path(IPv6Address(high: high, low: low), port: port))
        }
        paths[node] = restored
    }
}

extension NodeRecord {
    /// To the data port, the best first.
    var paths: [Path] {
        locators.filter { $0.preference.priority < 255 }
            .sorted { $0.preference.priority < $1.preference.priority }
            .compactMap { Path($0.address, port: $0.dataPort) }
    }
}
