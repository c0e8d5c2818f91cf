import Glibc
import Host

/// The demo's little world: network namespaces on one bridge, which is in a namespace of its own, so that
/// nothing of this host's network is touched.
///
///     node 1 ── 10.99.0.1 ─┐
///     node 2 ── 10.99.0.2 ─┤ bridge
///     …                    ┘
struct DemoBench {
    let nodes: Int
    /// Of the namespaces and of the folder: `whither-demo-` and the process.
    let name: String
    let folder: String

    static let prefix = "whither-demo-"

    init(nodes: Int) {
        self.nodes = nodes
        name = "\(Self.prefix)\(getpid())"
        folder = "/run/\(name)"
    }

    func namespace(_ node: Int) -> String { "\(name)-\(node)" }
    private var hub: String { "\(name)-hub" }

    static func address(_ node: Int) -> String { "10.99.0.\(node)" }
    static func address6(_ node: Int) -> String { "fd99::\(node)" }

    func build() throws {
        guard mkdir(folder, 0o700) == 0 else { throw HostError("folder \(folder)") }
        try Self.ip("netns", "add", hub)
        try inHub("link", "set", "lo", "up")
        try inHub("link", "add", "bridge", "type", "bridge")
        try inHub("link", "set", "bridge", "up")
        for node in 1...nodes {
            let namespace = namespace(node)
            try Self.ip("netns", "add", namespace)
            try inHub(
                "link", "add", "port\(node)", "type", "veth", "peer", "name", "eth0", "netns",
                namespace)
            try inHub("link", "set", "port\(node)", "master", "bridge", "up")
            try inNode(node, "link", "set", "lo", "up")
            try inNode(node, "addr", "add", "\(Self.address(node))/24", "dev", "eth0")
            try inNode(node, "addr", "add", "\(Self.address6(node))/64", "dev", "eth0", "nodad")
            try inNode(node, "link", "set", "eth0", "up")
        }
    }

    private func inHub(_ words: String...) throws { try Self.run(["ip", "-n", hub] + words) }

    private func inNode(_ node: Int, _ words: String...) throws {
        try Self.run(["ip", "-n", namespace(node)] + words)
    }

    private static func ip(_ words: String...) throws { try run(["ip"] + words) }

    @discardableResult
    private static func run(_ words: [String]) throws -> Subprocess {
        let result = try Subprocess.run(words)
        guard result.status == 0 else {
            throw DemoFailure("\(words.joined(separator: " ")): \(result.errors.firstLine)")
        }
        return result
    }

    /// Takes everything away again: daemons, namespaces, files. Whatever is gone already is fine.
    func remove() {
        Self.remove(name)
    }

    /// What demos left here whose process was killed.
    static func removeStale() {
        guard let listed = try? Subprocess.run(["ip", "netns", "list"]) else { return }
        let names = listed.output.split(separator: "\n").compactMap { line -> String? in
            let words = line.split(separator: " ")[0].split(separator: "-")
            guard line.hasPrefix(prefix), words.count == 4, let process = pid_t(words[2]),
                kill(process, 0) != 0, errno == ESRCH
            else { return nil }
            return "\(prefix)\(process)"
        }
        for name in Set(names).sorted() { remove(name) }
    }

    private static func remove(_ name: String) {
        guard let listed = try? Subprocess.run(["ip", "netns", "list"]) else { return }
        for line in listed.output.split(separator: "\n") {
            let namespace = String(line.split(separator: " ")[0])
            guard namespace.hasPrefix("\(name)-") else { continue }
            if let inside = try? Subprocess.run(["ip", "netns", "pids", namespace]) {
                for process in inside.output.split(separator: "\n").compactMap({ pid_t($0) }) {
                    kill(process, SIGKILL)
                }
            }
            _ = try? Subprocess.run(["ip", "netns", "del", namespace])
        }
        _ = try? Subprocess.run(["rm", "-rf", "/run/\(name)"])
    }
}

/// Why the demo did not go to its end.
struct DemoFailure: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) { self.description = description }
}

extension String {
    var firstLine: String { String(split(separator: "\n").first ?? "no word") }
}
