package import Clocks
package import LISP
import Sessions
import TestKit

/// Lets in only what answers what a machine sent, and changes nothing: a NAT without translation, as most
/// homes have for IPv6.
struct Firewall {
    /// What a machine has not sent for so long is forgotten.
    let timeout: Span
    /// Whatever comes from this port is let in.
    let passes: UInt16?
    /// When a machine's endpoint (the upper half) last sent to another.
    private var sent: [UInt64: Int64] = [:]

    init(timeout: Span, passes: UInt16?) { (self.timeout, self.passes) = (timeout, passes) }

    mutating func leaves(from inner: UInt32, to remote: UInt32, at time: Int64) {
        sent[Self.key(inner, remote)] = time
    }

    func letsIn(from remote: UInt32, to inner: UInt32, at time: Int64) -> Bool {
        sent[Self.key(inner, remote)].map { time - $0 <= timeout.microseconds } ?? false
    }

    private static func key(_ inner: UInt32, _ remote: UInt32) -> UInt64 {
        UInt64(inner) << 32 | UInt64(remote)
    }
}

/// A box that lets machines with private addresses share a public one.
package struct NAT {
    package enum Kind: UInt8, Hashable, Sendable, CaseIterable {
        /// One port for each inner port, and anybody may answer (full cone).
        case open
        /// Only addresses that were written to may answer.
        case addressRestricted
        case portRestricted
        /// Another port for each destination, which alone may answer.
        case symmetric
    }

    struct Mapping {
        let inner: UInt32
        /// Symmetric only.
        let remote: UInt32?
        var usedAt: Int64
    }

    package let kind: Kind
    package let host: IPv6Address
    /// Mappings that nobody sent through for so long are forgotten.
    package let timeout: Span
    /// Whether inner machines reach each other through the public address.
    package let hairpins: Bool
    private var random: SeededRandom
    /// By public port.
    private var mappings: [UInt16: Mapping] = [:]
    /// By inner endpoint and remote one (0 unless symmetric).
    private var ports: [UInt64: UInt16] = [:]
    /// When was written last, by public port and remote endpoint or host.
    private var permitted: [Permission: Int64] = [:]

    private struct Permission: Hashable {
        let port: UInt16
        let remote: Path
    }

    init(_ kind: Kind, host: IPv6Address, timeout: Span, hairpins: Bool, random: SeededRandom) {
        (self.kind, self.host, self.timeout) = (kind, host, timeout)
        (self.hairpins, self.random) = (hairpins, random)
    }

    /// The public port of a datagram that leaves.
    mutating func port(from inner: UInt32, to remote: UInt32, _ path: Path, at time: Int64)
        -> UInt16
    {
        let distinct = kind == .symmetric ? remote : nil
        let key = UInt64(inner) << 32 | UInt64(distinct.map { $0 &+ 1 } ?? 0)
        let port: UInt16
        if let known = ports[key], let mapping = mappings[known], !isOver(mapping, at: time) {
            port = known
        } else {
            if let old = ports[key] { mappings[old] = nil }
            var drawn: UInt16
            repeat { drawn = UInt16(1024 + random.below(64_512)) } while mappings[drawn] != nil
            port = drawn
            ports[key] = port
            mappings[port] = Mapping(inner: inner, remote: distinct, usedAt: time)
        }
        mappings[port]?.usedAt = time
        if kind != .open { permitted[Permission(port: port, remote: filter(path))] = time }
        return port
    }

    /// The inner endpoint that a datagram from outside goes to.
    func inner(port: UInt16, from path: Path, at time: Int64) -> UInt32? {
        guard let mapping = mappings[port], !isOver(mapping, at: time) else { return nil }
        if kind != .open {
            guard let last = permitted[Permission(port: port, remote: filter(path))],
                time - last <= timeout.microseconds
            else { return nil }
        }
        return mapping.inner
    }

    /// Forgets everything, as after a restart: the next datagrams get other ports.
    mutating func rebind() {
        mappings = [:]
        ports = [:]
        permitted = [:]
    }

    private func filter(_ path: Path) -> Path {
        var path = path
        if kind == .addressRestricted { path.port = 0 }
        return path
    }

    private func isOver(_ mapping: Mapping, at time: Int64) -> Bool {
        time - mapping.usedAt > timeout.microseconds
    }
}
