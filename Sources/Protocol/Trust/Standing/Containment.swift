package import Cryptography
package import LISP

extension EID {
    /// Bits of the prefix; `nil` if this kind of EID has none.
    var prefixLength: Int? {
        switch kind {
        case .ipv4(let prefix): return prefix.length
        case .ipv6(let prefix): return prefix.length
        case .mac(let prefix): return prefix.length
        case .e164, .name, .geo, .multicast, .asNumber, .instances, .opaque: return nil
        }
    }

    /// Whether the other is the same range or a part of it.
    package func contains(_ other: EID) -> Bool {
        guard instance == other.instance, let length = prefixLength,
            let otherLength = other.prefixLength, length <= otherLength
        else { return false }
        return other.shortened(to: length) == self
    }
}

extension MeshID {
    /// Whether the EID could be the crypto-EID of some key: most are not, which costs no hash.
    package func hasCryptoPrefix(_ eid: EID) -> Bool {
        guard case .ipv6(let prefix) = eid.kind else { return false }
        return prefix.length == 128 && prefix.address.high >> 16 == self.prefix.address.high >> 16
    }

    package func isCryptoEID(_ eid: EID, of key: Ed25519.PublicKey) -> Bool {
        hasCryptoPrefix(eid) && cryptoEID(of: key, instance: eid.instance) == eid
    }
}
