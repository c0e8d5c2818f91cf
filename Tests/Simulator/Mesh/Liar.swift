package import Clocks
import LISP
package import LISPNode
import Mappings
package import Sessions
import TestKit
import Trust

/// False things that a member with an honest key can say in its own sessions.
package enum Lie: String, Hashable, Sendable, CaseIterable {
    case spoiltRecord, recordOfAnotherMesh, recordOfOthersEID, oldRecord, twoRecordsOfOneSequence
    case recordFromTheFuture
    case spoiltObject, objectOfAnotherMesh, usurpingObject, backdatedClaim
    case twoNodeRecordsOfOneStamp, oldObject
    case falseSummary, echoedSummary, falseBuckets, falseObjectIDs, falseHours, falseRecordIDs
    case everythingWanted, falseAcknowledgement, touchOfOthers, falseKeepList
    case garbage, randomKinds, flood, foreignInnerSource, joinersWords, manyClaimsWanted
    case manyEIDsAskedFor, falseRegistration
}

/// Machines whose nodes are members like all others, and that beside it, or in place of it, lie.
package final class Liars {
    package let machines: Set<Int>
    /// Which lies are told in this run; not all, so that one does not cover up another.
    package var repertoire = Lie.allCases
    package private(set) var told: [Lie: Int] = [:]
    /// Between two lies.
    package var pause = Span.milliseconds(150)
    /// Whether they still sign new things with their own keys. While they do no two nodes need be equal.
    package var areInventive = true
    /// Whether their nodes say nothing of what they should.
    package var areSilent = false

    unowned let run: MeshRun
    var random: SeededRandom
    private var isLying = false
    /// What was said long ago.
    private(set) var oldRecords: [[UInt8]] = []
    private(set) var oldObjects: [[UInt8]] = []
    /// Trust objects stay for ever, and so each liar signs only so many.
    var objectsLeft: Int
    private var packets: UInt64 = 0

    private static let memory = 64
    private static let objectsEach = 40
    /// Numbers of packets that nobody should ever receive.
    package static let falsePackets: UInt64 = 1 << 63

    init(_ machines: Set<Int>, in run: MeshRun, seed: UInt64) {
        self.machines = machines
        self.run = run
        random = SeededRandom(seed: seed ^ 0x4C49_4152)
        objectsLeft = Self.objectsEach * machines.count
        repertoire = Lie.allCases.filter { _ in random.chance(oneIn: 2) }
    }

    package func begin() {
        guard !isLying else { return }
        isLying = true
        run.world.hooks.rewrite = { [unowned self] _, machine, _, effects in
            areSilent && machines.contains(machine) ? effects.filter { !Self.isSaid($0) } : effects
        }
        lieAgain()
    }

    package func end() {
        isLying = false
        areSilent = false
    }

    /// Whether a node says something inside a session; handshakes go on.
    private static func isSaid(_ effect: Effect) -> Bool {
        guard case .send(let datagram) = effect else { return false }
        let place = datagram.port == .data ? 8 : 4
        return datagram.octets.count > place && datagram.octets[place] == 3
    }

    private func lieAgain() {
        let wait = Span(microseconds: 1 + Int64(random.below(Int(2 * pause.microseconds))))
        run.world.after(wait) { [unowned self] _ in
            guard isLying else { return }
            remember()
            if random.chance(oneIn: 100) { areSilent.toggle() }
            if let lie = repertoire.isEmpty ? nil : random.pick(repertoire) { tell(lie) }
            lieAgain()
        }
    }

    /// Tells one lie to somebody, or what belongs together to several.
    package func tell(_ lie: Lie) {
        let liars = machines.sorted().filter { run.core($0)?.member != nil }
        let victims = run.honest
        guard !liars.isEmpty, !victims.isEmpty else { return }
        let liar = random.pick(liars)
        let victim = random.pick(victims)
        guard let core = run.core(liar), let other = run.core(victim) else { return }
        let situation = Situation(
            core: core, victim: other, time: core.clock.time(at: run.world.now(of: liar)))
        for payload in payloads(of: lie, situation) { say(payload, by: liar, to: other) }
        // What contradicts it goes to the others.
        for payload in contradictions(of: lie, situation) {
            for machine in victims where machine != victim {
                guard let third = run.core(machine) else { continue }
                say(payload, by: liar, to: third)
            }
        }
        told[lie, default: 0] += 1
    }

    package func say(_ payload: Payload, by liar: Int, to victim: Core) {
        run.world.act(on: liar) { node, now, random in
            node.say(payload, to: .member(victim.id), at: now, using: &random)
        }
    }

    /// What a lie is made from.
    struct Situation {
        let core: Core
        let victim: Core
        /// Of the liar.
        let time: UInt64
    }

    private func remember() {
        let honest = run.honest
        guard let core = honest.isEmpty ? nil : run.core(random.pick(honest)) else { return }
        if let octets = anyRecord(of: core) { Self.keep(octets, in: &oldRecords, &random) }
        if let octets = anyObject(of: core) { Self.keep(octets, in: &oldObjects, &random) }
    }

    private static func keep(
        _ octets: [UInt8], in memory: inout [[UInt8]], _ random: inout SeededRandom
    ) {
        if memory.count < Self.memory {
            memory.append(octets)
        } else {
            memory[random.below(memory.count)] = octets
        }
    }

    func anyRecord(of core: Core) -> [UInt8]? {
        let hours = core.records.hours
        guard let hour = hours.isEmpty ? nil : random.pick(hours) else { return nil }
        let ids = core.records.recordIDs(inHour: hour)
        return ids.isEmpty ? nil : core.records.octets(random.pick(ids))
    }

    func anyObject(of core: Core) -> [UInt8]? {
        let bucket = UInt8(random.below(TrustSet.buckets))
        for step in UInt8.min ... .max {
            let ids = core.trust.ids(inBucket: bucket &+ step)
            if !ids.isEmpty { return core.trust.object(random.pick(ids))?.octets }
        }
        return nil
    }

    func nextFalsePacket() -> UInt64 {
        packets += 1
        return Self.falsePackets | packets
    }
}

extension MeshRun {
    /// Members that do not lie.
    package var honest: [Int] { members.filter { !plan.liars.contains($0) } }
}

extension Scenario {
    /// A mesh under all faults, with liars inside.
    static let liars = Scenario(
        "liars", "a mesh with one or two members that lie; the others agree all the same", nodes: 7,
        minutes: 5
    ) { options in
        var plan = MeshRun.Plan(seed: options.seed)
        plan.nodes = options.nodes
        plan.liars = options.seed % 2 == 0 ? [1, 2] : [1]
        let run = MeshRun(plan)
        run.world.hooks.line = options.line
        run.suffer(.random(seed: options.seed), for: .minutes(options.minutes))
        return Outcome(run.world)
    }
}
