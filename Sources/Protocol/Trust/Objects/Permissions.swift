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
    mutating func takeNames(_ tag: FieldTag = .names) throws(WireError) -> [MeshName] {
        guard let octets = try take(tag) else { return [] }
        var reader = OctetReader(octets.span.bytes)
        var names: [MeshName] = []
        while reader.remaining > 0 {
            let start = reader.offset
            let length: UInt8 = try reader.read(tag.name)
            let text = try reader.readOctets(tag.name, count: Int(length))
            guard let name = MeshName(String(decoding: text, as: UTF8.self)) else {
                throw .invalid("name in \(tag.name)", value: Int(length), at: start)
            }
            names.append(name)
        }
        return names
    }

    mutating func takeName() throws(WireError) -> MeshName? {
        let names = try takeNames()
        guard names.count <= 1 else {
            throw .invalid("number of names", value: names.count, at: 0)
        }
        return names.first
    }

    mutating func set(names: [MeshName]) {
        set(.names, names.flatMap { [UInt8($0.description.utf8.count)] + $0.description.utf8 })
    }

    /// `{Instance-ID 4, AFI 2, mask length 1, address}*`, host bits zero; IPv4, IPv6 or MAC.
    mutating func takeRanges() throws(WireError) -> [EID] {
        guard let octets = try take(.ranges) else { return [] }
        var reader = OctetReader(octets.span.bytes)
        var ranges: [EID] = []
        while reader.remaining > 0 {
            let start = reader.offset
            let instance: UInt32 = try reader.read("Instance-ID of range")
            let afi: UInt16 = try reader.read("AFI of range")
            let maskLength: UInt8 = try reader.read("mask length of range")
            let size: Int
            switch afi {
            case AFI.ipv4: size = 4
            case AFI.ipv6: size = 16
            case AFI.mac: size = 6
            default: throw .unsupported("AFI of range", value: Int(afi), at: start + 4)
            }
            let value = try reader.readOctets("range", count: size)
            let address = try Address(octets: [UInt8(afi >> 8), UInt8(afi & 0xFF)] + value)
            guard let range = try? EID(maskLength: maskLength, address: address),
                range.wire.address == address
            else { throw .invalid("mask length of range", value: Int(maskLength), at: start + 6) }
            ranges.append(EID(range.kind, instance: instance))
        }
        return ranges
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
