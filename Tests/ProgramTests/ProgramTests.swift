import Foundation
import TestKit
import Testing

/// The program itself, as people run it.
@Suite("The whither command")
struct ProgramTests {
    @Test("a capture of 2019 shows the nine messages of the slides and their sets")
    func slides() throws {
        let run = try whither(
            "decode", "--file", Checkout.vector("decent-2019.pcap"), "--compat", "lispers.net",
            "--modulus", "4", "--hash-mask", "21")
        #expect(run.status == 0 && run.errors.isEmpty)
        let sets = run.output.split(separator: "\n").filter { $0.contains("Map-Server set: ") }
            .compactMap { $0.last?.wholeNumberValue }
        #expect(sets == [1, 0, 3, 0, 2, 2, 2, 0, 3])
    }

    @Test("digits from the command line, from standard input, and as data")
    func digits() throws {
        let hex = "7000000001020304050607080000000000000000000000000000"
        let run = try whither("decode", hex)
        #expect(run.status == 0 && run.output.hasPrefix("Info-Request\n"))
        #expect(
            try whither(
                "decode", "-",
                input: "70000000 01020304 05060708 00000000\n00000000 00000000 0000\n"
            ).output == run.output)
        #expect(
            try whither("decode", "--data", "0800000000000700 \(Self.ipv4)").output.contains(
                "Instance-ID: 7"))
        let json = try whither("decode", "--json", hex)
        #expect(try JSONSerialization.jsonObject(with: Data(json.output.utf8)) is [String: Any])
    }

    @Test("a capture as one JSON object; what cannot be decoded is in it, and exit code 3")
    func captureJSON() throws {
        let run = try whither("decode", "--json", "--file", Checkout.vector("oor/probes.pcap"))
        #expect(run.status == 3)
        #expect(run.errors == "whither: 2 of 157 datagrams could not be decoded\n")
        let object = try #require(
            try JSONSerialization.jsonObject(with: Data(run.output.utf8)) as? [String: Any])
        #expect(object["schema"] as? Int == 1)
        let packets = try #require(object["packets"] as? [[String: Any]])
        #expect(packets.count == 157)
        #expect(packets.compactMap { $0["error"] }.count == 2)
    }

    @Test("MACs are checked with a key")
    func key() throws {
        let capture = Checkout.vector("oor/xtr-ms-basic.pcap")
        let right = try whither("decode", "--file", capture, "--key", "password").output
        #expect(right.contains("MAC: right") && !right.contains("MAC: wrong"))
        let wrong = try whither("decode", "--file", capture, "--key", "passwort").output
        #expect(wrong.contains("MAC: wrong under this key") && !wrong.contains("MAC: right"))
    }

    @Test("config check says ok, or what is wrong and where")
    func configCheck() throws {
        let right = try whither("config", "check", "\(Checkout.root)/Docs/whither.toml")
        #expect(right.status == 0 && right.output == "ok\n")
        let file = try TemporaryFile([UInt8]("[tun]\nmut = 1400\n".utf8))
        let wrong = try whither("config", "check", file.path)
        #expect(wrong.status == 2)
        #expect(
            wrong.output
                == "\(file.path):2:1: unknown key \"mut\" in [tun]; did you mean \"mtu\"?\n")
        let missing = try whither("config", "check", "/no/such/file")
        #expect(missing.status == 2)
        #expect(missing.output == "/no/such/file: there is no such file\n")
    }

    @Test("index prints the set, and the same as JSON")
    func index() throws {
        let run = try whither("index", "[0]1.1.1.1/32", "--modulus", "4")
        #expect(run.status == 0 && run.output.hasSuffix("Map-Server set: 1\n"))
        let text = try whither(
            "index", "[0](1.1.1.1/32, 224.1.1.1/32)", "--modulus", "13", "--literal")
        #expect(text.output.hasSuffix("Map-Server set: 8\n"))
        let profile = try whither(
            "index", "1.1.1.1", "--modulus", "13", "--profile", "hmac-sha256-48")
        #expect(profile.output.hasSuffix("Map-Server set: 2\n"))
        let json = try whither(
            "index", "240.12.2.5", "--modulus", "13", "--lookup-length", "30", "--json")
        let object = try #require(
            try JSONSerialization.jsonObject(with: Data(json.output.utf8)) as? [String: Any])
        #expect(object["map_server_set"] as? Int == 12)
        #expect(object["hashed_text"] as? String == "[0]240.12.2.4/30")
    }

    @Test(
        "wrong words: one line on standard error that says what would be right, exit code 2",
        arguments: [
            (["decod"], "there is no verb \"decod\"; did you mean \"decode\"?"),
            (["frobnicate"], "there is no verb \"frobnicate\"; whither --help lists them"),
            (["decode"], "give hexadecimal digits or --file; see --help"),
            (["decode", "00", "--file", "x"], "give hexadecimal digits or --file, not both"),
            (
                ["decode", "8g"],
                "these are not hexadecimal digits: column 2: \"g\" is not a hexadecimal digit"
            ),
            (["decode", "10"], "this is no LISP message: Map-Request at octet 0 is cut off"),
            (["decode", "--fil", "x"], "Unknown option '--fil'. Did you mean '--file'?"),
            (["decode", "--file", "/no/such/file"], "/no/such/file: No such file or directory"),
            (
                ["decode", "--file", "/no/such/file", "--data"],
                "--data goes with digits; in a capture the ports decide"
            ),
            (
                ["decode", "00", "--compat", "lisper.net"],
                "The value 'lisper.net' is invalid for '--compat <compat>'. Please provide one of 'lispers.net'."
            ),
            (["decode", "00", "--hash-mask", "8"], "--profile and --hash-mask need --modulus"),
            (
                ["index", "a\u{1B}[2Jb", "--modulus", "4"],
                "EID \"a\\1b[2Jb\", column 1: \"a\\1b[2Jb\" is no address; a name stands in quotes: 'a\\1b[2Jb'"
            ),
            (["index", "1.1.1.1"], "Missing expected argument '--modulus <N>'"),
            (["index", "1.1.1.1", "--modulus", "0"], "--modulus must be at least 1"),
            (
                ["index", "1.1.1.1", "--modulus", "4", "--hash-mask", "0"],
                "--hash-mask must be at least 1"
            ),
            (
                ["index", "1.1.1.1", "--modulus", "4", "--lookup-length", "129"],
                "--lookup-length must be 0 to 128"
            ),
            (
                [
                    "index", "1.1.1.1", "--modulus", "4", "--profile", "hmac-sha256-48",
                    "--hash-mask", "8",
                ],
                "--hash-mask goes with --profile sha256: hmac-sha256-48 has none"
            ),
            (
                ["index", "dino", "--modulus", "4"],
                "EID \"dino\", column 1: \"dino\" is no address; a name stands in quotes: 'dino'"
            ),
            (
                ["index", "10.0.0.0/8", "--modulus", "4", "--lookup-length", "24"],
                "[0]10.0.0.0/8 is shorter than --lookup-length 24: register one record for each /24 that it covers (RFC 9962 section 5.2)"
            ),
        ])
    func wrongWords(arguments: [String], line: String) throws {
        let run = try RunningProgram.run(Self.program, arguments)
        #expect(run.errors == "whither: \(line)\n")
        #expect(run.status == 2)
        #expect(run.output.isEmpty)
    }

    @Test("an answer that cannot be written is not fine")
    func fullDisk() throws {
        let capture = Checkout.vector("oor/probes.pcap")
        for verb in ["index 1.1.1.1 --modulus 4", "decode b0", "decode --json --file '\(capture)'"]
        {
            let run = try RunningProgram.run("sh", ["-c", "'\(Self.program)' \(verb) > /dev/full"])
            #expect(run.status == 1)
            #expect(
                run.errors == "whither: cannot write to standard output: No space left on device\n")
        }
    }

    @Test("a damaged capture is printed up to the damage, and the JSON is whole")
    func damagedCapture() throws {
        let whole = try Data(contentsOf: URL(filePath: Checkout.vector("oor/mn.pcap")))
        let file = try TemporaryFile([UInt8](whole.dropLast(50)))
        let run = try whither("decode", "--json", "--file", file.path)
        #expect(run.status == 2 && run.errors.hasPrefix("whither: frame 36: truncated dump file"))
        let object = try #require(
            try JSONSerialization.jsonObject(with: Data(run.output.utf8)) as? [String: Any])
        #expect((object["packets"] as? [Any])?.count == 35)
    }

    @Test("help and completion scripts are answers")
    func help() throws {
        for arguments in [["--help"], ["decode", "--help"], ["help", "index"], []] {
            let run = try RunningProgram.run(Self.program, arguments)
            #expect(run.status == 0 && run.output.contains("USAGE") && run.errors.isEmpty)
        }
        for shell in ["bash", "zsh", "fish"] {
            let run = try whither("--generate-completion-script", shell)
            #expect(
                run.status == 0 && run.output.contains("decode") && run.output.contains("modulus"))
        }
    }

    static let ipv4 = "4500001400000000400100000a0000010a000002"

    /// Built beside the tests.
    static let program: String = {
        let folder = URL(filePath: CommandLine.arguments[0]).deletingLastPathComponent()
        return folder.appending(path: "whither").path(percentEncoded: false)
    }()

    private func whither(_ arguments: String..., input: String? = nil) throws -> RunningProgram {
        try RunningProgram.run(Self.program, arguments, input: input)
    }
}
