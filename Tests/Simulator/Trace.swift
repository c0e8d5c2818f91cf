import Clocks
import LISPNode
import Sessions

/// Everything that happened, in 64 bits: equal for equal seeds, on every machine and in every process.
struct TraceHash {
    private(set) var value: UInt64 = 0x5748_4954_4845_5221

    mutating func mix(_ word: UInt64) {
        value = (value ^ word) &* 0x9E37_79B9_7F4A_7C15
        value ^= value >> 32
    }

    mutating func mix(_ octets: [UInt8]) {
        mix(UInt64(octets.count))
        octets.withUnsafeBytes { octets in
            var place = 0
            while place + 8 <= octets.count {
                mix(
                    UInt64(
                        littleEndian: octets.loadUnaligned(fromByteOffset: place, as: UInt64.self)))
                place += 8
            }
            var rest: UInt64 = 0
            for octet in octets[place...] { rest = rest << 8 | UInt64(octet) }
            mix(rest)
        }
    }
}

/// One line of what happened.
package struct TraceEntry: Sendable {
    package enum Kind: UInt8, Sendable {
        case start, datagram, packet, deadline, written, locators, command
        case sent, dropped, delivered, write, answer, notice
        case crashed, restarted, paused, asleep, slowed, clockChanged, moved, rebound, diskFull,
            diskFreed
        case partitioned, healed, clogged, unclogged, note
    }

    package let time: Int64
    /// -1: the world, or the outsider.
    package let machine: Int
    package let kind: Kind
    /// The other end of a datagram.
    let endpoint: UInt32?
    package let octets: [UInt8]
    /// A batch, a number of a command, a reason, the machine at the other end of a link.
    package let number: UInt64
    package let text: String

    var showsOctets: Bool {
        switch kind {
        case .datagram, .sent, .dropped, .packet, .delivered: return true
        default: return false
        }
    }
}

/// The last entries.
struct TraceRing {
    static let limit = 200
    private var entries: [TraceEntry] = []
    private var next = 0

    mutating func append(_ entry: TraceEntry) {
        if entries.count < Self.limit {
            entries.append(entry)
        } else {
            entries[next] = entry
            next = (next + 1) % Self.limit
        }
    }

    /// Oldest first.
    var all: [TraceEntry] { Array(entries[next...] + entries[..<next]) }
}

extension TraceEntry {
    /// - Parameter describe: what octets mean, if one knows; hexadecimal digits otherwise.
    func line(_ endpoints: Endpoints, describe: (([UInt8]) -> String?)?) -> String {
        let (seconds, rest) = time.quotientAndRemainder(dividingBy: 1_000_000)
        let fraction = String(1_000_000 + rest).dropFirst()
        let who = machine < 0 ? "world" : "node \(machine)"
        var line = "\(seconds).\(fraction) s  \(who): \(words)"
        if let endpoint { line += " \(endpoints.paths[Int(endpoint)])" }
        if showsOctets {
            line += ", \(octets.count) octets"
            if let meaning = describe?(octets) {
                line += ": \(meaning)"
            } else {
                let digits = octets.prefix(24).map { String($0, radix: 16).leftPadded }
                line += ": " + digits.joined() + (octets.count > 24 ? "…" : "")
            }
        }
        return line
    }

    private var words: String {
        switch kind {
        case .start: return "starts (\(text))"
        case .datagram: return "datagram\(number == 1 ? " (forged)" : "") from"
        case .packet: return "packet for the overlay, instance \(number)"
        case .deadline: return "deadline"
        case .written: return "batch \(number) is durable"
        case .locators: return "has addresses \(text)"
        case .command: return "command \(number)"
        case .sent: return "sends to"
        case .dropped:
            let reason = DropReason(rawValue: UInt8(truncatingIfNeeded: number))
            return "lost (\(reason.map { "\($0)" } ?? "?")), to"
        case .delivered: return "packet from the overlay, instance \(number)"
        case .write: return "writes batch \(number)"
        case .answer: return "answers \(number)"
        case .notice: return "notice \(text)"
        case .crashed: return "crashes"
        case .restarted: return "restarts, \(text)"
        case .paused: return "pauses for \(number) µs"
        case .asleep: return "sleeps for \(number) µs"
        case .slowed: return "takes \(number) µs for an event"
        case .clockChanged: return "clock: \(text)"
        case .moved: return "moves to \(text)"
        case .rebound: return "NAT \(number) forgets its mappings"
        case .diskFull: return "disk is full"
        case .diskFreed: return "disk has room again"
        case .partitioned: return "partition: \(text)"
        case .healed: return "healed"
        case .clogged: return "link to node \(number) is clogged"
        case .unclogged: return "link to node \(number) is free"
        case .note: return text
        }
    }
}

extension String {
    fileprivate var leftPadded: String { count == 1 ? "0" + self : self }
}
