import Admin
import Foundation
import Glibc
import Host
import TestKit

/// One host of a bench, and the node on it, which is reached by the program that people use. One thread
/// at a time uses it.
final class Guest: @unchecked Sendable {
    let number: Int
    /// The node's name: `n1`.
    let name: String
    let namespace: String
    /// Of state, sockets and logs.
    let folder: String
    /// A file of settings for the next start.
    var config: String?
    /// What the time of day is off, for the next start and all the time; `nil`: it is this machine's.
    var clock: FakeClock?
    /// What the node's addresses are, once it is in a mesh.
    private(set) var ipv6 = ""
    private(set) var ipv4 = ""

    init(_ bench: Bench, number: Int) {
        self.number = number
        name = "n\(number)"
        namespace = bench.namespace("\(number)")
        folder = "\(bench.folder)/\(number)"
        mkdir(folder, 0o700)
    }

    var state: String { "\(folder)/state" }

    /// `NAME=value` for its own program and the daemon that this starts.
    var environment: [String] = []

    /// The one beside the tests, unless `WHITHER_PROGRAM` names another build of it.
    static let program = ProcessInfo.processInfo.environment["WHITHER_PROGRAM"] ?? built("whither")

    /// Where something lies that is built beside the tests.
    static func built(_ name: String) -> String {
        let folder = URL(filePath: CommandLine.arguments[0]).deletingLastPathComponent()
        return folder.appending(path: name).path(percentEncoded: false)
    }

    /// Sanitizers bring a malloc of their own, which nothing can stand in front of, and libraries that were
    /// built with them go into no other program.
    static let isSanitized = ["__asan_init", "__tsan_init"].contains { (name: String) in
        dlsym(nil, name) != nil
    }

    /// For ``environment``: a library in front of what is there already.
    static func preload(_ library: String) -> String {
        let others = ProcessInfo.processInfo.environment["LD_PRELOAD"].map { ":\($0)" } ?? ""
        return "LD_PRELOAD=\(library)\(others)"
    }

    /// Any program, in this host's namespace.
    func run(_ words: [String], input: String = "") throws -> Subprocess {
        // A command that hangs fails its test, and not the whole run.
        try Subprocess.run(
            ["ip", "netns", "exec", namespace, "timeout", "--foreground", "-k", "1", "45"] + words,
            input: input)
    }

    /// The command, whatever comes of it.
    func attempt(_ words: [String], input: String = "") throws -> Subprocess {
        try run(
            ["env"] + environment + (clock?.environment ?? []) + [Self.program] + words
                + ["--state", state, "--run", folder], input: input)
    }

    /// The command, which must succeed.
    @discardableResult
    func whither(_ words: String..., input: String = "") throws -> Subprocess {
        try whither(words, input: input)
    }

    private func whither(_ words: [String], input: String = "") throws -> Subprocess {
        let result = try attempt(words, input: input)
        guard result.status == 0 else {
            throw failure(
                "whither \(words[0]) ended with \(result.status): \(result.errors)\(result.output)")
        }
        return result
    }

    func ask<Report: AdminReport>(_ type: Report.Type, _ words: String...) throws -> Report {
        try ask(type, words)
    }

    private func ask<Report: AdminReport>(_ type: Report.Type, _ words: [String]) throws -> Report {
        let output = try whither(words + ["--json"]).output
        do {
            return try AdminJSON.value(type, from: output.utf8)
        } catch {
            throw failure("whither \(words[0]) --json printed \(output) (\(error))")
        }
    }

    private var start: [String] { config.map { ["--config", $0] } ?? [] }

    @discardableResult
    func create(_ mesh: String = "relief", _ more: String...) throws -> CreatedReport {
        let words = ["create", mesh, "--name", name, "--second-admin"] + more
        let report = try ask(CreatedReport.self, words + start)
        note(report.heading)
        return report
    }

    /// Claims may come later than the answer to a join.
    func noteAddresses() throws {
        if let heading = try status().heading { note(heading) }
    }

    func invite(_ words: String...) throws -> String {
        try ask(InviteReport.self, ["invite"] + words).invite
    }

    @discardableResult
    func join(_ invite: String) throws -> JoinedReport {
        let report = try ask(JoinedReport.self, ["join", invite, "--name", name] + start)
        note(report.heading)
        return report
    }

    private func note(_ heading: MeshHeading) {
        ipv6 = heading.address
        ipv4 = heading.ipv4.first ?? ""
    }

    func status() throws -> StatusReport { try ask(StatusReport.self, "status") }

    /// The same, asked by the test itself: thirty processes of the command take many seconds on a busy
    /// machine, in which what is measured is long over.
    func statusNow() throws -> StatusReport {
        guard let mesh = StateDirectory.list(root: state).first else {
            throw failure("\(name) is in no mesh")
        }
        var client = try AdminClient(path: Daemon.socket(in: folder, name: mesh))
        try client.send(line: AdminRequest.status.line.utf8)
        while let line = client.line() {
            if case .result(.status(let report)) = try AdminReply(line: line) { return report }
        }
        throw failure("\(name) did not say how it is")
    }

    func up() throws {
        _ = try whither(["up"] + start)
    }

    func down() throws { try whither("down") }

    /// Until it is a member that has compared what it holds with another.
    func waitUntilReady(_ seconds: Int = 20) throws {
        try whither("wait", "--timeout", "\(seconds)s")
    }

    /// The daemon of the first mesh.
    var process: pid_t? {
        StateDirectory.list(root: state).first.flatMap {
            StateDirectory.runningProcess(root: state, name: $0)
        }
    }

    /// The power goes.
    func kill9() throws {
        guard let process else { throw failure("\(name) does not run, so it cannot be killed") }
        kill(process, SIGKILL)
        guard wait(atMost: 5, every: 0.005, until: { self.process == nil }) != nil else {
            throw failure("process \(process) of \(name) outlives SIGKILL")
        }
    }

    /// Echoes by the system's own program.
    /// - Parameters:
    ///   - size: of the whole packet, with its IP header; no fragments.
    ///   - seconds: for each answer.
    func ping(_ address: String, size: Int? = nil, count: Int = 1, seconds: Int = 3) throws
        -> Subprocess
    {
        var words = ["ping", "-n", "-c", "\(count)", "-i", "0.2", "-W", "\(seconds)"]
        if let size {
            words += ["-M", "do", "-s", "\(size - (address.contains(":") ? 48 : 28))"]
        }
        return try run(words + [address])
    }

    /// An answer must come.
    /// - Returns: seconds from the start of `ping` to its end.
    @discardableResult
    func reach(_ other: Guest, _ address: String? = nil, patience: Double = 8) throws -> Double {
        let address = address ?? other.ipv6
        let start = monotonicSeconds
        repeat {
            if try ping(address, seconds: 2).status == 0 { return monotonicSeconds - start }
        } while monotonicSeconds < start + patience
        throw failure("\(name) has no answer from \(other.name) at \(address)", other)
    }

    /// Both EIDs of it.
    func reachBoth(_ other: Guest) throws {
        try reach(other)
        try reach(other, other.ipv4)
    }

    /// A node's own word on what is wrong.
    func failure(_ what: String, _ others: Guest...) -> SystemFailure {
        SystemFailure(([what] + ([self] + others).map(\.account)).joined(separator: "\n"))
    }

    private var account: String {
        let status = [["status"], ["show", "sessions"]].map { words in
            (try? attempt(words)).map { $0.output + $0.errors } ?? ""
        }.joined(separator: "\n")
        return "── \(name), status:\n\(status)── \(name), log (its end):\n\(log.suffix(3000))"
    }

    var log: String {
        let files = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
        return files.filter { $0.hasSuffix(".log") }.sorted().map { file in
            (try? String(contentsOfFile: "\(folder)/\(file)", encoding: .utf8)) ?? ""
        }.joined()
    }
}

extension Bench {
    /// Hosts 1 to `count` in one mesh.
    @discardableResult
    func mesh(_ count: Int? = nil) throws -> [Guest] {
        let all = Array(guests.prefix(count ?? guests.count))
        try all[0].create()
        for guest in all.dropFirst() { try guest.join(try all[0].invite("--role", "admin")) }
        return all
    }

    /// Every one of them has the same records and objects, and knows the same members.
    func expectEqual(_ guests: [Guest], members: Int, within seconds: Double = 15) throws {
        var last: [StatusReport] = []
        let time = try wait(atMost: seconds, every: 0.2) {
            last = try guests.map { try $0.statusNow() }
            return Set(last.map { $0.database.map { [$0.records, $0.objects] } ?? [] }).count == 1
                && last.allSatisfy { $0.memberCount == members }
        }
        guard time != nil else {
            let words = zip(guests, last).map { guest, status in
                "\(guest.name): \(status.memberCount) members, \(status.database?.records ?? 0) records,"
                    + " \(status.database?.objects ?? 0) objects"
            }
            throw SystemFailure(
                "not equal after \(seconds) s: \(words.joined(separator: "; "))\n"
                    + guests.map { "\($0.failure(""))" }.joined())
        }
    }
}
