import LISP
import TestKit
import Testing

/// Octets that other implementations sent: Tests/Vectors/README.md says where they come from.
@Suite("Other people's messages")
struct CaptureTests {
    static let notLISP: [Int: WireError] = [
        123: .unsupported("AFI of EID-Prefix", value: 16389, at: 46),
        131: .leftOver("Map-Notify-Ack", count: 8, at: 28),
    ]

    static func isRefused(_ captured: CapturedDatagram) -> Bool {
        captured.capture == "oor/probes.pcap" && notLISP[captured.frame] != nil
    }

    @Test("OpenOverlayRouter's are read and written back octet for octet")
    func openOverlayRouter() throws {
        let all = try CapturedDatagram.ofOpenOverlayRouter()
        var (control, data) = (0, 0)
        for captured in all where !Self.isRefused(captured) {
            switch captured.datagram.content {
            case .control:
                let packet = try ControlPacket(octets: captured.payload)
                #expect(packet.octets() == captured.payload, "\(captured.place)")
                if case .opaque = packet.message {
                    #expect(Bool(false), "\(captured.place) is opaque")
                }
                control += 1
            case .data:
                let packet = try DataPacket(octets: captured.payload)
                #expect(packet.octets() == captured.payload, "\(captured.place)")
                data += 1
            case nil: break
            }
        }
        // As tshark counts them by their ports, less the two: none is passed over in silence.
        #expect(control == 358)
        #expect(data == 151)
    }

    @Test("the two frames that must not be read say why")
    func refused() throws {
        let probes = try CapturedDatagram.all(in: "oor/probes.pcap")
        for (frame, error) in Self.notLISP {
            let captured = try #require(probes.first { $0.frame == frame })
            #expect(throws: error) { try ControlPacket(octets: captured.payload) }
        }
    }

    @Test("each proper prefix of each is refused, but for padding of Map-Requests")
    func prefixes() throws {
        var seen: Set<[UInt8]> = []
        for captured in try CapturedDatagram.ofOpenOverlayRouter()
        where !Self.isRefused(captured) && seen.insert(captured.payload).inserted {
            switch captured.datagram.content {
            case .control:
                let packet = try ControlPacket(octets: captured.payload)
                expectPrefixesRefused(
                    captured.payload, as: ControlPacket.self,
                    validFrom: packet.encapsulation == nil
                        ? captured.payload.count - packet.message.trailing.count : nil,
                    captured.place)
            case .data: expectPrefixesRefused(captured.payload, as: DataPacket.self, captured.place)
            case nil: break
            }
        }
    }

    @Test(
        "the nine of the 2019 slides are read and written back; the ninth needs lispers.net's padding"
    )
    func slides() throws {
        let all = try CapturedDatagram.all(in: "decent-2019.pcap")
        #expect(all.count == 9)
        var eids: [String] = []
        for captured in all {
            for compatibility in [Compatibility.lispersNet, .paddedMulticastInfo] {
                let packet = try ControlPacket(
                    octets: captured.payload, compatibility: compatibility)
                #expect(packet.octets(compatibility: compatibility) == captured.payload)
                expectPrefixesRefused(
                    captured.payload, as: ControlPacket.self, compatibility: compatibility,
                    captured.place)
            }
            let packet = try ControlPacket(octets: captured.payload, compatibility: .lispersNet)
            guard case .mapRequest(let request) = packet.message else { continue }
            #expect(request.itrRLOCs.contains(.ip("172.17.0.7")))
            eids += try request.records.map { try $0.prefix.description }
        }
        #expect(
            eids == [
                "[0]1.1.1.1/32", "[0]2.2.2.2/32", "[0]3.3.3.3/32", "[0]4.4.4.4/32",
                "[0]44.44.44.44/32", "[0]128.1.1.1/32", "[0]2001::1/128", "[0]dfdf::2/128",
                "[0](fe00::2:2:2/128, ff02::1:ff00:2/128)",
            ])
        for captured in all.dropLast() {
            #expect(try ControlPacket(octets: captured.payload).octets() == captured.payload)
        }
        #expect(
            throws: WireError.unsupported("AFI of Source/Subnet Address", value: 0x8080, at: 108)
        ) {
            try ControlPacket(octets: all[8].payload)
        }
    }

    @Test("all MACs are right but those that are wrong on purpose")
    func authentication() throws {
        let password = MessageAuthentication(key: [UInt8]("password".utf8))
        let rtr = MessageAuthentication(key: [UInt8]("rtrpassword".utf8))
        var failures: [String: AuthenticationFailure] = [:]
        var right = 0
        for captured in try CapturedDatagram.ofOpenOverlayRouter()
        where !Self.isRefused(captured) {
            guard let packet = try captured.controlPacket else { continue }
            guard [3, 4, 5, 7].contains(packet.message.type) else { continue }
            do throws(AuthenticationFailure) {
                try password.verify(packet.message)
                right += 1
            } catch {
                failures[captured.place] = error
            }
            if case .mapNotify(let notify) = packet.message,
                notify.rtrAuthentication?.data.isEmpty == false
            {
                try rtr.verifyForRTR(notify)
                #expect(throws: AuthenticationFailure.mismatch) {
                    try password.verifyForRTR(notify)
                }
                right += 1
            }
            if packet.encapsulation?.authentication.isEmpty == false {
                try rtr.verifyForRTR(packet)
                right += 1
            }
        }
        #expect(
            failures == [
                "oor/probes.pcap frame 12": .noAlgorithm, "oor/probes.pcap frame 15": .mismatch,
                "oor/probes.pcap frame 155": .mismatch,
            ])
        // 72 Map-Registers, 58 Map-Notifies (two of them in data packets), 4 Info messages, 4 in an
        // ECM; less the three; and two proofs for RTRs.
        #expect(right == 137)
    }
}

extension CapturedDatagram {
    /// The control packet, also inside a data packet; `nil` for other data packets.
    var controlPacket: ControlPacket? {
        get throws {
            switch datagram.content {
            case .control: return try ControlPacket(octets: payload)
            case .data:
                if case .control(_, _, let packet) = try DataPacket(octets: payload).content {
                    return packet
                }
                return nil
            case nil: return nil
            }
        }
    }
}

extension ControlMessage {
    /// What the message carries behind its last field.
    var trailing: [UInt8] {
        switch self {
        case .mapRequest(let request): return request.trailing
        case .mapReply(let reply): return reply.trailing
        default: return []
        }
    }
}
