import Fuzzing
import LISP
import TestKit
import Testing

@Suite("Random and damaged messages")
struct FuzzTests {
    /// 8 × 62,500 = 500,000 cases.
    @Test("no trap, bounded memory, and what is accepted is written back alike", arguments: 0..<8)
    func campaign(part: Int) throws {
        let count = 62_500
        let campaign = Campaign(
            seed: 1_000_000 + UInt64(part * count), corpus: try Corpus.load())
        let result = try campaign.run(count: count)
        #expect(result.cases == count)
        // Both ways are tried: neither nearly all accepted nor nearly all refused.
        #expect(count / 10...count * 9 / 10 ~= result.accepted, "\(result.accepted) accepted")
    }

    @Test("20,000 random messages are read as the values that were written")
    func values() throws {
        for seed in UInt64(0)..<20_000 {
            var generator = MessageGenerator(seed: seed)
            let packet = generator.packet()
            let compatibility: Compatibility = seed % 4 == 0 ? .lispersNet : []
            let octets = packet.octets(compatibility: compatibility)
            let read = try ControlPacket(octets: octets, compatibility: compatibility)
            guard read == packet || compatibility == .lispersNet else {
                return #expect(Bool(false), "seed \(seed): \(octets.hex)")
            }
            #expect(read.octets(compatibility: compatibility) == octets)
        }
    }

    @Test("the check notices memory beyond the bound, and a place outside the octets")
    func checkIsAwake() {
        if CodecCheck.countsMemory {
            #expect(throws: CodecCheck.Violation.self) {
                try CodecCheck.check([0], as: Glutton.self)
            }
        }
        #expect(throws: CodecCheck.Violation.self) {
            try CodecCheck.check([1], as: Glutton.self)
        }
        #expect(throws: CodecCheck.Violation.self) {
            try CodecCheck.check([2], as: Glutton.self)
        }
    }

    /// A decoder with a planted mistake for each first octet.
    private struct Glutton: WireValue, Equatable {
        let kind: UInt8
        let memory: [UInt8]

        init(from reader: inout OctetReader) throws(WireError) {
            kind = try reader.read("kind")
            if kind == 1 { throw .truncated("kind", at: 5) }
            memory = [UInt8](repeating: kind, count: kind == 0 ? 100_000 : 1)
        }

        func write(to writer: inout OctetWriter) { writer.write(UInt8(0)) }
    }
}
