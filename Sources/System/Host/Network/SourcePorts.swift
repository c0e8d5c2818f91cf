import Forwarding
import Sessions

/// The UDP sockets that sealed packets leave from: the data port, and others, bound to any free ports, that
/// only send. Routers and network cards that choose among links by addresses and ports see the flows of two
/// hosts apart.
final class SourcePorts: Sendable {
    private let data: UDPPort
    private let others: [UDPPort]

    /// trust.md 6's pool.
    static let usual = 16

    /// - Parameter count: of the ports for flows; 1: the data port is the only one.
    init(_ data: UDPPort, count: Int) throws(HostError) {
        self.data = data
        var others: [UDPPort] = []
        for _ in 0..<(count > 1 ? count : 0) {
            others.append(try UDPPort(port: 0, onlySends: true))
        }
        self.others = others
    }

    /// Sends a datagram from the port that its flow leaves from.
    func send(_ datagram: Datagram) -> SendOutcome {
        let port =
            others.isEmpty ? data : others[Int(datagram.flow ?? 0) % others.count]
        return port.send([datagram])
    }

    /// Packets that one thread has ready, those of each socket in their order.
    struct Outbox: ~Copyable {
        private let ports: [UDPPort]
        private let capacity: Int
        /// `capacity` places for each socket.
        private let packets: UnsafeMutablePointer<OutPacket>
        private let counts: UnsafeMutablePointer<Int>
        private let batch = SendBatch()

        /// - Parameter capacity: of packets between two calls of ``send(drops:trouble:)``.
        init(_ ports: SourcePorts, capacity: Int) {
            self.ports = [ports.data] + ports.others
            self.capacity = capacity
            packets = .allocate(capacity: capacity * self.ports.count)
            counts = .allocate(capacity: self.ports.count)
            counts.initialize(repeating: 0, count: self.ports.count)
        }

        deinit {
            packets.deallocate()
            counts.deallocate()
        }

        @inline(__always)
        mutating func add(_ packet: OutPacket, from source: Outgoing.Source) {
            var place = 0
            if case .flow(let flow) = source, ports.count > 1 {
                place = 1 + Int(flow) % (ports.count - 1)
            }
            (packets + place * capacity + counts[place]).initialize(to: packet)
            counts[place] += 1
        }

        /// Sends all, with a call of the system for each socket that has something.
        /// - Parameters:
        ///   - drops: what was not sent is counted there.
        ///   - trouble: called with the paths that do not carry packets of this size.
        mutating func send(drops: PacketDrops, trouble: (PathError) -> Void) {
            for place in 0..<ports.count where counts[place] > 0 {
                let port = ports[place]
                let outcome = port.send(
                    .init(start: packets + place * capacity, count: counts[place]), using: batch)
                counts[place] = 0
                drops.count(outcome, isTraffic: true)
                for path in outcome.tooBigPaths {
                    trouble(PathError(remote: path.remote, reason: .tooBig(mtu: path.mtu ?? 0)))
                }
                // The data port has a thread that waits for it.
                if place > 0 { port.takePathErrors().forEach(trouble) }
            }
        }
    }
}
