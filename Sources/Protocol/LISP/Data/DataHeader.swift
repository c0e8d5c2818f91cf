/// The header in front of every encapsulated packet (RFC 9300 §5.1, §5.3; P from RFC 9305 §3).
///
///     | N L E V I R-or-P K K | Nonce:24, or Source:12 and Dest:12 Map-Version, or 0:16 Next Protocol:8 |
///     | Locator-Status-Bits:32, or with I Instance-ID:24 and Locator-Status-Bits:8 |
///
/// The two words are kept as they came; everything else is read from them.
package struct DataHeader: Hashable, Sendable {
    package var word0: UInt32
    package var word1: UInt32

    /// 8 octets.
    package static let size = 8

    /// The Instance-ID of packets that hold control messages (RFC 9962 §4).
    package static let controlInstance: UInt32 = 0xFF_FFFF

    @inlinable
    package init(word0: UInt32, word1: UInt32) {
        self.word0 = word0
        self.word1 = word1
    }

    package struct Flags: OptionSet, Hashable, Sendable {
        package let rawValue: UInt8
        @inlinable package init(rawValue: UInt8) { self.rawValue = rawValue }
        /// N: a nonce is present.
        package static let nonce = Flags(rawValue: 0x80)
        /// L: the Locator-Status-Bits are valid.
        package static let locatorStatus = Flags(rawValue: 0x40)
        /// E: echo the nonce; only with N.
        package static let echoNonce = Flags(rawValue: 0x20)
        /// V: Map-Versions are present; not with N.
        package static let mapVersion = Flags(rawValue: 0x10)
        /// I: an Instance-ID is present.
        package static let instance = Flags(rawValue: 0x08)
        /// R in RFC 9300, P in RFC 9305: a Next Protocol is present.
        package static let nextProtocol = Flags(rawValue: 0x04)
        /// KK: the key that the payload is encrypted with (RFC 8061 §8).
        package static let key = Flags(rawValue: 0x03)
    }

    @inlinable package var flags: Flags { Flags(rawValue: UInt8(truncatingIfNeeded: word0 >> 24)) }

    /// 24 bits. A header with both N and V has a nonce (RFC 9300 §5.3); one with P has none.
    @inlinable package var nonce: UInt32? {
        flags.contains(.nonce) && !flags.contains(.nextProtocol) ? word0 & 0xFF_FFFF : nil
    }

    /// Whether the sender wants ``nonce`` back.
    @inlinable package var requestsEcho: Bool { nonce != nil && flags.contains(.echoNonce) }

    /// 12 bits each.
    @inlinable package var mapVersions: (source: UInt16, destination: UInt16)? {
        guard flags.isDisjoint(with: [.nonce, .nextProtocol]), flags.contains(.mapVersion)
        else { return nil }
        return (UInt16(word0 >> 12 & 0xFFF), UInt16(word0 & 0xFFF))
    }

    /// What follows the header, if P is set (RFC 9305 §3).
    @inlinable package var nextProtocol: NextProtocol? {
        flags.contains(.nextProtocol)
            ? NextProtocol(rawValue: UInt8(truncatingIfNeeded: word0)) : nil
    }

    /// 24 bits; 0 if I is clear.
    @inlinable package var instance: UInt32 { flags.contains(.instance) ? word1 >> 8 : 0 }

    /// Lowest bit: the first locator of the sorted set. 8 bits with I, else 32; `nil` if L is clear.
    @inlinable package var locatorStatusBits: UInt32? {
        guard flags.contains(.locatorStatus) else { return nil }
        return flags.contains(.instance) ? word1 & 0xFF : word1
    }

    /// 0: clear text; 1 to 3: the key (RFC 8061 §8).
    @inlinable package var keyID: UInt8 { flags.rawValue & Flags.key.rawValue }
}

/// IANA's LISP-GPE Next Protocol registry (RFC 9305 §5.1); any other value is carried.
package struct NextProtocol: RawRepresentable, Hashable, Sendable {
    package let rawValue: UInt8
    @inlinable package init(rawValue: UInt8) { self.rawValue = rawValue }
    package static let ipv4 = NextProtocol(rawValue: 1)
    package static let ipv6 = NextProtocol(rawValue: 2)
    package static let ethernet = NextProtocol(rawValue: 3)
    package static let nsh = NextProtocol(rawValue: 4)
    /// From 0x80 on: a shim header with its own length and Next Protocol.
    @inlinable package var isShim: Bool { rawValue >= 0x80 }
}

extension DataHeader {
    /// RFC 9300: a clear-text packet of one instance.
    /// - Parameters:
    ///   - instance: the low 24 bits; I is set unless it is 0.
    ///   - nonce: 24 bits, with N; the header has none if `nil`.
    @inlinable
    package init(instance: UInt32 = 0, nonce: UInt32? = nil) {
        word0 = nonce.map { 0x8000_0000 | $0 & 0xFF_FFFF } ?? 0
        word1 = 0
        if instance != 0 {
            word0 |= 0x0800_0000
            word1 = instance << 8
        }
    }

    /// RFC 9305: N, E, V and bits 8 to 23 are zero.
    @inlinable
    package init(nextProtocol: NextProtocol, instance: UInt32 = 0) {
        self.init(instance: instance)
        word0 |= 0x0400_0000 | UInt32(nextProtocol.rawValue)
    }
}

extension DataHeader: WireValue {
    package init(from reader: inout OctetReader) throws(WireError) {
        word0 = try reader.read("LISP header flags")
        word1 = try reader.read("Instance-ID/Locator-Status-Bits")
    }

    package func write(to writer: inout OctetWriter) {
        writer.write(word0)
        writer.write(word1)
    }
}
