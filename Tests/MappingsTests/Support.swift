import Clocks
import Cryptography
import LISP
import Mappings
import TestKit
import Trust

/// A mesh whose trust a test states by hand.
struct FakeRights: RegistrationRights {
    var mesh = Mesh.id
    var known: Set<Ed25519.PublicKey> = []
    var revoked: Set<Ed25519.PublicKey> = []
    /// Ranges, deeper ones behind shallower ones.
    var grants: [(range: EID, key: Ed25519.PublicKey)] = []
    var registrars: [(range: EID, key: Ed25519.PublicKey)] = []

    init(known: [Ed25519.SecretKey] = []) { self.known = Set(known.map(\.publicKey)) }

    func isKnown(_ key: Ed25519.PublicKey) -> Bool { known.contains(key) }
    func isRevoked(_ key: Ed25519.PublicKey) -> Bool { revoked.contains(key) }

    func covers(_ eid: EID, by key: Ed25519.PublicKey) -> Bool {
        if case .multicast = eid.kind { return isKnown(key) }
        return mesh.cryptoEID(of: key, instance: eid.instance) == eid
            || (grants + registrars).contains { $0.key == key && $0.range.covers(eid) }
    }

    func holders(of eid: EID) -> [Ed25519.PublicKey] {
        let effective = grants.filter { !isRevoked($0.key) && $0.range.covers(eid) }
        if let longest = effective.map({ $0.range.wire.maskLength }).max() {
            return effective.filter { $0.range.wire.maskLength == longest }.map(\.key)
        }
        return known.filter {
            !isRevoked($0) && mesh.cryptoEID(of: $0, instance: eid.instance) == eid
        }
    }

    func isRegistrar(_ key: Ed25519.PublicKey, of eid: EID) -> Bool {
        registrars.contains { $0.key == key && $0.range.covers(eid) }
    }
}

extension EID {
    func covers(_ other: EID) -> Bool {
        self == other || other.shortened(to: Int(wire.maskLength)) == self
    }
}

enum Mesh {
    static let root = key(0)
    static let id = MeshID(
        firstRoot: root.publicKey, commitment: RootCommitment(to: root.publicKey))

    /// Some time in 2026, the beginning of an hour.
    static let now: UInt64 = 1_790_000_000_000 / 3_600_000 * 3_600_000
    static let hour: UInt64 = 3_600_000

    static func key(_ number: Int) -> Ed25519.SecretKey {
        let seed = SHA256.hash([UInt8(truncatingIfNeeded: number), UInt8(number >> 8 & 255)])
        guard let key = Ed25519.SecretKey(seed: seed) else {
            preconditionFailure("a hash has 32 octets")
        }
        return key
    }

    static func node(_ number: Int) -> NodeID { NodeID(of: key(number).publicKey, in: id) }

    static func content(
        _ eid: EID, sequence: UInt64, locator: UInt32 = 0xC000_0201, ttl: UInt32 = 1440
    ) -> SignedRecord.Content {
        let locators = [
            LocatorRecord(
                .ipv4(IPv4Address(rawValue: locator)), unicast: .init(priority: 1, weight: 100))
        ]
        return SignedRecord.Content(
            eid: eid, ttl: ttl, locators: ttl == 0 ? [] : locators, sequence: sequence)
    }

    static func record(
        _ eid: EID, by number: Int, sequence: UInt64 = now, locator: UInt32 = 0xC000_0201,
        ttl: UInt32 = 1440, isClass0: Bool = false
    ) throws -> SignedRecord {
        var content = content(eid, sequence: sequence, locator: locator, ttl: ttl)
        content.isClass0 = isClass0
        return try SignedRecord(signing: content, by: key(number), in: id)
    }
}

extension RecordStore {
    /// Offers what a member sent.
    mutating func offer(
        _ record: SignedRecord, by sender: Int = 99, _ rights: FakeRights,
        meshTime: UInt64 = Mesh.now, at now: Moment = .start
    ) -> Offer {
        offer(
            record.octets, from: .member(Mesh.node(sender)), rights: rights, meshTime: meshTime,
            at: now)
    }

    /// The locator of the mapping that answers; 0 if none does.
    func answer(_ eid: EID, _ rights: FakeRights, meshTime: UInt64 = Mesh.now) -> UInt32 {
        guard case .mapping(let served) = lookup(eid, rights: rights, meshTime: meshTime),
            case .ipv4(let address) = served.record.locators.first?.locator
        else { return 0 }
        return address.rawValue
    }
}
