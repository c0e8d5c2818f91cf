package import LISP

/// `whither decode`: LISP messages as people and programs want to read them.
package struct DecodeVerb {
    package var reporter: MessageReporter
    /// How many datagrams were read, and how many of them were not LISP as we know it.
    package private(set) var decoded = 0
    package private(set) var failed = 0

    package init(reporter: MessageReporter = .init()) {
        self.reporter = reporter
    }

    /// One datagram's payload.
    /// - Throws: ``WireError``.
    package func report(
        _ payload: [UInt8], as content: UDPDatagram.Content
    ) throws(WireError) -> Report {
        switch content {
        case .control:
            return reporter.report(
                try ControlPacket(octets: payload, compatibility: reporter.compatibility))
        case .data:
            return reporter.report(
                try DataPacket(octets: payload, compatibility: reporter.compatibility))
        }
    }

    /// One captured datagram, with where it was; what cannot be decoded says why.
    /// - Returns: `nil` if it is not LISP.
    package mutating func report(_ datagram: UDPDatagram, frame: Int) -> Report? {
        guard let content = datagram.content else { return nil }
        let from = Self.text(datagram.source, datagram.sourcePort)
        let to = Self.text(datagram.destination, datagram.destinationPort)
        let length = UInt64(datagram.payload.count)
        var fields = [
            Report.Field(
                "Frame",
                .summary(
                    "\(frame), \(from) -> \(to), \(length) octets",
                    [
                        .init("Number", .integer(UInt64(frame))), .init("From", .text(from)),
                        .init("To", .text(to)), .init("Length", .integer(length)),
                    ]))
        ]
        decoded += 1
        do throws(WireError) {
            let report = try report(datagram.payload, as: content)
            if case .fields(let more) = report { fields += more }
        } catch {
            failed += 1
            fields.append(.init("Error", .text(error.description)))
        }
        return .fields(fields)
    }

    private static func text(_ address: Address, _ port: UInt16) -> String {
        if case .ipv6 = address { return "[\(address.plain)]:\(port)" }
        return "\(address.plain):\(port)"
    }
}

/// Octets as people write them: pairs of hexadecimal digits, with white space, `:`, `-` or `.`
/// between pairs, and `0x` in front or not.
package enum HexText {
    package struct Failure: Error, CustomStringConvertible {
        package let description: String
    }

    /// - Throws: ``Failure`` with the character and its place, counted from 1.
    package static func octets(of text: String) throws(Failure) -> [UInt8] {
        var octets: [UInt8] = []
        var high: UInt8?
        var column = text.hasPrefix("0x") || text.hasPrefix("0X") ? 2 : 0
        for character in text.dropFirst(column) {
            column += 1
            if let digit = character.hexDigitValue, character.isASCII {
                if let first = high {
                    octets.append(first << 4 | UInt8(digit))
                    high = nil
                } else {
                    high = UInt8(digit)
                }
            } else if character.isWhitespace || ":-.".contains(character) {
                guard high == nil else {
                    throw Failure(
                        description: "column \(column): a pair of hexadecimal digits is split")
                }
            } else {
                throw Failure(
                    description: "column \(column): \"\(character)\" is not a hexadecimal digit")
            }
        }
        guard high == nil else {
            throw Failure(
                description: "an odd number of hexadecimal digits: the last octet is half")
        }
        guard !octets.isEmpty else { throw Failure(description: "there are no octets") }
        return octets
    }
}
