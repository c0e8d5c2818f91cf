import Glibc
import Host
import LISP
import Sessions
import TestKit
import Testing

@Suite("What goes nowhere is counted")
struct PacketDropsTests {
    /// What came of a datagram of a host that has a way to nowhere but itself.
    private func outcome(isTraffic: Bool, to host: String) throws -> [String: UInt64] {
        let drops = PacketDrops()
        let lonely = try Namespace()
        let port = try lonely.inside { try UDPPort(port: 0) }
        let address = try #require(Address(rloc: host))
        let remote = try #require(Path(address, port: 7))
        drops.count(
            port.send([Datagram([1], on: .data, remote: remote)]), isTraffic: isTraffic)
        return drops.byReason()
    }

    @Test("no way for a packet is a loss; no way for a question is an answer")
    func unreachable() throws {
        #expect(try outcome(isTraffic: true, to: "192.0.2.1") == ["unreachable": 1])
        #expect(try outcome(isTraffic: false, to: "192.0.2.1") == [:])
    }

    @Test("each reason has a name of its own, and what never happened is not there")
    func names() {
        let drops = PacketDrops()
        #expect(drops.byReason().isEmpty)
        for (place, reason) in PacketDrops.Reason.allCases.enumerated() {
            drops.count(reason, place + 1)
        }
        let all = drops.byReason(lost: 100)
        #expect(all.count == PacketDrops.Reason.allCases.count)
        #expect(all["forbidden"] == 1 && all["not_handled"] == 107)
    }
}
