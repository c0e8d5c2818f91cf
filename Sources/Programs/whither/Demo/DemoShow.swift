import Admin
import Glibc
import Host
import Synchronization

/// What the demo does, step by step; each step says how long it took.
final class DemoShow {
    let bench = DemoBench(nodes: 4)
    private let isQuiet: Bool
    private var steps: [DemoReport.Step] = []
    private var nodes: [Int: Guest] = [:]
    private var pings: [DemoReport.Ping] = []
    private var status = ""

    static let wasInterrupted = Atomic<Bool>(false)

    /// A node that is in the mesh.
    private struct Guest {
        let name: String
        let ipv6: String
        let ipv4: String
    }

    private static let names = [1: "base", 2: "clinic", 3: "truck", 4: "rover"]

    init(isQuiet: Bool) { self.isQuiet = isQuiet }

    func run() throws {
        try step("four network namespaces on one bridge") { try bench.build() }

        // The second node becomes an admin too, so that the loss of the first costs nothing.
        let first = try step("create relief on base") { () throws -> String in
            let created = try ask(
                1, ["create", "relief", "--name", "base", "--second-admin"], CreatedReport.self)
            note(1, created.heading)
            return created.invite?.invite ?? ""
        }
        say("\n    whither join \(first)\n")
        try join(2, first)
        let second = try step("one more invite on base") {
            try ask(1, ["invite"], InviteReport.self).invite
        }
        try join(3, second)
        try pingAll([1, 2, 3])

        try step("stop base, which created it all") { _ = try whither(1, ["down"]) }
        nodes[1] = nil
        let later = try step("invite on clinic") {
            try ask(2, ["invite"], InviteReport.self).invite
        }
        try join(4, later)
        try pingAll([2, 3, 4])

        try step("revoke truck on clinic") {
            _ = try whither(2, ["revoke", "truck", "--reason", "the demo's"])
        }
        try step("truck is cut off: no answer in 1 s") { try expectSilence(from: 4, to: 3) }
        status = try whither(2, ["status"]).output
        say("\nstatus of clinic:\n\(status)")
        sayTimes()
    }

    private func join(_ node: Int, _ invite: String) throws {
        let name = Self.names[node] ?? "node\(node)"
        let peer = nodes.keys.min().flatMap { nodes[$0] }
        let start = Self.now
        try step("join \(name)") {
            let joined = try ask(node, ["join", invite, "--name", name], JoinedReport.self)
            note(node, joined.heading)
        }
        guard let peer else { return }
        try ping(node, peer.ipv6, as: "first ping, \(name) to \(peer.name)")
        steps.append(
            .init("join to first ping, \(name)", seconds: Self.now - start, isTotal: true))
    }

    private func note(_ node: Int, _ heading: MeshHeading) {
        nodes[node] = Guest(
            name: heading.name, ipv6: heading.address, ipv4: heading.ipv4.first ?? "")
    }

    private func pingAll(_ members: [Int]) throws {
        for from in members {
            for to in members where to != from {
                guard let there = nodes[to], let here = nodes[from] else { continue }
                for address in [there.ipv6, there.ipv4] where !address.isEmpty {
                    let seconds = try ping(from, address, as: nil)
                    pings.append(
                        .init(from: here.name, to: there.name, address: address, seconds: seconds))
                }
            }
        }
        say("every pair of \(members.count) pinged, by crypto-EID and by IPv4 EID")
    }

    /// One echo by the system's own `ping`.
    @discardableResult
    private func ping(_ node: Int, _ address: String, as name: String?) throws -> Double {
        let start = Self.now
        let result = try Subprocess.run(
            [
                "ip", "netns", "exec", bench.namespace(node), "ping", "-n", "-c", "1", "-W", "5",
                address,
            ])
        try stopIfInterrupted()
        guard result.status == 0 else {
            throw DemoFailure(
                "\(nodes[node]?.name ?? "node \(node)") has no answer from \(address)")
        }
        let seconds = Self.now - start
        if let name { finish(name, seconds) }
        return seconds
    }

    private func expectSilence(from node: Int, to other: Int) throws {
        guard let there = nodes[other] else { return }
        // The revocation has to arrive; then nothing passes any more.
        let patience = Self.now + 5
        while Self.now < patience {
            let result = try Subprocess.run(
                [
                    "ip", "netns", "exec", bench.namespace(node), "ping", "-n", "-c", "1", "-W",
                    "1", there.ipv6,
                ])
            try stopIfInterrupted()
            if result.status != 0 { return }
        }
        throw DemoFailure("\(there.name) was revoked and still answers")
    }

    func tellHowToLook() {
        let node = bench.namespace(2)
        say(
            """

            It is still running. Look around with, for example:
                ip netns exec \(node) ping \(nodes[4]?.ipv6 ?? "")
                whither status --state \(bench.folder)/2 --run \(bench.folder)/2
            End it with:
                whither demo --remove
            """)
    }
}

// The command, in the namespaces.
extension DemoShow {
    private func whither(_ node: Int, _ words: [String]) throws -> Subprocess {
        let result = try Subprocess.run(
            ["ip", "netns", "exec", bench.namespace(node), Launcher.program] + words + places(node))
        try stopIfInterrupted()
        guard result.status == 0 else {
            throw DemoFailure("whither \(words[0]) in node \(node): \(result.errors.firstLine)")
        }
        return result
    }

    private func places(_ node: Int) -> [String] {
        ["--state", "\(bench.folder)/\(node)", "--run", "\(bench.folder)/\(node)"]
    }

    private func ask<Report: AdminReport>(
        _ node: Int, _ words: [String], _ type: Report.Type
    ) throws -> Report {
        let output = try whither(node, words + ["--json"]).output
        do {
            return try AdminJSON.value(type, from: output.utf8)
        } catch {
            throw DemoFailure("whither \(words[0]) answered \(output.firstLine)")
        }
    }

    private func stopIfInterrupted() throws {
        if Self.wasInterrupted.load(ordering: .relaxed) { throw DemoFailure("interrupted") }
    }
}

// What is printed.
extension DemoShow {
    private static var now: Double {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
    }

    @discardableResult
    private func step<Result>(_ name: String, _ body: () throws -> Result) throws -> Result {
        let start = Self.now
        let result = try body()
        finish(name, Self.now - start)
        return result
    }

    private func finish(_ name: String, _ seconds: Double) {
        steps.append(.init(name, seconds: seconds))
        say("\(DemoReport.milliseconds(seconds))  \(name)")
    }

    private func say(_ text: String) {
        if !isQuiet { try? StandardStream.answer(text + "\n") }
    }

    private func sayTimes() {
        let totals = steps.filter(\.isTotal)
        say(
            "\n"
                + totals.map { "\(DemoReport.milliseconds($0.seconds))  \($0.name)" }
                .joined(separator: "\n"))
    }

    func report(_ failure: String?) -> DemoReport {
        DemoReport(steps: steps, pings: pings, status: status, failure: failure)
    }
}

/// What the demo did, for programs.
struct DemoReport: AdminReport {
    var schema = 1
    var steps: [Step]
    var pings: [Ping]
    var status: String
    var failure: String?

    struct Step: Codable, Hashable, Sendable {
        let name: String
        let seconds: Double
        /// Of several steps together.
        let isTotal: Bool

        init(_ name: String, seconds: Double, isTotal: Bool = false) {
            self.name = name
            self.seconds = seconds
            self.isTotal = isTotal
        }
    }

    struct Ping: Codable, Hashable, Sendable {
        let from: String
        let to: String
        let address: String
        /// With what it takes to start the system's `ping`.
        let seconds: Double
    }

    static func milliseconds(_ seconds: Double) -> String {
        let text = "\(Int((seconds * 1000).rounded())) ms"
        return String(repeating: " ", count: max(0, 8 - text.count)) + text
    }

    func text(width: Int?) -> String {
        steps.map { "\(Self.milliseconds($0.seconds))  \($0.name)" }.joined(separator: "\n")
    }
}
