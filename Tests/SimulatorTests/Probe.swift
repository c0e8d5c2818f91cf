import Clocks
import LISP
import LISPNode
import Sessions
import Simulator

/// A node that notes what happens and does what the test says: a packet of instance i, given to it by
/// the test, goes to peer i as it is.
struct Probe: SimulatedNode {
    struct Received: Hashable {
        let moment: Moment
        let datagram: Datagram
        var octets: [UInt8] { datagram.octets }
    }

    let disk: DiskContents
    let restart: Restart
    var peers: [Path]
    var received: [Received] = []
    var kinds: [String] = []
    var readings: [ClockReading] = []
    var written: [UInt64] = []
    var locators: [Address] = []
    var nextDeadline = Moment.never
    /// What a deadline does beside being noted.
    var interval: Span?
    /// Where control traffic goes out.
    var port = LocalPort.control
    var effects: [Effect] = []

    mutating func handle(
        _ event: Event, at now: Now, using random: inout some RandomNumberGenerator
    ) -> [Effect] {
        readings.append(now.clock)
        switch event {
        case .start:
            kinds.append("start")
            if let interval { nextDeadline = now.moment + interval }
        case .datagram(let datagram):
            kinds.append("datagram")
            received.append(Received(moment: now.moment, datagram: datagram))
        case .packet(let octets, let instance):
            kinds.append("packet")
            guard instance < peers.count else {
                defer { effects = [] }
                return effects
            }
            return [.send(Datagram(octets, on: port, remote: peers[Int(instance)]))]
        case .deadline:
            kinds.append("deadline")
            nextDeadline = interval.map { now.moment + $0 } ?? .never
        case .written(let batch):
            kinds.append("written")
            written.append(batch)
        case .linkMTU: kinds.append("linkMTU")
        case .locators(let addresses): locators = addresses
        case .legacy, .stopping: break
        case .command: kinds.append("command")
        case .opened, .heard, .traffic, .pathTrouble: break
        }
        return []
    }
}

extension World where Member == Probe {
    /// Machines that know each other's home addresses.
    static func ofProbes(
        _ count: Int, seed: UInt64 = 1, interval: Span? = nil,
        change: ((inout Probe) -> Void)? = nil
    ) -> World<Probe> {
        let peers = (0..<count).compactMap { Path(defaultAddress(of: $0), port: 4342) }
        let world = World<Probe>(seed: seed, machines: count) { _, disk, restart in
            var probe = Probe(disk: disk, restart: restart, peers: peers)
            probe.interval = interval
            change?(&probe)
            return probe
        }
        world.start()
        return world
    }

    /// Sends numbered datagrams a millisecond apart, and waits until all are there.
    func stream(_ count: Int, from: Int = 0, to: Int = 1, size: Int = 40) {
        for number in 0..<count {
            send(number, from: from, to: to, size: size)
            run(for: .milliseconds(1))
        }
        run(for: .seconds(5))
    }

    func send(_ number: Int, from: Int = 0, to: Int = 1, size: Int = 40) {
        inject(packet: Self.numbered(number, size: size), instance: UInt32(to), at: from)
    }

    static func numbered(_ number: Int, size: Int = 40) -> [UInt8] {
        (0..<8).map { UInt8(truncatingIfNeeded: number >> (56 - 8 * $0)) }
            + [UInt8](repeating: 0xAA, count: size - 8)
    }

    /// The numbers of what a machine received, in order; `nil`: damaged.
    func numbers(at machine: Int = 1, size: Int = 40) -> [Int?] {
        members[machine].received.map { received in
            let number = received.octets.prefix(8).reduce(0) { $0 << 8 | Int($1) & 0xFF }
            return received.octets == Self.numbered(number, size: size) ? number : nil
        }
    }
}
