import Admin
import Glibc
import Host
import TestKit
import Testing

extension SystemTests {
    @Suite("What operators do", .serialized)
    struct OperatorTests {
        @Test(
            "the creator's key is ended with the root key's paper alone, and not by who is farther")
        func rootRevokes() throws {
            let bench = try Bench(3)
            let (a, b, c) = (bench[1], bench[2], bench[3])
            let words = try a.create().rootWords
            try b.join(try a.invite("--role", "admin"))
            try c.join(try a.invite())
            let refused = try b.attempt(["revoke", "n1"])
            #expect(refused.status == 1 && refused.errors.contains("may not revoke n1"))
            #expect(try b.status().revocations?.count == 0)
            let wrong = try b.attempt(["revoke", "n1", "--root"], input: "R1-AAAA\n")
            #expect(wrong.status == 2 && wrong.errors.contains("digits after R1"))
            try b.whither("revoke", "n1", "--root", "--keep", input: words + "\n")
            for guest in [b, c] {
                let status = try guest.status()
                #expect(status.memberCount == 2 && status.revocations?.count == 1)
            }
            #expect(try b.ping(a.ipv6, seconds: 1).status != 0)
            try b.reach(c)
        }

        @Test("an invite for one key, made before its node has joined")
        func inviteForKey() throws {
            let bench = try Bench(3)
            let (a, b, c) = (bench[1], bench[2], bench[3])
            try a.create()
            let key = try b.whither("id", "--next").output.split(separator: "\n").joined()
            #expect(try b.whither("id", "--next").output.contains(key))
            let invite = try a.invite("--for", key)
            let refused = try c.attempt(["join", invite])
            #expect(refused.status == 1, "\(refused.errors)")
            try b.join(invite)
            #expect(try b.ask(IDReport.self, "id").key == key)
            // That key is this node's; the next one is another's.
            #expect(try b.whither("id", "--next").output != key + "\n")
        }

        @Test("a join that somebody interrupts leaves nothing, and one that was killed can be left")
        func interrupted() throws {
            let bench = try Bench(2)
            let (a, b) = (bench[1], bench[2])
            try a.create()
            let invite = try a.invite()
            try a.down()
            for signal in ["INT", "TERM"] {
                let run = try b.run(
                    [
                        "timeout", "-s", signal, "2", Guest.program, "join", invite, "--state",
                        b.state,
                        "--run", b.folder,
                    ])
                #expect(run.status != 0)
                let isGone = wait(atMost: 5) { StateDirectory.list(root: b.state).isEmpty }
                #expect(isGone != nil, "\(run.errors)")
            }
            _ = try b.run(
                [
                    "timeout", "-s", "KILL", "2", Guest.program, "join", invite, "--state", b.state,
                    "--run", b.folder,
                ])
            #expect(StateDirectory.list(root: b.state).count == 1)
            try b.whither("leave", "--yes")
            #expect(StateDirectory.list(root: b.state).isEmpty)
            try a.up()
            try b.join(invite)
        }
    }
}
