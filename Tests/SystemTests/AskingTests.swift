import Admin
import Glibc
import Host
import TestKit
import Testing

extension SystemTests {
    @Suite("Who asks a daemon, and who bothers it", .serialized)
    struct AskingTests {
        @Test("pings of clients that have gone end, and keep nobody from asking")
        func gone() throws {
            let bench = try Bench(2, family: .ipv4)
            let (a, b) = (bench[1], bench[2])
            try bench.mesh()
            try a.reach(b)
            try bench.run(
                in: "2", "nft", "-f", "-",
                input: """
                    table inet firewall { chain in { type filter hook input priority filter;
                      iifname "eth0" meta l4proto udp counter drop; }; }

                    """)
            let mesh = try #require(StateDirectory.list(root: a.state).first)
            var wish = AdminRequest.Ping(who: b.name)
            wish.count = 1000
            for _ in 0..<40 {
                var client = try AdminClient(path: Daemon.socket(in: a.folder, name: mesh))
                try client.send(line: AdminRequest.ping(wish).line.utf8)
            }
            let asked = try a.attempt(["status"])
            #expect(asked.status == 0, "\(asked.status): \(asked.errors)")
            // The last ones have asked by then, and are known to have gone.
            usleep(5_000_000)
            let before = try bench.dropped(2)
            usleep(6_000_000)
            let pings = try bench.dropped(2) - before
            #expect(pings < 30, "\(pings) datagrams in 6 s")
        }

        @Test("a member that comes from another address with every packet fills no log")
        func moving() throws {
            let bench = try Bench(2, family: .ipv4)
            let (a, b) = (bench[1], bench[2])
            try bench.mesh()
            try a.reach(b)
            // Its second address is nowhere: whatever is sent there is lost, and the first goes on.
            try bench.run(
                in: "2", "nft", "-f", "-",
                input: """
                    table ip liar { chain out { type filter hook output priority raw;
                      ip daddr 10.99.0.1 meta l4proto udp ip saddr set numgen inc mod 2 map {
                        0 : 10.99.0.2, 1 : 10.99.0.22 }; }; }

                    """)
            _ = try b.ping(a.ipv6, count: 30, seconds: 1)
            let lines = a.log.split(separator: "\n").filter { $0.contains("path.moved") }
            #expect(lines.count == 1, "\(lines)")
        }

        @Test("more pings than one command can have are refused with the number")
        func manyPings() throws {
            let bench = try Bench(2, family: .ipv4)
            let (a, b) = (bench[1], bench[2])
            try bench.mesh()
            for count in ["5000", "0"] {
                let result = try a.attempt(["ping", b.name, "-c", count])
                #expect(
                    result.status == 2 && result.errors.contains("1 to 1000"),
                    "\(result.status): \(result.errors)\(result.output)")
            }
        }

        @Test("a daemon that was sent SIGUSR2 still hears SIGTERM")
        func signals() throws {
            let bench = try Bench(1, family: .ipv4)
            let a = bench[1]
            try a.create()
            let process = try #require(a.process)
            for _ in 0..<3 {
                kill(process, SIGUSR2)
                usleep(100_000)
            }
            #expect(a.process == process)
            kill(process, SIGTERM)
            #expect(wait(atMost: 10) { a.process == nil } != nil)
            #expect(a.log.contains("event=stopped"))
        }

        @Test("status says that a firewall of this host forbids what it sends")
        func forbidden() throws {
            let bench = try Bench(2, family: .ipv4)
            let (a, b) = (bench[1], bench[2])
            try bench.mesh()
            try a.reach(b)
            let before = try a.status()
            #expect(before.drops?["forbidden"] == nil)
            try bench.run(
                in: "1", "nft", "-f", "-",
                input: """
                    table inet firewall { chain out { type filter hook output priority filter;
                      oifname "eth0" meta l4proto udp drop; }; }

                    """)
            _ = try a.ping(b.ipv6, count: 3, seconds: 1)
            let after = try a.status()
            #expect(after.drops?["forbidden"] ?? 0 >= 3, "\(after.drops ?? [:])")
            let text = try a.whither("status").output
            #expect(text.contains("drops   ") && text.contains("forbidden "), "\(text)")
        }
    }
}
