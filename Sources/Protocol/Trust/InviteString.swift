package import Cryptography
package import LISP

/// All that a joiner needs, as one text that can be pasted: which mesh, the secret of an invite, the
/// invite itself, and a few nodes to ask. No root key is inside: the mesh id proves it.
///
///     "WHITHER1" and base32 of:
///     | version=1:8 | length:16 | mesh id:256 | secret:128 | length of object:16 | invite object…
///     | seeds:8 | { AFI:16 | address… | port:16 | first 4 octets of the node id:32 }…
///     | first 4 octets of H(all before):32 |
///
/// The first length counts all octets, from the version to the checksum.
package struct InviteString: Hashable, Sendable {
    package let mesh: MeshID
    /// 16 octets.
    package let secret: [UInt8]
    package let object: TrustObject
    package let invite: Invite
    package let seeds: [Seed]

    /// A node that may answer.
    package struct Seed: Hashable, Sendable {
        /// IPv4 or IPv6.
        package let address: Address
        package let port: UInt16
        /// 4 octets: enough to see that somebody else answers, too few to say who is there.
        package let node: [UInt8]

        package static let nodeSize = 4

        /// - Returns: `nil` if the address is neither IPv4 nor IPv6.
        package init?(_ address: Address, port: UInt16, node: NodeID) {
            guard address.afi == AFI.ipv4 || address.afi == AFI.ipv6 else { return nil }
            self.address = address
            self.port = port
            self.node = [UInt8](node.octets.prefix(Self.nodeSize))
        }
    }

    package static let secretSize = 16
    /// trust.md 10.
    package static let maximumSeeds = 3
    private static let prefix = "WHITHER1"
    private static let version: UInt8 = 1
    private static let checksumSize = 4

    /// - Returns: `nil` if the secret has not 16 octets, the object is not the invite that the secret
    ///   opens, or there are more than three seeds.
    package init?(mesh: MeshID, secret: [UInt8], object: TrustObject, seeds: [Seed]) {
        guard secret.count == Self.secretSize, seeds.count <= Self.maximumSeeds,
            case .invite(let invite) = object.statement.kind,
            Self.key(secret: secret, mesh: mesh)?.publicKey == invite.key
        else { return nil }
        self.mesh = mesh
        self.secret = secret
        self.object = object
        self.invite = invite
        self.seeds = seeds
    }

    /// The key that a secret gives. Its public half stands in the invite.
    /// - Parameter secret: 16 random octets.
    package static func key(secret: [UInt8], mesh: MeshID) -> Ed25519.SecretKey? {
        Ed25519.SecretKey(seed: Tag.inviteKey.hash(mesh.octets + secret))
    }

    package func inviteKey() -> Ed25519.SecretKey? { Self.key(secret: secret, mesh: mesh) }

    /// What the admission of the node needs.
    package func proof(for node: Ed25519.PublicKey) -> [UInt8]? {
        inviteKey().map {
            Redemption.proof(by: $0, invite: object.id(in: mesh), node: node, in: mesh)
        }
    }
}

extension InviteString {
    package var text: String {
        var writer = OctetWriter(capacity: 512)
        writer.write(Self.version)
        writer.write(UInt16(0))
        writer.write(octets: mesh.octets)
        writer.write(octets: secret)
        writer.write(UInt16(clamping: object.octets.count))
        writer.write(octets: object.octets)
        writer.write(UInt8(clamping: seeds.count))
        for seed in seeds {
            seed.address.write(to: &writer)
            writer.write(seed.port)
            writer.write(octets: seed.node)
        }
        writer.patch(UInt16(clamping: writer.count + Self.checksumSize), at: 1)
        return Self.prefix + Base32.text(writer.octets + Self.checksum(of: writer.octets))
    }

    /// Reads a text as people paste it: white space and line breaks anywhere, either case.
    package init(_ pasted: String) throws(InviteError) {
        let characters = pasted.filter { !$0.isWhitespace }
        let start = characters.prefix(Self.prefix.count).uppercased()
        guard start == Self.prefix else {
            guard !start.isEmpty, Self.prefix.hasPrefix(start) else { throw .noInvite }
            throw .cutOff(characters.count, of: nil)
        }
        let digits = [UInt8](characters.dropFirst(Self.prefix.count).utf8)
        // The length comes first, so that even half an invite says how much is missing.
        let head = Base32.octets(digits.prefix(Base32.digits(of: 3)))
        guard let head else { throw .damaged }
        guard head.octets.count >= 3 else { throw .cutOff(characters.count, of: nil) }
        let length = Int(head.octets[1]) << 8 | Int(head.octets[2])
        let expected = Base32.digits(of: length)
        guard digits.count >= expected else {
            throw .cutOff(characters.count, of: Self.prefix.count + expected)
        }
        guard digits.count == expected, let (octets, endsWell) = Base32.octets(digits), endsWell,
            octets.count == length, length > Self.checksumSize
        else { throw .damaged }
        let body = [UInt8](octets.dropLast(Self.checksumSize))
        guard [UInt8](octets.suffix(Self.checksumSize)) == Self.checksum(of: body) else {
            throw .damaged
        }
        guard octets[0] == Self.version else { throw .version(octets[0]) }
        do {
            try self.init(body: body)
        } catch {
            throw .damaged
        }
    }

    private static func checksum(of octets: [UInt8]) -> [UInt8] {
        [UInt8](SHA256.hash(octets).prefix(checksumSize))
    }

    private init(body: [UInt8]) throws {
        var reader = OctetReader(body.span.bytes)
        _ = try reader.readOctets("version and length", count: 3)
        let meshOctets = try reader.readOctets("mesh id", count: 32)
        let secret = try reader.readOctets("secret", count: Self.secretSize)
        let length: UInt16 = try reader.read("length of invite")
        let object = try TrustObject(
            octets: reader.readOctets("invite", count: Int(length)))
        let count: UInt8 = try reader.read("number of seeds")
        guard Int(count) <= Self.maximumSeeds else { throw InviteError.damaged }
        var seeds: [Seed] = []
        for _ in 0..<count { seeds.append(try Seed(from: &reader)) }
        try reader.finish("invite")
        guard let mesh = MeshID(octets: meshOctets),
            let value = InviteString(mesh: mesh, secret: secret, object: object, seeds: seeds)
        else { throw InviteError.damaged }
        self = value
    }
}

extension InviteString.Seed {
    fileprivate init(from reader: inout OctetReader) throws {
        let address = try Address(from: &reader)
        let port: UInt16 = try reader.read("port of seed")
        let node = try reader.readOctets("node of seed", count: Self.nodeSize)
        guard
            let id = NodeID(octets: node + [UInt8](repeating: 0, count: NodeID.size - node.count)),
            let seed = Self(address, port: port, node: id)
        else { throw InviteError.damaged }
        self = seed
    }
}

/// What is wrong with an invite, the first of it in this order.
package enum InviteError: Error, Hashable, Sendable {
    /// It does not begin as one.
    case noInvite
    /// Only so many characters of how many; `nil`: not even that can be seen.
    case cutOff(Int, of: Int?)
    case damaged
    case version(UInt8)
    /// Milliseconds of mesh time.
    case expired(at: UInt64)
    case used
    case revoked
    case boundToAnother
    /// Who signed it may not invite so, or is not known here.
    case notEffective
}

extension InviteString {
    /// Whether a node may still use it, as the mesh sees it.
    /// - Parameter standing: of a set that has the invite.
    package func check(
        for node: Ed25519.PublicKey, in standing: Standing
    ) throws(InviteError) {
        switch standing.redemption(of: object.id(in: mesh), by: node) {
        case .possible, .redeemed: return
        case .expired(let time): throw .expired(at: time)
        case .used: throw .used
        case .revoked: throw .revoked
        case .boundToAnother: throw .boundToAnother
        case .unknown:
            // What it says of itself can be told without the mesh.
            if invite.notAfter != 0, standing.time > invite.notAfter {
                throw .expired(at: invite.notAfter)
            }
            throw .notEffective
        case .notEffective: throw .notEffective
        }
    }
}
