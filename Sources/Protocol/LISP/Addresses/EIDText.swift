/// Why a text is no EID: what is wrong, at which character, and what would be right.
package struct EIDTextError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The whole text that was read.
    package let text: String
    /// What is wrong there.
    package let reason: String
    /// Counted from 1.
    package let column: Int

    package var description: String { "EID \"\(text)\", column \(column): \(reason)" }
}

extension EID: CustomStringConvertible {
    /// `[iid]eid/len`, in the exact spellings that pull mode hashes (RFC 9962 §5.1, and as
    /// lispers.net prints the kinds that the RFC leaves open):
    ///
    ///     [0]10.1.0.0/16   [1000]fd00::2222/128   [0]0000-1111-2222/48   [0]+000140871820010/64
    ///     [0]'dino'   [0]48-51-12-N-2-20-55-E/100   [0](1.1.1.1/32, 224.1.1.1/32)
    ///     [0]AS64512   [1000]   [1000-1003]   [*]   [0]0x40030000ff00…/0
    ///
    /// The last is any other address: its octets from the AFI on, and the mask length.
    package var description: String {
        switch kind {
        case .ipv4(let prefix): return "[\(instance)]\(prefix)"
        case .ipv6(let prefix): return "[\(instance)]\(prefix)"
        case .mac(let prefix): return "[\(instance)]\(prefix)"
        case .e164(let prefix): return "[\(instance)]\(prefix)"
        case .name(let name): return "[\(instance)]'\(name)'"
        case .geo(let point): return "[\(instance)]\(point)"
        case .multicast(let source, let group): return "[\(instance)](\(source), \(group))"
        case .asNumber(let number): return "[\(instance)]AS\(number)"
        case .instances(0): return "[*]"
        case .instances(32): return "[\(instance)]"
        case .instances(let length):
            return "[\(instance)-\(instance | UInt32.max >> UInt32(length))]"
        case .opaque(let address, let length):
            return "[\(instance)]0x\(address.octets().hex)/\(length)"
        }
    }
}

extension EID {
    /// Reads what ``description`` prints, and shorter forms: no `[iid]` means instance 0, no `/len`
    /// a whole address, `*` any source. Host bits are cleared.
    /// - Throws: ``EIDTextError``.
    package init(_ text: String) throws(EIDTextError) {
        var parser = EIDParser(text)
        self = try parser.parse()
    }
}

private struct EIDParser {
    let text: String
    /// What is left to read, and at which column it begins.
    var rest: Substring

    init(_ text: String) {
        self.text = text
        self.rest = text[...]
    }

    func error(_ reason: String, at place: Substring) -> EIDTextError {
        let column = text.distance(from: text.startIndex, to: place.startIndex) + 1
        return EIDTextError(text: text, reason: reason, column: column)
    }

    mutating func parse() throws(EIDTextError) -> EID {
        guard !rest.isEmpty else {
            throw error("it is empty; write [iid]address/length, as in [0]10.1.0.0/16", at: rest)
        }
        var instance: UInt32 = 0
        if rest.first == "[" {
            guard let close = rest.firstIndex(of: "]") else {
                throw error("the [ is not closed; write [0]address/length", at: rest)
            }
            let inside = rest[rest.index(after: rest.startIndex)..<close]
            rest = rest[rest.index(after: close)...]
            if rest.isEmpty { return try instances(inside) }
            instance = try number(inside, "Instance-ID", upTo: UInt32.max)
        }
        return try address(instance)
    }

    private func instances(_ inside: Substring) throws(EIDTextError) -> EID {
        if inside == "*" { return EID(.instances(maskLength: 0)) }
        let ends = inside.split(separator: "-", omittingEmptySubsequences: false)
        let low = try number(ends[0], "Instance-ID", upTo: UInt32.max)
        if ends.count == 1 { return EID(.instances(maskLength: 32), instance: low) }
        guard ends.count == 2 else { throw error("a range is [low-high]", at: inside) }
        let high = try number(ends[1], "Instance-ID", upTo: UInt32.max)
        let length = (low ^ high).leadingZeroBitCount
        let hostBits = ~UInt32.max.keepingFirst(length)
        guard low & hostBits == 0, high & hostBits == hostBits else {
            throw error("a range of instances must be a prefix, as [1000-1007] is", at: inside)
        }
        return EID(.instances(maskLength: UInt8(length)), instance: low)
    }

    private func address(_ instance: UInt32) throws(EIDTextError) -> EID {
        switch rest.first {
        case "(": return try multicast(instance)
        case "'": return EID(.name(try name()), instance: instance)
        case "+": return EID(.e164(try e164()), instance: instance)
        default: break
        }
        if rest.hasPrefix("AS") {
            return EID(
                .asNumber(try number(rest.dropFirst(2), "AS number", upTo: UInt32.max)),
                instance: instance)
        }
        if rest.hasPrefix("0x") { return try opaque(instance) }
        if rest.contains(where: { "NS".contains($0) }), rest.contains("-") {
            guard let point = GeoPoint(String(rest)) else {
                throw error("not a geo EID; write it like 48-51-12-N-2-20-55-E/100", at: rest)
            }
            return EID(.geo(point), instance: instance)
        }
        return EID(try part(rest).kind, instance: instance)
    }

    /// `address/length` of IPv4, IPv6 or MAC.
    private func part(_ text: Substring) throws(EIDTextError) -> MulticastPart {
        if let prefix = try prefix(text, IPv4Address.self) { return .ipv4(prefix) }
        if let prefix = try prefix(text, IPv6Address.self) { return .ipv6(prefix) }
        if let prefix = try prefix(text, MACAddress.self) { return .mac(prefix) }
        let (address, _) = split(text)
        if address.isEmpty { throw error("the address is missing", at: text) }
        if address.contains(":") {
            throw error("\"\(address)\" is not an IPv6 or MAC address", at: text)
        }
        if address.allSatisfy({ $0.isNumber || $0 == "." }) {
            throw error(
                "\"\(address)\" is not an IPv4 address (four numbers from 0 to 255)", at: text)
        }
        throw error(
            "\"\(address)\" is no address; a name stands in quotes: '\(address)'", at: text)
    }

    private func prefix<Address: FixedWidthAddress>(
        _ text: Substring, _ type: Address.Type
    ) throws(EIDTextError) -> Prefix<Address>? {
        let (addressText, lengthText) = split(text)
        guard let address = Address(String(addressText)) else { return nil }
        guard let lengthText else { return Prefix(host: address) }
        let length = try maskLength(lengthText, of: Address.self)
        return Prefix(address, length: length)
    }

    private func split(_ text: Substring) -> (Substring, Substring?) {
        guard let slash = text.firstIndex(of: "/") else { return (text, nil) }
        return (text[..<slash], text[text.index(after: slash)...])
    }

    private func maskLength<Address: FixedWidthAddress>(
        _ text: Substring, of type: Address.Type
    ) throws(EIDTextError) -> Int {
        let field = "mask length of \(Address.kind)"
        return Int(try number(text, field, upTo: UInt32(Address.bitWidth)))
    }

    private func number(
        _ text: Substring, _ field: String, upTo limit: UInt32
    ) throws(EIDTextError) -> UInt32 {
        guard let value = UInt32(decimalDigits: text), value <= limit else {
            throw error("\(field) \"\(text)\" is not a number from 0 to \(limit)", at: text)
        }
        return value
    }

    private func e164() throws(EIDTextError) -> Prefix<E164Number> {
        let (numberText, lengthText) = split(rest)
        guard let lengthText else {
            guard let number = E164Number(dialled: String(numberText)) else {
                throw error("a telephone number is + and 1 to 15 digits", at: rest)
            }
            return Prefix(host: number)
        }
        guard let number = E164Number(String(numberText)) else {
            let dialled = E164Number(dialled: String(numberText))
            let hint = dialled.map { "; as a whole number it would be \($0)/64" } ?? ""
            throw error(
                "before /length an E.164 EID has 15 or 16 hexadecimal digits\(hint)", at: rest)
        }
        let length = try maskLength(lengthText, of: E164Number.self)
        return Prefix(number, length: length) ?? Prefix(host: number)
    }

    private func name() throws(EIDTextError) -> OctetName {
        let inside = rest.dropFirst()
        guard let close = inside.firstIndex(of: "'") else {
            throw error("the name has no closing quote", at: rest)
        }
        let after = inside[inside.index(after: close)...]
        guard after.isEmpty else {
            throw error("nothing may follow the closing quote; names have no /length", at: after)
        }
        guard let name = OctetName(escaped: inside[..<close]) else {
            throw error("\\ must be followed by two hexadecimal digits other than 00", at: inside)
        }
        return name
    }

    private func multicast(_ instance: UInt32) throws(EIDTextError) -> EID {
        guard rest.last == ")", let comma = rest.firstIndex(of: ",") else {
            throw error("write (source/length, group/length)", at: rest)
        }
        let sourceText = rest[rest.index(after: rest.startIndex)..<comma].trimmed
        let groupText = rest[rest.index(after: comma)...].dropLast().trimmed
        let group = try part(groupText)
        let source = sourceText == "*" ? group.anySource : try part(sourceText)
        guard let eid = EID(source: source, group: group, instance: instance) else {
            throw error("source and group must be of one family", at: sourceText)
        }
        return eid
    }

    private func opaque(_ instance: UInt32) throws(EIDTextError) -> EID {
        let (digits, lengthText) = split(rest)
        let hex = Hex.octets(of: String(digits.dropFirst(2)))
        guard let hex, let address = try? Address(octets: hex) else {
            throw error("0x must be followed by the octets of one address, AFI first", at: rest)
        }
        let length = try lengthText.map { text throws(EIDTextError) in
            try number(text, "mask length", upTo: 255)
        }
        do {
            let eid = try EID(maskLength: UInt8(length ?? 0), address: address)
            if instance == 0 { return eid }
            guard eid.instance == 0 else { throw EIDWireError.nestedInstance }
            return EID(eid.kind, instance: instance)
        } catch {
            throw self.error("\(error)", at: rest)
        }
    }
}

extension MulticastPart {
    /// All addresses of its family.
    fileprivate var anySource: MulticastPart {
        switch self {
        case .ipv4(let prefix): return .ipv4(prefix.shortened(to: 0))
        case .ipv6(let prefix): return .ipv6(prefix.shortened(to: 0))
        case .mac(let prefix): return .mac(prefix.shortened(to: 0))
        }
    }
}

extension Substring {
    fileprivate var trimmed: Substring {
        var rest = drop { $0 == " " }
        while rest.last == " " { rest = rest.dropLast() }
        return rest
    }
}
