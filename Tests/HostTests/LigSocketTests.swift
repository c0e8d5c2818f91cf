import Admin
import Foundation
import Host
import LISP
import Sessions
import Testing

@Suite("lig's socket")
struct LigSocketTests {
    @Test("addresses as people write them")
    func addresses() {
        func text(_ text: String) -> String? {
            HostAddress.path(of: text, port: 4342).map { "\($0)" }
        }
        #expect(text("192.0.2.1") == "192.0.2.1:4342")
        #expect(text("192.0.2.1:14342") == "192.0.2.1:14342")
        #expect(text("2001:db8::1") == "[2001:db8::1]:4342")
        #expect(text("[2001:db8::1]:14342") == "[2001:db8::1]:14342")
        #expect(text("[2001:db8::1]") == "[2001:db8::1]:4342")
        #expect(text("192.0.2.1:0") == nil && text("[::1]4342") == nil && text("") == nil)
    }

    @Test(
        "the second question of three that are lost is answered; another's nonce counts for nothing"
    )
    func answered() throws {
        let server = try UDPPort(port: 0)
        let resolver = Path(IPv4Address(rawValue: 0x7F00_0001), port: server.port)
        let serving = Meanwhile { () -> Int in
            let batch = ReceiveBatch()
            var seen = 0
            while seen < 2 {
                for index in 0..<(try server.receive(into: batch)) {
                    seen += 1
                    let datagram = batch.datagram(index, port: .control)
                    let packet = try ControlPacket(octets: datagram.octets)
                    guard case .mapRequest(let request) = packet.message, seen == 2 else {
                        continue
                    }
                    for nonce in [request.nonce &+ 1, request.nonce] {
                        let record = EIDRecord(
                            eid: request.records.first?.eid ?? .none, maskLength: 32, ttl: 1)
                        let reply = MapReply(nonce: nonce, records: [record])
                        let octets = ControlPacket(.mapReply(reply)).octets()
                        _ = server.send([Datagram(octets, on: .control, remote: datagram.remote)])
                    }
                }
            }
            return seen
        }
        var told: [String] = []
        let result = try LigSocket().ask(LigQuestion(try EID("10.1.0.1"), to: resolver)) {
            told.append($0)
        }
        #expect(try serving.value() == 2 && told.count == 1)
        #expect(result.requests == 2 && result.replies.count == 1)
        #expect(result.replies.first?.from == "\(resolver)")
        #expect(result.replies.first?.records.first?.eid == "[0]10.1.0.1/32")
        // Since the second request, not since the first.
        #expect(try #require(result.replies.first).rttSeconds < 0.9)
    }

    @Test("nobody answers: four requests, and what the network said")
    func unanswered() throws {
        let closed = try UDPPort(port: 0)
        let resolver = Path(IPv4Address(rawValue: 0x7F00_0001), port: closed.port)
        // A port that is open and says nothing.
        let result = try LigSocket().ask(LigQuestion(try EID("10.1.0.1"), to: resolver)) { _ in }
        #expect(result.requests == 4 && result.replies.isEmpty && result.reason == nil)
        #expect(4.5...7 ~= result.waitedSeconds)
    }
}
