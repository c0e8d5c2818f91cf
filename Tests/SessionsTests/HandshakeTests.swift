import Clocks
import Cryptography
import LISP
import TestKit
import Testing
import Trust

@testable import Sessions

@Suite("Sessions: handshakes")
struct HandshakeTests {
    @Test("the first packet goes inside the opener, and the session follows")
    func opensWithEarlyData() {
        var wire = Wire()
        wire.send(packet(1), from: 0, to: 1)
        wire.send(packet(2), from: 0, to: 1)
        wire.run(for: .milliseconds(30))
        #expect(wire.nodes[1].early == [packet(1)] && wire.nodes[1].delivered == [packet(1)])
        wire.run(for: .seconds(1))
        #expect(wire.nodes[1].delivered == [packet(1), packet(2)])
        #expect(wire.isEstablished(0, 1) && wire.isEstablished(1, 0))
        #expect(wire.state(of: 1, at: 0)?.roundTrip == .milliseconds(40))
        #expect(wire.state(of: 0, at: 1)?.roundTrip == .milliseconds(40))
        #expect(wire.state(of: 1, at: 0)?.isProved == true)
        wire.send(.control([16, 0, 1, 9]), from: 1, to: 0)
        wire.run(for: .seconds(1))
        #expect(wire.nodes[0].delivered == [.control([16, 0, 1, 9])])
        #expect(wire.nodes[0].has(.established(.member(wire.nodes[1].id))))
        #expect(wire.nodes[1].has(.established(.member(wire.nodes[0].id))))
        let answer = wire.log.first { $0.datagram.form == 2 }
        let opener = wire.log.first { $0.datagram.form == 1 }
        #expect((answer?.datagram.octets.count ?? 9999) <= (opener?.datagram.octets.count ?? 0))
    }
}
