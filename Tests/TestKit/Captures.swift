import Host
package import LISP

/// One LISP datagram of a capture.
package struct CapturedDatagram: Sendable {
    package let capture: String
    package let frame: Int
    package let datagram: UDPDatagram

    package var payload: [UInt8] { datagram.payload }
    /// For messages of failing tests.
    package var place: String { "\(capture) frame \(frame)" }
}

extension CapturedDatagram {
    /// All datagrams of LISP's ports in a capture under Tests/Vectors.
    package static func all(in capture: String) throws -> [CapturedDatagram] {
        let file = try CaptureFile(path: Checkout.vector(capture))
        var found: [CapturedDatagram] = []
        while let frame = try file.next() {
            guard let packet = frame.ipPacket, let datagram = try UDPDatagram(ipPacket: packet),
                datagram.content != nil
            else { continue }
            found.append(Self(capture: capture, frame: frame.number, datagram: datagram))
        }
        return found
    }

    /// Everything that OpenOverlayRouter sent or was sent.
    package static func ofOpenOverlayRouter() throws -> [CapturedDatagram] {
        try Checkout.openOverlayRouterCaptures.flatMap { try all(in: "oor/\($0).pcap") }
    }
}
