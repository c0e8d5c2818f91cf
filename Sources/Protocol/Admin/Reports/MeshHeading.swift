import Clocks
import Cryptography
import LISP
package import LISPNode
import Trust

/// Which mesh, and which node of it: what every report about a node begins with.
package struct MeshHeading: Codable, Hashable, Sendable {
    /// The mesh's name; `nil`: genesis has not come yet.
    package var mesh: String?
    /// In hexadecimal digits.
    package var meshID: String
    /// Of all crypto-EIDs.
    package var prefix: String
    /// Where IPv4 EIDs are from.
    package var pool: String?
    package var name: String
    package var node: String
    package var eid: String
    /// The same without instance and length: what can be pinged.
    package var address: String
    package var ipv4: [String]

    package init(_ core: Core) {
        mesh = core.meshName
        meshID = core.mesh.octets.hex
        prefix = core.mesh.prefix.description
        pool = core.standing.genesis?.pool.description
        name = core.member?.displayName ?? KeyText.name(core.key.publicKey)
        node = core.id.octets.hex
        eid = core.cryptoEID.description
        address = core.cryptoAddress.description
        ipv4 = core.member?.addresses.map(\.description) ?? []
    }

    /// `clinic.relief.internal`
    package var fullName: String { mesh.map { FullName.text(name, in: $0) } ?? name }
    var meshName: String { mesh ?? "a mesh" }
}

extension Core {
    /// `nil`: genesis has not come yet.
    var meshName: String? { standing.genesis?.name.description }
}
