package import LISP
package import Sessions

/// What happens to a node.
package enum Event: Sendable {
    /// The first event: everything that the disk held was given to the initializer.
    case start
    case datagram(Datagram)
    /// A packet from this host for the overlay, from the TUN device of an instance.
    case packet([UInt8], instance: UInt32)
    /// A packet that a thread opened and could not explain (`Verdict.explain`), with the receiver's index
    /// that it came under.
    case opened([UInt8], instance: UInt32, index: UInt32)
    /// A packet that a thread opened came along another path than the session's packets go.
    case heard(Heard)
    /// Packet threads have sent or received since the last time; about once a second while they do.
    case traffic
    /// The underlay says that something to a path was too large for it. Anybody may have said so.
    case pathTrouble(Path)
    /// Time has reached ``Node/nextDeadline``, or passed it.
    case deadline
    /// Everything up to this batch of writes is durable.
    case written(batch: UInt64)
    /// Which addresses this host has in the underlay, from the routing socket.
    case locators([Address])
    /// The largest packet that this host's links take, IP header and all.
    case linkMTU(Int)
    /// Who speaks plain RFC 9300 from now on, as the settings say.
    case legacy([LegacyXTR])
    /// The process is about to end: the node tells its peers, and does nothing any more.
    case stopping
    /// What a person or a program asks, with a number for the answer. Large, and seldom: it would make
    /// every packet's event as large.
    indirect case command(Command, UInt64)
}

/// What a node wants done.
package enum Effect: Hashable, Sendable {
    case send(Datagram)
    /// A packet from the overlay for this host.
    case deliver([UInt8], instance: UInt32)
    /// A data packet for the thread that opens them: it alone can open it.
    case reopen(Datagram, isRelayed: Bool)
    /// To be made durable together; `Event.written` tells when.
    case write([DiskWrite], batch: UInt64)
    indirect case answer(Answer, UInt64)
    /// For the log, and for `status`.
    case notice(Notice)
    /// For a capture; only if the settings ask for it.
    indirect case plaintext(Plaintext)
}

/// One key of the state that outlives the process.
package struct DiskWrite: Hashable, Sendable {
    package var key: [UInt8]
    /// `nil` removes the key.
    package var value: [UInt8]?

    package init(_ key: [UInt8], _ value: [UInt8]?) {
        self.key = key
        self.value = value
    }
}
