package import Cryptography
package import LISP

/// What the store must know of trust: who is known, who is out, and who may speak for an EID. The
/// standing of a mesh's trust objects at a time answers it.
package protocol RegistrationRights: Sendable {
    /// Whether the chain of trust objects that leads to the key is here.
    func isKnown(_ key: Ed25519.PublicKey) -> Bool
    func isRevoked(_ key: Ed25519.PublicKey) -> Bool
    /// Whether the key's own crypto-EID, or a range, address or name of it in force, covers the EID.
    func covers(_ eid: EID, by key: Ed25519.PublicKey) -> Bool
    /// Whose records count for the EID, the first before the others: the subjects of the longest,
    /// then deepest, range that covers it. Empty if nobody holds it.
    func holders(of eid: EID) -> [Ed25519.PublicKey]
    /// Whether the key may register the EID for its holder.
    func isRegistrar(_ key: Ed25519.PublicKey, of eid: EID) -> Bool
}
