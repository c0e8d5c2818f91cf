import Glibc
import Host
import Synchronization
import TestKit

/// Hosts of their own in network namespaces, each with `eth0` on one bridge, which is in a namespace of its
/// own: nothing of this machine's network is touched.
///
///     host 1 ── 10.99.0.1, fd99::1 ─┐
///     host 2 ── 10.99.0.2, fd99::2 ─┤ bridge
///     …                             ┘
///
/// Takes all of it away when it goes: processes, namespaces, files.
final class Bench {
    enum Family: CaseIterable {
        case ipv4, ipv6, both
    }

    let family: Family
    let name: String
    let folder: String
    private(set) var guests: [Guest] = []
    private var extras: [String] = []
    private var mounts: [String] = []

    private static let prefix = "wst-"
    private static let count = Atomic<Int>(0)

    init(_ hosts: Int, family: Family = .both, mtu: Int = 1500) throws {
        guard geteuid() == 0 else {
            throw SystemFailure(
                "system tests make network namespaces, which needs root: run them as root")
        }
        Self.removeStale
        let number = Self.count.add(1, ordering: .relaxed).newValue
        self.family = family
        name = "\(Self.prefix)\(getpid())-\(number)"
        folder = "/tmp/\(name)"
        guard mkdir(folder, 0o700) == 0 else { throw HostError("folder \(folder)") }
        try addNamespace("hub")
        try ip(in: "hub", ["link add bridge mtu \(mtu) type bridge", "link set bridge up"])
        for number in 1...hosts {
            try addNamespace("\(number)")
            try plug("\(number)", port: "port\(number)", mtu: mtu)
            try ip(
                in: "\(number)",
                ["link set lo up"] + addresses("\(number)").map { "addr add \($0) dev eth0" }
                    + ["link set eth0 up"])
            guests.append(Guest(self, number: number))
        }
    }

    deinit { Self.remove(name, folder: folder, mounts: mounts) }

    /// Host 1, 2…
    subscript(number: Int) -> Guest { guests[number - 1] }

    func namespace(_ name: String) -> String { "\(self.name)-\(name)" }

    private func addresses(_ host: String) -> [String] {
        (family == .ipv6 ? [] : ["10.99.0.\(host)/24"])
            + (family == .ipv4 ? [] : ["fd99::\(host)/64"])
    }

    func addNamespace(_ name: String) throws {
        try command(["ip", "netns", "add", namespace(name)])
        // No address by itself beside those that a test gives, so nobody waits for it either.
        try command([
            "ip", "netns", "exec", namespace(name), "sysctl", "-q", "-w",
            "net.ipv6.conf.default.accept_dad=0",
        ])
    }

    /// A cable from a host's `eth0` to the bridge.
    func plug(_ host: String, as interface: String = "eth0", port: String, mtu: Int = 1500) throws {
        try ip(
            in: "hub",
            [
                "link add \(port) mtu \(mtu) type veth peer name \(interface) mtu \(mtu) netns "
                    + namespace(host), "link set \(port) master bridge up",
            ])
    }

    /// Lines for `ip`, in one of the namespaces.
    func ip(in name: String, _ lines: [String]) throws {
        try command(
            ["ip", "-n", namespace(name), "-batch", "-"],
            input: lines.map { $0 + "\n" }.joined())
    }

    /// A host goes behind a router that gives each of its flows a port at random, and lets nobody in.
    func hideBehindNAT(_ host: Int) throws {
        try addNamespace("router")
        try plug("router", port: "port9")
        try ip(in: "\(host)", ["link del eth0"])
        try ip(
            in: "router",
            [
                "link set lo up", "addr add 10.99.0.99/24 dev eth0", "link set eth0 up",
                "link add inside type veth peer name eth0 netns \(namespace("\(host)"))",
                "addr add 192.168.7.1/24 dev inside", "link set inside up",
            ])
        try ip(
            in: "\(host)",
            [
                "addr add 192.168.7.2/24 dev eth0", "link set eth0 up",
                "route add default via 192.168.7.1",
            ])
        try run(in: "router", "sysctl", "-q", "-w", "net.ipv4.ip_forward=1")
        try run(
            in: "router", "nft", "-f", "-",
            input: """
                table ip nat { chain out { type nat hook postrouting priority srcnat;
                  oifname "eth0" masquerade random; }; }
                table ip filter { chain through { type filter hook forward priority filter;
                  iifname "eth0" ct state new drop; }; }

                """)
    }

    /// A host lets in only answers to what it sent, as most routers for homes do with IPv6.
    func firewall(_ host: Int) throws {
        try run(
            in: "\(host)", "nft", "-f", "-",
            input: """
                table inet firewall { chain in { type filter hook input priority filter;
                  iifname != "eth0" accept; meta l4proto { icmp, icmpv6 } accept;
                  ct state established,related accept; counter drop; }; }

                """)
    }

    /// Packets that a host's ``firewall(_:)`` has dropped so far.
    func dropped(_ host: Int) throws -> Int {
        let rules = try run(in: "\(host)", "nft", "list", "table", "inet", "firewall").output
        guard
            let count = rules.split(separator: "counter packets ").last?.split(separator: " ")
                .first,
            let number = Int(count)
        else { throw SystemFailure("no counter in \(rules)") }
        return number
    }

    /// Another program in one of the namespaces.
    @discardableResult
    func run(in name: String, _ words: String..., input: String = "") throws -> Subprocess {
        try command(["ip", "netns", "exec", namespace(name)] + words, input: input)
    }

    /// A file system of its own for a folder, of so many octets.
    func mountSmall(_ path: String, octets: Int) throws {
        mkdir(path, 0o700)
        try command(["mount", "-t", "tmpfs", "-o", "size=\(octets),mode=0700", "tmpfs", path])
        mounts.append(path)
    }

    @discardableResult
    private func command(_ words: [String], input: String = "") throws -> Subprocess {
        let result = try Subprocess.run(["timeout", "60"] + words, input: input)
        guard result.status == 0 else {
            throw SystemFailure(
                "\(words.joined(separator: " ")): \(result.errors.isEmpty ? result.output : result.errors)"
            )
        }
        return result
    }

    /// What tests left here whose process was killed.
    private static let removeStale: Void = {
        guard let listed = try? Subprocess.run(["ip", "netns", "list"]) else { return }
        let names = listed.output.split(separator: "\n").compactMap { line -> String? in
            let words = line.split(separator: " ")[0].split(separator: "-")
            guard line.hasPrefix(prefix), words.count == 4, let process = pid_t(words[1]),
                kill(process, 0) != 0, errno == ESRCH
            else { return nil }
            return words[..<3].joined(separator: "-")
        }
        for name in Set(names).sorted() { remove(name, folder: "/tmp/\(name)", mounts: []) }
    }()

    private static func remove(_ name: String, folder: String, mounts: [String]) {
        let listed = (try? Subprocess.run(["ip", "netns", "list"]))?.output ?? ""
        for line in listed.split(separator: "\n") {
            let namespace = String(line.split(separator: " ")[0])
            guard namespace.hasPrefix("\(name)-") else { continue }
            let inside = (try? Subprocess.run(["ip", "netns", "pids", namespace]))?.output ?? ""
            for process in inside.split(separator: "\n").compactMap({ pid_t($0) }) {
                kill(process, SIGKILL)
            }
            Namespace.remove(namespace)
        }
        for mount in mounts { _ = umount2(mount, Int32(MNT_DETACH)) }
        _ = try? Subprocess.run(["rm", "-rf", folder])
    }
}

/// Why a test did not go on, and what to look at.
struct SystemFailure: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
}
