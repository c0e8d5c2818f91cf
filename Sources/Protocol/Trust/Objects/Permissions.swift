import LISP

/// What a key may do.
package struct Roles: OptionSet, Hashable, Sendable {
    package let rawValue: UInt16
    package init(rawValue: UInt16) { self.rawValue = rawValue }
    package static let member = Roles(rawValue: 1)
    package static let admitter = Roles(rawValue: 2)
    package static let inviter = Roles(rawValue: 4)
    package static let revoker = Roles(rawValue: 8)
    package static let grantor = Roles(rawValue: 16)
    package static let ttr = Roles(rawValue: 32)
    package static let gateway = Roles(rawValue: 64)
    package static let registrar = Roles(rawValue: 128)
    package static let steward = Roles(rawValue: 256)
    package static let admin: Roles = [.admitter, .inviter, .revoker, .grantor, .steward]
}

/// A name of a node or mesh: 1 to 29 of `a` to `z`, `0` to `9` and `-`; no `-` at an end or twice
/// together, no `k-` in front (that is for names made from keys), and so no `xn--` either.
package struct MeshName: Hashable, Sendable, CustomStringConvertible {
    package let description: String

    package static let maximumSize = 29

    /// - Returns: `nil` if the text breaks a rule.
    package init?(_ text: String) {
        let letters = [UInt8](text.utf8)
        guard 1...Self.maximumSize ~= letters.count, letters.allSatisfy(\.isNameLetter),
            letters.first != UInt8(ascii: "-"), letters.last != UInt8(ascii: "-"),
            !text.contains("--"), !text.hasPrefix("k-")
        else { return nil }
        description = text
    }
}

extension UInt8 {
    fileprivate var isNameLetter: Bool {
        switch self {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"),
            UInt8(ascii: "-"):
            return true
        default: return false
        }
    }
}

extension Fields {
    /// `{length 1, name}*`
    mutating func takeNames() throws(WireError) -> [MeshName] {
        let names = try take(.names) { reader throws(WireError) in
            var names: [MeshName] = []
            while reader.remaining > 0 { names.append(try MeshName(from: &reader)) }
            return names
        }
        return names ?? []
    }

    mutating func takeName() throws(WireError) -> MeshName? {
        try take(.names) { reader throws(WireError) in try MeshName(from: &reader) }
    }

    mutating func set(names: [MeshName]) {
        set(.names, names.flatMap { [UInt8($0.description.utf8.count)] + $0.description.utf8 })
    }

    /// `{Instance-ID 4, AFI 2, mask length 1, address}*`, host bits zero; IPv4, IPv6 or MAC.
    mutating func takeRanges() throws(WireError) -> [EID] {
        let ranges = try take(.ranges) { reader throws(WireError) in
            var ranges: [EID] = []
            while reader.remaining > 0 { ranges.append(try EID(rangeFrom: &reader)) }
            return ranges
        }
        return ranges ?? []
    }

    /// - Parameter ranges: of IPv4, IPv6 or MAC; no reader takes others.
    mutating func set(ranges: [EID]) {
        var writer = OctetWriter()
        for range in ranges {
            let (maskLength, address) = EID(range.kind).wire
            writer.write(range.instance)
            writer.write(address.afi)
            writer.write(maskLength)
            writer.write(octets: [UInt8](address.octets().dropFirst(2)))
        }
        set(.ranges, writer.octets)
    }
}

extension MeshName {
    fileprivate init(from reader: inout OctetReader) throws(WireError) {
        let start = reader.offset
        let length: UInt8 = try reader.read("length of name")
        let text = try reader.readOctets("name", count: Int(length))
        guard let name = MeshName(String(decoding: text, as: UTF8.self)) else {
            throw .invalid("name of length", value: Int(length), at: start)
        }
        self = name
    }
}

extension EID {
    fileprivate init(rangeFrom reader: inout OctetReader) throws(WireError) {
        let instance: UInt32 = try reader.read("Instance-ID of range")
        let start = reader.offset
        let afi: UInt16 = try reader.read("AFI of range")
        let maskLength: UInt8 = try reader.read("mask length of range")
        let size: Int
        switch afi {
        case AFI.ipv4: size = 4
        case AFI.ipv6: size = 16
        case AFI.mac: size = 6
        default: throw .unsupported("AFI of range", value: Int(afi), at: start)
        }
        let value = try reader.readOctets("range", count: size)
        let address = try Address(octets: [UInt8(afi >> 8), UInt8(afi & 0xFF)] + value)
        guard let range = try? EID(maskLength: maskLength, address: address),
            range.wire.address == address
        else { throw .invalid("mask length of range", value: Int(maskLength), at: start + 2) }
        self.init(range.kind, instance: instance)
    }
}
