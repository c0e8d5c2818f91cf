import Admin
import Foundation
import Glibc
import Host
import Synchronization
import TestKit
import Testing

extension SystemTests {
    @Suite("Under load", .serialized)
    struct LoadTests {
        @Test(
            "a TCP transfer survives the restart of each node in turn, and the end of one by kill -9"
        )
        func restarts() throws {
            let bench = try Bench(3)
            let all = try bench.mesh()
            let transfer = try Transfer(on: bench, from: all[0], to: all[1])
            for (index, node) in (all + [all[1]]).enumerated() {
                let before = transfer.received
                if index < all.count {
                    try node.down()
                } else {
                    try node.kill9()
                }
                try node.up()
                let time = wait(atMost: 20) {
                    transfer.received > before + 200_000 || transfer.trouble != nil
                }
                try #require(
                    transfer.trouble == nil && time != nil,
                    "\(all[0].failure("\(node.name) began again: \(transfer.trouble ?? "nothing came in 20 s")", all[1]))"
                )
                print("\(node.name) restarted, 200 kB later after \(rounded(time ?? 0)) s")
            }
            let (sent, received) = transfer.finish()
            #expect(
                transfer.trouble == nil && sent == received,
                "\(sent) sent, \(received) received: \(transfer.trouble ?? "")")
        }

        @Test("30 nodes at once: all are in, all hold the same")
        func thirty() throws {
            let bench = try Bench(30)
            let first = bench[1]
            try first.create()
            let invite = try first.invite("--uses", "29")
            let start = monotonicSeconds
            let troubles = Collected()
            let threads = bench.guests.dropFirst().map { guest in
                HostThread("join-\(guest.number)") {
                    do {
                        try guest.join(invite)
                    } catch {
                        troubles.add("\(error)")
                    }
                }
            }
            for thread in threads { thread.join() }
            let process = try #require(first.process)
            let work = rounded(Self.cpuSeconds(process))
            print("29 joins at once: \(rounded(monotonicSeconds - start)) s, \(work) s of its CPU")
            try #require(
                troubles.all.isEmpty, "\(troubles.all.count) did not join: \(troubles.all[0])")
            try bench.expectEqual(bench.guests, members: 30, within: 30)
            print("all equal, seen after: \(rounded(monotonicSeconds - start)) s")
            for guest in bench.guests { try guest.noteAddresses() }
            #expect(Set(bench.guests.map(\.ipv4)).count == 30)
            try bench[30].reachBoth(bench[2])
            try bench[17].reachBoth(bench[29])
            // The last of the news is over when all have agreed with all.
            let rest = try wait(atMost: 30, every: 0.5) {
                try first.statusNow().database?.agreed == 29
            }
            print("all agreed with the first: \(rounded(monotonicSeconds - start)) s")
            #expect(rest != nil, "\(first.failure("it has not agreed with all"))")
            sleep(5)
            let before = Self.cpuSeconds(process)
            sleep(5)
            let idle = (Self.cpuSeconds(process) - before) / 5 * 100
            let memory = Self.residentMiB(process)
            print("one of 30 at rest: \(rounded(memory, 1)) MiB, \(rounded(idle, 3)) % of a core")
            // Debug builds take a few times what a release build does.
            #expect(memory < 200 && idle < 5)
        }

        @Test("what tshark reads has no malformed packet and no error")
        func wire() throws {
            let bench = try Bench(3)
            // What was sealed is recorded by the first node itself.
            let control = "\(bench.folder)/control.pcap"
            let config = "\(bench.folder)/recording.toml"
            try "[sessions]\npcap = \"\(control)\"\n".write(
                toFile: config, atomically: true, encoding: .utf8)
            bench.guests[0].config = config
            let capture = "\(bench.folder)/wire.pcap"
            let hub = bench.namespace("hub")
            let recorder = HostThread("tshark") {
                _ = try? Subprocess.run([
                    "ip", "netns", "exec", hub, "timeout", "-s", "INT", "12", "tshark", "-q", "-i",
                    "bridge",
                    "-f", "udp", "-a", "duration:8", "-F", "pcap", "-w", capture,
                ])
            }
            _ = wait(atMost: 5) { access(capture, F_OK) == 0 }
            let all = try bench.mesh()
            for here in all {
                for there in all where there !== here { try here.reachBoth(there) }
            }
            _ = try all[0].ask(PingReport.self, "ping", "n2", "--count", "2")
            try all[0].whither("revoke", "n3")
            recorder.join()
            let read = try Self.messages(in: control, "lisp")
            #expect(read.count > 5, "tshark took \(read.count) packets for control messages")
            let count = try Self.messages(in: capture, Self.ours).count
            #expect(count > 50, "too little was recorded to say anything: \(count)")
            for file in [capture, control] {
                let bad = try Self.messages(
                    in: file, "\(Self.ours) && (_ws.malformed || _ws.expert.severity == error)")
                #expect(
                    bad.isEmpty,
                    "\(file): \(bad.count): \(bad.prefix(5).joined(separator: "\n"))")
            }
            print("tshark: \(count) packets, \(read.count) control messages out of the seal")
        }

        private static let ours = "udp.port in {4341, 4342}"

        /// A line for each packet of a capture that a display filter lets pass.
        private static func messages(in file: String, _ filter: String) throws -> [String] {
            let run = try Subprocess.run([
                "tshark", "-r", file, "-Y", filter, "-T", "fields", "-e", "frame.number", "-e",
                "frame.protocols", "-e", "_ws.expert.message",
            ])
            #expect(run.status == 0, "\(run.errors)")
            return run.output.split(separator: "\n").map(String.init)
        }

        /// Of all its threads.
        private static func cpuSeconds(_ process: pid_t) -> Double {
            let folder = "/proc/\(process)/task"
            let threads = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
            return threads.map { thread in
                let text = try? String(
                    contentsOfFile: "\(folder)/\(thread)/schedstat", encoding: .utf8)
                return (text?.split(separator: " ").first).flatMap { Double($0) } ?? 0
            }.reduce(0, +) / 1e9
        }

        private static func residentMiB(_ process: pid_t) -> Double {
            let text =
                (try? String(contentsOfFile: "/proc/\(process)/status", encoding: .utf8)) ?? ""
            let line = text.split(separator: "\n").first { $0.hasPrefix("VmRSS:") } ?? ""
            return line.split(separator: " ").compactMap { Double($0) }.first.map { $0 / 1024 } ?? 0
        }
    }
}

/// What several threads have to say.
private final class Collected: Sendable {
    private let texts = Mutex<[String]>([])
    var all: [String] { texts.withLock { $0 } }
    func add(_ text: String) { texts.withLock { $0.append(text) } }
}
