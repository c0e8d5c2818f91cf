import Clocks
import Cryptography
import LISP
import Mappings
import TestKit
import Testing

@Suite("Which record answers")
struct ServingTests {
    let rights: FakeRights
    let net: EID
    let part: EID
    let host: EID

    /// 1 holds 10.0.0.0/8 and delegated 10.1.0.0/16 to 2; 3 and 4 are registrars of all.
    init() throws {
        net = try EID("10.0.0.0/8")
        part = try EID("10.1.0.0/16")
        host = try EID("10.1.2.3/32")
        var rights = FakeRights(known: (1...4).map(Mesh.key))
        rights.grants = [(net, Mesh.key(1).publicKey), (part, Mesh.key(2).publicKey)]
        rights.registrars = [(net, Mesh.key(3).publicKey), (net, Mesh.key(4).publicKey)]
        self.rights = rights
    }

    private func store(_ records: [SignedRecord]) -> RecordStore {
        var store = RecordStore(mesh: Mesh.id)
        for record in records { _ = store.offer(record, rights) }
        return store
    }

    @Test("where a range is delegated, only the delegate's records count")
    func delegateExcludesParent() throws {
        let parents = try [
            Mesh.record(net, by: 1, locator: 1), Mesh.record(part, by: 1, locator: 2),
            Mesh.record(host, by: 1, locator: 3),
        ]
        var all = store(parents)
        #expect(all.count == 3)
        #expect(all.answer(host, rights) == 0 && all.answer(part, rights) == 0)
        #expect(all.answer(net, rights) == 1)
        #expect(all.answer(try EID("10.2.0.1/32"), rights) == 1)
        _ = all.offer(try Mesh.record(part, by: 2, sequence: Mesh.now - 5, locator: 4), rights)
        #expect(all.answer(host, rights) == 4 && all.answer(part, rights) == 4)
        // The delegation ends: the store has what is needed.
        var after = rights
        after.grants.removeLast()
        #expect(all.answer(host, after) == 3 && all.answer(part, after) == 2)
    }

    @Test("longest match over what counts; a tombstone means none")
    func longestMatch() throws {
        var all = store([
            try Mesh.record(part, by: 2, locator: 1), try Mesh.record(host, by: 2, locator: 2),
        ])
        #expect(all.answer(host, rights) == 2)
        _ = all.offer(try Mesh.record(host, by: 2, sequence: Mesh.now + 1, ttl: 0), rights)
        #expect(all.answer(host, rights) == 1)
        _ = all.offer(try Mesh.record(part, by: 2, sequence: Mesh.now + 1, ttl: 0), rights)
        #expect(all.answer(host, rights) == 0)
    }

    @Test("failing the holder's, registrars' answer, the greatest sequence first")
    func registrars() throws {
        var all = store([
            try Mesh.record(part, by: 3, locator: 3, isClass0: true),
            try Mesh.record(part, by: 4, sequence: Mesh.now + 1, locator: 4, isClass0: true),
            try Mesh.record(host, by: 3, locator: 5),
        ])
        // What a registrar signs without saying so is a claim of its own.
        #expect(all.answer(host, rights) == 4)
        var others = rights
        others.registrars.removeLast()
        #expect(all.answer(host, others) == 3)
        _ = all.offer(
            try Mesh.record(part, by: 3, sequence: Mesh.now + 2, ttl: 0, isClass0: true), rights)
        #expect(all.answer(host, rights) == 0)
        _ = all.offer(try Mesh.record(part, by: 2, locator: 1), rights)
        #expect(all.answer(host, rights) == 1)
        // The holder withdrew it: no registrar brings it back.
        _ = all.offer(try Mesh.record(part, by: 2, sequence: Mesh.now + 1, ttl: 0), rights)
        #expect(all.answer(host, rights) == 0)
    }

    @Test("of several holders the first that signed answers")
    func severalHolders() throws {
        var both = rights
        both.grants.append((part, Mesh.key(3).publicKey))
        let all = store([
            try Mesh.record(part, by: 3, sequence: Mesh.now + 9, locator: 3),
            try Mesh.record(part, by: 2, locator: 2),
        ])
        #expect(all.answer(host, both) == 2)
        both.grants.reverse()
        #expect(all.answer(host, both) == 3)
        both.revoked = [Mesh.key(3).publicKey]
        #expect(all.answer(host, both) == 2)
    }

    @Test("fresh until 24 h, stale until 96 h, then nothing")
    func lives() throws {
        let all = store([try Mesh.record(part, by: 2, ttl: 1440)])
        func served(_ time: UInt64) -> Lookup.Served? {
            guard
                case .mapping(let served) = all.lookup(
                    host, rights: rights, meshTime: Mesh.now + time)
            else { return nil }
            return served
        }
        #expect(served(0)?.freshness == .fresh && served(0)?.life == .hours(24))
        #expect(served(23 * Mesh.hour)?.life == .hours(1))
        #expect(served(24 * Mesh.hour - 1)?.life == .milliseconds(1))
        #expect(served(24 * Mesh.hour)?.freshness == .stale)
        #expect(served(24 * Mesh.hour)?.life == .seconds(60))
        #expect(served(96 * Mesh.hour - 1)?.freshness == .stale)
        #expect(served(96 * Mesh.hour) == nil)
        let short = store([try Mesh.record(part, by: 2, ttl: 5)])
        guard
            case .mapping(let five) = short.lookup(host, rights: rights, meshTime: Mesh.now)
        else {
            Issue.record("no mapping")
            return
        }
        #expect(five.life == .minutes(5))
    }

    @Test("a negative answer covers no mapping, and is as wide as it can be")
    func negatives() throws {
        func negative(_ all: RecordStore, _ eid: EID) -> Lookup.Negative? {
            guard
                case .negative(let negative) = all.lookup(eid, rights: rights, meshTime: Mesh.now)
            else { return nil }
            return negative
        }
        var all = RecordStore(mesh: Mesh.id)
        #expect(negative(all, host)?.prefix == host.shortened(to: 0))
        _ = all.offer(try Mesh.record(part, by: 2), rights)
        let beside = try EID("10.0.0.1/32")
        let wide = try EID("10.0.0.0/16")
        #expect(negative(all, beside) == Lookup.Negative(prefix: wide, life: .seconds(60)))
        // Where records are that do not count, only the EID itself.
        let excluded = store([try Mesh.record(net, by: 1)])
        #expect(negative(excluded, host)?.prefix == host)
        // Around mappings nothing can be said that a cache may keep.
        #expect(negative(all, net)?.life == .zero)
    }

    @Test("a multicast EID has the mappings of all its signers, and one union for legacy peers")
    func shared() throws {
        let group = try EID("(*, 224.1.1.1)")
        func receiver(_ number: Int, sequence: UInt64 = Mesh.now) throws -> SignedRecord {
            let entries = [number, number, 9].map {
                ReplicationEntry(word: 128, address: .ipv4(IPv4Address(rawValue: UInt32($0))))
            }
            var content = Mesh.content(group, sequence: sequence, locator: 5)
            content.locators.append(
                LocatorRecord(
                    .lcaf(LCAF(.replicationList(entries))), unicast: .init(priority: 1, weight: 1)))
            return try SignedRecord(signing: content, by: Mesh.key(number), in: Mesh.id)
        }
        var all = store(try (1...4).map { try receiver($0) })
        _ = all.offer(try Mesh.record(group, by: 4, sequence: Mesh.now + 1, ttl: 0), rights)
        var others = rights
        others.revoked = [Mesh.key(3).publicKey]
        func answer(_ all: RecordStore) -> [Lookup.Served]? {
            guard
                case .shared(let served) = all.lookup(group, rights: others, meshTime: Mesh.now)
            else { return nil }
            return served
        }
        let served = try #require(answer(all))
        #expect(
            Set(served.map(\.record.signature.signer))
                == Set((1...2).map { Mesh.key($0).publicKey }))
        let union = try #require(Lookup.union(of: served))
        #expect(try union.prefix == group && union.locators.count == 2)
        guard case .lcaf(let lcaf) = union.locators[1].locator,
            case .replicationList(let list) = lcaf.payload
        else {
            Issue.record("no replication list")
            return
        }
        #expect(
            Set(list.map(\.address))
                == Set([1, 2, 9].map { Address.ipv4(IPv4Address(rawValue: $0)) }) && list.count == 3
        )
        #expect(try EIDRecord(octets: union.octets()) == union)
        for size in union.octets().count - 12...union.octets().count {
            let cut = try #require(Lookup.union(of: served, maximumSize: size))
            #expect(cut.octets().count <= size)
        }
        #expect(answer(RecordStore(mesh: Mesh.id)) == nil && Lookup.union(of: []) == nil)
    }

    @Test("legacy peers get no signature and no locator that could end them")
    func legacyForm() throws {
        let address = Address.ipv4(IPv4Address(rawValue: 1))
        let harmless: [LCAF.Payload] = [
            .instanceID(InstanceIDAddress(instance: 1, address: address)),
            .explicitLocatorPath([ExplicitHop(address)]),
            .replicationList([ReplicationEntry(word: 0, address: address)]),
            .sourceDestinationKey(
                SourceDestinationKey(
                    source: address, sourceMaskLength: 32, destination: address,
                    destinationMaskLength: 32)),
            .natTraversal(
                NATTraversal(
                    mapServerPort: 1, etrPort: 1, globalETR: address, mapServer: address,
                    privateETR: address, rtrs: [address])),
        ]
        let json = Address.lcaf(LCAF(.json(JSONData(json: [0x7B, 0x7D]))))
        let harmful: [LCAF.Payload] = [
            .json(JSONData(json: [0x7B, 0x7D])), .afiList([address]), .opaque(type: 99, []),
            .explicitLocatorPath([ExplicitHop(json)]),
            .instanceID(InstanceIDAddress(instance: 1, address: json)),
        ]
        var content = Mesh.content(part, sequence: Mesh.now)
        content.locators += (harmless + harmful).map {
            LocatorRecord(.lcaf(LCAF($0)), unicast: .init(priority: 1, weight: 1))
        }
        let record = try SignedRecord(signing: content, by: Mesh.key(2), in: Mesh.id)
        #expect(record.locators.count == 11 && record.legacy.locators.count == 6)
        #expect(!record.legacy.locators.contains { !$0.locator.isLegacy })
    }
}
