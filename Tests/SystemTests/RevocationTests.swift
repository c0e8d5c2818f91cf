import Admin
import Host
import TestKit
import Testing

extension SystemTests {
    @Suite("A member that is revoked", .serialized)
    struct RevocationTests {
        @Test("is cut off everywhere about a round trip after the revocation arrives")
        func cutOff() throws {
            let bench = try Bench(3)
            let all = try bench.mesh()
            let (a, b, bad) = (all[0], all[1], all[2])
            try bad.reach(b)
            try bad.reach(a)
            let stream = try Stream(from: bad, to: b)
            try #require(wait(atMost: 3) { stream.answers.count > 20 } != nil)
            let started = wallSeconds
            let report = try a.ask(RevokedReport.self, "revoke", "n3", "--reason", "lost")
            let answered = wallSeconds
            stream.finish()
            let last = try #require(stream.answers.last)
            print(
                "revocation: the command took \(rounded(answered - started, 3)) s, the last echo passed "
                    + "\(rounded(last - started, 3)) s after it began")
            #expect(last - answered < 0.5, "\(b.failure("echoes passed long after", a, bad))")
            #expect(try b.ping(bad.ipv6, seconds: 1).status != 0)
            #expect(try a.ping(bad.ipv6, seconds: 1).status != 0)
            try b.reach(a)
            for node in [a, b] {
                let status = try node.status()
                #expect(status.memberCount == 2 && status.revocations?.count == 1)
            }
            #expect(report.applied == 1 && report.notYet.isEmpty)
            #expect(try a.status().revocations?.notYet == [])
            let itself = try bad.status()
            #expect(
                itself.phase == .revoked && itself.health.map(\.code) == ["revoked"],
                "\(bad.failure("does not know"))")
            let waited = try bad.attempt(["wait", "--timeout", "20s"])
            #expect(waited.status == 1 && waited.errors.contains("n1 revoked this node's key"))
            #expect(bad.log.contains("event=revoked"))
            // As its status says: it forgets the mesh, and comes in again as somebody new.
            let left = try bad.whither("leave", "--yes").output
            #expect(left.contains("left relief, of which") && left.contains("no member any more"))
            try bad.join(try a.invite())
            try bench.expectEqual(all, members: 3)
        }

        @Test(
            "those whom it let in stay with --keep, and go with --all; without a word nobody goes")
        func dependents() throws {
            let bench = try Bench(6)
            let all = try bench.mesh(2)
            let (a, bad) = (all[0], all[1])
            let invite = try bad.invite("--uses", "9")
            for guest in [bench[3], bench[4]] { try guest.join(invite) }
            try bench.expectEqual([a, bad, bench[3], bench[4]], members: 4)
            let refused = try a.attempt(["revoke", "n2"])
            #expect(refused.status == 1 && refused.output.isEmpty)
            #expect(refused.errors.contains("n2 let in n3, n4; say --keep"), "\(refused.errors)")
            #expect(try a.attempt(["revoke", "n2", "--keep", "--all"]).status == 2)
            #expect(try a.status().memberCount == 4)

            let report = try a.ask(RevokedReport.self, "revoke", "n2", "--keep")
            #expect(report.staying == ["n3", "n4"] && report.leaving == [])
            try bench.expectEqual([a, bench[3], bench[4]], members: 3)
            for guest in [bench[3], bench[4]] {
                try guest.reachBoth(a)
                #expect(try guest.ping(bad.ipv6, seconds: 1).status != 0)
            }
            _ = try a.ask(LookupReport.self, "lookup", "n4")
            // Seven uses were left, and whoever has the laptop has the invite.
            let late = try bench[5].attempt(["join", invite])
            #expect(late.status != 0)
            try bench.expectEqual([a, bench[3], bench[4]], members: 3)

            // n3 may admit and not invite, so the next is another admin.
            try bench[5].join(try a.invite("--role", "admin"))
            try bench[6].join(try bench[5].invite())
            try bench.expectEqual([a, bench[3], bench[4], bench[5], bench[6]], members: 5)
            let rest = try a.ask(RevokedReport.self, "revoke", "n5", "--all")
            #expect(rest.leaving == ["n6"] && rest.staying == [])
            try bench.expectEqual([a, bench[3], bench[4]], members: 3)
            let out = wait(atMost: 10) { (try? bench[6].statusNow().phase) == .outside }
            #expect(out != nil, "\(bench[6].failure("n6 does not know"))")
        }
    }
}
