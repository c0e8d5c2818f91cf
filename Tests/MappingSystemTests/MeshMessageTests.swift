import LISP
import Mappings
import Sessions
import TestKit
import Testing
import Trust

@testable import MappingSystem

@Suite("Messages of members")
struct MeshMessageTests {
    static let id = ObjectID(octets: [UInt8](0x10...0x1F))
    static let hash = [UInt8](0x40...0x5F)
    static let there = Path(IPv4Address(rawValue: 0xC000_0201), port: 4341)

    static let vectors: [Golden<MeshMessage>] = {
        let name = MeshName("relief")
        guard let id, let name else { return [] }
        return [
            Golden(
                "summary", "10 0041" + hex(hash) + hex(hash.reversed()) + "01",
                .summary(.init(trust: hash, records: hash.reversed(), wantsAnswer: true))),
            Golden(
                "buckets", "11 000b 00 7f  05 0102030405060708",
                .buckets(
                    first: 0, last: 127, [.init(bucket: 5, digest: 0x0102_0304_0506_0708)])),
            Golden(
                "object ids", "12 0030" + hex(id.octets) + hex(id.octets) + hex(id.octets),
                .objectIDs(first: id, last: id, [id])),
            Golden("objects wanted", "13 0010" + hex(id.octets), .objectsWanted([id])),
            Golden(
                "objects", "14 0008 0002 abcd 0002 ef01", .objects([[0xAB, 0xCD], [0xEF, 1]])),
            Golden(
                "hours", "15 0014 00000000 ffffffff  00077c2f 1112131415161718",
                .hours(first: 0, last: .max, [.init(hour: 490_543, digest: 0x1112_1314_1516_1718)])),
            Golden(
                "record ids",
                "16 001c 00077c2f 0000000000000000 ffffffffffffffff 2122232425262728",
                .recordIDs(
                    hour: 490_543, first: .init(rawValue: 0), last: .init(rawValue: .max),
                    [.init(rawValue: 0x2122_2324_2526_2728)])),
            Golden(
                "records wanted", "17 0008 2122232425262728",
                .recordsWanted([.init(rawValue: 0x2122_2324_2526_2728)])),
            Golden("records", "18 0004 0002 abcd", .records([[0xAB, 0xCD]])),
            Golden("acknowledged", "19 0008 0000000000000007", .acknowledged([7])),
            Golden("touch", "1a 0008 0000000000000007", .touch([.init(rawValue: 7)])),
            Golden(
                "keep list wanted", "1b 0024" + hex(hash) + "00000040",
                .keepListWanted(hash: hash, from: 64)),
            Golden(
                "keep list", "1c 0038" + hex(hash) + "00000040 00000041" + hex(id.octets),
                .keepList(hash: hash, from: 64, total: 65, [id])),
            Golden("claim of a name", "1d 0007 00 72656c696566", .claimWanted(.name(name))),
            Golden("claim of an address", "1d 0002 01 0f", .claimWanted(.address(index: 15))),
            Golden("chain wanted", "20 0004 00000003", .chainWanted(from: 3)),
            Golden(
                "chain", "21 000c 00000003 00000004 0002 abcd",
                .chain(from: 3, total: 4, [[0xAB, 0xCD]])),
            Golden(
                "goodbye", "25 0010" + hex(id.octets), .goodbye(bootID: id.octets)),
            Golden(
                "seen", "26 0013 00000000000000000000ffffc0000201 10f5 03",
                .seen(.init(there, wantsAnswer: true, isLocator: true))),
            Golden(
                "seen, not where it says", "26 0013 00000000000000000000ffffc0000201 10f5 00",
                .seen(.init(there, wantsAnswer: false, isLocator: false))),
            Golden(
                "seen, a trial", "26 0013 00000000000000000000ffffc0000201 10f5 f6",
                .seen(.init(there, wantsAnswer: false, isLocator: true, trial: .this(15)))),
            Golden(
                "seen, and a trial came", "26 0013 00000000000000000000ffffc0000201 10f5 2b",
                .seen(.init(there, wantsAnswer: true, isLocator: true, trial: .came(2)))),
            Golden(
                "redeem", "22 0046" + hex(hash + hash) + "72656c696566",
                .redeem(proof: hash + hash, name: name)),
            Golden(
                "redeem without a name", "22 0040" + hex(hash + hash),
                .redeem(proof: hash + hash, name: nil)),
            Golden("admitted", "23 0004 0002 abcd", .admitted([[0xAB, 0xCD]])),
            Golden("refused", "24 0001 02", .refused(.expired)),
            Golden(
                "Map-Notify", "01 0010 40000000 0102030405060708 00000000",
                .lisp(.mapNotify(MapNotify(nonce: 0x0102_0304_0506_0708, records: [])))),
        ]
    }()

    private static func hex(_ octets: [UInt8]) -> String {
        octets.map { $0 < 16 ? "0" + String($0, radix: 16) : String($0, radix: 16) }.joined()
    }

    @Test("Octets and value agree in both directions", arguments: vectors)
    func golden(_ vector: Golden<MeshMessage>) throws {
        #expect(vector.value.octets == vector.octets)
        #expect(try MeshMessage.all(in: vector.octets) == [vector.value])
    }

    @Test("Every proper prefix is refused", arguments: vectors)
    func prefixes(_ vector: Golden<MeshMessage>) throws {
        for length in 1..<vector.octets.count {
            #expect(throws: WireError.self) {
                try MeshMessage.all(in: [UInt8](vector.octets.prefix(length)))
            }
        }
    }

    @Test("Several stand behind each other, and a kind from a later version is passed over")
    func list() throws {
        let touch = MeshMessage.touch([.init(rawValue: 7)])
        let octets = touch.octets + [63, 0, 3, 1, 2, 3] + touch.octets
        #expect(try MeshMessage.all(in: octets) == [touch, touch])
        #expect(try MeshMessage.all(in: []) == [])
    }

    @Test("Random octets are refused or written again as they were read")
    func random() {
        var random = SeededRandom(seed: 4)
        for _ in 0..<20_000 {
            var octets = random.pick(Self.vectors).octets
            for _ in 0...random.below(3) {
                octets[random.below(octets.count)] = random.bits()
            }
            _ = try? MeshMessage.all(in: octets)
        }
    }
}
