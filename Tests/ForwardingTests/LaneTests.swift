import Clocks
import Cryptography
import Forwarding
import LISP
import TestKit
import Testing

@testable import Sessions

@Suite("The fast path: lanes")
struct LaneTests {
    typealias Fast = FastPathTests

    @Test("a lane is lent once, whatever is copied")
    func lentOnce() throws {
        var keys = Fast.keys(.chaCha20Poly1305, lanes: 4)
        var copy = keys
        #expect(keys.lend(0, Fast.life) == nil)
        #expect(keys.lend(4, Fast.life) == nil)
        let laneLent = keys.lend(1, Fast.life)
        let lane = try #require(laneLent)
        #expect(keys.lend(1, Fast.life) == nil && copy.lend(1, Fast.life) == nil)
        #expect(keys.lent(1) === lane)
        let later = keys
        #expect(later.lend(1, Fast.life) == nil && later.lend(2, Fast.life) != nil)
        #expect(keys.lend(2, Fast.life) == nil)
        // A lane that the sessions have sealed on is not lent, and a lent one not sealed on.
        _ = copy.seal([1], lane: 3, instance: 0, on: .data)
        #expect(keys.lend(3, Fast.life) == nil)
        let packet = keys.seal([1], lane: 1, instance: 0, on: .data)
        #expect(packet[12] == 0)
        // One lane towards a peer that takes no more.
        let narrow = Fast.keys(.chaCha20Poly1305, lanes: 1)
        #expect(narrow.lend(1, Fast.life) == nil)
    }

    @Test("no counter comes twice, and none after the end or the limit")
    func counters() throws {
        var settings = SessionSettings()
        settings.refusePackets = 100
        let keys = Fast.keys(.chaCha20Poly1305)
        let laneLent = keys.lend(1, KeyLife(settings))
        let lane = try #require(laneLent)
        var seen: Set<UInt64> = []
        for _ in 0..<150 {
            guard let counter = lane.state.pointee.take(10, at: .start) else { continue }
            #expect(counter >> 56 == 1 && seen.insert(counter).inserted)
        }
        #expect(seen.count == 100 && keys.sent == 100)
        #expect(!keys.maySeal(at: .start, KeyLife(settings)))
        let other = Fast.keys(.chaCha20Poly1305)
        let endedLent = other.lend(1, Fast.life)
        let ended = try #require(endedLent)
        #expect(ended.state.pointee.take(10, at: .start) != nil)
        other.endLanes()
        #expect(ended.state.pointee.take(10, at: .start) == nil)
    }

    @Test("what was opened before lending is not opened after it, and nobody else opens any more")
    func windowsSurvive() throws {
        var random = SeededRandom(seed: 3)
        var sending = Fast.keys(.chaCha20Poly1305)
        var keys = Fast.keys(.chaCha20Poly1305)
        let datagrams = (0..<3000).map { number in
            sending.seal(
                FastWire.ipv6(size: 60), lane: UInt8(number % 2), instance: 0, on: .data)
        }
        var opened: Set<Int> = []
        for index in 900..<2400 where random.chance(oneIn: 2) {
            if keys.open(datagrams[index], at: 8) != nil { opened.insert(index) }
        }
        let control = sending.seal([16], lane: 255, instance: 0xFF_FFFF, on: .data)
        var copy = keys
        let lanesLent = keys.lendWindows(Fast.life)
        let lanes = try #require(lanesLent)
        #expect(keys.lendWindows(Fast.life) == nil && copy.lendWindows(Fast.life) == nil)
        #expect(
            keys.open(datagrams[2500], at: 8) == nil && copy.open(datagrams[2500], at: 8) == nil)
        #expect(keys.open(control, at: 8) != nil)
        var receiver = ForwardedSession()
        receiver.path = FastWire.path
        receiver.receiving = [
            .init(index: 0xABCDEF, lanes: lanes, openUntil: .never, isCurrent: true)
        ]
        var wire = FastWire(receiver, receiver)
        for index in datagrams.indices.reversed() where index >= 900 && index < 2400 {
            let verdict = wire.open(datagrams[index]).0
            #expect(
                verdict
                    == (opened.contains(index)
                        ? .drop(.replayed) : .deliver(size: 60, instance: 0)),
                "\(index)")
        }
        #expect(keys.received == UInt64(1500 + 1))
        keys.endLanes()
        #expect(wire.open(datagrams[2600]).0 == .drop(.oldKeys))
    }

    @Test("the window in memory of its own answers as the other", arguments: UInt64(0)..<20)
    func windows(seed: UInt64) {
        var random = SeededRandom(seed: seed)
        var twin = ReplayWindow()
        var base: UInt64 = random.chance(oneIn: 3) ? random.next() >> 9 : 0
        var window = LentWindow()
        defer { window.free() }
        for step in 0..<4000 {
            if step == 1000 {
                window.free()
                window = LentWindow(twin)
            }
            switch random.below(20) {
            case 0: base &+= UInt64(random.below(5000))
            case 1: base &+= UInt64(random.below(70))
            case 2: base += 1
            default: break
            }
            let back = UInt64(random.below(random.chance(oneIn: 5) ? 4000 : 60))
            let sequence = base &- min(base, back)
            let accepts = window.accepts(sequence)
            #expect(accepts == twin.accepts(sequence), "seed \(seed), step \(step)")
            if accepts, random.below(10) > 0 {
                #expect(window.mark(sequence) == twin.mark(sequence), "seed \(seed)")
            }
        }
    }

    @Test("sealed in place by two threads on one lane, still no counter comes twice")
    func twoThreads() async throws {
        let keys = Fast.keys(.chaCha20Poly1305)
        let laneLent = keys.lend(1, Fast.life)
        let lane = try #require(laneLent)
        let seen = await withTaskGroup(of: [UInt64].self) { group in
            for _ in 0..<2 {
                group.addTask {
                    (0..<20_000).compactMap { _ in lane.state.pointee.take(1, at: .start) }
                }
            }
            return await group.reduce(into: []) { $0 += $1 }
        }
        #expect(Set(seen).count == 40_000)
    }
}
