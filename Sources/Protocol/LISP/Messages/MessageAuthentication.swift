import Cryptography

/// How a Map-Register, Map-Notify, Map-Notify-Ack or Info-Request proves who sent it (RFC 9301 §5.6, §12.5).
///
/// The MAC is over the message with the Authentication Data zeroed at its final length.
package enum AuthenticationAlgorithm: Hashable, Sendable, CaseIterable {
    /// Algorithm 1 as RFC 9301 names it: the first 12 octets.
    case sha1First96
    /// Algorithm 1 as OpenOverlayRouter and lispers.net send it: all 20 octets.
    case sha1Full
    /// Algorithm 2 as RFC 9301 names it: the first 16 octets.
    case sha256First128
    /// Algorithm 2 as lispers.net sends it: all 32 octets.
    case sha256Full
    /// Algorithm 3: 16 octets, under a key of this message's own.
    case sha256First128HKDF
    /// Algorithm 3 with all 32 octets.
    case sha256FullHKDF

    /// Algorithm ID on the wire.
    package var id: UInt8 {
        switch self {
        case .sha1First96, .sha1Full: return 1
        case .sha256First128, .sha256Full: return 2
        case .sha256First128HKDF, .sha256FullHKDF: return 3
        }
    }

    /// Authentication Data Length on the wire.
    package var length: Int {
        switch self {
        case .sha1First96: return 12
        case .sha1Full: return 20
        case .sha256First128, .sha256First128HKDF: return 16
        case .sha256Full, .sha256FullHKDF: return 32
        }
    }

    package var name: String {
        switch self {
        case .sha1First96: return "HMAC-SHA-1-96"
        case .sha1Full: return "HMAC-SHA-1"
        case .sha256First128: return "HMAC-SHA-256-128"
        case .sha256Full: return "HMAC-SHA-256"
        case .sha256First128HKDF: return "HMAC-SHA-256-128 with HKDF"
        case .sha256FullHKDF: return "HMAC-SHA-256 with HKDF"
        }
    }

    /// - Returns: `nil` for algorithm 0, unknown algorithms, and lengths that nobody sends.
    package init?(id: UInt8, length: Int) {
        for algorithm in Self.allCases where algorithm.id == id && algorithm.length == length {
            self = algorithm
            return
        }
        return nil
    }
}

/// How far into a message its MAC reaches.
package enum AuthenticationCoverage: Hashable, Sendable, CaseIterable {
    /// All of it: what everybody sends.
    case wholeMessage
    /// Through the last RLOC-record, as RFC 9301 §5.6 has it: without xTR-ID and Site-ID.
    case throughRecords
}

package enum AuthenticationFailure: Error, Hashable, Sendable {
    /// A message that has no authentication data.
    case notAuthenticated
    /// Algorithm 0.
    case noAlgorithm
    case unknownAlgorithm(id: UInt8, length: Int)
    case mismatch
}

/// Signs and checks messages under a pre-shared key.
///
/// It works on values: what was read is written again octet for octet, so the octets that a MAC
/// covers are the ones that came.
package struct MessageAuthentication {
    package let key: [UInt8]
    /// What the messages were or will be spelled with.
    package let compatibility: Compatibility

    package init(key: [UInt8], compatibility: Compatibility = []) {
        self.key = key
        self.compatibility = compatibility
    }

    /// Fills in the Authentication Data of a Map-Register.
    package func signed(
        _ message: MapRegister, keyID: UInt8, _ algorithm: AuthenticationAlgorithm,
        covering coverage: AuthenticationCoverage = .wholeMessage
    ) -> MapRegister {
        var signed = message
        signed.authentication = .placeholder(keyID: keyID, algorithm)
        signed.authentication.data = mac(signed.authenticated(compatibility), algorithm, coverage)
        return signed
    }

    /// Fills in the Authentication Data of a Map-Notify or Map-Notify-Ack.
    package func signed(
        _ message: MapNotify, keyID: UInt8, _ algorithm: AuthenticationAlgorithm,
        covering coverage: AuthenticationCoverage = .wholeMessage
    ) -> MapNotify {
        var signed = message
        signed.authentication = .placeholder(keyID: keyID, algorithm)
        signed.authentication.data = mac(signed.authenticated(compatibility), algorithm, coverage)
        return signed
    }

    /// Fills in the Authentication Data of an Info-Request or Info-Reply; its Key ID field has 16
    /// bits and names the algorithm.
    package func signed(
        _ message: InfoMessage, _ algorithm: AuthenticationAlgorithm
    ) -> InfoMessage {
        var signed = message
        signed.keyID = UInt16(algorithm.id)
        signed.authenticationData = [UInt8](repeating: 0, count: algorithm.length)
        signed.authenticationData = mac(
            signed.authenticated(compatibility), algorithm, .wholeMessage)
        return signed
    }

    /// Checks a message: over all of it first, then through its records.
    /// - Returns: what the MAC covers.
    /// - Throws: ``AuthenticationFailure``.
    @discardableResult
    package func verify(
        _ message: ControlMessage
    ) throws(AuthenticationFailure) -> AuthenticationCoverage {
        switch message {
        case .mapRegister(let register): return try verify(register.authenticated(compatibility))
        case .mapNotify(let notify): return try verify(notify.authenticated(compatibility))
        case .info(let info):
            try verify(info.authenticated(compatibility))
            return .wholeMessage
        default: throw .notAuthenticated
        }
    }

    /// Checks what a Map-Server adds to a Map-Notify for an RTR: it covers the finished message.
    package func verifyForRTR(_ notify: MapNotify) throws(AuthenticationFailure) {
        guard let proof = notify.rtrAuthentication else { throw .notAuthenticated }
        let octets = notify.octets(compatibility: compatibility)
        try verify(
            Authenticated(
                octets: octets, algorithmID: UInt8(truncatingIfNeeded: proof.keyID),
                data: proof.data, dataOffset: octets.count - proof.data.count, nonce: notify.nonce,
                salt: "", trailerLength: 0))
    }

    /// Checks authentication data of type 2 in an ECM: it covers the message inside
    /// (draft-ermagan-lisp-nat-traversal-19 §4).
    package func verifyForRTR(_ packet: ControlPacket) throws(AuthenticationFailure) {
        guard let field = packet.encapsulation?.authentication, field.count >= 8, field[0] == 2
        else { throw .notAuthenticated }
        let message = packet.message.octets(compatibility: compatibility)
        try verify(
            Authenticated(
                octets: message, algorithmID: field[5], data: [UInt8](field[8...]),
                dataOffset: message.count, nonce: 0, salt: "", trailerLength: 0))
    }

    @discardableResult
    private func verify(
        _ message: Authenticated
    ) throws(AuthenticationFailure) -> AuthenticationCoverage {
        let (id, length) = (message.algorithmID, message.data.count)
        guard id != 0 else { throw .noAlgorithm }
        guard let algorithm = AuthenticationAlgorithm(id: id, length: length) else {
            throw .unknownAlgorithm(id: id, length: length)
        }
        for coverage in AuthenticationCoverage.allCases
        where equalInConstantTime(mac(message, algorithm, coverage), message.data) {
            return coverage
        }
        throw .mismatch
    }

    private func mac(
        _ message: Authenticated, _ algorithm: AuthenticationAlgorithm,
        _ coverage: AuthenticationCoverage
    ) -> [UInt8] {
        var octets = message.octets
        let end = min(message.dataOffset + algorithm.length, octets.count)
        for index in min(message.dataOffset, end)..<end { octets[index] = 0 }
        if coverage == .throughRecords { octets.removeLast(message.trailerLength) }
        var key = key
        if algorithm.id == AuthenticationAlgorithm.sha256FullHKDF.id {
            key = messageKey(nonce: message.nonce, salt: message.salt)
        }
        let mac =
            algorithm.id == AuthenticationAlgorithm.sha1Full.id
            ? HMAC.sha1(key: key, octets) : HMAC.sha256(key: key, octets)
        return [UInt8](mac.prefix(algorithm.length))
    }

    /// The key of one message under algorithm 3. RFC 9301 §5.6 leaves `info` and the output length
    /// open: we take an empty `info` and 32 octets.
    package func messageKey(nonce: UInt64, salt: String) -> [UInt8] {
        let nonceOctets = withUnsafeBytes(of: nonce.bigEndian) { [UInt8]($0) }
        return HKDF.sha256(salt: [UInt8](salt.utf8), inputKey: nonceOctets + key, length: 32)
    }
}

/// A message in the parts that its MAC needs.
private struct Authenticated {
    /// What the MAC covers, at most.
    var octets: [UInt8]
    var algorithmID: UInt8
    /// The MAC that was sent.
    var data: [UInt8]
    /// Where in `octets` it stands, and counts as zero: behind the first word, the nonce and 4 octets
    /// of ids and length.
    var dataOffset = 16
    var nonce: UInt64
    /// RFC 9301 §5.6: what makes the keys of different messages different.
    var salt: String
    /// How many octets stand behind the records.
    var trailerLength: Int
}

extension AuthenticationField {
    /// A field of the final length; the MAC covers it as zeros.
    fileprivate static func placeholder(keyID: UInt8, _ algorithm: AuthenticationAlgorithm) -> Self
    {
        Self(
            keyID: keyID, algorithmID: algorithm.id,
            data: [UInt8](repeating: 0, count: algorithm.length))
    }
}

extension MapRegister {
    fileprivate func authenticated(_ compatibility: Compatibility) -> Authenticated {
        Authenticated(
            octets: octets(compatibility: compatibility), algorithmID: authentication.algorithmID,
            data: authentication.data,
            nonce: nonce, salt: "Map-Register Authentication",
            trailerLength: identity == nil ? 0 : XTRIdentity.size)
    }
}

extension MapNotify {
    /// What an RTR gets besides does not count, but the bit that announces it does.
    fileprivate func authenticated(_ compatibility: Compatibility) -> Authenticated {
        var octets = octets(compatibility: compatibility)
        if let rtrAuthentication { octets.removeLast(4 + rtrAuthentication.data.count) }
        return Authenticated(
            octets: octets, algorithmID: authentication.algorithmID, data: authentication.data,
            nonce: nonce, salt: "\(kind.name) Authentication",
            trailerLength: identity == nil ? 0 : XTRIdentity.size)
    }
}

extension InfoMessage {
    fileprivate func authenticated(_ compatibility: Compatibility) -> Authenticated {
        Authenticated(
            octets: octets(compatibility: compatibility),
            algorithmID: UInt8(truncatingIfNeeded: keyID),
            data: authenticationData, nonce: nonce, salt: "", trailerLength: 0)
    }
}
