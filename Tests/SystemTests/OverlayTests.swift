import Admin
import Glibc
import Host
import TestKit
import Testing

extension SystemTests {
    @Suite("The overlay beside what a host has already", .serialized)
    struct OverlayTests {
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
    }
}
