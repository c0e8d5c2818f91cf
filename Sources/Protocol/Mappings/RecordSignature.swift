package import Cryptography
import Laboratory
package import Trust

/// What the signature locator of a record says, in the only text that says it.
///
///     {"alg":"Ed25519","key":"K","class":0,"nodes":"N","seq":S,"signature":"G"}
///
/// K, N and G are Base64URL; `"class":0,` and `"nodes":"N",` stand only where needed. A text is read
/// by taking the values out, printing them again and comparing: there is no JSON parser.
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
    private static let head = #"{"alg":"Ed25519","key":""#
    private static let class0 = #""class":0,"#
    private static let nodesHead = #""nodes":""#
    private static let sequenceHead = #""seq":"#
    private static let signatureHead = #","signature":""#
    private static let separator = #"","#
    private static let tail = #""}"#

    package var text: String {
        var text = Self.head + Base64URL.text(signer.octets) + Self.separator
        if isClass0 { text += Self.class0 }
        if !nodes.isEmpty {
            text += Self.nodesHead + Base64URL.text(nodes.flatMap(\.octets)) + Self.separator
        }
        text += Self.sequenceHead + "\(sequence)" + Self.signatureHead
        return text + Base64URL.text(signature) + Self.tail
    }

    /// - Returns: `nil` if the octets are not exactly a text that ``text`` prints.
    package init?(text octets: [UInt8]) {
        var rest = octets[...]
        func take(_ literal: String) -> Bool {
            guard rest.starts(with: literal.utf8) else { return false }
            rest = rest.dropFirst(literal.utf8.count)
            return true
        }
        func take(while isTaken: (UInt8) -> Bool) -> ArraySlice<UInt8> {
            let taken = rest.prefix(while: isTaken)
            rest = rest.dropFirst(taken.count)
            return taken
        }
        let quote = UInt8(ascii: "\"")
        guard take(Self.head), let key = Base64URL.octets(take { $0 != quote }),
            let signer = Ed25519.PublicKey(octets: key), take(Self.separator)
        else { return nil }
        let isClass0 = take(Self.class0)
        var nodes: [Run] = []
        if take(Self.nodesHead) {
            guard let runs = Base64URL.octets(take { $0 != quote }).flatMap(Run.all(in:)),
                take(Self.separator)
            else { return nil }
            nodes = runs
        }
        guard take(Self.sequenceHead),
            let sequence = UInt64(
                String(decoding: take { $0 != UInt8(ascii: ",") }, as: UTF8.self)),
            1...Self.maximumSequence ~= sequence, take(Self.signatureHead),
            let signature = Base64URL.octets(take { $0 != quote }),
            signature.count == Ed25519.signatureSize
        else { return nil }
        self.init(
            signer: signer, isClass0: isClass0, nodes: nodes, sequence: sequence,
            signature: signature)
        guard text.utf8.elementsEqual(octets) || isPlanted(.templateComparedLoosely) else {
            return nil
        }
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
