import Admin
import Foundation
import Host
import TestKit
import Testing

extension SystemTests {
    @Suite("What a person can get wrong", .serialized)
    struct InputTests {
        /// One line on standard error, nothing on standard output.
        /// - Parameter note: stands in one line before it, while people wait.
        private func expect(
            _ guest: Guest, _ words: [String], after note: String? = nil, says part: String,
            code: Int32, sourceLocation: SourceLocation = #_sourceLocation
        ) throws {
            let result = try guest.attempt(words)
            let lines = result.errors.split(separator: "\n")
            let notes = lines.dropLast()
            let isNoted =
                note.map { note in notes.count == 1 && notes.allSatisfy { $0.contains(note) } }
                ?? notes.isEmpty
            #expect(
                result.status == code && isNoted && result.output.isEmpty
                    && lines.last?.contains(part) == true,
                "\(words[0]) ended with \(result.status) and said: \(result.errors)\(result.output)",
                sourceLocation: sourceLocation)
        }

        @Test("invites that are cut off, damaged, expired, used, revoked, or nothing at all")
        func invites() throws {
            // Of one family: who does not answer is asked at each of its addresses.
            let bench = try Bench(3, family: .ipv4)
            let (a, b, c) = (bench[1], bench[2], bench[3])
            let first = try #require(try a.create().invite).invite
            let middle = first.index(first.startIndex, offsetBy: first.count / 2)
            try expect(b, ["join", String(first[..<middle])], says: "cut off", code: 2)
            var damaged = first
            damaged.replaceSubrange(middle...middle, with: first[middle] == "A" ? "B" : "A")
            try expect(b, ["join", damaged], says: "damaged", code: 2)
            try expect(b, ["join", "relief"], says: "no invite", code: 2)
            try expect(b, ["join"], says: "needs an invite", code: 2)
            try expect(
                b, ["join", "--invite-file", "/no/such/file"], says: "/no/such/file", code: 2)
            let brief = try a.invite("--expires", "1s")
            usleep(1_200_000)
            try expect(b, ["join", brief], says: "expired", code: 1)
            try b.join(first)
            try expect(c, ["join", first], says: "used up", code: 1)
            try expect(b, ["join", try a.invite()], says: "already", code: 2)
            // The invite of a member that is revoked: nobody talks to who has it, so a guess is all.
            let orphan = try b.invite()
            try a.whither("revoke", b.name)
            try expect(
                c, ["join", orphan], after: "nobody has let this node in yet",
                says: "who made the invite still a member", code: 1)
            // What failed left nothing behind, so that the right one works.
            #expect(StateDirectory.list(root: c.state).isEmpty)
            try c.join(try a.invite())
            try c.reach(a)
            try expect(a, ["create", "relief"], says: "has a mesh relief already", code: 2)
            try expect(a, ["revoke", "nobody"], says: "nobody", code: 2)
            try expect(a, ["lookup", "n4x"], says: "n4x", code: 2)
        }

        @Test("nobody answers: which were asked, and what each said")
        func nobody() throws {
            let bench = try Bench(2, family: .ipv4)
            let (a, b) = (bench[1], bench[2])
            let invite = try #require(try a.create().invite).invite
            try a.down()
            let start = monotonicSeconds
            try expect(
                b, ["join", invite],
                after: "nobody has let this node in yet: 10.99.0.1:4341 did not answer",
                says: "10.99.0.1:4341 did not answer (asked 2 times)", code: 1)
            #expect(monotonicSeconds - start < 14)
        }

        @Test("a node that is not running, ports that are taken, no TUN, two daemons of one state")
        func host() throws {
            let bench = try Bench(1)
            let a = bench[1]
            try expect(a, ["status"], says: "not running", code: 1)
            try expect(a, ["up"], says: "in no mesh", code: 2)
            let config = "\(a.folder)/settings.toml"
            try "data-port = 7001\n".write(toFile: config, atomically: true, encoding: .utf8)
            // Another mesh's node takes the port.
            a.config = config
            try a.create("harbour")
            try expect(a, ["create", "relief", "--config", config], says: "7001", code: 1)
            #expect(StateDirectory.list(root: a.state) == ["harbour"])
            try expect(
                a, ["daemon", "harbour"], says: "\(try #require(a.process))", code: 1)
            try a.down()
            try "data-prt = 7001\n".write(toFile: config, atomically: true, encoding: .utf8)
            try expect(
                a, ["up", "--config", config], says: "settings.toml:1:1: unknown key", code: 1)
            try expect(a, ["up", "--config", "/no/such/file"], says: "/no/such/file", code: 1)
            // Without the right to make a device, as a user has none.
            let result = try a.run([
                "setpriv", "--bounding-set", "-all", "--inh-caps", "-all", Guest.program, "up",
                "--state", a.state, "--run", a.folder,
            ])
            #expect(
                result.status == 1 && result.errors.contains("CAP_NET_ADMIN"), "\(result.errors)")
            #expect(result.errors.split(separator: "\n").count == 1)
            a.config = nil
            try a.up()
            #expect(try a.status().phase == .member)
        }
    }
}
