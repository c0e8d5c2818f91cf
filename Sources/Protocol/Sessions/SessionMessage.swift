package import LISP
package import Trust

/// What stands in front of every message of a session.
enum SessionHead {
    /// On the data port a LISP header (RFC 9300 §5.1) with I = 1, KK = 01 and the Instance-ID.
    static let dataSize = 8
    static let dataWord: UInt32 = 0x0900_0000
    /// On the control port LISP type 15 (RFC 8113), sub-type 0x57E.
    static let controlSize = 4
    static let controlWord: UInt32 = 0xF57E_0000

    static func size(on port: LocalPort) -> Int { port == .data ? dataSize : controlSize }

    /// For everything that is not a packet of the overlay.
    static func octets(on port: LocalPort) -> [UInt8] {
        port == .data ? [9, 0, 0, 0, 0xFF, 0xFF, 0xFF, 0] : [0xF5, 0x7E, 0, 0]
    }

    /// - Returns: the Instance-ID; `nil` unless the octets begin with a head and one octet more.
    static func instance(_ octets: [UInt8], on port: LocalPort) -> UInt32? {
        switch port {
        case .control:
            guard octets.count > controlSize, octets.number(at: 0, size: 4) == controlWord else {
                return nil
            }
            return DataHeader.controlInstance
        case .data:
            guard octets.count > dataSize, octets.number(at: 0, size: 4) == dataWord,
                octets[7] == 0
            else { return nil }
            return octets.number(at: 4, size: 3)
        }
    }
}

/// Which message of a session stands behind the head.
enum SessionForm: UInt8 {
    case opener = 1
    case answer, packet, cookie, relayed, join
}

/// A message of a session but a sealed packet, from its form on.
///
///     01 | sender:24 | Noise message 1 | mac1:128 | mac2:128
///     02 | sender:24 | 00 | receiver:24 | Noise message 2 | mac1:128 | mac2:128
///     04 | receiver:24 | nonce:192 | sealed cookie:256
///     05 | 000000 | destination's node id:128 | one whole message of form 1 to 4 with its head
///     06 | sender:24 | step:8 | receiver:24 | Noise message | mac1:128 | mac2:128
package enum SessionMessage: Hashable, Sendable {
    case opener(sender: UInt32, noise: [UInt8], macs: [UInt8])
    case answer(sender: UInt32, receiver: UInt32, noise: [UInt8], macs: [UInt8])
    case cookie(receiver: UInt32, nonce: [UInt8], sealed: [UInt8])
    case relayed(to: NodeID, [UInt8])
    case join(sender: UInt32, step: UInt8, receiver: UInt32, noise: [UInt8], macs: [UInt8])

    package static let macSize = 16
    package static let macsSize = 32
    /// An ephemeral key, a sealed static one, and a tag.
    private static let smallestOpener = 32 + 48 + 16
    private static let smallestAnswer = 32 + 16
    /// Of a join message; step 0 is a clock instead.
    private static let smallestJoin = [9, 32, 32 + 48 + 16, 48 + 16]
    /// A message of form 3 without octets and with its head.
    private static let smallestRelayed = 8 + 12 + 16
}

extension SessionMessage: WireValue {
    package init(from reader: inout OctetReader) throws(WireError) {
        let start = reader.offset
        let form: UInt8 = try reader.read("form")
        switch SessionForm(rawValue: form) {
        case .opener:
            let sender = try reader.readIndex("sender index")
            let noise = try reader.readNoise(atLeast: Self.smallestOpener)
            self = .opener(sender: sender, noise: noise, macs: try reader.readMACs())
        case .answer:
            let sender = try reader.readIndex("sender index")
            let zero: UInt8 = try reader.read("reserved octet")
            guard zero == 0 else {
                throw .invalid("reserved octet", value: Int(zero), at: start + 4)
            }
            let receiver = try reader.readIndex("receiver index")
            let noise = try reader.readNoise(atLeast: Self.smallestAnswer)
            self = .answer(
                sender: sender, receiver: receiver, noise: noise, macs: try reader.readMACs())
        case .cookie:
            let receiver = try reader.readIndex("receiver index")
            let nonce = try reader.readOctets("nonce", count: 24)
            let sealed = try reader.readOctets("cookie", count: 32)
            self = .cookie(receiver: receiver, nonce: nonce, sealed: sealed)
        case .relayed:
            let zero = try reader.readIndex("reserved octets")
            guard zero == 0 else {
                throw .invalid("reserved octets", value: Int(zero), at: start + 1)
            }
            let id = try reader.readOctets("destination", count: NodeID.size)
            guard let node = NodeID(octets: id) else {
                throw .truncated("destination", at: start + 4)
            }
            let inner = reader.offset
            let message = reader.readRest()
            guard message.count >= Self.smallestRelayed,
                SessionHead.instance(message, on: .data) != nil,
                1...4 ~= message[SessionHead.dataSize]
            else { throw .invalid("relayed message of length", value: message.count, at: inner) }
            self = .relayed(to: node, message)
        case .join:
            let sender = try reader.readIndex("sender index")
            let step: UInt8 = try reader.read("step")
            guard Int(step) < Self.smallestJoin.count else {
                throw .unsupported("step", value: Int(step), at: start + 4)
            }
            let receiver = try reader.readIndex("receiver index")
            let noise = try reader.readNoise(atLeast: Self.smallestJoin[Int(step)])
            self = .join(
                sender: sender, step: step, receiver: receiver, noise: noise,
                macs: try reader.readMACs())
        case .packet, nil:
            throw .unsupported("form", value: Int(form), at: start)
        }
    }

    package func write(to writer: inout OctetWriter) {
        switch self {
        case .opener(let sender, let noise, let macs):
            writer.write(UInt32(SessionForm.opener.rawValue) << 24 | sender)
            writer.write(octets: noise)
            writer.write(octets: macs)
        case .answer(let sender, let receiver, let noise, let macs):
            writer.write(UInt32(SessionForm.answer.rawValue) << 24 | sender)
            writer.write(receiver)
            writer.write(octets: noise)
            writer.write(octets: macs)
        case .cookie(let receiver, let nonce, let sealed):
            writer.write(UInt32(SessionForm.cookie.rawValue) << 24 | receiver)
            writer.write(octets: nonce)
            writer.write(octets: sealed)
        case .relayed(let node, let message):
            writer.write(UInt32(SessionForm.relayed.rawValue) << 24)
            writer.write(octets: node.octets)
            writer.write(octets: message)
        case .join(let sender, let step, let receiver, let noise, let macs):
            writer.write(UInt32(SessionForm.join.rawValue) << 24 | sender)
            writer.write(UInt32(step) << 24 | receiver)
            writer.write(octets: noise)
            writer.write(octets: macs)
        }
    }
}

extension OctetReader {
    fileprivate mutating func readIndex(_ field: String) throws(WireError) -> UInt32 {
        let high: UInt8 = try read(field)
        let low: UInt16 = try read(field)
        return UInt32(high) << 16 | UInt32(low)
    }

    /// Everything but the two MACs.
    fileprivate mutating func readNoise(atLeast smallest: Int) throws(WireError) -> [UInt8] {
        let size = remaining - SessionMessage.macsSize
        guard size >= smallest else { throw .truncated("Noise message", at: offset) }
        return try readOctets("Noise message", count: size)
    }

    fileprivate mutating func readMACs() throws(WireError) -> [UInt8] {
        try readOctets("MACs", count: SessionMessage.macsSize)
    }
}

extension [UInt8] {
    /// A big-endian number of up to 8 octets, which must be there.
    @inline(__always)
    func number<Value: FixedWidthInteger>(at offset: Int, size: Int) -> Value {
        var value: Value = 0
        for index in offset..<offset &+ size { value = value << 8 | Value(self[index]) }
        return value
    }
}
