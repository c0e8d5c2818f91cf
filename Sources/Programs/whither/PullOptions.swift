import ArgumentParser
import MappingSystem

extension PullHash.Profile: ExpressibleByArgument {}

/// How pull mode hashes, as options of a verb.
struct HashOptions: ParsableArguments {
    @Option(help: "How to hash: sha256 (RFC 9962, the default) or hmac-sha256-48 (lispers.net).")
    var profile: PullHash.Profile?

    @Option(
        help: ArgumentHelp(
            "Hash only the first N octets of the text. Default: all, and [iid]group of (S,G).",
            valueName: "N"))
    var hashMask: Int?

    /// Whether any of these words was said.
    var isGiven: Bool { profile != nil || hashMask != nil }

    /// - Throws: `ValidationError` if they cannot go together.
    func pull(modulus: UInt32) throws -> PullHash {
        if profile == .hmacSHA256First48, hashMask != nil {
            throw ValidationError("--hash-mask goes with --profile sha256: hmac-sha256-48 has none")
        }
        guard hashMask ?? 1 > 0 else { throw ValidationError("--hash-mask must be at least 1") }
        guard let pull = PullHash(modulus: modulus, profile: profile ?? .sha256, hashMask: hashMask)
        else {
            throw ValidationError("--modulus must be at least 1")
        }
        return pull
    }
}
