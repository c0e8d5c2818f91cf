import Clocks
import LISP
import MappingSystem
import Sessions
import Simulator
import TestKit
import Testing
import Trust

@testable import LISPNode

/// Members that lie. A seed of the first test that fails is replayed by
/// `swift run whither-sim --scenario liars --nodes 4 --minutes 1 --seed N`.
@Suite("Meshes among liars")
struct MeshLiarTests {
    @Test("honest members agree, whatever one or two of them are told", arguments: UInt64(1)...2)
    func liars(seed: UInt64) throws {
        let scenario = try #require(Scenario.named("liars"))
        let outcome = scenario.run(.init(seed: seed, nodes: 4, minutes: 1))
        #expect(outcome.failure == nil, "seed \(seed): \(outcome.failure?.description ?? "")")
    }

    /// Whether a node says something inside a session; handshakes go on.
    private func isSaid(_ effect: Effect) -> Bool {
        guard case .send(let datagram) = effect else { return false }
        let place = datagram.port == .data ? 8 : 4
        return datagram.octets.count > place && datagram.octets[place] == 3
    }

    /// A machine keeps its handshakes up and says nothing else by itself.
    private func silence(_ machine: Int, in run: MeshRun) {
        run.world.hooks.rewrite = { _, other, _, effects in
            other == machine ? effects.filter { !isSaid($0) } : effects
        }
    }

    private func echo(from liar: Int, to victim: Int, in run: MeshRun) throws {
        let core = try run.inside(victim)
        let summary = MeshMessage.summary(
            .init(trust: core.trust.digest, records: core.records.digest, wantsAnswer: false))
        try run.say(.control(summary.octets), from: liar, to: victim)
    }

    @Test("who hears its own summary from one member does not believe that it has seen everything")
    func echoedSummaryIsNotEnough() throws {
        let run = try MeshRun.formed(4)
        let eid = try run.grantRange(to: 0)
        var cut = run.world.partition([[0, 1, 2], [3]])
        guard case .registered = run.ask(0, .register(eid, ttl: 60)) else {
            Issue.record("not registered: \(run.failure)")
            return
        }
        run.world.mend(cut)
        cut = run.world.partition([[0, 1], [2, 3]])
        silence(2, in: run)
        run.world.restart(3, .sameDisk)
        for _ in 0..<60 {
            run.world.run(for: .seconds(1))
            try echo(from: 2, to: 3, in: run)
        }
        #expect(try run.inside(3).reconciler.agreed == [run.inside(2).id])
        #expect(try !run.inside(3).isReconciled)
        #expect(run.ask(3, .lookup(eid)) == .notReconciled)
        run.world.mend(cut)
        let found = run.world.run(
            until: { _ in run.core(3)?.isReconciled == true }, within: .seconds(50))
        #expect(found)
        #expect(try run.signer(of: eid, at: 3) == run.inside(0).key.publicKey)
        #expect(run.world.failure == nil, "\(run.failure)")
    }

    @Test("when all others but one are gone for good, that one is enough after a while")
    func oneIsEnoughWhenTheOthersAreGone() throws {
        let run = try MeshRun.formed(4)
        let nobody = try EID("192.0.2.1/32")
        for machine in [0, 1] { run.world.crash(machine) }
        run.world.restart(3, .sameDisk)
        run.world.run(for: .minutes(1))
        #expect(run.ask(3, .lookup(nobody)) == .notReconciled)
        run.world.run(for: .minutes(2))
        guard case .found(.negative) = run.ask(3, .lookup(nobody)) else {
            Issue.record("machine 2 agrees, and nobody else will")
            return
        }
    }

    @Test("a joiner passes over a seed that shows a false chain and goes on talking")
    func meshJoinerRefusesFalseSeed() throws {
        let run = try MeshRun.formed(2)
        let other = try MeshRun.formed(1, seed: 2)
        let joiner = run.world.addMachine()
        run.world.start()
        let text = try run.invite(by: 0, seeds: [1, 0])
        silence(1, in: run)
        // Of a mesh with another root, and beyond what was asked for.
        let foreign = try (UInt8.min ... .max).flatMap { bucket in
            try other.inside(0).trust.ids(inBucket: bucket)
        }.compactMap { try other.inside(0).trust.object($0)?.octets }
        let lies: [MeshMessage] = [
            .chain(from: 0, total: 1, [try #require(foreign.first)]), .refused(.revoked),
            .admitted([try #require(foreign.last)]),
        ]
        var isOver = false
        func lie() {
            guard !isOver, run.core(joiner)?.member == nil else { return }
            for number in (run.core(1)?.guests.keys).map({ $0.sorted() }) ?? [] {
                run.world.act(on: 1) { node, now, random in
                    lies.flatMap {
                        node.say(
                            .control($0.octets), to: .joining(number), at: now, using: &random)
                    }
                }
            }
            run.world.after(.milliseconds(2)) { _ in lie() }
        }
        lie()
        let answer = run.ask(joiner, .join(text, name: nil))
        isOver = true
        guard case .joined(let node) = answer else {
            Issue.record("machine 0 would have let it in: \(String(describing: answer))")
            return
        }
        // The liar had its chance.
        #expect(try !run.inside(1).guests.isEmpty)
        let core = try run.inside(joiner)
        #expect(core.standing.member(node)?.admitter == (try run.inside(0).key.publicKey))
        #expect(run.world.failure == nil, "\(run.failure)")
    }

    @Test("a seed that says no is not the end: the next is asked")
    func refusalOfOneSeed() throws {
        let run = try MeshRun.formed(3)
        let joiner = run.world.addMachine()
        run.world.start()
        let text = try run.invite(by: 0, seeds: [1, 2])
        silence(1, in: run)
        func refuse() {
            guard run.core(joiner)?.member == nil else { return }
            for number in (run.core(1)?.guests.keys).map({ $0.sorted() }) ?? [] {
                guard let core = run.core(1) else { continue }
                let chain = core.standing.chain(of: core.key.publicKey).compactMap {
                    core.trust.object($0)?.octets
                }
                var words: [MeshMessage] = []
                var shown = 0
                for batch in Batches.packed(chain) {
                    words.append(
                        .chain(from: UInt32(shown), total: UInt32(chain.count), batch))
                    shown += batch.count
                }
                words.append(.refused(.noAdmitter))
                run.world.act(on: 1) { node, now, random in
                    words.flatMap {
                        node.say(
                            .control($0.octets), to: .joining(number), at: now, using: &random)
                    }
                }
            }
            run.world.after(.milliseconds(20)) { _ in refuse() }
        }
        refuse()
        guard case .joined = run.ask(joiner, .join(text, name: nil)) else {
            Issue.record("machine 2 would have let it in: \(run.failure)")
            return
        }
    }
}
