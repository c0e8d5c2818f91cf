package import Cryptography
package import LISP
package import Trust

/// A mapping that its signer answers for: an EID-record (RFC 9301 §5.4) whose last locator is a
/// signature over everything before it. It is written once, and kept, sent and compared octet for
/// octet. `Docs/Trust.md` has the rules.
package struct SignedRecord: Hashable, Sendable {
    /// As the signer wrote them.
    package let octets: [UInt8]
    package let eid: EID
    package let signature: RecordSignature
    /// Minutes, 1 to 1,440; 0 withdraws the mapping.
    package let ttl: UInt32
    package let action: EIDRecord.Action
    /// Without the signature locator; sorted.
    package let locators: [LocatorRecord]

    /// No record is longer: two of them, or one and a message around it, fit any path of 1,280 octets
    /// or more in pieces, and a store of a million has a known size.
    package static let maximumSize = 1100
    /// Minutes: a day, as long as a record is fresh.
    package static let maximumTTL: UInt32 = 1440

    package var isTombstone: Bool { ttl == 0 }

    /// Reads a record and checks its form, not its signature.
    /// - Throws: ``SignedRecordError`` for the first rule that is broken.
    package init(octets: [UInt8]) throws(SignedRecordError) {
        guard octets.count <= Self.maximumSize else { throw .tooLong(octets.count) }
        let record: EIDRecord
        do throws(WireError) {
            record = try EIDRecord(octets: octets)
        } catch {
            throw .wire(error)
        }
        guard let last = record.locators.last, let signature = last.signature else {
            throw .noSignature
        }
        self.octets = octets
        self.signature = signature
        self.eid = try record.canonicalEID
        self.ttl = record.ttl
        self.action = record.flags.action
        self.locators = [LocatorRecord](record.locators.dropLast())
        try record.checkHead(forwarding: locators.count)
        try Self.check(locators)
        let counted = signature.nodes.reduce(0) { $0 + $1.count }
        guard signature.nodes.isEmpty || counted == locators.count else { throw .nodesDoNotAddUp }
    }

    /// Whether the signer signed this for this mesh.
    package func isSigned(in mesh: MeshID) -> Bool {
        Tag.record.verifies(
            signature.signature, by: signature.signer,
            of: octets.dropLast(RecordSignature.unsignedSize), in: mesh)
    }

    /// What non-members get: the record without the signature locator, a plain EID-record.
    package var plain: EIDRecord {
        let (maskLength, address) = eid.wire
        return EIDRecord(
            eid: address, maskLength: maskLength, ttl: ttl, flags: .init(action: action),
            locators: locators)
    }
}

extension SignedRecord {
    /// What a signer says of an EID.
    package struct Content: Hashable, Sendable {
        package var eid: EID
        package var ttl: UInt32
        package var action = EIDRecord.Action.noAction
        /// Sorted when they are signed.
        package var locators: [LocatorRecord]
        package var isClass0 = false
        /// In the order of the sorted locators.
        package var nodes: [RecordSignature.Run] = []
        package var sequence: UInt64

        package init(eid: EID, ttl: UInt32, locators: [LocatorRecord], sequence: UInt64) {
            self.eid = eid
            self.ttl = ttl
            self.locators = locators
            self.sequence = sequence
        }
    }

    /// Writes and signs a record.
    /// - Throws: ``SignedRecordError`` if the content breaks a rule.
    package init(
        signing content: Content, by key: Ed25519.SecretKey, in mesh: MeshID
    ) throws(SignedRecordError) {
        guard content.nodes.allSatisfy({ 1...127 ~= $0.count }), content.nodes.count < 255 else {
            throw .nodesDoNotAddUp
        }
        var signature = RecordSignature(
            signer: key.publicKey, isClass0: content.isClass0, nodes: content.nodes,
            sequence: content.sequence,
            signature: [UInt8](repeating: 0, count: Ed25519.signatureSize))
        let (maskLength, address) = content.eid.wire
        let sorted = Self.sorted(content.locators)
        guard sorted.count < 255 else { throw .tooLong(content.locators.count * 12) }
        func octets() -> [UInt8] {
            EIDRecord(
                eid: address, maskLength: maskLength, ttl: content.ttl,
                flags: .init(action: content.action),
                locators: sorted + [LocatorRecord(signature: signature)]
            ).octets()
        }
        let signed = [UInt8](octets().dropLast(RecordSignature.unsignedSize))
        signature.signature = Tag.record.signature(by: key, of: signed, in: mesh)
        try self.init(octets: octets())
    }
}

extension SignedRecord {
    /// Locators in the order that records have (RFC 9301 §5.5).
    package static func sorted(_ locators: [LocatorRecord]) -> [LocatorRecord] {
        locators.sorted { $0.sortKey.lexicographicallyPrecedes($1.sortKey) }
    }
}

/// The first rule that octets break.
package enum SignedRecordError: Error, Hashable, Sendable {
    case tooLong(Int)
    case wire(WireError)
    /// The last locator is not the signature in its one spelling.
    case noSignature
    /// A, reserved bits or Map-Version are not 0.
    case reservedBits
    case ttl(UInt32)
    /// ACT is set beside forwarding locators.
    case action
    /// The EID is not in its one spelling.
    case eid
    /// A tombstone has forwarding locators.
    case tombstoneWithLocators
    /// A forwarding locator has priority 255 or a flag other than R.
    case locator(Int)
    /// The forwarding locators are not sorted (RFC 9301 §5.5).
    case unsorted
    case nodesDoNotAddUp
}

extension SignedRecord {
    private static func check(_ locators: [LocatorRecord]) throws(SignedRecordError) {
        for (index, locator) in locators.enumerated() {
            guard locator.unicast.priority < 255, locator.flags.isSubset(of: .reachable) else {
                throw .locator(index)
            }
        }
        for (left, right) in zip(locators, locators.dropFirst())
        where right.sortKey.lexicographicallyPrecedes(left.sortKey) {
            throw .unsorted
        }
    }
}

extension EIDRecord {
    fileprivate func checkHead(forwarding: Int) throws(SignedRecordError) {
        guard ttl <= SignedRecord.maximumTTL else { throw .ttl(ttl) }
        guard flags.reserved == 0, !flags.isAuthoritative, versionWord == 0 else {
            throw .reservedBits
        }
        guard ttl > 0 || forwarding == 0 else { throw .tombstoneWithLocators }
        guard flags.action == .noAction || forwarding == 0 else { throw .action }
    }

    /// The EID, if it is spelled as ``EID/wire`` spells it.
    fileprivate var canonicalEID: EID {
        get throws(SignedRecordError) {
            guard let prefix = try? prefix else { throw .eid }
            let (canonicalLength, canonicalAddress) = prefix.wire
            guard canonicalLength == maskLength, canonicalAddress == eid else { throw .eid }
            switch prefix.kind {
            case .ipv4, .ipv6, .mac, .e164, .geo, .multicast, .asNumber: return prefix
            // A longer name has no mask length that says so.
            case .name(let name) where name.maskLength != 0: return prefix
            // These have several spellings, or no key of their own.
            case .name, .instances, .opaque: throw .eid
            }
        }
    }
}

extension LocatorRecord {
    /// `ff00 ff00 | 0000 | 4003 0000 0e00 …`: never used for forwarding.
    fileprivate init(signature: RecordSignature) {
        self.init(json: [UInt8](signature.text.utf8))
    }

    private init(json text: [UInt8]) {
        self.init(
            .lcaf(LCAF(.json(JSONData(json: text)))), unicast: .never, multicast: .never)
    }

    /// What the locator says, if it is a signature locator in its one spelling.
    fileprivate var signature: RecordSignature? {
        guard case .lcaf(let lcaf) = locator, case .json(let data) = lcaf.payload,
            let signature = RecordSignature(text: data.json),
            self == LocatorRecord(json: data.json)
        else { return nil }
        return signature
    }

    /// AFI, then LCAF type, then all of it (RFC 9301 §5.5, RFC 8060 §3).
    fileprivate var sortKey: [UInt8] {
        var key = [UInt8(locator.afi >> 8), UInt8(locator.afi & 0xFF)]
        if case .lcaf(let lcaf) = locator { key.append(lcaf.type) }
        return key + locator.octets()
    }
}
