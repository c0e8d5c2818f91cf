/// One LISP control message, told apart by the first four bits (RFC 9301 §5.1).
package enum ControlMessage: Hashable, Sendable {
    /// Type 1.
    case mapRequest(MapRequest)
    /// Type 2.
    case mapReply(MapReply)
    /// Type 3.
    case mapRegister(MapRegister)
    /// Types 4 and 5.
    case mapNotify(MapNotify)
    /// Type 7.
    case info(InfoMessage)
    /// Type 15.
    case sharedExtension(SharedExtension)
    /// A type that we carry and do not read: all its octets. Map-Referral (6), LISP-Trace (9), an
    /// ECM inside an ECM, and the unassigned ones.
    case opaque(OpaqueMessage)
}

/// The octets of a message from its type on; there is at least one.
package struct OpaqueMessage: Hashable, Sendable {
    package let octets: [UInt8]

    /// - Returns: `nil` if there are none.
    package init?(octets: [UInt8]) {
        guard !octets.isEmpty else { return nil }
        self.octets = octets
    }

    package var type: UInt8 { octets[0] >> 4 }
}

extension ControlMessage {
    package var type: UInt8 {
        switch self {
        case .mapRequest: return MapRequest.type
        case .mapReply: return MapReply.type
        case .mapRegister: return MapRegister.type
        case .mapNotify(let message): return message.kind.rawValue
        case .info: return InfoMessage.type
        case .sharedExtension: return SharedExtension.type
        case .opaque(let message): return message.type
        }
    }

    /// The standard's name of a type (RFC 9301 §5.1, RFC 8111, RFC 9304).
    package static func name(ofType type: UInt8) -> String {
        switch type {
        case 1: return "Map-Request"
        case 2: return "Map-Reply"
        case 3: return "Map-Register"
        case 4: return "Map-Notify"
        case 5: return "Map-Notify-Ack"
        case 6: return "Map-Referral"
        case 7: return "Info-Request"
        case 8: return "Encapsulated Control Message"
        case 9: return "LISP-Trace"
        case 15: return "Shared Extension Message"
        default: return "message type \(type)"
        }
    }

    package var name: String {
        if case .info(let message) = self, message.isReply { return "Info-Reply" }
        return Self.name(ofType: type)
    }
}

extension ControlMessage: WireValue {
    @inline(__always)
    package init(from reader: inout OctetReader) throws(WireError) {
        guard let first = reader.peek() else { throw .truncated("Type", at: reader.offset) }
        switch first >> 4 {
        case MapRequest.type: self = .mapRequest(try MapRequest(from: &reader))
        case MapReply.type: self = .mapReply(try MapReply(from: &reader))
        case MapRegister.type: self = .mapRegister(try MapRegister(from: &reader))
        case MapNotify.Kind.notify.rawValue, MapNotify.Kind.acknowledgement.rawValue:
            self = .mapNotify(try MapNotify(from: &reader))
        case InfoMessage.type: self = .info(try InfoMessage(from: &reader))
        case SharedExtension.type: self = .sharedExtension(try SharedExtension(from: &reader))
        default:
            guard let message = OpaqueMessage(octets: reader.readRest()) else {
                throw .truncated("Type", at: reader.offset)
            }
            self = .opaque(message)
        }
    }

    package func write(to writer: inout OctetWriter) {
        switch self {
        case .mapRequest(let message): message.write(to: &writer)
        case .mapReply(let message): message.write(to: &writer)
        case .mapRegister(let message): message.write(to: &writer)
        case .mapNotify(let message): message.write(to: &writer)
        case .info(let message): message.write(to: &writer)
        case .sharedExtension(let message): message.write(to: &writer)
        case .opaque(let message): writer.write(octets: message.octets)
        }
    }
}
