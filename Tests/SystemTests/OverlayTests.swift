import Admin
import Glibc
import Host
import TestKit
import Testing

extension SystemTests {
    @Suite("The overlay beside what a host has already", .serialized)
    struct OverlayTests {
        @Test("a pool that is a host's own LAN: the LAN stays, IPv6 inside works, status says so")
        func overlap() throws {
            let bench = try Bench(3)
            let (a, b, printer) = (bench[1], bench[2], bench[3])
            try bench.ip(in: "2", ["addr add 192.168.1.2/24 dev eth0"])
            try bench.ip(in: "3", ["addr add 192.168.1.9/24 dev eth0"])
            try a.create("relief", "--ipv4", "192.168.1.0/24")
            try b.join(try a.invite())
            try b.reach(a)
            try a.reach(b)
            try b.reach(printer, "192.168.1.9")
            let line = try #require(try line(b), "\(b.failure("status does not say it"))")
            #expect(line.level == .warn && line.what.contains("192.168.1.0/24 (via eth0)"))
            #expect(line.hint?.contains("IPv6") == true)
            #expect(try !b.run(["ip", "-4", "addr"]).output.contains(b.ipv4))
            #expect(b.log.split(separator: "\n").count { $0.contains("overlay.failed") } == 1)
            // The LAN goes, and the pool takes its place; the LAN comes back, and has it again.
            try bench.ip(in: "2", ["addr del 192.168.1.2/24 dev eth0"])
            try b.reach(a, a.ipv4)
            #expect(try self.line(b) == nil)
            try bench.ip(in: "2", ["addr add 192.168.1.2/24 dev eth0"])
            try b.reach(printer, "192.168.1.9")
            try b.reach(a)
            #expect(try self.line(b) != nil)
        }

        @Test(
            "two meshes of one pool on one host: the first keeps IPv4, the other says so, and it stays so"
        )
        func onePool() throws {
            let bench = try Bench(3)
            let (a, b, c) = (bench[1], bench[2], bench[3])
            try a.create("relief", "--ipv4", "10.77.0.0/16")
            try c.create("harbour", "--ipv4", "10.77.0.0/16")
            try b.join(try a.invite())
            try b.join(try c.invite())
            try b.reach(a, a.ipv4)
            try b.reach(c)
            let second = try b.ask(StatusReport.self, "status", "--mesh", "harbour")
            let tun = try #require(second.tun)
            #expect(second.health.contains { $0.what.contains("(via whither0)") }, "\(second.text)")
            // As when both had come at once.
            try bench.ip(in: "2", ["addr add 10.77.9.9/32 dev \(tun)"])
            usleep(2_500_000)
            try b.reach(a, a.ipv4)
            let first = try b.ask(StatusReport.self, "status", "--mesh", "relief")
            #expect(!first.health.contains { $0.code == "ipv4_overlaps" }, "\(first.text)")
            #expect(b.log.split(separator: "\n").count { $0.contains("overlay.failed") } == 1)
        }

        private func line(_ guest: Guest) throws -> HealthLine? {
            try guest.status().health.first { $0.code == "ipv4_overlaps" }
        }

        @Test("what somebody takes from the TUN device is put back")
        func putBack() throws {
            let bench = try Bench(2)
            let all = try bench.mesh()
            let (a, b) = (all[0], all[1])
            try a.reachBoth(b)
            let tun = try #require(try a.status().tun)
            for lines in [
                ["link set \(tun) down", "link set \(tun) up"], ["addr flush dev \(tun)"],
                ["route flush dev \(tun)"],
            ] {
                try bench.ip(in: "1", lines)
                try bench.run(in: "1", "ip", "-6", "route", "flush", "dev", tun)
                for (here, there) in [(a, b), (b, a)] { try here.reachBoth(there) }
            }
            // While it is down, nothing works, and that is said.
            try bench.ip(in: "1", ["link set \(tun) down"])
            let isSaid = try wait(atMost: 5, every: 0.2) {
                try a.status().health.contains { $0.code == "overlay" }
            }
            #expect(isSaid != nil, "\(a.failure("status says nothing of a device that is down"))")
            try bench.ip(in: "1", ["link set \(tun) up"])
            try a.reachBoth(b)
            #expect(try !a.status().health.contains { $0.code == "overlay" })
        }

        @Test("addresses inside one mesh are no locators of another, whatever its device is called")
        func otherMesh() throws {
            let bench = try Bench(1)
            let a = bench[1]
            let config = "\(a.folder)/settings.toml"
            try "[tun]\nname = \"relief0\"\n".write(
                toFile: config, atomically: true, encoding: .utf8)
            a.config = config
            try a.create("relief")
            let inside = [a.ipv4, a.ipv6]
            a.config = nil
            try a.create("harbour")
            // Whatever it is told about the device meanwhile.
            try bench.ip(in: "1", ["link set relief0 down", "link set relief0 up"])
            usleep(1_500_000)
            let harbour = try a.ask(StatusReport.self, "status", "--mesh", "harbour")
            #expect(harbour.rlocs.count == 2, "\(harbour.rlocs)")
            for address in inside {
                #expect(!harbour.rlocs.contains { $0.contains(address) }, "\(harbour.rlocs)")
            }
            let relief = try a.ask(StatusReport.self, "status", "--mesh", "relief")
            #expect(relief.tun == "relief0" && relief.rlocs == harbour.rlocs)
        }

        @Test("SIGHUP brings another MTU into force, though no address has changed")
        func reloadedMTU() throws {
            let bench = try Bench(1, family: .ipv4)
            let a = bench[1]
            let config = "\(a.folder)/settings.toml"
            func write(_ mtu: Int) throws {
                try "[tun]\nmtu = \(mtu)\n".write(toFile: config, atomically: true, encoding: .utf8)
            }
            try write(1400)
            a.config = config
            try a.create()
            #expect(try a.status().tunMTU == 1400)
            try write(1300)
            kill(try #require(a.process), SIGHUP)
            let isThere = try wait(atMost: 5, every: 0.1) { try a.status().tunMTU == 1300 }
            #expect(isThere != nil, "\(a.failure("the MTU is what it was"))")
            let tun = try #require(try a.status().tun)
            #expect(try a.run(["ip", "link", "show", tun]).output.contains("mtu 1300"))
        }
    }
}
