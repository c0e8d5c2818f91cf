package import LISP
package import Sessions

/// What happens to a node.
package enum Event: Sendable {
    /// The first event: everything that the disk held was given to the initializer.
    case start
    case datagram(Datagram)
    /// A packet from this host for the overlay, from the TUN device of an instance.
    case packet([UInt8], instance: UInt32)
    /// Time has reached ``Node/nextDeadline``, or passed it.
    case deadline
    /// Everything up to this batch of writes is durable.
    case written(batch: UInt64)
    /// Which addresses this host has in the underlay, from the routing socket.
    case locators([Address])
    /// What a person or a program asks, with a number for the answer. Large, and seldom: it would make
    /// every packet's event as large.
    indirect case command(Command, UInt64)
}

/// What a node wants done.
package enum Effect: Hashable, Sendable {
    case send(Datagram)
    /// A packet from the overlay for this host.
    case deliver([UInt8], instance: UInt32)
    /// To be made durable together; `Event.written` tells when.
    case write([DiskWrite], batch: UInt64)
    indirect case answer(Answer, UInt64)
    /// For the log, and for `status`.
    case notice(Notice)
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
