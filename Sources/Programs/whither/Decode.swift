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
            pull: try modulus.map { try hash.pull(modulus: $0) },
            authentication: key.map {
                MessageAuthentication(key: [UInt8]($0.utf8), compatibility: compatibility)
            })
        var verb = DecodeVerb(compatibility: compatibility, reporter: reporter)
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

    private func decode(_ words: [String], _ verb: inout DecodeVerb) throws {
        let text = words == ["-"] ? Self.standardInput() : words.joined(separator: " ")
        do {
            let octets = try HexText.octets(of: text)
            let report = try verb.report(octets, as: data ? .data : .control)
            print(json ? Report.packets([report]).json : report.plainText)
        } catch let error as HexText.Failure {
            throw ValidationError("these are not hexadecimal digits: \(error)")
        } catch let error as WireError {
            let hint = compat == nil ? "" : " even with --compat"
            throw ValidationError(
                "this is no LISP \(data ? "data packet" : "message")\(hint): \(error)")
        }
    }

    private func decode(_ path: String, _ verb: inout DecodeVerb) throws {
        var cut = 0
        do throws(CaptureFile.Failure) {
            let capture = try CaptureFile(path: path)
            var output = PacketList(json: json)
            defer { output.finish() }
            while let frame = try capture.next() {
                guard let packet = frame.ipPacket else { continue }
                guard let datagram = try? UDPDatagram(ipPacket: packet) else {
                    if frame.isCut { cut += 1 }
                    continue
                }
                if let report = verb.report(datagram, frame: frame.number) { output.add(report) }
            }
        } catch {
            throw ValidationError(error.description)
        }
        if verb.decoded == 0 {
            StandardError.write("\(path) holds no datagram of UDP port 4341 or 4342")
        }
        if cut > 0 { StandardError.write("\(cut) frames were captured in part and are left out") }
        if verb.failed > 0 {
            StandardError.write("\(verb.failed) of \(verb.decoded) datagrams could not be decoded")
            throw ExitCode.degraded
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
    var count = 0

    init(json: Bool) {
        self.json = json
        if json { print(Report.packetsHead, terminator: "") }
    }

    mutating func add(_ report: Report) {
        if json {
            print(count == 0 ? report.json : ",\(report.json)", terminator: "")
        } else {
            print(count == 0 ? report.plainText : "\n\(report.plainText)")
        }
        count += 1
    }

    func finish() {
        if json { print(Report.packetsTail) }
    }
}
