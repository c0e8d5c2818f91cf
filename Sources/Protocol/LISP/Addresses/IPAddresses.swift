import Glibc

/// An IPv4 address; AFI 1, 4 octets.
package struct IPv4Address: FixedWidthAddress, RawRepresentable {
    /// 192.0.2.1 is 0xC0000201.
    package var rawValue: UInt32
    package init(rawValue: UInt32) { self.rawValue = rawValue }

    package static var bitWidth: Int { 32 }
    package static var kind: String { "IPv4" }
    package func masked(to length: Int) -> Self { Self(rawValue: rawValue.keepingFirst(length)) }

    /// 224.0.0.0/4 (RFC 5771).
    package var isMulticast: Bool { rawValue >> 28 == 0xE }

    /// Four decimal numbers, as `inet_pton` reads them.
    package init?(_ text: String) {
        var address = in_addr()
        guard inet_pton(AF_INET, text, &address) == 1 else { return nil }
        self.init(rawValue: UInt32(bigEndian: address.s_addr))
    }

    package var description: String {
        "\(rawValue >> 24).\(rawValue >> 16 & 255).\(rawValue >> 8 & 255).\(rawValue & 255)"
    }
}

/// An IPv6 address; AFI 2, 16 octets.
package struct IPv6Address: FixedWidthAddress {
    /// The first and the last 64 bits.
    package var high: UInt64
    package var low: UInt64

    package init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    package static var bitWidth: Int { 128 }
    package static var kind: String { "IPv6" }
    package func masked(to length: Int) -> Self {
        length <= 64
            ? Self(high: high.keepingFirst(length), low: 0)
            : Self(high: high, low: low.keepingFirst(length - 64))
    }

    /// ff00::/8 (RFC 4291 §2.7).
    package var isMulticast: Bool { high >> 56 == 0xFF }

    /// Any text form of RFC 4291 §2.2, as `inet_pton` reads it; no zone.
    package init?(_ text: String) {
        var address = in6_addr()
        guard inet_pton(AF_INET6, text, &address) == 1 else { return nil }
        let (high, low) = withUnsafeBytes(of: &address) {
            ($0.load(as: UInt64.self), $0.load(fromByteOffset: 8, as: UInt64.self))
        }
        self.init(high: UInt64(bigEndian: high), low: UInt64(bigEndian: low))
    }

    /// As `inet_ntop` prints it: RFC 5952, with the last 32 bits of a mapped address dotted. This is
    /// the text that pull mode hashes, so it must not vary (RFC 9962 §5.1).
    package var description: String {
        var octets = (high.bigEndian, low.bigEndian)
        var text = [CChar](repeating: 0, count: Int(INET6_ADDRSTRLEN))
        inet_ntop(AF_INET6, &octets, &text, socklen_t(text.count))
        return String(decoding: text.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
    }
}
