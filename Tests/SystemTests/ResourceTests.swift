import Admin
import Foundation
import Glibc
import Host
import TestKit
import Testing

extension SystemTests {
    @Suite("Things that run out or go away", .serialized)
    struct ResourceTests {
        @Test("a full disk is told, survived, and forgotten when there is room")
        func fullDisk() throws {
            let bench = try Bench(3)
            let (a, b, c) = (bench[1], bench[2], bench[3])
            try bench.mountSmall(a.state, octets: 4 << 20)
            try a.create()
            try b.join(try a.invite("--role", "admin"))
            // Nothing is left, not even what the file system keeps for itself.
            let ballast = "\(a.state)/ballast"
            _ = try a.run(["dd", "if=/dev/zero", "of=\(ballast)", "bs=4096"])
            let refused = try a.attempt(["invite"])
            #expect(
                refused.status == 1 && refused.errors.contains("disk"),
                "\(a.failure("the invite ended with \(refused.status): \(refused.errors)"))")
            let after = try wait(atMost: 12, every: 0.2) {
                try a.status().health.contains { $0.code == "disk" }
            }
            #expect(
                after != nil,
                "\(a.failure("status says nothing of the disk; the invite said \(refused.errors)\(refused.output)"))"
            )
            try b.reachBoth(a)
            // What it said was done, it has; and the others go on without it.
            try c.join(try b.invite())
            try c.reach(b)
            unlink(ballast)
            let well = try wait(atMost: 20, every: 0.2) {
                try !a.status().health.contains { $0.code.hasPrefix("disk") }
            }
            #expect(well != nil, "\(a.failure("there is room again"))")
            try bench.expectEqual([a, b, c], members: 3)
            try a.kill9()
            try a.up()
            #expect(try a.status().memberCount == 3)
            try a.reach(c)
        }

        @Test("a disk that is full at the start: the node is there, says so, and has lost nothing")
        func fullAtStart() throws {
            let bench = try Bench(2, family: .ipv4)
            let (a, b) = (bench[1], bench[2])
            try bench.mountSmall(a.state, octets: 4 << 20)
            try a.create()
            try b.join(try a.invite("--role", "admin"))
            let key = try a.ask(IDReport.self, "id").key
            try a.kill9()
            let ballast = "\(a.state)/ballast"
            _ = try a.run(["dd", "if=/dev/zero", "of=\(ballast)", "bs=4096"])
            try a.up()
            try b.reach(a)
            let isSaid = try wait(atMost: 12, every: 0.2) {
                try a.status().health.contains { $0.code == "disk" }
            }
            #expect(isSaid != nil, "\(a.failure("status says nothing of the disk"))")
            try a.kill9()
            unlink(ballast)
            try a.up()
            #expect(try a.ask(IDReport.self, "id").key == key)
            try bench.expectEqual([a, b], members: 2)
            try b.reach(a)
        }

        @Test(
            "a database that was damaged is set aside; the node comes back as itself, and the others refill it"
        )
        func damaged() throws {
            let bench = try Bench(3)
            let all = try bench.mesh()
            let (a, b, c) = (all[0], all[1], all[2])
            let key = try c.ask(IDReport.self, "id").key
            try c.down()
            let folder = "\(c.state)/\(try #require(StateDirectory.list(root: c.state).first))"
            let file = "\(folder)/state"
            let size = try #require(FileManager.default.contents(atPath: file)?.count)
            let handle = try FileHandle(forUpdating: URL(filePath: file))
            try handle.write(contentsOf: Data(repeating: 0x5A, count: size))
            try handle.close()
            try c.up()
            #expect(c.log.contains("damaged"), "\(c.failure("nothing is said of it"))")
            try c.waitUntilReady()
            #expect(try c.ask(IDReport.self, "id").key == key)
            try bench.expectEqual([a, b, c], members: 3)
            try c.reachBoth(a)
            try b.reachBoth(c)
            let kept = try FileManager.default.contentsOfDirectory(atPath: folder)
            #expect(kept.contains { $0.contains("damaged") })
        }

        @Test("a TUN device that is taken away ends the daemon with a word, and up begins again")
        func tunTaken() throws {
            let bench = try Bench(2)
            let all = try bench.mesh()
            let (a, b) = (all[0], all[1])
            let tun = try #require(try a.status().tun)
            try bench.ip(in: "1", ["link del \(tun)"])
            let ended = wait(atMost: 5) { a.process == nil }
            #expect(ended != nil, "\(a.failure("it runs without a device"))")
            #expect(a.log.contains("\(tun) is gone"), "\(a.failure("nothing is said of it"))")
            try a.up()
            try a.reachBoth(b)
            try b.reachBoth(a)
        }

        @Test("a link that goes and comes back: the node goes on")
        func linkDown() throws {
            let bench = try Bench(2)
            let all = try bench.mesh()
            try bench.ip(in: "2", ["link set eth0 down"])
            usleep(1_500_000)
            try bench.ip(in: "2", ["link set eth0 up", "addr replace fd99::2/64 dev eth0"])
            try all[1].reach(all[0], patience: 20)
            try all[0].reach(all[1], patience: 20)
        }
    }
}
