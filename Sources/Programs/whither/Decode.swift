import Admin
import ArgumentParser
import Host
import LISP
import MappingSystem

struct Decode: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Print LISP messages, from hexadecimal digits or a capture file.",
        discussion: """
            Digits may have white space or : between octets; "-" reads them from standard input.
            Of a capture, the datagrams of UDP ports 4341 and 4342 are printed.
            """)

    @Argument(help: ArgumentHelp("The payload of one datagram.", valueName: "hex"))
    var hex: [String] = []

    @Option(
        help: ArgumentHelp(
            "A capture file, pcap or pcapng; - is standard input.", valueName: "path"),
        completion: .file(extensions: ["pcap", "pcapng", "cap"]))
    var file: String?

    @Flag(help: "The digits are a data packet (port 4341), not a control message.")
    var data = false

    @Option(help: "Read another implementation's spellings too.")
    var compat: CompatibilityName?

    @Option(
        help: ArgumentHelp("Check MACs with this pre-shared key.", valueName: "password"))
    var key: String?

    @Option(help: ArgumentHelp("Print map-server sets, of N in all.", valueName: "N"))
    var modulus: UInt32?

    @OptionGroup var hash: HashOptions

    @Flag(help: "Print one JSON object.")
    var json = false

    enum CompatibilityName: String, ExpressibleByArgument, CaseIterable {
        case lispersNet = "lispers.net"
    }

    func run() throws {
        let compatibility: Compatibility = compat == .lispersNet ? .lispersNet : []
        let reporter = MessageReporter(
            pull: try pull(),
            authentication: key.map {
                MessageAuthentication(key: [UInt8]($0.utf8), compatibility: compatibility)
            }, compatibility: compatibility)
        var verb = DecodeVerb(reporter: reporter)
        switch (file, hex.isEmpty) {
        case (nil, true): throw ValidationError("give hexadecimal digits or --file; see --help")
        case (.some, false): throw ValidationError("give hexadecimal digits or --file, not both")
        case (nil, false): try decode(hex, &verb)
        case (let path?, true):
            if data {
                throw ValidationError("--data goes with digits; in a capture the ports decide")
            }
            try decode(path, &verb)
        }
    }

    private func pull() throws -> PullHash? {
        if let modulus { return try hash.pull(modulus: modulus) }
        if hash.isGiven { throw ValidationError("--profile and --hash-mask need --modulus") }
        return nil
    }

    private func decode(_ words: [String], _ verb: inout DecodeVerb) throws {
        let text = words == ["-"] ? Self.standardInput() : words.joined(separator: " ")
        do {
            let octets = try HexText.octets(of: text)
            let report = try verb.report(octets, as: data ? .data : .control)
            try StandardStream.answer(
                (json ? Report.packets([report]).json : report.plainText) + "\n")
        } catch let error as HexText.Failure {
            throw ValidationError("these are not hexadecimal digits: \(error)")
        } catch let error as WireError {
            let hint = compat == nil ? "" : " even with --compat"
            throw ValidationError(
                "this is no LISP \(data ? "data packet" : "message")\(hint): \(error)")
        }
    }

    private func decode(_ path: String, _ verb: inout DecodeVerb) throws {
        let capture = try open(path)
        var output = PacketList(json: json)
        var cut = 0
        var damage: CaptureFile.Failure?
        do throws(CaptureFile.Failure) {
            while let frame = try capture.next() {
                guard let packet = frame.ipPacket else { continue }
                guard let datagram = try? UDPDatagram(ipPacket: packet) else {
                    if frame.isCut { cut += 1 }
                    continue
                }
                if let report = verb.report(datagram, frame: frame.number) { output.add(report) }
            }
        } catch {
            damage = error
        }
        try output.finish()
        // What was whole is printed, and then what was not.
        if let damage { throw ValidationError(damage.description) }
        if verb.decoded == 0 {
            StandardStream.note("\(path) holds no datagram of UDP port 4341 or 4342")
        }
        if cut > 0 {
            StandardStream.note("\(cut) frames were captured in part and are left out")
        }
        if verb.failed > 0 {
            StandardStream.note("\(verb.failed) of \(verb.decoded) datagrams could not be decoded")
            throw ExitCode.degraded
        }
    }

    private func open(_ path: String) throws -> CaptureFile {
        do throws(CaptureFile.Failure) {
            return try CaptureFile(path: path)
        } catch {
            throw ValidationError(error.description)
        }
    }

    private static func standardInput() -> String {
        var text = ""
        while let line = readLine(strippingNewline: false) { text += line }
        return text
    }
}

/// Prints packets as they come: one JSON object around all, or a blank line between them.
private struct PacketList {
    let json: Bool
    private var isEmpty = true
    /// The first write that failed; nothing is written after it.
    private var failure: (any Error)?

    init(json: Bool) {
        self.json = json
        if json { write(Report.packetsHead) }
    }

    mutating func add(_ report: Report) {
        let separator = isEmpty ? "" : json ? "," : "\n"
        write(separator + (json ? report.json : report.plainText + "\n"))
        isEmpty = false
    }

    mutating func finish() throws {
        if json { write(Report.packetsTail + "\n") }
        if let failure { throw failure }
    }

    private mutating func write(_ text: String) {
        guard failure == nil else { return }
        do { try StandardStream.answer(text) } catch { failure = error }
    }
}
