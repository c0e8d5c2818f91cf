import Cryptography

/// An object of the set, with what is worth computing once.
final class Entry: Sendable {
    let object: TrustObject
    let id: ObjectID

    var rank: Rank { Rank(stamp: object.statement.stamp, id: id) }
    var stamp: UInt64 { object.statement.stamp }
    var signer: Ed25519.PublicKey { object.signer }
    var kind: Statement.Kind { object.statement.kind }

    init(_ object: TrustObject, id: ObjectID) {
        self.object = object
        self.id = id
    }
}
