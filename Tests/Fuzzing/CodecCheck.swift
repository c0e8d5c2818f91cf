import Admin
import AllocationCount
package import LISP
import MappingSystem

/// What must hold of every string of octets that a decoder is given.
package enum CodecCheck {
    /// Octets of memory that decoding may hold at once, for each octet of input. The worst is an AFI
    /// list of empty addresses: 2 octets each on the wire, 24 in an array that grows by doubling and
    /// is copied as it grows.
    package static let memoryMultiple = 64
    /// And for any input at all: errors, first array, boxes.
    package static let memoryBase = 8192

    /// Whether memory is counted: not under sanitizers.
    package static var countsMemory: Bool { allocation_count_is_on() != 0 }

    package enum Violation: Error, CustomStringConvertible {
        case encodedDifferently([UInt8])
        case decodedDifferently
        case memory(Int64)
        case errorOutside(WireError)

        package var description: String {
            switch self {
            case .encodedDifferently(let octets): return "is encoded as \(octets.hex)"
            case .decodedDifferently: return "decodes to another value when encoded"
            case .memory(let octets): return "holds \(octets) octets of memory while it is decoded"
            case .errorOutside(let error): return "is refused at a place outside: \(error)"
            }
        }
    }

    /// - Returns: whether the octets were accepted.
    /// - Throws: ``Violation``.
    @discardableResult
    package static func check<Value: WireValue & Equatable>(
        _ octets: [UInt8], as type: Value.Type, compatibility: Compatibility = [],
        report: (Value) -> Void = { _ in }
    ) throws(Violation) -> Bool {
        var (value, held) = try decode(octets, as: Value.self, compatibility)
        if held > bound(octets) {
            // The first use of a type allocates for the runtime; the second does not.
            (value, held) = try decode(octets, as: Value.self, compatibility)
        }
        guard held <= bound(octets) else { throw .memory(held) }
        guard let value else { return false }
        let encoded = value.octets(compatibility: compatibility)
        guard encoded == octets else { throw .encodedDifferently(encoded) }
        guard let again = try? Value(octets: encoded, compatibility: compatibility), again == value
        else { throw .decodedDifferently }
        report(value)
        return true
    }

    private static func bound(_ octets: [UInt8]) -> Int64 {
        Int64(octets.count * memoryMultiple + memoryBase)
    }

    /// - Returns: the value, unless the octets were refused, and the most memory that it took.
    private static func decode<Value: WireValue>(
        _ octets: [UInt8], as type: Value.Type, _ compatibility: Compatibility
    ) throws(Violation) -> (Value?, Int64) {
        allocation_count_reset_peak()
        let before = allocation_count_now().live
        do throws(WireError) {
            let value = try Value(octets: octets, compatibility: compatibility)
            return (value, allocation_count_now().peak - before)
        } catch {
            let held = allocation_count_now().peak - before
            guard 0...octets.count ~= error.offset else { throw .errorOutside(error) }
            _ = error.description
            return (nil, held)
        }
    }

    /// As a control packet, and then everything that a node or a person does with one.
    @discardableResult
    package static func checkControl(
        _ octets: [UInt8], compatibility: Compatibility = []
    ) throws(Violation) -> Bool {
        let reporter = MessageReporter(
            pull: PullHash(modulus: 8),
            authentication: MessageAuthentication(key: [1], compatibility: compatibility),
            compatibility: compatibility)
        return try check(octets, as: ControlPacket.self, compatibility: compatibility) {
            let report = reporter.report($0)
            _ = report.plainText
            _ = report.json
        }
    }

    /// As a data packet; and as an IP packet that may hold a datagram.
    @discardableResult
    package static func checkData(_ octets: [UInt8]) throws(Violation) -> Bool {
        _ = try? UDPDatagram(ipPacket: octets)
        _ = try? UDPDatagram(ipPacket: [UInt8](octets.dropFirst(DataHeader.size)))
        return try check(octets, as: DataPacket.self) {
            _ = MessageReporter().report($0).json
        }
    }
}

extension WireError {
    /// Where in the datagram the field begins.
    package var offset: Int {
        switch self {
        case .truncated(_, let offset), .unsupported(_, _, let offset), .invalid(_, _, let offset),
            .leftOver(_, _, let offset):
            return offset
        }
    }
}
