package import Cryptography
package import LISP

/// A signed statement about who may do what in a mesh. Sets of them only grow; each is kept octet for
/// octet as it came.
///
///     | "WT" | version=1:8 | type:8 | length:16 | fields… | signer's key:256 | signature:512 |
///     fields: { tag:8 | length:16 | value… }, tags ascending strictly
///
/// The first length counts the octets of the fields. An unknown tag below 128 refuses the object; from
/// 128 on it is signed and ignored.
package struct TrustObject: Hashable, Sendable {
    /// As the signer wrote them.
    package let octets: [UInt8]
    package let statement: Statement
    package let signer: Ed25519.PublicKey

    /// As long as a record may be, so that both fit the same places.
    package static let maximumSize = 1100
    private static let magic: UInt16 = 0x5754  // "WT"
    private static let version: UInt8 = 1
    /// From this tag on a field that we do not know does no harm.
    package static let firstIgnoredTag: UInt8 = 128

    /// Reads an object and checks its form, not its signature.
    /// - Throws: ``TrustObjectError``.
    package init(octets: [UInt8]) throws(TrustObjectError) {
        guard octets.count <= Self.maximumSize else { throw .tooLong(octets.count) }
        do throws(WireError) {
            var reader = OctetReader(octets.span.bytes)
            let magic: UInt16 = try reader.read("WT")
            guard magic == Self.magic else {
                throw .invalid("WT", value: Int(magic), at: 0)
            }
            let version: UInt8 = try reader.read("version")
            guard version == Self.version else {
                throw .unsupported("version", value: Int(version), at: 2)
            }
            let type: UInt8 = try reader.read("type")
            let length: UInt16 = try reader.read("length")
            let fieldOffset = reader.offset
            let fieldOctets = try reader.readOctets("fields", count: Int(length))
            let key = try reader.readOctets("signer's key", count: Ed25519.publicKeySize)
            _ = try reader.readOctets("signature", count: Ed25519.signatureSize)
            try reader.finish("object")
            guard let signer = Ed25519.PublicKey(octets: key) else {
                throw .truncated("signer's key", at: octets.count)
            }
            self.octets = octets
            self.signer = signer
            statement = try Statement(
                type: type, fields: try Fields(octets: fieldOctets, at: fieldOffset))
        } catch {
            throw .wire(error)
        }
    }

    /// Writes and signs an object.
    /// - Throws: ``TrustObjectError`` if the statement breaks a rule.
    package init(
        signing statement: Statement, by key: Ed25519.SecretKey, in mesh: MeshID
    ) throws(TrustObjectError) {
        let fields = statement.fields.octets
        let size = 6 + fields.count + Ed25519.publicKeySize + Ed25519.signatureSize
        guard size <= Self.maximumSize else { throw .tooLong(size) }
        var writer = OctetWriter(capacity: size)
        writer.write(Self.magic)
        writer.write(Self.version)
        writer.write(statement.type)
        writer.write(UInt16(fields.count))
        writer.write(octets: fields)
        writer.write(octets: key.publicKey.octets)
        writer.write(octets: Tag.object.signature(by: key, of: writer.octets, in: mesh))
        // What no reader would take is not signed either.
        try self.init(octets: writer.octets)
    }

    private var signedOctets: ArraySlice<UInt8> { octets.dropLast(Ed25519.signatureSize) }

    /// Whether the signer signed this for this mesh.
    package func isSigned(in mesh: MeshID) -> Bool {
        Tag.object.verifies(
            [UInt8](octets.suffix(Ed25519.signatureSize)), by: signer, of: signedOctets, in: mesh)
    }

    /// What other objects call this one. It does not depend on the signature.
    package func id(in mesh: MeshID) -> ObjectID { Self.id(of: octets, in: mesh) }

    /// The same of octets that nobody has read: whoever holds the object need not read it again.
    package static func id(of octets: [UInt8], in mesh: MeshID) -> ObjectID {
        ObjectID(
            hashing: Tag.object.message(octets.dropLast(Ed25519.signatureSize), in: mesh))
    }
}

package enum TrustObjectError: Error, Hashable, Sendable {
    case tooLong(Int)
    case wire(WireError)
}

/// The first 16 octets of the hash of exactly what an object's signer signed.
package struct ObjectID: Hashable, Comparable, Sendable {
    private let halves: Halves

    package static let size = 16

    package var octets: [UInt8] { halves.octets }

    /// - Returns: `nil` if there are not 16.
    package init?(octets: [UInt8]) {
        guard let halves = Halves(octets) else { return nil }
        self.halves = halves
    }

    fileprivate init(hashing octets: [UInt8]) {
        halves = Halves(firstOf: SHA256.hash(octets))
    }

    /// The first 64 bits: what members acknowledge.
    package var number: UInt64 { halves.high }

    /// In which of 256 buckets of a set it is: its first octet.
    package var bucket: UInt8 { halves.first }

    package static func < (left: ObjectID, right: ObjectID) -> Bool { left.halves < right.halves }
}

extension ObjectID: CustomStringConvertible {
    /// Hexadecimal digits.
    package var description: String { octets.hex }
}
