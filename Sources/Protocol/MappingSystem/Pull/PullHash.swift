import Cryptography
package import LISP

/// Which Map-Server set an EID belongs to in pull mode: the hash of a text of it, modulo the number
/// of sets (RFC 9962 §5.1). All members of one mapping system must agree on every property.
package struct PullHash: Hashable, Sendable {
    package var profile: Profile
    /// How many map-server sets there are; at least 1.
    package let modulus: UInt32
    /// How many octets of the text count, from its start; `nil`: all of a unicast EID's, and
    /// `[iid]group` of a multicast EID's, so that every source of a group is in one set.
    package var hashMask: Int?

    package enum Profile: String, Hashable, Sendable, CaseIterable {
        /// RFC 9962 and its drafts from -03 on; lispers.net in 2019: SHA-256, all 256 bits.
        case sha256 = "sha256"
        /// lispers.net since: the first 48 bits of HMAC-SHA-256 under the key `lisp-decent`. Of a
        /// multicast EID it hashes the group as if it were unicast, and it has no hash mask.
        case hmacSHA256First48 = "hmac-sha256-48"
    }

    /// - Returns: `nil` if `modulus` is 0 or `hashMask` is below 1.
    package init?(modulus: UInt32, profile: Profile = .sha256, hashMask: Int? = nil) {
        guard modulus > 0, hashMask ?? 1 > 0 else { return nil }
        self.modulus = modulus
        self.profile = profile
        self.hashMask = hashMask
    }

    /// The text whose hash decides, cut by the hash mask.
    package func text(of eid: EID) -> String {
        let full: String
        var mask = hashMask
        if case .multicast(let source, let group) = eid.kind {
            if profile == .hmacSHA256First48 {
                full = EID(group.kind, instance: eid.instance).description
            } else {
                full = "[\(eid.instance)]\(group)-\(source)"
                mask = mask ?? "[\(eid.instance)]\(group.addressText)".utf8.count
            }
        } else {
            full = eid.description
        }
        guard let mask else { return full }
        return String(decoding: full.utf8.prefix(mask), as: UTF8.self)
    }

    /// 0 to `modulus` - 1.
    package func index(of eid: EID) -> UInt32 { index(ofText: text(of: eid)) }

    /// The index of a text as it stands.
    package func index(ofText text: String) -> UInt32 {
        let octets = [UInt8](text.utf8)
        switch profile {
        case .sha256:
            return remainder(SHA256.hash(octets)[...])
        case .hmacSHA256First48:
            return remainder(HMAC.sha256(key: [UInt8]("lisp-decent".utf8), octets).prefix(6))
        }
    }

    /// A big-endian number modulo the modulus, digit by digit.
    private func remainder(_ digits: ArraySlice<UInt8>) -> UInt32 {
        var remainder: UInt64 = 0
        for digit in digits { remainder = (remainder << 8 | UInt64(digit)) % UInt64(modulus) }
        return UInt32(remainder)
    }
}
