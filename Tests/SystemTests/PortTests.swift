import Foundation
import Glibc
import Host
import TestKit
import Testing

extension SystemTests {
    @Suite("Source ports", .serialized)
    struct PortTests {
        @Test(
            "flows leave from many ports, each from one, and no path moves; from one port if that is set"
        )
        func spread() throws {
            let bench = try Bench(3, family: .ipv4)
            let config = "\(bench.folder)/one-port.toml"
            try "source-ports = 1\n".write(toFile: config, atomically: true, encoding: .utf8)
            bench.guests[2].config = config
            let all = try bench.mesh()
            let (a, b, one) = (all[0], all[1], all[2])
            for (here, there) in [(a, b), (b, a), (a, one), (one, a)] {
                try here.reachBoth(there)
                try here.reachBoth(there)
            }
            let moved = Self.moves(all)
            for ipv4 in [false, true] {
                let ports = try Self.ports(bench, from: a, to: b, ipv4: ipv4)
                print("\(ports.count) flows by \(Set(ports.values.flatMap { $0 }).count) ports")
                #expect(ports.count == Self.flows, "some flows were not seen: \(ports)")
                #expect(ports.values.allSatisfy { $0.count == 1 }, "\(ports)")
                #expect(Set(ports.values.flatMap { $0 }).count > 8, "\(ports)")
            }
            for (here, there) in [(a, one), (one, a)] {
                let ports = try Self.ports(bench, from: here, to: there, ipv4: true)
                #expect(ports.count == Self.flows && Set(ports.values) == [[4341]], "\(ports)")
            }
            #expect(Self.moves(all) == moved)
        }

        @Test("from and to a node behind a NAT all flows leave from one port")
        func nat() throws {
            let bench = try Bench(2, family: .ipv4)
            try bench.hideBehindNAT(2)
            let all = try bench.mesh()
            let (outside, inside) = (all[0], all[1])
            try inside.reachBoth(outside)
            try outside.reachBoth(inside)
            for (here, there) in [(outside, inside), (inside, outside)] {
                let ports = try Self.ports(bench, from: here, to: there, ipv4: true)
                #expect(ports.count == Self.flows, "\(ports)")
                #expect(Set(ports.values.flatMap { $0 }).count == 1, "\(ports)")
            }
        }

        @Test(
            "a firewall that lets in only answers loses nothing: flows to who is behind it have one port"
        )
        func firewall() throws {
            let bench = try Bench(2, family: .ipv6)
            try bench.firewall(2)
            let all = try bench.mesh()
            let (outside, inside) = (all[0], all[1])
            try inside.reachBoth(outside)
            try outside.reachBoth(inside)
            let dropped = try bench.dropped(2)
            #expect(dropped > 0, "nobody has tried")
            let there = try Self.ports(bench, from: outside, to: inside, ipv4: false)
            #expect(there.count == Self.flows && Set(there.values) == [[4341]], "\(there)")
            let back = try Self.ports(bench, from: inside, to: outside, ipv4: false)
            #expect(back.count == Self.flows && back.values.allSatisfy { $0.count == 1 }, "\(back)")
            #expect(Set(back.values.flatMap { $0 }).count > 8, "\(back)")
            // The second of the two tries may come as late as that.
            #expect(try bench.dropped(2) <= dropped + 1, "packets of flows were lost")
        }

        private static let flows = 40

        /// Sends packets of many flows, those of each of a size of its own.
        /// - Returns: by flow, from which ports its packets came over the bridge.
        static func ports(
            _ bench: Bench, from here: Guest, to there: Guest, ipv4: Bool
        ) throws -> [Int: Set<Int>] {
            let capture = "\(bench.folder)/ports-\(here.name)-\(there.name)-\(ipv4).pcap"
            let hub = bench.namespace("hub")
            let recorder = HostThread("tshark") {
                _ = try? Subprocess.run([
                    "ip", "netns", "exec", hub, "timeout", "-s", "INT", "30", "tshark", "-q", "-i",
                    "bridge", "-f", "udp", "-a", "duration:4", "-F", "pcap", "-w", capture,
                ])
            }
            _ = wait(atMost: 5) { access(capture, F_OK) == 0 }
            usleep(300_000)
            let address = ipv4 ? there.ipv4 : there.ipv6
            // Nobody listens. What says so is shorter (IPv4), or longer by more than all flows differ (IPv6).
            let script = """
                for f in $(seq 1 \(flows)); do
                  exec 3<>/dev/udp/\(address)/$((9000 + f))
                  for i in 1 2 3 4 5; do
                    printf '%0*d' $((700 + f)) 0 >&3 2>/dev/null
                    sleep 0.005
                  done
                  exec 3>&-
                done; true
                """
            _ = try here.run(["bash", "-c", script])
            recorder.join()
            let read = try Subprocess.run([
                "tshark", "-r", capture, "-Y", "udp", "-T", "fields", "-e", "udp.length", "-e",
                "udp.srcport", "-E", "occurrence=f",
            ])
            #expect(read.status == 0, "\(read.errors)")
            var ports: [Int: Set<Int>] = [:]
            // UDP and the seal outside, IP and UDP inside.
            let around = 8 + 36 + (ipv4 ? 28 : 48) + 700
            for line in read.output.split(separator: "\n") {
                let words = line.split(separator: "\t").compactMap { Int($0) }
                guard words.count == 2, 1...flows ~= words[0] - around else { continue }
                ports[words[0] - around, default: []].insert(words[1])
            }
            return ports
        }

        /// How often nodes have logged that a path moved.
        private static func moves(_ all: [Guest]) -> [Int] {
            all.map { $0.log.split(separator: "\n").filter { $0.contains("path.moved") }.count }
        }
    }
}
