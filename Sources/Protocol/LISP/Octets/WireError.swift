/// Why octets from the network are not the value that they claim to be.
///
/// Each case names the field by its RFC name and the octet, counted from 0 at the start of the
/// datagram, at which that field begins. The whole datagram is refused: RFC 9301 §5.1 and the rule
/// that a datagram is whole or wrong.
package enum WireError: Error, Hashable, Sendable {
    /// The datagram, or the length that bounds the field, ends inside it.
    case truncated(_ field: String, at: Int)
    /// The value is one whose layout we do not know and whose length nothing states, for example
    /// an AFI that is new to us (RFC 9301 §5.1: drop the message).
    case unsupported(_ field: String, value: Int, at: Int)
    /// The value contradicts another field or its own definition.
    case invalid(_ field: String, value: Int, at: Int)
    /// The field is complete and `count` octets stand behind it where none belong.
    case leftOver(_ field: String, count: Int, at: Int)
}

extension WireError {
    /// The same mistake, where the octets stand inside others.
    package func moved(by distance: Int) -> WireError {
        switch self {
        case .truncated(let field, let offset): return .truncated(field, at: offset + distance)
        case .unsupported(let field, let value, let offset):
            return .unsupported(field, value: value, at: offset + distance)
        case .invalid(let field, let value, let offset):
            return .invalid(field, value: value, at: offset + distance)
        case .leftOver(let field, let count, let offset):
            return .leftOver(field, count: count, at: offset + distance)
        }
    }
}

extension WireError: CustomStringConvertible {
    package var description: String {
        switch self {
        case .truncated(let field, let offset):
            return "\(field) at octet \(offset) is cut off"
        case .unsupported(let field, let value, let offset):
            return "\(field) \(value) at octet \(offset) is not supported"
        case .invalid(let field, let value, let offset):
            return "\(field) \(value) at octet \(offset) is wrong"
        case .leftOver(let field, let count, let offset):
            let octets = count == 1 ? "1 octet is" : "\(count) octets are"
            return "\(octets) left over after \(field) at octet \(offset)"
        }
    }
}
