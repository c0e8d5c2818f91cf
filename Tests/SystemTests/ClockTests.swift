import Admin
import Foundation
import Host
import TestKit
import Testing

extension SystemTests {
    @Suite("A clock that is stepped by a year", .serialized)
    struct ClockTests {
        /// Three nodes whose kernels call their clocks synchronised, and one that was revoked.
        private func mesh() throws -> (bench: Bench, all: [Guest]) {
            let bench = try Bench(6, family: .ipv4)
            for guest in bench.guests { guest.clock = try FakeClock("\(guest.folder)/clock") }
            try bench.mesh(4)
            try bench[1].whither("revoke", bench[4].name)
            let all = (1...3).map { bench[$0] }
            try bench.expectEqual(all, members: 3)
            return (bench, all)
        }

        @Test("the clock of a program can be set while it runs")
        func isIntercepted() throws {
            guard !Guest.isSanitized else { return }
            let bench = try Bench(1)
            let clock = try FakeClock("\(bench[1].folder)/clock")
            try clock.set(FakeClock.year)
            let shown = try bench[1].run(["env"] + clock.environment + ["date", "+%s"]).output
            let seconds = try #require(
                Double(shown.trimmingCharacters(in: .whitespacesAndNewlines)))
            #expect(abs(seconds - wallSeconds - FakeClock.year) < 10)
        }

        @Test(
            "ahead or behind: nothing stops, nothing of the others is thrown away, and it is said",
            arguments: [FakeClock.year, -FakeClock.year])
        func stepped(by seconds: Double) throws {
            let (bench, all) = try mesh()
            let (a, b, c) = (all[0], all[1], all[2])
            try c.reachBoth(a)
            let stream = try Stream(from: c, to: a, count: 600)
            try #require(wait(atMost: 3) { stream.answers.count > 20 } != nil)
            try c.clock?.set(seconds)
            let isSaid = try wait(atMost: 15, every: 0.2) {
                let status = try c.status()
                let text = status.text(width: nil)
                return status.health.contains { $0.code == "clock_disagrees" }
                    && (text.contains("364d") || text.contains("365d"))
            }
            #expect(isSaid != nil, "\(c.failure("status says nothing of its clock"))")
            // When the first peer has said what time it is.
            let isLogged = wait(atMost: 10) { c.log.contains("clock.disagrees") }
            #expect(isLogged != nil, "\(c.failure("the log says nothing of it"))")
            stream.finish()
            let times = stream.answers
            let gap = zip(times, times.dropFirst()).map { $1 - $0 }.max() ?? 99
            #expect(
                times.count > 500 && gap < 1,
                "\(c.failure("\(times.count) of 600 echoes, the longest silence \(gap) s", a))")
            // A new session with it.
            try b.kill9()
            try b.up()
            try b.reachBoth(c)
            try c.reachBoth(b)
            try bench.expectEqual(all, members: 3)
            for here in all {
                #expect(
                    try here.status().revocations?.count == 1,
                    "\(here.failure("the revocation is gone"))")
                for there in all where there !== here {
                    #expect(
                        try here.ask(LookupReport.self, "lookup", there.name).isFound,
                        "\(here.failure("\(here.name) does not find \(there.name)", there))")
                }
            }
            // Others can join, wherever they ask.
            for (guest, inviter) in [(bench[5], a), (bench[6], c)] {
                try guest.join(try inviter.invite())
                for there in all { try guest.reach(there) }
            }
            try bench.expectEqual(all + [bench[5], bench[6]], members: 5)
            // It is set right, and nothing of it stays.
            try c.clock?.set(0)
            let isWell = try wait(atMost: 15, every: 0.2) {
                try !c.status().health.contains { $0.code == "clock_disagrees" }
            }
            #expect(isWell != nil, "\(c.failure("its clock is right, and it does not say so"))")
            try c.kill9()
            try c.up()
            try c.waitUntilReady()
            try bench.expectEqual(all + [bench[5], bench[6]], members: 5)
            try c.reachBoth(a)
            try bench[6].reachBoth(c)
        }
    }
}
