import Foundation
import Host
import LISP
import Sessions
import TestKit
import Testing
import Trust

@Suite("Settings")
struct SettingsTests {
    static func read(_ text: String) throws(SettingsErrors) -> DaemonSettings {
        try DaemonSettings(octets: [UInt8](text.utf8), file: "relief.toml")
    }

    static func errors(_ text: String) -> String {
        do throws(SettingsErrors) {
            _ = try read(text)
            return "none"
        } catch {
            return "\(error)"
        }
    }

    @Test("the documented file says the defaults, and every key that it shows is known")
    func documented() throws {
        let path = "\(Checkout.root)/Docs/whither.toml"
        #expect(try DaemonSettings(path: path, mustExist: true) == DaemonSettings())
        // "#key" is a key, "# text" is not.
        let text = String(decoding: try Data(contentsOf: URL(filePath: path)), as: UTF8.self)
        let shown = text.split(separator: "\n", omittingEmptySubsequences: false).map { line in
            line.hasPrefix("#") && !line.hasPrefix("# ") ? String(line.dropFirst()) : String(line)
        }
        var settings = try Self.read(shown.joined(separator: "\n"))
        // Examples of what has no default.
        #expect(settings.name == MeshName("base-1") && settings.tun.name == "relief0")
        #expect(settings.lisp.xtrs.map(\.eid.description) == ["[0]10.9.0.0/16"])
        (settings.name, settings.tun.name, settings.lisp.xtrs) = (nil, nil, [])
        #expect(settings.sessions.capture == "/var/tmp/relief.pcap")
        settings.sessions.capture = nil
        #expect(settings == DaemonSettings())
        // And every key that is known is shown: one edit more is an error that names it.
        let keys = shown.compactMap { line -> String? in
            line.hasPrefix("#")
                ? nil : line.firstRange(of: " = ").map { String(line[..<$0.lowerBound]) }
        }
        #expect(keys.sorted() == Self.all.sorted())
        for key in Set(keys) {
            let wrong = shown.map { $0.hasPrefix("\(key) = ") ? "x" + $0 : $0 }
            #expect(
                Self.errors(wrong.joined(separator: "\n")).contains(
                    "unknown key \"x\(key)\"") || key.count < 3, "\(key)")
        }
    }

    /// All keys there are; whoever adds one adds it here and there.
    static let all = [
        "name", "data-port", "control-port", "source-ports", "name", "mtu", "addresses",
        "include-interfaces", "exclude-interfaces", "early-data", "pcap", "level", "format", "ttl",
        "eid-prefix", "rloc", "instance-id",
    ]

    @Test("a whole file")
    func whole() throws {
        let settings = try Self.read(
            """
            name = "base-1"
            data-port = 14341
            control-port = "auto"
            source-ports = 1
            tun = { name = "relief0", mtu = 1400 }
            [locators]
            addresses = ["192.0.2.1", "2001:db8::1"]
            [sessions]
            early-data = false
            pcap = "/tmp/relief.pcap"
            [log]
            level = "debug"
            format = "json"
            [lisp]
            ttl = 1440
            [[lisp.xtr]]
            eid-prefix = "10.9.1.2/16"
            rloc = "192.0.2.7"
            instance-id = 16777214
            [[lisp.xtr]]
            eid-prefix = "fd00::/8"
            rloc = "2001:db8::7"
            """)
        #expect(settings.name == MeshName("base-1"))
        #expect(settings.dataPort == .exactly(14341) && settings.controlPort == .automatic)
        #expect(settings.sourcePorts == 1)
        #expect(settings.tun.name == "relief0" && settings.tun.mtu == 1400)
        #expect(settings.locators.addresses.count == 2)
        #expect(!settings.sessions.hasEarlyData && settings.sessions.capture == "/tmp/relief.pcap")
        #expect(settings.log.level == .debug && settings.log.format == .json)
        #expect(settings.lisp.ttl == 1440)
        #expect(
            settings.lisp.xtrs.map(\.eid.description) == ["[16777214]10.9.0.0/16", "[0]fd00::/8"])
        let node = settings.node(dataPort: 1, controlPort: 2)
        #expect(node.dataPort == 1 && node.controlPort == 2 && node.ttl == 1440)
        #expect(
            !node.spreadsPorts && DaemonSettings().node(dataPort: 1, controlPort: 2).spreadsPorts)
        #expect(
            !node.sessions.hasEarlyData && node.legacy == settings.lisp.xtrs && node.showsPlaintext)
        #expect(
            settings.keysThatNeedRestart(for: DaemonSettings()) == [
                "data-port", "source-ports", "tun.name", "sessions.early-data", "sessions.pcap",
                "lisp.ttl", "log.format",
            ])
        #expect(settings.keysThatNeedRestart(for: settings) == [])
    }

    static let wrong: [(String, String)] = [
        (
            "\n\n[sessions]\n  erly-data = true",
            "4:3: unknown key \"erly-data\" in [sessions]; did you mean \"early-data\"?"
        ),
        ("data_port = 1", "1:1: unknown key \"data_port\"; did you mean \"data-port\"?"),
        ("[sesions]", "1:2: unknown key \"sesions\"; did you mean \"sessions\"?"),
        ("[log]\nmtu = 1400", "2:1: unknown key \"mtu\" in [log]; it belongs in [tun]"),
        (
            "[log]\ndata-port = 1",
            "2:1: unknown key \"data-port\" in [log]; it belongs at the beginning, before any [table]"
        ),
        ("[tun]\nxyzzy = 1", "2:1: unknown key \"xyzzy\" in [tun]"),
        ("data-port = 0", "1:13: data-port must be a number from 1 to 65535, or \"auto\"; it is 0"),
        (
            "data-port = \"4341\"",
            "1:13: data-port must be a number from 1 to 65535, or \"auto\"; it is \"4341\""
        ),
        (
            "data-port = 5000\ncontrol-port = 5000",
            "2:1: control-port must not be the same as data-port"
        ),
        (
            "[tun]\nmtu = 1279",
            "2:7: mtu must be a number from 1280 to 65535, or \"auto\"; it is 1279"
        ),
        (
            "[tun]\nname = \"a/b\"",
            "2:8: name must be 1 to 15 characters without space and slash; it is \"a/b\""
        ),
        ("tun = 4", "1:1: tun must be a table, [tun]; it is 4"),
        (
            "name = \"Base\"",
            "1:8: name must be 1 to 29 letters a to z, digits and single hyphens; it is \"Base\""
        ),
        (
            "[sessions]\npcap = \"here\"",
            "2:8: pcap must be a path that begins with /; it is \"here\""
        ),
        ("[sessions]\nearly-data = 1", "2:14: early-data must be true or false; it is 1"),
        (
            "[log]\nlevel = 2026-01-01",
            "2:9: level must be \"error\", \"warning\", \"notice\", \"info\" or \"debug\"; it is a date or time"
        ),
        (
            "[locators]\naddresses = [\n  \"192.0.2.1\",\n  \"224.0.0.1\"]",
            "4:3: each of addresses must be an IPv4 or IPv6 address that can be sent to; this is \"224.0.0.1\""
        ),
        (
            "[locators]\naddresses = \"192.0.2.1\"",
            "2:13: addresses must be a list, [\"…\", \"…\"]; it is \"192.0.2.1\""
        ),
        (
            "[locators]\naddresses = [\"::1\"]\nexclude-interfaces = [\"a\"]",
            "3:1: exclude-interfaces says nothing beside addresses: choose one of the two"
        ),
        (
            "[locators]\ninclude-interfaces = [\"e*h\"]",
            "2:23: each of include-interfaces must be the name of an interface, or how names begin, as \"docker*\"; this is \"e*h\""
        ),
        (
            "[[lisp.xtr]]\nrloc = \"10.9.0.7\"\neid-prefix = \"10.9.0.0/16\"",
            "1:8: the rloc 10.9.0.7 must not lie inside an eid-prefix, as in [0]10.9.0.0/16"
        ),
        ("[lisp]\nxtr = [1]", "2:1: xtr must be tables, [[lisp.xtr]]; it is a list"),
        ("[[lisp.xtr]]\nrloc = \"192.0.2.7\"", "1:1: an xTR needs its eid-prefix"),
        (
            "[[lisp.xtr]]\nrloc = \"192.0.2.7\"\neid-prefix = \"10.0.0.0\"",
            "3:14: eid-prefix must be an IPv4 or IPv6 prefix, as \"10.9.0.0/16\"; it is \"10.0.0.0\""
        ),
        (
            "[[lisp.xtr]]\nrloc = \"192.0.2.7\"\neid-prefix = \"10.0.0.0/8\"\ninstance-id = 16777215",
            "4:15: instance-id must be a number from 0 to 16777214; it is 16777215"
        ),
        ("a = 1\na = 2", "2:5: "), ("name = \"a\"\n[tun]\na.=1", "3:3: "),
        ("a = 1\n[\nog]", "2:1: a key or a value is missing or misplaced"),
        ("[tun\nmtu = 1", "1:5: "), ("name = \"\u{1}\"", "1:9: "),
    ]

    @Test("each mistake is told with line, column, and what would be right", arguments: wrong)
    func golden(text: String, expected: String) {
        let told = Self.errors(text)
        if expected.hasSuffix(": ") {
            // The words are the parser's own.
            #expect(told.hasPrefix("relief.toml:\(expected)") && told.count > 20, "\(told)")
        } else {
            #expect(told == "relief.toml:\(expected)")
        }
        #expect(!told.contains("\n"))
    }

    @Test("all mistakes of a file are told at once, in the order of its lines")
    func all() {
        let told = Self.errors("[tun]\nmtu = 1\n[log]\nlevel = 1\n[sessions]\nx = 1")
        #expect(
            told.split(separator: "\n").map { $0.prefix(14) } == [
                "relief.toml:2:", "relief.toml:4:", "relief.toml:6:",
            ])
    }

    @Test("no file is no mistake, unless it was named")
    func missing() throws {
        #expect(try DaemonSettings(path: "/no/such/file") == DaemonSettings())
        #expect { try DaemonSettings(path: "/no/such/file", mustExist: true) } throws: {
            "\($0)" == "/no/such/file: there is no such file"
        }
        #expect { try DaemonSettings(path: "/etc") } throws: { "\($0)" == "/etc: Is a directory" }
    }

    @Test("cut off, mutated, deep and long files are refused or read, and nothing else")
    func hostile() throws {
        let path = "\(Checkout.root)/Docs/whither.toml"
        let text = [UInt8](try Data(contentsOf: URL(filePath: path)))
        let shown = String(decoding: text, as: UTF8.self).split(separator: "\n").map {
            $0.hasPrefix("#") && !$0.hasPrefix("# ") ? $0.dropFirst() : $0
        }
        let whole = [UInt8](shown.joined(separator: "\n").utf8)
        var refused = 0
        func check(_ octets: [UInt8]) {
            do throws(SettingsErrors) {
                _ = try DaemonSettings(octets: octets, file: "f")
            } catch {
                refused += 1
                #expect(!error.all.isEmpty && error.all.allSatisfy { !$0.text.isEmpty })
            }
        }
        for length in 0..<whole.count where length % 3 == 0 { check([UInt8](whole.prefix(length))) }
        for seed in UInt64(0)..<2000 {
            var random = SeededRandom(seed: seed)
            var octets = random.chance(oneIn: 10) ? random.octets(count: random.below(200)) : whole
            for _ in 0...random.below(4) where !octets.isEmpty {
                octets[random.below(octets.count)] =
                    random.chance(oneIn: 2)
                    ? random.bits() : random.pick([UInt8]("[]{}\"'.=,#\n".utf8))
            }
            check(octets)
        }
        for piece in ["a.", "[", "{a=", "[a.", "a.a.a.a.a.a.a.a=[{", "\"a\".", "a={b=["] {
            for count in [10, 100, 1000, 30_000] {
                check([UInt8](String(repeating: piece, count: count).utf8))
                check([UInt8]((String(repeating: piece, count: count) + "b=1").utf8))
            }
        }
        check([UInt8](repeating: UInt8(ascii: "#"), count: 300_000))
        #expect(refused > 1000)
    }
}

@Suite("Seed-groups")
struct SeedGroupTests {
    static func read(_ text: String) throws(SettingsErrors) -> SeedGroup {
        try SeedGroup(octets: [UInt8](text.utf8), file: "lab.toml")
    }

    @Test("every file of Seeds/ is one, under its own name")
    func shipped() throws {
        let folder = "\(Checkout.root)/Seeds"
        let files = try FileManager.default.contentsOfDirectory(atPath: folder)
            .filter { $0.hasSuffix(".toml") }
        #expect(files.contains("lab.toml"))
        for file in files {
            let seed = try SeedGroup(path: "\(folder)/\(file)")
            #expect("\(seed.name).toml" == file)
        }
        let lab = try SeedGroup(path: "\(folder)/lab.toml")
        #expect(lab.mode == .push && lab.layer == 0)
        #expect(lab.group.description == "[0]233.252.0.1/32")
        #expect(
            lab.rlocs.map(\.description) == [
                "192.0.2.1:4342", "198.51.100.1:4342", "[2001:db8::1]:4342",
            ])
    }

    @Test("ports, families and instances as they are written")
    func spellings() throws {
        let seed = try Self.read(
            """
            name = "far"
            mode = "push"
            group = "[7]ff38::1"
            port = 5000
            rlocs = ["192.0.2.1:1", "192.0.2.1", "2001:db8::1", "[2001:db8::1]", "[2001:db8::1]:2"]
            layer = 1
            """)
        #expect(
            seed.rlocs.map(\.description) == [
                "192.0.2.1:1", "192.0.2.1:5000", "[2001:db8::1]:5000", "[2001:db8::1]:5000",
                "[2001:db8::1]:2",
            ])
        #expect(seed.group.instance == 7 && seed.layer == 1)
    }

    @Test(
        "what is no seed-group says why",
        arguments: [
            ("", "1:1: a seed-group needs its name"),
            (
                "mode = \"pull\"",
                "1:8: mode must be \"push\" (\"pull\" and \"ring\" are not built yet); it is \"pull\""
            ),
            (
                "group = \"10.0.0.1\"",
                "1:9: group must be an IPv4 or IPv6 multicast address, as \"233.252.0.1\"; it is \"10.0.0.1\""
            ),
            ("rlocs = []", "1:1: rlocs must be 1 to 16"),
            (
                "rlocs = [\"192.0.2.1:0\"]",
                "1:10: each of rlocs must be an address, or address:port, that can be sent to; this is \"192.0.2.1:0\""
            ),
            ("rlocs = [\"[192.0.2.1]:1\"]", "1:10: each of rlocs must be"),
            ("layer = 256", "1:9: layer must be a number from 0 to 255; it is 256"),
            ("grop = 1", "1:1: unknown key \"grop\"; did you mean \"group\"?"),
        ])
    func wrong(text: String, expected: String) {
        #expect { try Self.read(text) } throws: {
            "\($0)".split(separator: "\n").contains { $0.hasPrefix("lab.toml:\(expected)") }
        }
    }
}
