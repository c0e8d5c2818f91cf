/// A name of octets without a zero octet: the AFIs whose addresses end with one.
///
/// AFI 17 is the distinguished name of RFC 9735. AFI 16 is a DNS name, which LISP documents list but
/// do not lay out; it is read the same way.
package struct OctetName: Hashable, Sendable {
    /// Without the NUL that ends the name on the wire.
    package let octets: [UInt8]

    /// - Returns: `nil` if an octet is zero.
    package init?(octets: [UInt8]) {
        guard !octets.contains(0) else { return nil }
        self.octets = octets
    }

    init(terminated octets: [UInt8]) { self.octets = octets }

    package init?(_ text: String) { self.init(octets: [UInt8](text.utf8)) }

    /// Eight times the octets including the NUL (RFC 9735 §4), as the mask length of an EID-record.
    /// The field has 8 bits: a name of more than 30 octets cannot state its length and states 0.
    package var maskLength: UInt8 {
        octets.count <= 30 ? UInt8((octets.count + 1) * 8) : 0
    }
}

extension OctetName: CustomStringConvertible {
    /// The name, with `\`, `'` and what is not printable ASCII as `\` and two hexadecimal digits.
    package var description: String {
        var text = ""
        for octet in octets {
            switch octet {
            case UInt8(ascii: "\\"), UInt8(ascii: "'"), 0..<0x20, 0x7F...:
                text += "\\\(octet.hex(width: 2))"
            default: text.unicodeScalars.append(Unicode.Scalar(octet))
            }
        }
        return text
    }

    /// Reads what ``description`` prints.
    package init?(escaped text: some StringProtocol) {
        var octets: [UInt8] = []
        var rest = [UInt8](text.utf8)[...]
        while let octet = rest.popFirst() {
            if octet != UInt8(ascii: "\\") {
                octets.append(octet)
                continue
            }
            let digits = String(decoding: rest.prefix(2), as: UTF8.self)
            guard digits.utf8.count == 2, let value = UInt8(hexDigits: digits) else { return nil }
            octets.append(value)
            rest = rest.dropFirst(2)
        }
        self.init(octets: octets)
    }
}
