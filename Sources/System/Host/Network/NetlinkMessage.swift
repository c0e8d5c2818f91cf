import CLinux
import Glibc

/// One message to or from the kernel's routing socket (RFC 3549), in the host's octet order:
///
///     | length:32 | type:16 | flags:16 | sequence:32 | port:32 | fixed part | attributes… |
///     attribute: | length:16 | type:16 | value, padded to 4 octets |
package struct NetlinkMessage {
    static let headerLength = 16

    package var type: UInt16
    package var flags: UInt16
    package var sequence: UInt32
    /// Behind the header.
    package var body: [UInt8]

    package init(_ type: Int, flags: Int32, sequence: UInt32 = 0) {
        self.type = UInt16(truncatingIfNeeded: type)
        self.flags = UInt16(truncatingIfNeeded: flags)
        self.sequence = sequence
        body = []
    }

    // MARK: Writing

    /// Appends a structure of the kernel's, as it lies in memory.
    mutating func append<Fixed: BitwiseCopyable>(_ fixed: Fixed) {
        withUnsafeBytes(of: fixed) { body += $0 }
        pad()
    }

    mutating func attribute(_ type: Int, _ value: [UInt8]) {
        append(UInt16(truncatingIfNeeded: 4 + value.count), UInt16(truncatingIfNeeded: type))
        body += value
        pad()
    }

    mutating func attribute(_ type: Int, _ value: UInt32) {
        attribute(type, withUnsafeBytes(of: value) { [UInt8]($0) })
    }

    mutating func attribute(_ type: Int, _ text: String) { attribute(type, text.utf8 + [0]) }

    /// An attribute whose value is attributes.
    mutating func nest(_ type: Int, _ fill: (inout NetlinkMessage) -> Void) {
        let start = body.count
        append(UInt16(0), UInt16(truncatingIfNeeded: type))
        fill(&self)
        let length = UInt16(truncatingIfNeeded: body.count - start)
        withUnsafeBytes(of: length) { body.replaceSubrange(start..<start + 2, with: $0) }
    }

    private mutating func append(_ first: UInt16, _ second: UInt16) {
        withUnsafeBytes(of: (first, second)) { body += $0 }
    }

    private mutating func pad() { while body.count % 4 != 0 { body.append(0) } }

    package var octets: [UInt8] {
        var header = nlmsghdr()
        header.nlmsg_len = UInt32(Self.headerLength + body.count)
        header.nlmsg_type = type
        header.nlmsg_flags = flags
        header.nlmsg_seq = sequence
        return withUnsafeBytes(of: header) { [UInt8]($0) } + body
    }

    // MARK: Reading

    /// All messages of a datagram; what follows one whose length is nonsense is not read.
    package static func all(in octets: ArraySlice<UInt8>) -> [NetlinkMessage] {
        var found: [NetlinkMessage] = []
        var rest = octets
        while let header = rest.value(at: 0, as: nlmsghdr.self) {
            let length = Int(header.nlmsg_len)
            guard headerLength...rest.count ~= length else { break }
            var message = NetlinkMessage(Int(header.nlmsg_type), flags: Int32(header.nlmsg_flags))
            message.sequence = header.nlmsg_seq
            message.body = [UInt8](rest.prefix(length).dropFirst(headerLength))
            found.append(message)
            rest = rest.dropFirst(aligned(length))
        }
        return found
    }

    /// Lengths are rounded up to 4.
    static func aligned(_ length: Int) -> Int { (length + 3) & ~3 }

    /// The fixed part; `nil` if the message is too short for it.
    func fixed<Fixed: BitwiseCopyable>(_ type: Fixed.Type) -> Fixed? {
        body[...].value(at: 0, as: type)
    }

    /// What follows the fixed part.
    func attributes<Fixed>(after fixed: Fixed.Type) -> NetlinkAttributes {
        NetlinkAttributes(body.dropFirst(Self.aligned(MemoryLayout<Fixed>.size)))
    }
}

/// Attributes that follow each other; one whose length is nonsense ends them.
struct NetlinkAttributes {
    private let octets: ArraySlice<UInt8>

    init(_ octets: ArraySlice<UInt8>) { self.octets = octets }

    /// The last of a type, as the kernel reads repeated ones.
    subscript(type: Int) -> ArraySlice<UInt8>? {
        var found: ArraySlice<UInt8>?
        var rest = octets
        while let length = rest.value(at: 0, as: UInt16.self).map(Int.init),
            let next = rest.value(at: 2, as: UInt16.self), 4...rest.count ~= length
        {
            // The two highest bits say how the value is written.
            if Int(next & 0x3FFF) == type { found = rest.prefix(length).dropFirst(4) }
            rest = rest.dropFirst(NetlinkMessage.aligned(length))
        }
        return found
    }

    func number(_ type: Int) -> UInt32? { self[type]?.value(at: 0, as: UInt32.self) }

    /// Up to its zero, or to the end if it has none.
    func text(_ type: Int) -> String? {
        self[type].map { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
    }

    func nested(_ type: Int) -> NetlinkAttributes? { self[type].map(NetlinkAttributes.init) }
}

extension ArraySlice where Element == UInt8 {
    /// A value as it lies in memory; `nil` if it is not all there.
    func value<Value: BitwiseCopyable>(at offset: Int, as type: Value.Type) -> Value? {
        guard count - offset >= MemoryLayout<Value>.size else { return nil }
        return withUnsafeBytes { $0.loadUnaligned(fromByteOffset: offset, as: type) }
    }
}
