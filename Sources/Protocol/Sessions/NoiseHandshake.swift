package import Cryptography

/// One side of a handshake of the Noise protocol framework, revision 34, with 25519, ChaChaPoly and
/// SHA256. It is a value: the ephemeral key is an argument, and a message that fails changes nothing.
package struct NoiseHandshake: Sendable {
    package let pattern: Pattern
    package let role: Role
    /// The other side's static key, once it is known.
    package private(set) var remoteStatic: X25519.PublicKey?
    private let ownStatic: X25519.SecretKey
    private let ownEphemeral: X25519.SecretKey
    private var remoteEphemeral: X25519.PublicKey?
    private var symmetric: SymmetricState
    /// How many messages have passed, in both directions.
    private var step = 0

    package enum Role: Hashable, Sendable { case initiator, responder }

    package enum Pattern: String, Hashable, Sendable, CaseIterable {
        /// The initiator knows the responder's static key: two messages, the first of which already
        /// carries a payload that only the responder reads.
        case ik = "IK"
        /// Neither knows the other: three messages.
        case xx = "XX"
    }

    package enum Failure: Error, Hashable, Sendable {
        /// It is the other side's turn, or nobody's.
        case outOfTurn
        /// The message is too short, or longer than 65,535 octets.
        case length
        /// A tag is wrong: other keys, another prologue, or changed octets.
        case tag
        /// A key of low order.
        case weakKey
    }

    /// Of a message; the framework's bound (section 3).
    package static let maximumMessage = 65535

    /// - Parameters:
    ///   - prologue: what both sides must agree on beforehand.
    ///   - ephemeral: 32 fresh random octets; used for one handshake.
    ///   - remoteStatic: the responder's key, for the initiator of IK; nobody else's.
    /// - Returns: `nil` if `remoteStatic` is missing where it is needed or given where it is not.
    package init?(
        _ pattern: Pattern, as role: Role, prologue: [UInt8], static ownStatic: X25519.SecretKey,
        ephemeral: X25519.SecretKey, remoteStatic: X25519.PublicKey? = nil
    ) {
        let needsRemote = pattern == .ik && role == .initiator
        guard needsRemote == (remoteStatic != nil) else { return nil }
        self.pattern = pattern
        self.role = role
        self.remoteStatic = remoteStatic
        self.ownStatic = ownStatic
        self.ownEphemeral = ephemeral
        symmetric = SymmetricState(
            protocolName: "Noise_\(pattern.rawValue)_25519_ChaChaPoly_SHA256")
        symmetric.mix(hashing: prologue)
        if pattern == .ik {
            symmetric.mix(hashing: (remoteStatic ?? ownStatic.publicKey).octets)
        }
    }
}

extension NoiseHandshake {
    private enum Token { case e, s, ee, es, se, ss }

    /// The messages of the pattern, the initiator's first (section 7.5).
    private var messages: [[Token]] {
        switch pattern {
        case .ik: return [[.e, .es, .s, .ss], [.e, .ee, .se]]
        case .xx: return [[.e], [.e, .ee, .s, .es], [.s, .se]]
        }
    }

    package var isFinished: Bool { step == messages.count }

    private func isTurn(of side: Role) -> Bool {
        !isFinished && (step % 2 == 0) == (side == .initiator)
    }

    /// Makes the next message.
    /// - Throws: ``Failure/outOfTurn``, ``Failure/length`` or ``Failure/weakKey``.
    package mutating func write(payload: [UInt8]) throws(Failure) -> [UInt8] {
        guard isTurn(of: role) else { throw .outOfTurn }
        var next = self
        var message: [UInt8] = []
        for token in messages[step] {
            switch token {
            case .e:
                message += ownEphemeral.publicKey.octets
                next.symmetric.mix(hashing: ownEphemeral.publicKey.octets)
            case .s:
                message += next.symmetric.seal(ownStatic.publicKey.octets)
            case .ee, .es, .se, .ss:
                try next.agree(token)
            }
        }
        message += next.symmetric.seal(payload)
        guard message.count <= Self.maximumMessage else { throw .length }
        next.step += 1
        self = next
        return message
    }

    /// Reads the next message.
    /// - Returns: its payload.
    /// - Throws: ``Failure``.
    package mutating func read(_ message: [UInt8]) throws(Failure) -> [UInt8] {
        guard isTurn(of: role == .initiator ? .responder : .initiator) else { throw .outOfTurn }
        guard message.count <= Self.maximumMessage else { throw .length }
        var next = self
        var rest = message[...]
        for token in messages[step] {
            switch token {
            case .e:
                let key = try take(X25519.keySize, from: &rest)
                next.remoteEphemeral = X25519.PublicKey(octets: key)
                next.symmetric.mix(hashing: key)
            case .s:
                let size = X25519.keySize + next.symmetric.overhead
                guard let key = next.symmetric.open(try take(size, from: &rest)) else { throw .tag }
                next.remoteStatic = X25519.PublicKey(octets: key)
            case .ee, .es, .se, .ss:
                try next.agree(token)
            }
        }
        guard rest.count >= next.symmetric.overhead else { throw .length }
        guard let payload = next.symmetric.open([UInt8](rest)) else { throw .tag }
        next.step += 1
        self = next
        return payload
    }

    private func take(_ count: Int, from rest: inout ArraySlice<UInt8>) throws(Failure) -> [UInt8] {
        guard rest.count >= count else { throw .length }
        defer { rest = rest.dropFirst(count) }
        return [UInt8](rest.prefix(count))
    }

    /// Mixes in what two keys agree on; the first letter of a token is the initiator's key.
    private mutating func agree(_ token: Token) throws(Failure) {
        let isInitiator = role == .initiator
        let usesOwnStatic: Bool
        let usesRemoteStatic: Bool
        switch token {
        case .ee: (usesOwnStatic, usesRemoteStatic) = (false, false)
        case .ss: (usesOwnStatic, usesRemoteStatic) = (true, true)
        case .es: (usesOwnStatic, usesRemoteStatic) = (!isInitiator, isInitiator)
        case .se: (usesOwnStatic, usesRemoteStatic) = (isInitiator, !isInitiator)
        case .e, .s: preconditionFailure("these tokens are one key's, and send it")
        }
        let own = usesOwnStatic ? ownStatic : ownEphemeral
        guard let remote = usesRemoteStatic ? remoteStatic : remoteEphemeral,
            let secret = own.sharedSecret(with: remote)
        else { throw .weakKey }
        symmetric.mix(key: secret)
    }
}

extension NoiseHandshake {
    /// What both sides have seen: equal on both, and different for every handshake.
    package var hash: [UInt8] { symmetric.hash }

    /// The keys of the two directions, 32 octets each; `nil` until the handshake is finished.
    package func split() -> (fromInitiator: [UInt8], fromResponder: [UInt8])? {
        guard isFinished else { return nil }
        let output = HKDF.sha256(salt: symmetric.chainingKey, inputKey: [], length: 64)
        return ([UInt8](output.prefix(32)), [UInt8](output.suffix(32)))
    }
}

/// Chaining key, hash and cipher of a handshake (section 5.2).
private struct SymmetricState: Sendable {
    private(set) var chainingKey: [UInt8]
    private(set) var hash: [UInt8]
    private var key: [UInt8]?
    private var nonce: UInt64 = 0

    init(protocolName: String) {
        let name = [UInt8](protocolName.utf8)
        // Up to 32 octets the name itself is the first hash, filled with zeros.
        hash =
            name.count <= 32
            ? name + [UInt8](repeating: 0, count: 32 - name.count) : SHA256.hash(name)
        chainingKey = hash
    }

    /// How many octets sealing adds: none before the first key.
    var overhead: Int { key == nil ? 0 : ChaCha20Poly1305.tagSize }

    mutating func mix(hashing octets: [UInt8]) { hash = SHA256.hash(hash + octets) }

    mutating func mix(key input: [UInt8]) {
        let output = HKDF.sha256(salt: chainingKey, inputKey: input, length: 64)
        chainingKey = [UInt8](output.prefix(32))
        key = [UInt8](output.suffix(32))
        nonce = 0
    }

    mutating func seal(_ plaintext: [UInt8]) -> [UInt8] {
        var message = plaintext
        if let key {
            message = ChaCha20Poly1305.seal(
                plaintext, key: key, nonce: noiseNonce(nonce), authenticating: hash)
            nonce += 1
        }
        mix(hashing: message)
        return message
    }

    mutating func open(_ message: [UInt8]) -> [UInt8]? {
        var plaintext = message
        if let key {
            guard
                let opened = ChaCha20Poly1305.open(
                    message, key: key, nonce: noiseNonce(nonce), authenticating: hash)
            else { return nil }
            plaintext = opened
            nonce += 1
        }
        mix(hashing: message)
        return plaintext
    }
}

/// Four zero octets, then the counter with its lowest octet first (section 12.3).
package func noiseNonce(_ counter: UInt64) -> [UInt8] {
    [0, 0, 0, 0] + withUnsafeBytes(of: counter.littleEndian) { [UInt8]($0) }
}
