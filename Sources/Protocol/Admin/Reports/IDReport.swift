import Clocks
import LISP
package import LISPNode
import Trust

/// Who this node is.
package struct IDReport: AdminReport {
    package var schema = 1
    package var heading: MeshHeading
    /// Of the identity, in base32: what `invite --for` and `revoke` take.
    package var key: String
    /// The name that nobody else can have.
    package var keyName: String
    package var names: [String]
    package var roles: [String]
    /// Registered here beside its own addresses.
    package var registered: [String]

    package init(of node: Node) throws(AdminError) {
        guard let core = node.core, core.joining == nil else { throw AdminError(.noMesh) }
        heading = MeshHeading(core)
        key = KeyText.text(core.key.publicKey)
        keyName = KeyText.name(core.key.publicKey)
        names = core.member?.names.map(\.description) ?? []
        roles = core.member?.roles.words ?? []
        registered = core.registered.map(\.eid.description)
    }

    package func text(width: Int?) -> String {
        var lines = [
            ("name", heading.fullName), ("node", heading.node), ("key", key),
            ("always", keyName),
            ("EIDs", ([heading.address] + heading.ipv4 + registered).joined(separator: ", ")),
            ("roles", roles.isEmpty ? "none" : roles.joined(separator: ", ")),
            ("mesh", "\(heading.mesh ?? "-") \(heading.prefix)"), ("mesh id", heading.meshID),
        ]
        if names.count > 1 { lines.insert(("names", names.joined(separator: ", ")), at: 1) }
        return lines.map { (padded($0.0, 9) + $0.1).printable }.joined(separator: "\n")
    }
}
