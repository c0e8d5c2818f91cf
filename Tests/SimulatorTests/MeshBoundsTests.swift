import Clocks
import LISP
import LISPNode
import MappingSystem
import Sessions
import Simulator
import TestKit
import Testing
import Trust

/// What a member could make others keep, or trap on.
@Suite("Meshes: bounds")
struct MeshBoundsTests {
    /// The trust objects on a machine's disk.
    private func objects(onDiskOf machine: Int, _ run: MeshRun) -> Int {
        run.world.disk(of: machine).durable.keys.count { $0.first == UInt8(ascii: "o") }
    }

    @Test("objects that others have taken the place of leave the disks too")
    func disksForgetWhatIsReplaced() throws {
        let run = try MeshRun.formed(3)
        for _ in 0..<8 {
            guard case .signed = run.ask(0, .state(.time)) else {
                Issue.record("the creator is a steward")
                return
            }
            run.world.run(for: .milliseconds(20))
        }
        // Two node records of one node in one message.
        let core = try run.inside(1)
        let stamp = core.clock.time(at: run.world.now(of: 1)) + 1000
        let record = try #require(core.member?.nodeRecord)
        let pair = try (0..<2).map { number in
            try TrustObject(
                signing: Statement(.nodeRecord(record), stamp: stamp + UInt64(number)),
                by: core.key, in: core.mesh
            ).octets
        }
        try run.say(.control(MeshMessage.objects(pair).octets), from: 1, to: 0)
        run.world.run(for: .seconds(30))
        try #require(run.converge(within: .minutes(1)), "\(run.failure)")
        run.world.run(for: .seconds(1))
        for machine in 0..<3 {
            let count = try run.inside(machine).trust.count
            #expect(objects(onDiskOf: machine, run) == count, "machine \(machine)")
        }
    }

    @Test("a keep list in which an object is named twice is one in which it is named once")
    func keepListWithDoubles() throws {
        let run = try MeshRun.formed(3)
        let key = try run.inside(2).key.publicKey
        let kept = try run.inside(0).standing.chain(of: run.inside(1).key.publicKey)
        guard case .signed = run.ask(0, .revoke(.key(key), reason: "", keeping: kept + kept)) else {
            Issue.record("not revoked")
            return
        }
        run.world.run(for: .seconds(30))
        for machine in 0..<2 {
            #expect(try run.inside(machine).trust.missingKeepLists.isEmpty, "machine \(machine)")
            #expect(try run.inside(machine).standing.isRevoked(key), "machine \(machine)")
        }
    }

    @Test("a clock that shows the end of time traps nothing")
    func endOfTime() throws {
        var random = SeededRandom(seed: 1)
        var node = Node(Settings(), disk: [:])
        var disk: [[UInt8]: [UInt8]] = [:]
        var answers: [Answer] = []
        var microseconds: Int64 = 0
        func handle(_ event: Event) {
            microseconds += 1_000_000
            let now = Now(
                Moment(microseconds: microseconds),
                clock: ClockReading(milliseconds: .max, quality: .synchronised))
            for effect in node.handle(event, at: now, using: &random) {
                switch effect {
                case .write(let writes, let batch):
                    for write in writes { disk[write.key] = write.value }
                    handle(.written(batch: batch))
                case .answer(let answer, _): answers.append(answer)
                case .send, .deliver, .reopen, .notice, .plaintext: break
                }
            }
        }
        handle(.start)
        handle(.locators([.ipv4(IPv4Address(rawValue: 0xC000_0201))]))
        let pool = try #require(Prefix(IPv4Address(rawValue: 0x0A80_0000), length: 16))
        let name = try #require(MeshName("relief"))
        handle(.command(.create(MeshPlan(name: name, pool: pool)), 1))
        var wish = InviteWish()
        wish.lifetime = .hours(1)
        handle(.command(.invite(wish), 2))
        handle(.command(.state(.time), 3))
        handle(.command(.register(try EID("10.128.0.0/24"), ttl: 60), 4))
        handle(.command(.lookup(try EID("10.128.0.1/32")), 5))
        // Node records are made with stamps above the last.
        handle(.locators([.ipv4(IPv4Address(rawValue: 0xC000_0202))]))
        for _ in 0..<100 { handle(.deadline) }
        node = Node(Settings(), disk: disk)
        handle(.start)
        handle(.locators([.ipv4(IPv4Address(rawValue: 0xC000_0203))]))
        for _ in 0..<100 { handle(.deadline) }
        #expect(answers.contains { if case .invite = $0 { true } else { false } })
    }
}
