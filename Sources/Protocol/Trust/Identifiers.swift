package import Cryptography
package import LISP

/// A mesh: the hash of its first root key and of the commitment to the next one. It never changes,
/// also when the root does.
package struct MeshID: Hashable, Sendable {
    /// 32 octets.
    package let octets: [UInt8]
    /// Of all crypto-EIDs of the mesh: `fd` and the first 5 octets of the mesh id, a unique local
    /// prefix (RFC 4193) of 48 bits.
    package let prefix: Prefix<IPv6Address>

    /// - Returns: `nil` if there are not 32.
    package init?(octets: [UInt8]) {
        guard octets.count == 32 else { return nil }
        self.init(whole: octets)
    }

    package init(firstRoot: Ed25519.PublicKey, commitment: RootCommitment) {
        self.init(whole: Tag.mesh.hash(firstRoot.octets + commitment.octets))
    }

    private init(whole octets: [UInt8]) {
        self.octets = octets
        let bits = octets.prefix(5).reduce(UInt64(0xFD)) { $0 << 8 | UInt64($1) }
        prefix = Prefix(host: IPv6Address(high: bits << 16, low: 0)).shortened(to: 48)
    }

    package static func == (left: MeshID, right: MeshID) -> Bool { left.octets == right.octets }
    package func hash(into hasher: inout Hasher) {
        octets.withUnsafeBytes { hasher.combine(bytes: $0) }
    }
}

/// The promise of a root key to come: who steals the present root cannot rotate it.
package struct RootCommitment: Hashable, Sendable {
    /// 32 octets.
    package let octets: [UInt8]

    /// - Returns: `nil` if there are not 32.
    package init?(octets: [UInt8]) {
        guard octets.count == 32 else { return nil }
        self.octets = octets
    }

    package init(to nextRoot: Ed25519.PublicKey) {
        octets = Tag.nextRoot.hash(nextRoot.octets)
    }
}

/// A node of a mesh, by its identity key.
package struct NodeID: Hashable, Comparable, Sendable {
    private let halves: Halves

    package static let size = 16

    /// 16 octets. All zero means "a plain LISP locator" where a node is named for one.
    package var octets: [UInt8] { halves.octets }

    /// - Returns: `nil` if there are not 16.
    package init?(octets: [UInt8]) {
        guard let halves = Halves(octets) else { return nil }
        self.halves = halves
    }

    package init(of key: Ed25519.PublicKey, in mesh: MeshID) {
        halves = Halves(firstOf: Tag.node.hash(mesh.octets + key.octets))
    }

    package static func < (left: NodeID, right: NodeID) -> Bool { left.halves < right.halves }

    /// The first 64 bits.
    package var number: UInt64 { halves.high }

    /// Who speaks plain LISP, where a node is named for a locator.
    package static let plain = NodeID(halves: Halves(firstOf: []))

    private init(halves: Halves) { self.halves = halves }
}

extension NodeID: CustomStringConvertible {
    /// Hexadecimal digits.
    package var description: String { octets.hex }
}

/// 16 octets as two integers: sets of ids need no memory of their own for each, and compare fast.
struct Halves: Hashable, Comparable, Sendable {
    let high: UInt64
    private let low: UInt64

    init?(_ octets: [UInt8]) {
        guard octets.count == 16 else { return nil }
        self.init(firstOf: octets)
    }

    /// The first 16 of them.
    init(firstOf octets: [UInt8]) {
        high = octets.prefix(8).reduce(0) { $0 << 8 | UInt64($1) }
        low = octets.dropFirst(8).prefix(8).reduce(0) { $0 << 8 | UInt64($1) }
    }

    var first: UInt8 { UInt8(truncatingIfNeeded: high >> 56) }

    var octets: [UInt8] {
        withUnsafeBytes(of: (high.bigEndian, low.bigEndian)) { [UInt8]($0) }
    }

    /// The first half is enough: what has one is the beginning of a hash already.
    func hash(into hasher: inout Hasher) { hasher.combine(high) }

    static func < (left: Halves, right: Halves) -> Bool {
        left.high != right.high ? left.high < right.high : left.low < right.low
    }
}

extension MeshID {
    /// The address that certifies itself: whoever holds the key holds it.
    package func cryptoEID(of key: Ed25519.PublicKey, instance: UInt32 = 0) -> EID {
        var hashed: [UInt8] = []
        hashed.reserveCapacity(4 + 6 + key.octets.count)
        withUnsafeBytes(of: instance.bigEndian) { hashed.append(contentsOf: $0) }
        hashed.append(0xFD)
        hashed.append(contentsOf: octets[..<5])
        hashed.append(contentsOf: key.octets)
        let hash = SHA256.hash(hashed)
        let high = hash[..<2].reduce(prefix.address.high >> 16) { $0 << 8 | UInt64($1) }
        let low = hash[2..<10].reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        let address = IPv6Address(high: high, low: low)
        return EID(.ipv6(Prefix(host: address)), instance: instance)
    }
}
