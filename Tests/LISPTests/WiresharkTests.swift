import Foundation
import Fuzzing
import LISP
import TestKit
import Testing

/// Wireshark's dissector reads what our encoder writes.
@Suite("Read by tshark")
struct WiresharkTests {
    /// What Wireshark 4.0 complains of and is right, or does not know.
    static let complaints = [
        // A host name where the NAT traversal draft has AFI 0: lispers.net's dialect.
        "Info-Request of lispers.net, host name dino-mac": "Expecting NULL AFI (0), found 17",
        // It wants more than the type.
        "a type that nobody has, carried": "Malformed Packet",
        // lispers.net sends no inner UDP checksum, which IPv6 does not allow; we write what it sent.
        "decent-2019.pcap frame 7": "Illegal checksum value (0)",
        "decent-2019.pcap frame 8": "Illegal checksum value (0)",
        // Nor the padding of its Multicast Info.
        "decent-2019.pcap frame 9": "Unexpected Source Prefix AFI (32896)",
    ]

    @Test("golden messages and captures that we wrote again")
    func goldens() throws {
        var packets: [(name: String, octets: [UInt8])] = []
        for vector in MessageTests.vectors + MessageTests.ecms {
            packets.append((vector.name, vector.value.octets()))
        }
        for vector in LCAFTests.vectors {
            packets.append((vector.name, Self.reply(locator: vector.value).octets()))
        }
        for captured in try CapturedDatagram.ofOpenOverlayRouter()
        where captured.datagram.content == .control && !CaptureTests.isRefused(captured) {
            let packet = try ControlPacket(octets: captured.payload)
            packets.append((captured.place, packet.octets()))
        }
        for captured in try CapturedDatagram.all(in: "decent-2019.pcap") {
            let packet = try ControlPacket(octets: captured.payload, compatibility: .lispersNet)
            packets.append((captured.place, packet.octets()))
        }
        try expectNoComplaint(packets)
    }

    @Test("2,000 random messages")
    func random() throws {
        var packets: [(name: String, octets: [UInt8])] = []
        for seed in UInt64(0)..<2000 {
            var generator = MessageGenerator(seed: seed, isTame: true)
            packets.append(("seed \(seed)", generator.packet().octets()))
        }
        try expectNoComplaint(packets)
    }

    static func reply(locator: Address) -> ControlPacket {
        ControlPacket(
            .mapReply(
                MapReply(
                    nonce: 1,
                    records: [
                        EIDRecord(
                            eid: .ip("10.0.1.0"), maskLength: 24, ttl: 1,
                            locators: [
                                LocatorRecord(locator, unicast: .init(priority: 1, weight: 1))
                            ])
                    ])))
    }

    private func expectNoComplaint(_ packets: [(name: String, octets: [UInt8])]) throws {
        let capture = try TemporaryFile()
        var dump = ""
        for packet in packets {
            let octets = packet.octets.map { $0.hex(width: 2) }.joined(separator: " ")
            dump += "000000 \(octets)\n"
        }
        let converted = try RunningProgram.run(
            "text2pcap",
            [
                "-q", "-F", "pcap", "-u", "4342,4342", "-4", "192.0.2.1,192.0.2.2", "-",
                capture.path,
            ],
            input: dump)
        #expect(converted.status == 0, "\(converted.errors)")
        let fields = ["frame.number", "_ws.malformed", "_ws.expert.severity", "_ws.expert.message"]
        let read = try RunningProgram.run(
            "tshark",
            ["-r", capture.path, "-T", "fields", "-E", "separator=;"]
                + fields.flatMap { ["-e", $0] })
        #expect(read.status == 0, "\(read.errors)")
        let lines = read.output.split(separator: "\n")
        #expect(lines.count == packets.count)
        for (line, packet) in zip(lines, packets) {
            let columns = line.split(separator: ";", omittingEmptySubsequences: false)
            let severities = columns[2].split(separator: ",").compactMap { Int($0) }
            let isFine = columns[1].isEmpty && !severities.contains { $0 >= Self.error }
            if let complaint = Self.complaints[packet.name] {
                #expect(!isFine && line.contains(complaint), "\(packet.name): \(line)")
            } else {
                #expect(isFine, "\(packet.name): \(line) \(packet.octets.hex)")
            }
        }
    }

    /// Wireshark's PI_ERROR.
    private static let error = 0x0080_0000
}
