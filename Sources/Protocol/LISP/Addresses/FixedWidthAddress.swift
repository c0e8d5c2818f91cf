/// An address with a fixed number of bits, of which the first so many can be a prefix.
package protocol FixedWidthAddress: Hashable, Sendable, CustomStringConvertible {
    /// How many bits an address has: 32 for IPv4, and the longest mask length.
    static var bitWidth: Int { get }
    /// What people call this kind, for error messages.
    static var kind: String { get }
    /// The address with all bits behind the first `length` cleared; `length` is 0 to `bitWidth`.
    func masked(to length: Int) -> Self
    /// Reads the text form; `nil` if it is not one.
    init?(_ text: String)
}

/// The first `length` bits of addresses: the rest of `address` is zero.
package struct Prefix<Address: FixedWidthAddress>: Hashable, Sendable {
    package let address: Address
    /// Mask length in bits, 0 to `Address.bitWidth`.
    package let length: Int

    /// Clears the host bits.
    /// - Returns: `nil` if `length` is not 0 to `Address.bitWidth`.
    package init?(_ address: Address, length: Int) {
        guard 0...Address.bitWidth ~= length else { return nil }
        self.address = address.masked(to: length)
        self.length = length
    }

    /// One whole address.
    package init(host address: Address) {
        self.address = address
        self.length = Address.bitWidth
    }

    /// The first `length` bits of this prefix, or the prefix itself if it is shorter.
    package func shortened(to length: Int) -> Self {
        Prefix(address, length: Swift.min(Swift.max(length, 0), self.length)) ?? self
    }
}

extension Prefix: CustomStringConvertible {
    package var description: String { "\(address)/\(length)" }
}

extension FixedWidthInteger where Self: UnsignedInteger {
    /// The first `length` bits kept, the others cleared; `length` is 0 to `bitWidth`.
    func keepingFirst(_ length: Int) -> Self {
        length == 0 ? 0 : self & (Self.max << (Self.bitWidth - length))
    }
}
