import Admin
import Foundation
import Glibc
import Host
import TestKit
import Testing

extension SystemTests {
    @Suite("A node that is killed", .serialized)
    struct KillTests {
        @Test(
            "comes back as itself, and all that was answered holds", arguments: [UInt64(1), 2, 3])
        func anyMoment(seed: UInt64) throws {
            var random = SeededRandom(seed: seed)
            let bench = try Bench(4)
            let (a, b) = (bench[1], bench[2])
            try a.create()
            try b.join(try a.invite("--role", "admin"))
            let before = try a.ask(IDReport.self, "id").key
            for round in 0..<3 {
                // While it prints invites, one after another, it is killed.
                let patience = Double.random(in: 0.02...0.6, using: &random)
                let victim = Killer(of: a, after: patience)
                var printed: [String] = []
                while let invite = try? a.invite() { printed.append(invite) }
                victim.finish()
                try a.up()
                try a.waitUntilReady()
                let words = "seed \(seed), round \(round), killed after \(patience) s"
                #expect(try a.ask(IDReport.self, "id").key == before, "\(a.failure(words))")
                #expect(try a.status().memberCount == 2, "\(a.failure(words))")
                #expect(!a.log.contains("damaged"), "\(a.failure(words))")
                // The invite that was printed last is good, with whomever it is redeemed.
                if round == 0, let last = printed.last {
                    try bench[3].join(last)
                    try bench[3].whither("leave", "--yes")
                    try #require(
                        wait(atMost: 10) { (try? a.status().memberCount) == 2 } != nil,
                        "\(a.failure(words + ": who left is still there"))")
                }
            }
        }

        /// `WHITHER_KILLS=2000` kills more often, `WHITHER_KILL_SEED=7` at other moments.
        @Test("at work, fifty times: nothing that was answered is lost, no sequence goes back")
        func atWork() throws {
            let words = ProcessInfo.processInfo.environment
            let kills = words["WHITHER_KILLS"].flatMap { Int($0) } ?? 50
            let first = words["WHITHER_KILL_SEED"].flatMap { UInt64($0) } ?? 1
            let start = monotonicSeconds
            var (done, promises) = (0, 0)
            for seed in first... {
                let campaign = try KillCampaign(seed: seed)
                // A key signs 256 invites in its life.
                let size = min(50, kills - done)
                for _ in 0..<size { try campaign.strike() }
                try campaign.finish()
                done += size
                promises += campaign.promises
                if done >= kills { break }
            }
            print("\(done) kills, \(promises) answers, \(rounded(monotonicSeconds - start)) s")
            #expect(promises > 2 * kills, "it was hardly at work")
        }

        @Test("right after a revocation or a join was answered: both hold", arguments: [UInt64(4)])
        func atOnce(seed: UInt64) throws {
            let bench = try Bench(4)
            let all = try bench.mesh(3)
            let (a, b, bad, late) = (all[0], all[1], all[2], bench[4])
            // Nobody else is there to remember it.
            try b.kill9()
            try a.whither("revoke", bad.name)
            try a.kill9()
            try a.up()
            let status = try a.status()
            #expect(
                status.revocations?.count == 1 && status.memberCount == 2, "\(a.failure("revoked"))"
            )
            try b.up()
            try b.reach(a)
            #expect(try b.status().revocations?.count == 1)
            try late.join(try a.invite())
            try a.kill9()
            try late.kill9()
            try late.up()
            try a.up()
            try a.reachBoth(late)
            #expect(try a.status().memberCount == 3 && late.status().memberCount == 3)
            #expect(try bad.ping(a.ipv6, seconds: 1).status != 0)
        }
    }
}

/// Kills a node's daemon in a while.
private final class Killer {
    private let thread: HostThread

    init(of guest: Guest, after seconds: Double) {
        let process = guest.process ?? 0
        thread = HostThread("killer") {
            usleep(UInt32(seconds * 1e6))
            if process > 1 { kill(process, SIGKILL) }
        }
    }

    func finish() { thread.join() }
}
