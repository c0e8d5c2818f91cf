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
        }
    }
}
