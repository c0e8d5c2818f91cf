package import Cryptography
import Laboratory
package import Trust

/// What the signature locator of a record says, in the only text that says it.
///
///     {"alg":"Ed25519","key":"K","class":0,"nodes":"N","seq":S,"signature":"G"}
///
/// K, N and G are Base64URL; `"class":0,` and `"nodes":"N",` stand only where needed. A text is read
/// piece by piece, each in its place and its one spelling: there is no JSON parser.
package struct RecordSignature: Hashable, Sendable {
    package var signer: Ed25519.PublicKey
    /// The record is a registrar's, not an owner's.
    package var isClass0: Bool
    /// Whose the forwarding locators are; none: all are the signer's.
    package var nodes: [Run]
    /// 1 to 2^48 - 1, in milliseconds of mesh time at least as great as when it was signed.
    package var sequence: UInt64
    /// 64 octets.
    package var signature: [UInt8]

    /// Forwarding locators next to each other that one node has.
    package struct Run: Hashable, Sendable {
        /// 1 to 127.
        package var count: Int
        package var node: NodeID
        /// Through whom it is reached.
        package var relay: NodeID?

        package init(count: Int, node: NodeID, relay: NodeID? = nil) {
            self.count = count
            self.node = node
            self.relay = relay
        }
    }

    package static let maximumSequence: UInt64 = 1 << 48 - 1

    /// What stands behind the signed octets of a record: 86 digits of the signature, `"}`, AFI 0.
    package static let unsignedSize = 90

    package init(
        signer: Ed25519.PublicKey, isClass0: Bool = false, nodes: [Run] = [], sequence: UInt64,
        signature: [UInt8]
    ) {
        self.signer = signer
        self.isClass0 = isClass0
        self.nodes = nodes
        self.sequence = sequence
        self.signature = signature
    }
}

extension RecordSignature {
    private static let head: StaticString = #"{"alg":"Ed25519","key":""#
    private static let class0: StaticString = #""class":0,"#
    private static let nodesHead: StaticString = #""nodes":""#
    private static let sequenceHead: StaticString = #""seq":"#
    private static let signatureHead: StaticString = #","signature":""#
    private static let separator: StaticString = #"","#
    private static let tail: StaticString = #""}"#

    package var text: String {
        var text = "\(Self.head)\(Base64URL.text(signer.octets))\(Self.separator)"
        if isClass0 { text += "\(Self.class0)" }
        if !nodes.isEmpty {
            text += "\(Self.nodesHead)\(Base64URL.text(nodes.flatMap(\.octets)))\(Self.separator)"
        }
        text += "\(Self.sequenceHead)\(sequence)\(Self.signatureHead)"
        return text + "\(Base64URL.text(signature))\(Self.tail)"
    }

    /// - Returns: `nil` if the octets are not exactly a text that ``text`` prints.
    package init?(text octets: [UInt8]) {
        var template = Template(octets)
        guard template.take(Self.head),
            let signer = template.takeBase64().flatMap(Ed25519.PublicKey.init(octets:)),
            template.take(Self.separator)
        else { return nil }
        let isClass0 = template.take(Self.class0)
        var nodes: [Run] = []
        if template.take(Self.nodesHead) {
            guard let runs = template.takeBase64().flatMap(Run.all(in:)),
                template.take(Self.separator)
            else { return nil }
            nodes = runs
        }
        guard template.take(Self.sequenceHead), let sequence = template.takeNumber(),
            1...Self.maximumSequence ~= sequence, template.take(Self.signatureHead),
            let signature = template.takeBase64(), signature.count == Ed25519.signatureSize,
            template.take(Self.tail), template.isAtEnd || isPlanted(.templateComparedLoosely)
        else { return nil }
        self.init(
            signer: signer, isClass0: isClass0, nodes: nodes, sequence: sequence,
            signature: signature)
    }
}

/// The text of a signature, read from front to back. Each of its values has one spelling and each piece
/// its one place, so what was read is what would be printed.
private struct Template {
    private let octets: [UInt8]
    private var offset = 0

    init(_ octets: [UInt8]) { self.octets = octets }

    var isAtEnd: Bool { offset == octets.count }

    /// - Returns: whether the literal stood here.
    mutating func take(_ literal: StaticString) -> Bool {
        guard octets.count - offset >= literal.utf8CodeUnitCount else { return false }
        for index in 0..<literal.utf8CodeUnitCount
        where octets[offset + index] != literal.utf8Start[index] {
            return false
        }
        offset += literal.utf8CodeUnitCount
        return true
    }

    /// Base64URL up to a quotation mark.
    mutating func takeBase64() -> [UInt8]? {
        let quote = UInt8(ascii: "\"")
        let end = octets[offset...].firstIndex(of: quote) ?? octets.endIndex
        defer { offset = end }
        return Base64URL.octets(octets[offset..<end])
    }

    /// Decimal, without leading zeros.
    mutating func takeNumber() -> UInt64? {
        let zero = UInt8(ascii: "0")
        let start = offset
        var number: UInt64 = 0
        while offset < octets.count, zero...UInt8(ascii: "9") ~= octets[offset] {
            // More digits than any sequence has.
            guard offset - start < 18 else { return nil }
            number = number * 10 + UInt64(octets[offset] - zero)
            offset += 1
        }
        let isCanonical =
            offset == start + 1 || (offset > start && octets[start] != zero)
            || isPlanted(.templateComparedLoosely)
        return isCanonical ? number : nil
    }
}

extension RecordSignature.Run {
    /// Set in the count of a run with a relay.
    private static let relayBit: UInt8 = 0x80

    fileprivate var octets: [UInt8] {
        precondition(1...127 ~= count, "a run's count has 7 bits and is not 0")
        let head = UInt8(count) | (relay == nil ? 0 : Self.relayBit)
        return [head] + node.octets + (relay?.octets ?? [])
    }

    /// - Returns: `nil` if the octets end inside a run, a count is 0, or there is no run.
    fileprivate static func all(in octets: [UInt8]) -> [Self]? {
        var rest = octets[...]
        var runs: [Self] = []
        func takeNode() -> NodeID? {
            let node = NodeID(octets: [UInt8](rest.prefix(NodeID.size)))
            rest = rest.dropFirst(NodeID.size)
            return node
        }
        while let head = rest.popFirst() {
            let count = Int(head & ~relayBit)
            guard count > 0, let node = takeNode() else { return nil }
            var run = Self(count: count, node: node)
            if head & relayBit != 0 {
                guard let relay = takeNode() else { return nil }
                run.relay = relay
            }
            runs.append(run)
        }
        return runs.isEmpty ? nil : runs
    }
}
