import LISP
import TestKit
import Testing

/// The octets decode to the value and the value encodes to the octets.
func expectBothWays<Value: WireValue & Equatable & Sendable>(
    _ golden: Golden<Value>, compatibility: Compatibility = []
) throws {
    let decoded = try Value(octets: golden.octets, compatibility: compatibility)
    #expect(decoded == golden.value)
    #expect(golden.value.octets(compatibility: compatibility).hex == golden.octets.hex)
}

/// Each proper prefix is refused, and the error names a field and a place inside the octets; from
/// `validFrom` on each prefix is a shorter value.
func expectPrefixesRefused<Value: WireValue>(
    _ octets: [UInt8], as type: Value.Type, validFrom: Int? = nil,
    compatibility: Compatibility = [], _ place: String = ""
) {
    for length in 0..<octets.count {
        let prefix = [UInt8](octets.prefix(length))
        let isValid = length >= validFrom ?? .max
        do throws(WireError) {
            _ = try Value(octets: prefix, compatibility: compatibility)
            #expect(isValid, "\(place): \(length) octets were accepted: \(prefix.hex)")
        } catch {
            #expect(!isValid, "\(place): \(length) octets were refused: \(error)")
            #expect(error.field.isEmpty == false)
            #expect(0...length ~= error.place, "\(place): \(error) of \(length) octets")
        }
    }
}

extension WireError {
    var field: String {
        switch self {
        case .truncated(let field, _), .unsupported(let field, _, _), .invalid(let field, _, _),
            .leftOver(let field, _, _):
            return field
        }
    }

    var place: Int {
        switch self {
        case .truncated(_, let offset), .unsupported(_, _, let offset), .invalid(_, _, let offset),
            .leftOver(_, _, let offset):
            return offset
        }
    }
}

extension Address {
    /// An IP address written in a test.
    static func ip(_ text: String) -> Address {
        guard let address = Address(rloc: text) else { preconditionFailure("no address: \(text)") }
        return address
    }

    static func name(_ text: String) -> Address {
        guard let name = OctetName(text) else { preconditionFailure("no name: \(text)") }
        return .distinguishedName(name)
    }
}
