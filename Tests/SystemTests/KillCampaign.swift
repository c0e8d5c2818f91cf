import Admin
import Foundation
import Glibc
import Host
import LISPNode
import Synchronization
import TestKit
import Trust

/// One node at work that is killed again and again, and what its disk must have after each time.
///
/// Host 1 is killed, host 2 sees what came out of it, the rest join and are revoked on the way. The node is
/// asked over its Unix socket, without a process a question, so that there is always something under way.
final class KillCampaign {
    let bench: Bench
    let seed: UInt64
    private(set) var promises = 0
    private var random: SeededRandom
    private let promised = Promised()
    private var before: [[UInt8]: [UInt8]] = [:]
    private var isMember: [Bool]
    private var round = 0
    private var a: Guest { bench[1] }
    private var b: Guest { bench[2] }

    /// What the node has answered.
    private final class Promised: Sendable {
        struct Deeds: Sendable {
            var invites: Set<ObjectID> = []
            var revoked: Set<Int> = []
        }
        let deeds = Mutex(Deeds())
        /// How many answers there were, of any kind.
        let answers = Atomic<Int>(0)
    }

    private static let extras = 3...6

    init(seed: UInt64) throws {
        self.seed = seed
        random = SeededRandom(seed: seed)
        bench = try Bench(Self.extras.upperBound, family: .ipv4)
        isMember = Array(repeating: false, count: Self.extras.upperBound + 1)
        // Before the first kill the other one has records of it to compare with.
        try bench.expectEqual(try bench.mesh(2), members: 2)
    }

    /// Works, kills, looks at the disk, and starts again.
    func strike() throws {
        round += 1
        let patience = random.below(round % 4 == 0 ? 400 : 120)
        let words = "seed \(seed), kill \(round), after \(patience) ms"
        let workers = [work(random.next()), errand()].compactMap { $0 }
        if random.chance(oneIn: 3) { try moveHost() }
        let seen = try sequencesSeen()
        usleep(UInt32(patience * 1000))
        try a.kill9()
        for worker in workers { worker.join() }
        // At times it finds the files as they were left.
        if !random.chance(oneIn: 4) { try checkDisk(words) }
        try a.up()
        guard case .database(let own) = try ask(a, .show(.database)) else { return }
        for entry in own.entries {
            guard let seen = seen[entry.eid], entry.sequence < seen else { continue }
            throw a.failure("\(words): \(entry.eid) goes back from \(seen) to \(entry.sequence)", b)
        }
        promises = promised.answers.load(ordering: .relaxed)
    }

    /// When it is enough: all hold the same, and reach each other.
    func finish() throws {
        try a.waitUntilReady()
        // One may be revoked although the answer was lost.
        let gone = Set(try a.status().revocations?.keys ?? [])
        for extra in promised.deeds.withLock({ $0.revoked }) where !gone.contains(bench[extra].name)
        {
            throw a.failure("seed \(seed): the revocation of \(bench[extra].name) is lost")
        }
        let rest = Self.extras.map { bench[$0] }
            .filter { isMember[$0.number] && !gone.contains($0.name) }
        try bench.expectEqual([a, b] + rest, members: 2 + rest.count, within: 30)
        for there in [b] + rest { try a.reach(there) }
        for word in ["atal error", "amaged", "second-copy"] where a.log.contains(word) {
            throw a.failure("seed \(seed): the log says \"\(word)\"")
        }
    }

    // MARK: - Work

    private func ask(_ guest: Guest, _ request: AdminRequest) throws -> AdminResult {
        try Self.ask(guest.folder, request)
    }

    private static func ask(_ folder: String, _ request: AdminRequest) throws -> AdminResult {
        guard let name = AdminClient.names(in: folder).first else {
            throw SystemFailure("no socket in \(folder)")
        }
        var client = try AdminClient(path: Daemon.socket(in: folder, name: name))
        try client.send(line: request.line.utf8)
        while let line = client.line() {
            switch try AdminReply(line: line) {
            case .progress: continue
            case .result(let result): return result
            case .error(let error): throw error
            }
        }
        throw SystemFailure("the daemon ended while it was asked")
    }

    /// Asks one thing after another until nobody answers.
    private func work(_ seed: UInt64) -> HostThread {
        let (promised, folder) = (promised, a.folder)
        return HostThread("work") {
            var random = SeededRandom(seed: seed)
            do {
                while true {
                    switch random.below(4) {
                    case 0: _ = try Self.ask(folder, .status)
                    case 1: _ = try Self.ask(folder, .reload)
                    default:
                        var wish = AdminRequest.Invite()
                        wish.uses = UInt16(1 + random.below(9))
                        guard case .invite(let report) = try Self.ask(folder, .invite(wish)) else {
                            continue
                        }
                        let invite = try InviteString(report.invite)
                        promised.deeds.withLock {
                            _ = $0.invites.insert(invite.object.id(in: invite.mesh))
                        }
                    }
                    promised.answers.add(1, ordering: .relaxed)
                    usleep(UInt32(random.below(12_000)))
                }
            } catch {}
        }
    }

    /// Every tenth time somebody joins, and every tenth somebody is revoked, while the node is killed.
    private func errand() -> HostThread? {
        let promised = promised
        let gone = promised.deeds.withLock { $0.revoked }
        if round % 10 == 3, let extra = Self.extras.first(where: { !isMember[$0] }),
            let invite = try? a.invite()
        {
            isMember[extra] = true
            let guest = bench[extra]
            return HostThread("join") {
                // Whoever is let in may hear of it from nobody; then it tries again.
                while (try? guest.join(invite)) == nil { usleep(200_000) }
            }
        }
        // The last that came: with an older one those would go whom it has let in.
        if round % 10 == 8,
            let extra = Self.extras.last(where: { isMember[$0] && !gone.contains($0) })
        {
            let (folder, name) = (a.folder, bench[extra].name)
            return HostThread("revoke") {
                var wish = AdminRequest.Revoke(who: name)
                wish.signed = .void
                guard (try? Self.ask(folder, .revoke(wish))) != nil else { return }
                promised.answers.add(1, ordering: .relaxed)
                promised.deeds.withLock { _ = $0.revoked.insert(extra) }
            }
        }
        return nil
    }

    /// Another address more, or one less: what the node says of itself must be signed again.
    private func moveHost() throws {
        let address = "10.99.0.\(60 + random.below(8))/24"
        let verb = random.chance(oneIn: 2) ? "add" : "del"
        _ = try? bench.ip(in: "1", ["addr \(verb) \(address) dev eth0"])
    }

    // MARK: - What must hold

    /// Of the node's own EIDs, as the other node has them.
    private func sequencesSeen() throws -> [String: UInt64] {
        guard case .mapCache(let table) = try ask(b, .show(.mapCache)) else { return [:] }
        var seen: [String: UInt64] = [:]
        for entry in table.entries where entry.signer == a.name { seen[entry.eid] = entry.sequence }
        guard !seen.isEmpty else { throw b.failure("\(b.name) has no record of \(a.name)", a) }
        return seen
    }

    private func checkDisk(_ words: String) throws {
        guard let name = StateDirectory.list(root: a.state).first else {
            throw a.failure("\(words): no state")
        }
        let contents = try StateDirectory(root: a.state, name: name).open()
        defer { contents.database.close() }
        let disk = contents.disk
        func fail(_ what: String) -> SystemFailure { a.failure("\(words): \(what)") }
        guard contents.notes.isEmpty else { throw fail("\(contents.notes)") }
        for (key, old) in before {
            switch key.first {
            // Who it is, its data keys: while the test runs they are not changed.
            case UInt8(ascii: "i"), UInt8(ascii: "k"):
                guard disk[key] == old else { throw fail("another identity") }
            // Mesh time, and the sequence of each own EID: eight octets, big-endian.
            case UInt8(ascii: "f"), UInt8(ascii: "s"):
                guard let new = disk[key], !new.lexicographicallyPrecedes(old) else {
                    throw fail("\(key) goes back")
                }
            default: break
            }
        }
        let deeds = promised.deeds.withLock { $0 }
        let lost = deeds.invites.filter { disk[[UInt8(ascii: "o")] + $0.octets] == nil }
        guard lost.isEmpty else {
            throw fail("\(lost.count) of \(deeds.invites.count) answered invites are not there")
        }
        let revocations = disk.count { key, value in
            guard key.first == UInt8(ascii: "o"), let object = try? TrustObject(octets: value),
                case .revocation = object.statement.kind
            else { return false }
            return true
        }
        guard revocations >= deeds.revoked.count else {
            throw fail("\(revocations) revocations, and \(deeds.revoked.count) were answered")
        }
        before = disk
    }
}
