import Clocks
import LISP
import Mappings
import TestKit
import Testing

@Suite("Prefix tries and the map-cache")
struct PrefixTrieTests {
    /// Every answer by looking at all values.
    struct Scan {
        var values: [(eid: EID, value: Int)] = []

        mutating func insert(_ value: Int, at eid: EID) -> Int? {
            let old = remove(eid)
            values.append((eid, value))
            return old
        }

        mutating func remove(_ eid: EID) -> Int? {
            guard let index = values.firstIndex(where: { $0.eid == eid }) else { return nil }
            return values.remove(at: index).value
        }

        func covering(_ eid: EID) -> [(eid: EID, value: Int)] {
            values.filter { $0.eid.covers(eid) }
                .sorted { $0.eid.wire.maskLength < $1.eid.wire.maskLength }
        }

        func negativePrefix(covering eid: EID) -> EID? {
            guard eid.shortened(to: 0) != nil else {
                return values.contains { $0.eid == eid } ? nil : eid
            }
            return (0...Int(eid.wire.maskLength)).lazy.compactMap(eid.shortened(to:)).first {
                prefix in
                !values.contains { prefix.covers($0.eid) }
            }
        }
    }

    /// Few values, so that prefixes meet.
    static func eid(_ random: inout SeededRandom) -> EID {
        let instance = UInt32(random.below(2))
        let bits = random.pick([0, 1, 0xA, 0x55, 0xFF, 0xF0] as [UInt64])
        let end = UInt64(random.below(4))
        func length(_ width: Int) -> Int {
            random.pick([0, 1, 4, 7, 8, 9, 16, width - 1, width, width, random.below(width + 1)])
        }
        switch random.below(8) {
        case 0...2:
            let address = IPv4Address(rawValue: UInt32(bits << 24 | end))
            return EID(Prefix(address, length: length(32)).map(EID.Kind.ipv4) ?? .asNumber(0))
        case 3...4:
            let address = IPv6Address(high: bits << 56, low: end)
            return EID(
                Prefix(address, length: length(128)).map(EID.Kind.ipv6) ?? .asNumber(0),
                instance: instance)
        case 5...6:
            let address = MACAddress(rawValue: bits << 40 | end)
            return EID(
                Prefix(address, length: length(48)).map(EID.Kind.mac) ?? .asNumber(0),
                instance: instance)
        default: return EID(.asNumber(UInt32(end)), instance: instance)
        }
    }

    @Test("a trie answers as a scan of all does", arguments: UInt64(0)..<8)
    func answersAsAScan(seed: UInt64) {
        var random = SeededRandom(seed: seed)
        var trie = PrefixTrie<Int>()
        var scan = Scan()
        for step in 0..<200 {
            let eid = Self.eid(&random)
            // It grows, and then shrinks to nothing.
            let inserts = step < 120 ? random.below(4) > 0 : random.below(6) == 0
            let known = scan.values.isEmpty ? eid : random.pick(scan.values).eid
            if inserts {
                #expect(trie.insert(step, at: eid) == scan.insert(step, at: eid), "seed \(seed)")
            } else {
                let gone = random.chance(oneIn: 4) ? eid : known
                #expect(trie.remove(gone) == scan.remove(gone), "seed \(seed)")
            }
            #expect(trie.count == scan.values.count, "seed \(seed)")
            var visited: [EID: Int] = [:]
            trie.visitAll { visited[$0] = $1 }
            #expect(
                visited == Dictionary(uniqueKeysWithValues: scan.values.map { ($0.eid, $0.value) }),
                "seed \(seed)")
            for asked in [eid, known, Self.eid(&random)] {
                let covering = scan.covering(asked)
                #expect(trie[asked] == scan.values.first { $0.eid == asked }?.value, "seed \(seed)")
                #expect(trie.covering(asked).map(\.eid) == covering.map(\.eid), "seed \(seed)")
                #expect(trie.covering(asked).map(\.value) == covering.map(\.value), "seed \(seed)")
                let longest = trie.longestMatch(asked)
                #expect(longest?.eid == covering.last?.eid, "seed \(seed)")
                #expect(longest?.value == covering.last?.value, "seed \(seed)")
                #expect(
                    trie.negativePrefix(covering: asked) == scan.negativePrefix(covering: asked),
                    "seed \(seed), \(asked) in \(scan.values)")
            }
        }
        for (eid, value) in scan.values { #expect(trie.remove(eid) == value, "seed \(seed)") }
        #expect(trie.isEmpty)
    }

    @Test("a negative prefix is the widest without a mapping")
    func negativePrefixes() throws {
        var trie = PrefixTrie<Int>()
        let asked = try EID("10.1.2.3/32")
        #expect(try trie.negativePrefix(covering: asked) == EID("0.0.0.0/0"))
        trie.insert(1, at: try EID("10.0.0.0/9"))
        #expect(try trie.negativePrefix(covering: EID("10.128.0.1/32")) == EID("10.128.0.0/9"))
        #expect(try trie.negativePrefix(covering: EID("11.0.0.0/32")) == EID("11.0.0.0/8"))
        #expect(try trie.negativePrefix(covering: asked) == EID("10.0.0.0/10"))
        trie.insert(2, at: try EID("10.1.2.0/30"))
        // A shorter mapping covers it; /30 and shorter ones contain one.
        #expect(try trie.negativePrefix(covering: asked) == EID("10.1.2.2/31"))
        #expect(try trie.negativePrefix(covering: EID("10.1.2.0/30")) == nil)
    }

    @Test("a copy of a trie does not change with it")
    func copies() throws {
        var trie = PrefixTrie<Int>()
        for number in 0..<2500 {
            trie.insert(number, at: EID(.ipv4(Prefix(host: IPv4Address(rawValue: UInt32(number))))))
        }
        let copy = trie
        for number in 0..<2500 where number % 3 > 0 {
            trie.remove(EID(.ipv4(Prefix(host: IPv4Address(rawValue: UInt32(number))))))
        }
        for number in 0..<2500 {
            let eid = EID(.ipv4(Prefix(host: IPv4Address(rawValue: UInt32(number)))))
            #expect(copy[eid] == number && trie[eid] == (number % 3 > 0 ? nil : number))
        }
    }

    // MARK: The map-cache

    static let mapping = MapCache.Entry.mapping([])

    @Test("the map-cache answers by longest match, for the time it was told")
    func mapCache() throws {
        var cache = MapCache()
        let wide = try EID("10.0.0.0/8")
        let narrow = try EID("10.1.0.0/16")
        let asked = try EID("10.1.2.3/32")
        cache.insert(Self.mapping, at: wide, life: .seconds(60), now: .start)
        cache.insert(.negative(.drop), at: narrow, life: .seconds(30), now: .start)
        #expect(cache.find(asked, at: .start)?.entry == .negative(.drop))
        #expect(try cache.find(EID("10.2.0.0/32"), at: .start)?.eid == wide)
        #expect(try cache.find(EID("11.2.0.0/32"), at: .start) == nil)
        // Its time is over: it must be asked for again, the wide one does not stand in for it.
        let later = Moment.start + .seconds(30)
        #expect(cache.find(asked, at: later) == nil)
        #expect(cache.expire(at: later) == [narrow])
        #expect(cache.find(asked, at: later)?.eid == wide)
        cache.insert(Self.mapping, at: wide, life: .zero, now: later)
        #expect(cache.find(asked, at: later) == nil && cache.count == 0)
    }

    @Test("a full map-cache gives up what was refreshed longest ago")
    func fullMapCache() throws {
        var cache = MapCache(maximum: 3)
        let eids = try (0..<5).map { try EID("10.0.0.\($0)/32") }
        for eid in eids[..<3] {
            cache.insert(Self.mapping, at: eid, life: .seconds(60), now: .start)
        }
        for _ in 0..<200 {
            cache.insert(Self.mapping, at: eids[0], life: .seconds(60), now: .start)
        }
        for eid in eids[3...] {
            cache.insert(Self.mapping, at: eid, life: .seconds(60), now: .start)
        }
        let left = eids.filter { cache.find($0, at: .start) != nil }
        #expect(left == [eids[0], eids[3], eids[4]] && cache.count == 3)
        #expect(cache.expire(at: .start + .seconds(60)) == [eids[0], eids[3], eids[4]])
    }
}
