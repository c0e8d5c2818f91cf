import Clocks
import Cryptography
import Foundation
import LISP
import LISPNode
import MappingSystem
import Mappings
import Sessions
import Simulator
import TestKit
import Testing
import Trust

@Suite("Meshes: sessions")
struct MeshSessionTests {
    @Test("after hours of sleep the first packet is there within one round trip")
    func sleeperWakesWithinOneRoundTrip() throws {
        let run = try MeshRun.formed(2) { $0.sweeps = .minutes(10) }
        run.checkReachable(within: .seconds(30))
        run.world.sleep(1, for: .hours(2))
        run.world.run(for: .hours(2))
        run.world.run(for: .milliseconds(1))
        let number = try #require(run.sendPacket(from: 1, to: 0))
        // 10 ms there and 10 ms back.
        run.world.run(for: .milliseconds(21))
        #expect(run.arrived.contains(number))
        // And the other way, over the session that this made.
        let back = try #require(run.sendPacket(from: 0, to: 1))
        run.world.run(for: .milliseconds(30))
        #expect(run.arrived.contains(back))
        #expect(run.world.failure == nil, "\(run.failure)")
    }

    @Test("who begins again while another cannot hear it calls that one as soon as the way is free")
    func restartedNodeCallsWhomItKnew() throws {
        let run = try MeshRun.formed(3)
        run.checkReachable(within: .seconds(30))
        let split = run.world.partition([[1], [2]])
        run.world.crash(1, unsynced: .kept)
        run.world.start(1)
        // Its openers at 0, 1, 3 and 7 s are lost; the other has a session and sees nothing wrong.
        run.world.run(for: .seconds(9))
        let node = try run.inside(2).id
        #expect(try !run.inside(1).sessions.isEstablished(with: node))
        #expect(try run.inside(2).sessions.isEstablished(with: run.inside(1).id))
        run.world.mend(split)
        let isMet = run.world.run(
            until: { _ in run.core(1)?.sessions.isEstablished(with: node) == true },
            within: .seconds(12))
        #expect(isMet, "\(run.failure)")
    }

    @Test("a process calls at once all whom the one before had reached, not one or two of them")
    func restartCallsAll() throws {
        let run = try MeshRun.formed(6)
        run.checkReachable(within: .seconds(30))
        for _ in 0..<3 {
            run.world.crash(1, unsynced: .kept)
            run.world.start(1)
            // Links take up to a tenth of that one way, and lose nothing here.
            run.world.run(for: .milliseconds(1500))
            let sessions = try run.inside(1).sessions
            for other in [0, 2, 3, 4, 5] {
                #expect(try sessions.isEstablished(with: run.inside(other).id), "\(run.failure)")
            }
        }
    }

    @Test(
        "who is sent packets under keys that it lost calls their sender, though it moved meanwhile")
    func strayPacketsAreACall() throws {
        let run = try MeshRun.formed(3)
        run.checkReachable(within: .seconds(30))
        let split = run.world.partition([[1], [2]])
        run.world.crash(1, unsynced: .kept)
        // Its record is another one now: the next process has not reached it under that.
        run.world.setAddresses([.ipv4(IPv4Address(rawValue: 0x6440_0207))], of: 2)
        run.world.start(1)
        run.world.run(for: .seconds(12))
        let (here, there) = (try run.inside(1).id, try run.inside(2).id)
        #expect(try !run.inside(1).sessions.isEstablished(with: there))
        #expect(try run.inside(2).sessions.isEstablished(with: here))
        run.world.mend(split)
        let target = try run.inside(1).cryptoAddress
        let packet = TestPacket(from: try run.inside(2).cryptoAddress, to: target, number: 1)
        try run.say(.data(packet.octets, instance: 0), from: 2, to: 1)
        let isMet = run.world.run(
            until: { _ in run.core(1)?.sessions.isEstablished(with: there) == true },
            within: .seconds(2))
        #expect(isMet, "\(run.failure)")
    }

    @Test("a node in whose name another's packet comes out of a session is not believed")
    func foreignInnerSourceDropped() throws {
        let run = try MeshRun.formed(3)
        let (victim, target) = (try run.inside(1), try run.inside(2))
        let own = try run.inside(0).cryptoAddress
        var delivered: [UInt64] = []
        run.world.hooks.deliver = { _, machine, packet, _ in
            if machine == 2, let packet = TestPacket(packet) { delivered.append(packet.number) }
        }
        for (number, source) in [own, victim.cryptoAddress].enumerated() {
            let packet = TestPacket(
                from: source, to: target.cryptoAddress, number: UInt64(number))
            try run.say(.data(packet.octets, instance: 0), from: 0, to: 2)
        }
        // Nobody's, and for nobody here.
        let stranger = IPv6Address(high: 0x2001_0DB8_0000_0000, low: 1)
        for packet in [
            TestPacket(from: stranger, to: target.cryptoAddress, number: 2),
            TestPacket(from: own, to: victim.cryptoAddress, number: 3),
        ] {
            try run.say(.data(packet.octets, instance: 0), from: 0, to: 2)
        }
        run.world.run(for: .seconds(1))
        #expect(delivered == [0])
        #expect(try run.inside(2).counters.foreignSource == 3)
    }

    @Test(
        "no two packets are sealed under one key and counter, also by a node put back to an old state"
    )
    func meshRestartNeverRepeatsANonce() throws {
        let run = try MeshRun.formed(3)
        run.world.chanceRepeats = true
        run.checkReachable(within: .seconds(30))
        // Octets 12 to 43 of an opener, 16 to 47 of an answer: the ephemeral key, which makes all others.
        var keys: Set<[UInt8]> = []
        run.world.hooks.sent = { _, packet in
            guard packet.sender == 1, packet.octets.count > 48 else { return }
            switch packet.octets[8] {
            case 1: keys.insert([UInt8](packet.octets[12..<44]))
            case 2: keys.insert([UInt8](packet.octets[16..<48]))
            default: break
            }
        }
        run.world.takeSnapshot(of: 1)
        var used: Set<[UInt8]> = []
        for _ in 0..<3 {
            run.world.restart(1, .oldDisk)
            run.world.run(for: .seconds(5))
            run.checkReachable(within: .seconds(30))
            #expect(!keys.isEmpty && keys.isDisjoint(with: used))
            used.formUnion(keys)
            keys = []
        }
        #expect(run.world.failure == nil, "\(run.failure)")
    }

    @Test("tshark has nothing to say against sealed packets of both ports")
    func sealedPacketsReadCleanInTshark() throws {
        let run = MeshRun(MeshRun.Plan(seed: 1))
        var packets: [(port: UInt16, octets: [UInt8])] = []
        run.world.hooks.sent = { _, packet in
            guard packets.count < 400 else { return }
            packets.append((packet.destination.port, packet.octets))
        }
        try #require(run.form())
        run.exchangePackets()
        run.world.run(for: .seconds(2))
        // The joining and the ordinary handshakes, data and control.
        #expect(Set(packets.map { $0.octets[8] }).isSuperset(of: [1, 2, 3, 6]))
        let vectors = try String(
            contentsOfFile: Checkout.vector("sessions.txt"), encoding: .utf8)
        for line in vectors.split(separator: "\n") {
            let words = line.split(separator: " ")
            guard words.count == 2 else { continue }
            if words[1].hasPrefix("f57e0000") {
                packets.append((LISPPort.control, [UInt8](hex: String(words[1]))))
            } else if words[1].hasPrefix("09000000ffffff") {
                packets.append((LISPPort.data, [UInt8](hex: String(words[1]))))
            }
        }
        #expect(packets.contains { $0.port == LISPPort.control })
        for port in [LISPPort.data, LISPPort.control] {
            try expectClean(packets.filter { $0.port == port }.map(\.octets), port)
        }
    }

    private func expectClean(_ packets: [[UInt8]], _ port: UInt16) throws {
        let capture = try TemporaryFile()
        let dump = packets.map { "000000 " + $0.map { $0.hex(width: 2) }.joined(separator: " ") }
        let converted = try RunningProgram.run(
            "text2pcap",
            [
                "-q", "-F", "pcap", "-u", "\(port),\(port)", "-4", "192.0.2.1,192.0.2.2", "-",
                capture.path,
            ],
            input: dump.joined(separator: "\n") + "\n")
        #expect(converted.status == 0, "\(converted.errors)")
        let read = try RunningProgram.run(
            "tshark",
            ["-r", capture.path, "-T", "fields", "-E", "separator=;"]
                + ["_ws.malformed", "_ws.expert.severity", "frame.protocols"].flatMap {
                    ["-e", $0]
                })
        #expect(read.status == 0, "\(read.errors)")
        let lines = read.output.split(separator: "\n")
        #expect(lines.count == packets.count)
        for (line, packet) in zip(lines, packets) {
            let columns = line.split(separator: ";", omittingEmptySubsequences: false)
            let severities = columns[1].split(separator: ",").compactMap { Int($0) }
            // Wireshark's PI_ERROR.
            #expect(
                columns[0].isEmpty && !severities.contains { $0 >= 0x0080_0000 },
                "\(line): \(packet.hex)")
            #expect(columns[2].contains("lisp"), "\(line)")
        }
    }
}
