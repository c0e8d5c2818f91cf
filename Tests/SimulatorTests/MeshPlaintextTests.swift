import Foundation
import Host
import LISP
import LISPNode
import MappingSystem
import Sessions
import Simulator
import TestKit
import Testing

/// What was sealed, as a capture shows it.
@Suite("Meshes: the capture of what was sealed")
struct MeshPlaintextTests {
    private func formed(shows: Bool) throws -> (MeshRun, [Plaintext]) {
        var plan = MeshRun.Plan(seed: 1)
        plan.nodes = 3
        plan.settings.showsPlaintext = shows
        let run = MeshRun(plan)
        let shown = Shown()
        let before = run.world.hooks.afterEvent
        run.world.hooks.afterEvent = { world, machine, event, effects, now in
            before?(world, machine, event, effects, now)
            for case .plaintext(let plaintext) in effects { shown.all.append(plaintext) }
        }
        try #require(run.form() && run.converge(within: .minutes(1)), "\(run.failure)")
        let (length, address) = try run.inside(1).cryptoEID.wire
        let request = MapRequest(
            nonce: 7, sourceEID: .none, itrRLOCs: [try #require(run.world.addresses(of: 0).first)],
            records: [.init(eid: address, maskLength: length)])
        try run.say(
            .control(MeshMessage.lisp(.mapRequest(request)).octets), from: 0, to: 1)
        run.world.run(for: .minutes(2))
        return (run, shown.all)
    }

    private final class Shown {
        var all: [Plaintext] = []
    }

    @Test("nothing is shown unless it is asked for")
    func offByDefault() throws {
        #expect(try formed(shows: false).1.isEmpty)
    }

    @Test("each message of both directions is a datagram between the nodes' addresses")
    func messages() throws {
        let (run, shown) = try formed(shows: true)
        let datagrams = try shown.flatMap(\.packets).map { packet in
            try #require(try UDPDatagram(ipPacket: packet))
        }
        let all = (0..<3).flatMap { run.world.addresses(of: $0) }
        let between = datagrams.filter { all.contains($0.source) && all.contains($0.destination) }
        let messages = try between.filter { $0.content == .control }.map {
            try ControlPacket(octets: $0.payload).message
        }
        #expect(messages.contains { if case .mapRequest = $0 { true } else { false } })
        #expect(messages.contains { if case .mapReply = $0 { true } else { false } })
        // Summaries, which this network loses none of: each is shown by its sender and its receiver.
        let summaries = messages.filter {
            if case .sharedExtension(let own) = $0 { own.content[2] == 16 } else { false }
        }
        #expect(summaries.count > 4)
        #expect(shown.contains { $0.isSent } && shown.contains { !$0.isSent })
        // Each registration goes to the group as RFC 9962 sends it, or is a record among members.
        #expect(datagrams.count >= shown.count)
    }

    @Test("tshark reads the capture without a malformed packet")
    func readByTshark() throws {
        let (_, shown) = try formed(shows: true)
        let file = try TemporaryFile()
        let writer = try CaptureWriter(path: file.path)
        let packets = shown.flatMap(\.packets)
        for packet in packets { #expect(!writer.write(packet)) }
        let fields = [
            "frame.number", "_ws.malformed", "_ws.expert.severity", "lisp.type",
            "udp.checksum.status",
        ]
        let read = try RunningProgram.run(
            "tshark",
            [
                "-r", file.path, "-o", "udp.check_checksum:TRUE", "-T", "fields", "-E",
                "separator=;",
            ] + fields.flatMap { ["-e", $0] })
        #expect(read.status == 0, "\(read.errors)")
        let lines = read.output.split(separator: "\n")
        #expect(lines.count == packets.count && packets.count > 20)
        var types: Set<String> = []
        for line in lines {
            let columns = line.split(separator: ";", omittingEmptySubsequences: false).map(
                String.init)
            let severities = columns[2].split(separator: ",").compactMap { Int($0) }
            // Wireshark's PI_ERROR.
            #expect(columns[1].isEmpty && !severities.contains { $0 >= 0x0080_0000 }, "\(line)")
            types.insert(columns[3])
        }
        #expect(types.isSuperset(of: ["1", "2", "15"]), "\(types)")
    }

    @Test("a capture is its owner's alone, and ends at its limit")
    func bounded() throws {
        let file = try TemporaryFile()
        let writer = try CaptureWriter(path: file.path, limit: 200)
        let packet = [UInt8](hex: "45000014 00000000 40110000 0a000001 0a000002")
        let full = (0..<10).map { _ in writer.write(packet) }
        // 24 octets, and 36 for each packet.
        #expect(full == [false, false, false, false, true, false, false, false, false, false])
        let size = try FileManager.default.attributesOfItem(atPath: file.path)[.size] as? Int
        #expect(size == 24 + 4 * 36)
        let mode = try FileManager.default.attributesOfItem(atPath: file.path)[.posixPermissions]
        #expect(mode as? Int == 0o600)
        let capture = try CaptureFile(path: file.path)
        #expect(try capture.next()?.ipPacket == packet)
    }
}
