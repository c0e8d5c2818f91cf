import Admin
import Foundation
import Host
import TestKit
import Testing

extension SystemTests {
    @Suite("Networks that are not good", .serialized)
    struct NetworkTests {
        @Test("5 % loss, 20 ms, packets in other orders: a node joins, and pings come back")
        func lossy() throws {
            let bench = try Bench(3, family: .ipv4)
            try bench.route(1...3)
            let weather = try Weather(over: bench, hosts: 1...3, seed: 5)
            let start = monotonicSeconds
            let all = try bench.mesh()
            print("a mesh of three over 5 % loss, 40 ms: \(rounded(monotonicSeconds - start)) s")
            try all[2].reachBoth(all[1])
            let result = try all[1].ping(all[2].ipv6, count: 40)
            // 10 % of echoes are lost by the links; four times that would be the overlay's own.
            let lost = result.output.split(separator: ",").first { $0.contains("packet loss") }
                .flatMap {
                    Double($0.split(separator: "%")[0].trimmingCharacters(in: .whitespaces))
                }
            #expect(try #require(lost) < 40, "\(all[1].failure(result.output, all[2]))")
            try bench.expectEqual(all, members: 3, within: 30)
            #expect(weather.lost > 0 && weather.passed > 10 * weather.lost)
            // The member counts what came of 2,000 packets, and its report comes back.
            let (there, shown) = try loss(of: all[1], to: all[2], packets: 2000)
            print(
                "5 % loss is shown as \(rounded(shown * 100, 1)) %; ping lost \(there) % both ways")
            #expect(abs(shown - 0.05) < 0.02, "\(all[1].failure("", all[2]))")
        }

        @Test("a clean wire has no loss")
        func clean() throws {
            let bench = try Bench(2)
            let all = try bench.mesh()
            try all[0].reachBoth(all[1])
            #expect(try all[0].status().members.allSatisfy { $0.lossRatio == nil })
            let (_, shown) = try loss(of: all[0], to: all[1], packets: 2000)
            #expect(shown == 0, "\(all[0].failure("", all[1]))")
        }

        /// What `ping` lost, in percent, and what the node shows of its own packets, 0 to 1.
        private func loss(
            of here: Guest, to there: Guest, packets: Int
        ) throws -> (ping: String, shown: Double) {
            let result = try here.run([
                "ping", "-n", "-q", "-c", "\(packets)", "-i", "0.005", "-W", "1", there.ipv6,
            ])
            let part = result.output.split(separator: ",").first { $0.contains("packet loss") }
            var shown: Double?
            _ = try wait(atMost: 8, every: 0.5) {
                // A report needs something that came to follow.
                _ = try here.ping(there.ipv6)
                shown = try here.status().members.first { $0.name == there.name }?.lossRatio
                return shown != nil
            }
            return (
                part.map { $0.split(separator: "%")[0].trimmingCharacters(in: .whitespaces) }
                    ?? "?",
                try #require(shown, "\(here.failure("no loss is shown", there))")
            )
        }

        @Test("a node behind a NAT, which only sends first, reaches all and is reached by all")
        func nat() throws {
            let bench = try Bench(3, family: .ipv4)
            try bench.hideBehindNAT(3)
            let all = try bench.mesh()
            let (a, b, inside) = (all[0], all[1], all[2])
            try inside.reachBoth(a)
            try a.reachBoth(inside)
            // They have not met: the one outside speaks first.
            try b.reachBoth(inside)
            try inside.reachBoth(b)
            // The router forgets all that it knew, as after a loss of power: other ports from now on.
            try bench.ip(in: "router", ["link set eth0 down"])
            try bench.ip(in: "router", ["link set eth0 up"])
            let back = try inside.reach(a, patience: 30)
            print("behind a NAT that was made anew: \(rounded(back)) s")
        }

        @Test(
            "links of 1280 to 9000 octets: what is too big is answered with the right size",
            arguments: [1280, 1500, 9000])
        func links(mtu: Int) throws {
            let bench = try Bench(2, family: .ipv4, mtu: mtu)
            let all = try bench.mesh()
            let (a, b) = (all[0], all[1])
            try a.reachBoth(b)
            let inner = mtu - 20 - 44
            for (here, there) in [(a, b), (b, a)] {
                try expectLargest(inner, from: here, to: there.ipv4, there)
                // IPv6 asks 1,280 octets of every link.
                try expectLargest(max(inner, 1280), from: here, to: there.ipv6, there)
            }
        }

        @Test(
            "a router on the way that takes less than the links of both ends is noticed",
            arguments: [1280, 1400])
        func smallerOnTheWay(mtu: Int) throws {
            let bench = try Bench(2, family: .ipv4)
            try bench.route(1...2)
            // What is behind it takes less, both ways; the links of both hosts do not know.
            try bench.ip(
                in: "router",
                (1...2).map { "route replace 10.98.\($0).0/24 dev to\($0) mtu lock \(mtu)" })
            let all = try bench.mesh()
            try expectLargest(mtu - 20 - 44, from: all[0], to: all[1].ipv4, all[1])
            // IPv6's 1,280 octets go in fragments where they must.
            try expectLargest(max(mtu - 20 - 44, 1280), from: all[0], to: all[1].ipv6, all[1])
        }

        /// The largest packet passes, and one that is larger by one is refused with that size.
        private func expectLargest(
            _ inner: Int, from here: Guest, to address: String, _ there: Guest
        ) throws {
            // The device takes what fits the link when the outer header is IPv6's.
            let inner = min(inner, try #require(try here.status().tunMTU))
            // The first large packets make the node look for the size.
            _ = try here.ping(address, size: inner + 1, count: 8, seconds: 1)
            let passes = try here.ping(address, size: inner, count: 2)
            #expect(
                passes.status == 0,
                "\(here.failure("\(inner): \(passes.output)\(passes.errors)", there))")
            let refused = try here.ping(address, size: inner + 1, count: 2, seconds: 1)
            let words = refused.output + refused.errors
            #expect(
                refused.status != 0
                    && (words.contains("mtu = \(inner)") || words.contains("mtu=\(inner)")
                        || words.contains("mtu: \(inner)")),
                "\(here.failure("\(inner + 1): \(words)", there))")
        }
    }
}
