package import Clocks
package import Cryptography

/// Two ends of a session that no handshake made, for measurements and tests. Whoever makes two of one
/// secret has the same keys twice.
package struct SessionSample {
    /// Seals with lane 1 what the receiver opens.
    package let sender: ForwardedSession
    package let receiver: ForwardedSession

    /// - Parameters:
    ///   - secret: 32 octets.
    ///   - path: where the packets go and come from.
    package init(
        _ cipher: PacketCipher, secret: [UInt8], index: UInt32 = 0xABCDEF, path: Path,
        lanes: UInt8 = 2, since: Moment = .start
    ) {
        let life = KeyLife(SessionSettings())
        let near = SessionKeys(
            cipher, send: secret, receive: secret, local: index, remote: index,
            isInitiator: true, since: since, localLanes: lanes, remoteLanes: lanes)
        var far = SessionKeys(
            cipher, send: secret, receive: secret, local: index, remote: index,
            isInitiator: false, since: since, localLanes: lanes, remoteLanes: lanes)
        var sender = ForwardedSession()
        sender.path = path
        sender.sending = near.lend(1, life)
        sender.sealUntil = since + life.refuseAfter
        var receiver = ForwardedSession()
        receiver.path = path
        receiver.receiving =
            far.lendWindows(life).map {
                [
                    .init(
                        index: index, lanes: $0, openUntil: since + life.refuseAfter,
                        isCurrent: true)
                ]
            } ?? []
        self.sender = sender
        self.receiver = receiver
    }
}
