import Foundation
import Glibc
import Host
import TestKit
import Testing

extension SystemTests {
    /// `WHITHER_SOAK_SECONDS=600` makes it the long one; `WHITHER_PROGRAM` names a release build to look at.
    @Suite("A node that carries as much as it can", .serialized)
    struct SoakTests {
        private static let seconds =
            ProcessInfo.processInfo.environment["WHITHER_SOAK_SECONDS"].flatMap(Int.init) ?? 8

        @Test("needs no more memory, no more descriptors, and allocates nothing for a packet")
        func flat() throws {
            let bench = try Bench(2)
            let log = "\(bench.folder)/allocations"
            for guest in bench.guests where !Guest.isSanitized {
                guest.environment = [
                    Guest.preload(Guest.built("libAllocationLog.so")),
                    "WHITHER_ALLOCATIONS=\(log)",
                ]
            }
            let (a, b) = (bench[1], bench[2])
            try a.create()
            try b.join(try a.invite())
            try b.reachBoth(a)
            try a.reachBoth(b)
            let ports = try PortTests.ports(bench, from: a, to: b, ipv4: true)
            try #require(Set(ports.values.flatMap { $0 }).count > 1, "\(ports)")
            let half = max(Self.seconds / 2, 1)
            let raw = try IPerf(from: a, to: b, "10.99.0.2", seconds: min(half, 5))
            // Whatever is made once, and the session's first rotation of keys at 120 s in a long run, may come.
            _ = try IPerf(from: a, to: b, b.ipv4, seconds: 2)
            let nodes = try bench.guests.map { try Usage.Watched($0, log: log) }
            let before = try nodes.map { try $0.now() }
            let tcp = try IPerf(from: a, to: b, b.ipv4, seconds: half)
            let middle = try nodes.map { try $0.now() }
            let udp = try IPerf(from: a, to: b, b.ipv4, seconds: half, udpOctets: 64)
            let after = try nodes.map { try $0.now() }

            print("raw veth: TCP \(raw.megabits) Mbit/s")
            print("overlay: TCP \(tcp.megabits) Mbit/s in \(half) s, octets as sent")
            print(
                "overlay: UDP of 64 octets \(udp.received / half / 1000) kpps of \(udp.sent / half / 1000) sent"
            )
            for (number, guest) in bench.guests.enumerated() {
                let words =
                    "\(guest.name): resident \(before[number].kibibytes), \(middle[number].kibibytes),"
                    + " \(after[number].kibibytes) KiB; \(before[number].descriptors) and"
                    + " \(after[number].descriptors) descriptors; packets"
                    + " \(after[number].packets - before[number].packets); allocations by thread "
                    + after[number].words(since: before[number])
                print(words)
                #expect(after[number].descriptors == before[number].descriptors, "\(words)")
                #expect(after[number].kibibytes < before[number].kibibytes + 8192, "\(words)")
                let packets = after[number].packets - before[number].packets
                try #require(packets > 1000, "\(words)")
                for thread in ["seal", "open"] where !Guest.isSanitized {
                    let count = try #require(
                        after[number].allocations(of: thread, since: before[number]), "\(words)")
                    #expect(count * 1000 < packets, "\(thread) allocates: \(words)")
                }
            }
        }
    }
}

/// What a process holds, and what its threads have allocated so far.
private struct Usage {
    let kibibytes: Int
    let descriptors: Int
    /// Into and out of its TUN device.
    let packets: Int
    private let threads: [String: Int]

    /// `nil` if there is no such thread.
    func allocations(of thread: String, since before: Usage) -> Int? {
        threads[thread].map { $0 - (before.threads[thread] ?? 0) }
    }

    func words(since before: Usage) -> String {
        threads.keys.sorted().map { "\($0) \(allocations(of: $0, since: before) ?? 0)" }
            .joined(separator: ", ")
    }

    struct Watched {
        private let guest: Guest
        private let process: pid_t
        private let log: String

        init(_ guest: Guest, log: String) throws {
            guard let process = guest.process else { throw guest.failure("it does not run") }
            self.guest = guest
            self.process = process
            self.log = "\(log).\(process)"
        }

        func now() throws -> Usage {
            let status = try String(contentsOfFile: "/proc/\(process)/status", encoding: .utf8)
            let resident = status.split(separator: "\n").first { $0.hasPrefix("VmRSS:") } ?? ""
            let files = try FileManager.default.contentsOfDirectory(atPath: "/proc/\(process)/fd")
            let devices = try guest.run(["cat", "/proc/net/dev"]).output.split(separator: "\n")
            let device = devices.first { $0.contains("whither") || $0.contains("relief") } ?? ""
            let figures = device.split(separator: ":").last?.split(separator: " ").map {
                Int($0) ?? 0
            }
            return Usage(
                kibibytes: resident.split(separator: " ").compactMap { Int($0) }.first ?? 0,
                descriptors: files.count,
                packets: (figures?[1] ?? 0) + (figures?[9] ?? 0),
                threads: threads())
        }

        private func threads() -> [String: Int] {
            // `struct allocation_log_entry` of AllocationLog.h, whose library stands in front of the
            // node's malloc, not of this program's.
            guard let octets = try? Data(contentsOf: URL(filePath: log)) else { return [:] }
            let words = octets.withUnsafeBytes { octets in
                (0..<octets.count / 8).map {
                    octets.loadUnaligned(fromByteOffset: 8 * $0, as: UInt64.self)
                }
            }
            var counts: [String: Int] = [:]
            for place in stride(from: 0, to: words.count - 1, by: 2) {
                guard words[place] > 0 else { break }
                let name = try? String(
                    contentsOfFile: "/proc/\(process)/task/\(words[place])/comm", encoding: .utf8)
                guard let name else { continue }
                counts[name.trimmingCharacters(in: .newlines), default: 0] += Int(words[place + 1])
            }
            return counts
        }
    }
}

/// One run of iperf3 between two hosts, its figures from the side that receives.
private struct IPerf {
    let megabits: Int
    let sent: Int
    let received: Int

    /// At a time, so that packets leave from several ports.
    private static let flows = 4

    init(
        from here: Guest, to there: Guest, _ address: String, seconds: Int, udpOctets: Int? = nil
    ) throws {
        let patience = "\(seconds + 20)"
        let server = HostThread("iperf3") {
            _ = try? Subprocess.run([
                "ip", "netns", "exec", there.namespace, "timeout", patience, "iperf3", "-s", "-1",
                "-B",
                address,
            ])
        }
        defer { server.join() }
        let load = udpOctets.map { ["-u", "-b", "0", "-l", "\($0)"] } ?? []
        var run: Subprocess
        let start = monotonicSeconds
        repeat {
            usleep(100_000)
            run = try Subprocess.run(
                [
                    "ip", "netns", "exec", here.namespace, "timeout", patience, "iperf3", "-c",
                    address, "-t", "\(seconds)", "-P", "\(Self.flows)", "--json",
                ] + load)
        } while run.output.contains("Connection refused") && monotonicSeconds < start + 5
        guard
            let all = try? JSONSerialization.jsonObject(with: Data(run.output.utf8))
                as? [String: Any], let end = all["end"] as? [String: Any],
            let sum = (end["sum_received"] ?? end["sum"]) as? [String: Any],
            let rate = sum["bits_per_second"] as? Double
        else {
            throw here.failure("iperf3 ended with \(run.status): \(run.output)\(run.errors)", there)
        }
        megabits = Int(rate / 1e6)
        let datagrams = end["sum"] as? [String: Any]
        sent = datagrams?["packets"] as? Int ?? 0
        received = sent - (datagrams?["lost_packets"] as? Int ?? 0)
    }
}
