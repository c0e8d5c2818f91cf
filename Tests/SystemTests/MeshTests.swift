import Admin
import Host
import TestKit
import Testing

extension SystemTests {
    @Suite("A mesh", .serialized)
    struct MeshTests {
        @Test("create, join, reach each other by both EIDs, and everybody is known by name")
        func begin() throws {
            let bench = try Bench(2)
            let (a, b) = (bench[1], bench[2])
            let invite = try #require(try a.create().invite).invite
            let start = monotonicSeconds
            try b.join(invite)
            let joined = monotonicSeconds - start
            try b.reach(a)
            print(
                "join: \(rounded(joined)) s, join to first ping: \(rounded(monotonicSeconds - start)) s"
            )
            for (here, there) in [(a, b), (b, a)] {
                try here.reachBoth(there)
                try here.waitUntilReady()
                let status = try here.status()
                #expect(status.phase == .member && status.memberCount == 2 && status.upMembers == 2)
                #expect(!status.isDegraded, "\(here.failure("degraded"))")
                #expect(
                    status.heading?.ipv4.count == 1
                        && status.members.allSatisfy { $0.ipv4.count == 1 })
                let lookup = try here.ask(LookupReport.self, "lookup", there.name)
                #expect(lookup.isFound && lookup.memberAddress?.contains(there.ipv6) == true)
                #expect(lookup.memberIpv4.contains { $0.contains(there.ipv4) })
                let why = try here.whither("why", there.name).output
                #expect(
                    why.contains("10.99.0.\(there.number)") || why.contains("fd99::\(there.number)")
                )
                let pong = try here.ask(PingReport.self, "ping", there.name, "--count", "1")
                #expect(pong.received == 1)
            }
            #expect(try a.attempt(["status", "--check"]).status == 0)
            // Nothing of a node outlives it.
            try b.down()
            let left = try b.run(["ip", "-o", "addr"]).output
            #expect(!left.contains(b.ipv6) && !left.contains("whither"))
            #expect(try b.attempt(["status"]).status == 1)
        }

        @Test(
            "without its creator: a node joins, and one that boots finds its mesh by what it remembers"
        )
        func offline() throws {
            let bench = try Bench(4)
            let all = try bench.mesh(3)
            let (creator, b, c, late) = (all[0], all[1], all[2], bench[4])
            try bench.expectEqual(all, members: 3)
            let old = try creator.invite()
            try creator.down()
            // One that the creator made and one of another member.
            try late.join(old)
            try late.reach(b)
            try bench.expectEqual([b, c, late], members: 4)
            try c.down()
            try c.up()
            try c.waitUntilReady()
            try c.reachBoth(b)
            try c.reachBoth(late)
            // All but one are off, and it boots alone: it waits, and finds the next that comes.
            try b.down()
            try c.down()
            try late.down()
            try c.up()
            try b.up()
            try c.reach(b, patience: 20)
            #expect(try c.status().memberCount == 4)
        }

        @Test("all four pairings of families", arguments: [Bench.Family.ipv4, .ipv6])
        func families(outside: Bench.Family) throws {
            let bench = try Bench(2, family: outside)
            let all = try bench.mesh()
            for (here, there) in [(all[0], all[1]), (all[1], all[0])] {
                try here.reachBoth(there)
                let rlocs = try here.status().rlocs
                #expect(
                    rlocs.allSatisfy { $0.contains(":") == (outside == .ipv6) } && !rlocs.isEmpty)
            }
        }

        @Test("two meshes on one host: ports and devices of their own, told apart by --mesh")
        func twoMeshes() throws {
            let bench = try Bench(2)
            let (a, b) = (bench[1], bench[2])
            try a.create("relief")
            try b.join(try a.invite())
            let (first, firstPeer) = ((a.ipv6, a.ipv4), b.ipv6)
            try a.create("harbour")
            let unclear = try a.attempt(["status"])
            #expect(unclear.status == 2 && unclear.errors.contains("--mesh"))
            #expect(unclear.errors.split(separator: "\n").count == 1)
            let relief = try a.ask(StatusReport.self, "status", "--mesh", "relief")
            let harbour = try a.ask(StatusReport.self, "status", "--mesh", "harbour")
            #expect(relief.tun != harbour.tun && relief.dataPort != harbour.dataPort)
            #expect(relief.controlPort != harbour.controlPort)
            #expect(relief.heading?.pool != harbour.heading?.pool)
            try b.join(try a.invite("--mesh", "harbour"))
            try b.reachBoth(a)
            try a.reachBoth(b)
            try b.reach(a, first.0)
            try b.reach(a, first.1)
            try a.reach(b, firstPeer)
            // One ends, the other goes on.
            try a.whither("down", "--mesh", "relief")
            try a.reachBoth(b)
            // The name of the folder is the mesh's digits on the one who joined: its own name serves too.
            #expect(try b.ask(StatusReport.self, "status", "--mesh", "harbour").memberCount == 2)
        }
    }
}

func rounded(_ value: Double, _ digits: Int = 2) -> String {
    var scale = 1.0
    for _ in 0..<digits { scale *= 10 }
    return "\((value * scale).rounded() / scale)"
}
