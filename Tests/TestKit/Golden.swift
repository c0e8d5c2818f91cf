/// Octets and the value that they are, both ways.
package struct Golden<Value: Sendable>: Sendable, CustomStringConvertible {
    package let name: String
    package let octets: [UInt8]
    package let value: Value
    /// From this length on a beginning of the octets is a value too (a message that carries whatever
    /// follows it); `nil`: no beginning is.
    package let validFrom: Int?

    /// - Parameter hex: pairs of digits, white space anywhere between them.
    package init(_ name: String, _ hex: String, _ value: Value, validFrom: Int? = nil) {
        self.name = name
        self.octets = [UInt8](hex: hex)
        self.value = value
        self.validFrom = validFrom
    }

    package var description: String { name }
}

extension Array where Element == UInt8 {
    /// For octets written in the tests themselves: anything but pairs of digits and white space is a
    /// mistake in the test.
    package init(hex: String) {
        let digits = hex.filter { !$0.isWhitespace }
        precondition(digits.count % 2 == 0, "odd number of digits in \(hex)")
        self = []
        var rest = digits[...]
        while !rest.isEmpty {
            guard let octet = UInt8(rest.prefix(2), radix: 16) else {
                preconditionFailure("no hexadecimal digits: \(rest.prefix(2))")
            }
            append(octet)
            rest = rest.dropFirst(2)
        }
    }
}
