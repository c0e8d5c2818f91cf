import Clocks
import LISP
import LISPNode
package import Sessions
import TestKit

extension World {
    // MARK: - What scenarios set

    /// For one direction between two machines; `nil`: as ``link`` says.
    package func setLink(_ link: Link?, from: Int, to: Int) {
        links[Self.pair(from, to)] = link
    }

    /// - Parameter sides: machines that cannot hear those of another side; who is in none of them
    ///   hears all: a bridge.
    /// - Returns: its number, for ``mend(_:)``.
    @discardableResult
    package func partition(_ sides: [[Int]], shape: Partition.Shape = .full) -> Int {
        var byMachine = [UInt8](repeating: 0, count: machines.count)
        for (number, side) in sides.enumerated() {
            for machine in side { byMachine[machine] = UInt8(truncatingIfNeeded: number + 1) }
        }
        nextPartition += 1
        partitions.append((nextPartition, Partition(shape: shape, sides: byMachine)))
        trace(.partitioned, -1, number: UInt64(nextPartition), text: "\(shape) \(sides)")
        return nextPartition
    }

    package func mend(_ partition: Int) {
        guard partitions.contains(where: { $0.id == partition }) else { return }
        partitions.removeAll { $0.id == partition }
        trace(.healed, -1, number: UInt64(partition))
    }

    /// A clogged link holds what is sent over it, up to this many datagrams.
    static var clogLimit: Int { 1000 }

    package func clog(from: Int, to: Int) {
        guard clogged[Self.pair(from, to)] == nil else { return }
        clogged[Self.pair(from, to)] = []
        traceLink(.clogged, from, to)
    }

    /// What was held comes at once.
    package func unclog(from: Int, to: Int) {
        guard let held = clogged.removeValue(forKey: Self.pair(from, to)) else { return }
        traceLink(.unclogged, from, to)
        let link = links.isEmpty ? link : links[Self.pair(from, to)] ?? link
        for place in held {
            queue.insert(.arrival, place, at: time + max(link.delay.microseconds, 1))
        }
    }

    // MARK: - The way of a datagram

    func send(_ datagram: Datagram, from index: Int) {
        let destination = endpoints.id(of: datagram.remote)
        let isIPv4 = datagram.remote.isIPv4
        let size = datagram.octets.count
        machines[index].traffic.datagramsOut += 1
        machines[index].traffic.octetsOut += UInt64(size)
        machines[index].traffic.wireOctetsOut += UInt64(size + Traffic.header(isIPv4))
        contacts.update(index, destination) {
            $0.datagramsOut &+= 1
            $0.octetsOut &+= UInt32(truncatingIfNeeded: size)
        }
        trace(
            .sent, index, endpoint: destination, octets: datagram.octets)
        var flight = Flight(
            octets: datagram.octets, source: destination, destination: destination,
            sender: Int32(truncatingIfNeeded: index), network: nil, isForged: false,
            epoch: faultEpoch)
        guard let attachment = machines[index].attachments.first(where: { $0.isIPv4 == isIPv4 })
        else {
            drop(flight, .noRoute)
            return
        }
        flight.source = datagram.port == .data ? attachment.data : attachment.control
        if let flow = datagram.flow, let path = Self.path(of: flow, attachment.address) {
            flight.source = endpoints.id(of: path)
        }
        machines[index].firewall?.leaves(from: flight.source, to: destination, at: time)
        flight.network = attachment.nat
        if let nat = attachment.nat, !isPrivate(destination, to: nat) {
            let port = nats[nat].port(
                from: flight.source, to: destination, datagram.remote, at: time)
            flight.source = endpoints.id(of: Path(nats[nat].host, port: port))
            if case .nat(nat) = endpoints.owner(of: destination), nats[nat].hairpins == false {
                drop(flight, .nat)
                return
            }
            flight.network = nil
        }
        if let sent = hooks.sent { sent(self, packet(flight)) }
        if outsider.isActive { observe(flight) }
        let receiver = receiver(of: destination, from: flight.source)
        if isCut(index, receiver) {
            drop(flight, .partition)
            return
        }
        let link = links.isEmpty ? link : links[Self.pair(index, receiver)] ?? link
        if size + Traffic.header(isIPv4) > link.mtu {
            drop(flight, .mtu)
            return
        }
        if machines[index].surroundings.happens(link.loss) {
            drop(flight, .loss)
            return
        }
        if machines[index].surroundings.happens(link.replay) {
            var again = flight
            again.isForged = true
            launch(again, after: 1 + machines[index].surroundings.upTo(link.replayedWithin))
        }
        if machines[index].surroundings.happens(link.duplicate) {
            duplicated += 1
            launch(flight, after: link.lateness(&machines[index].surroundings))
        }
        if machines[index].surroundings.happens(link.flip) {
            Damage.flip(&flight.octets, &machines[index].surroundings)
        }
        if machines[index].surroundings.happens(link.truncate) {
            Damage.truncate(&flight.octets, &machines[index].surroundings)
        }
        if !clogged.isEmpty, let held = clogged[Self.pair(index, receiver)] {
            guard held.count < Self.clogLimit else {
                drop(flight, .clogged)
                return
            }
            clogged[Self.pair(index, receiver)]?.append(flights.insert(flight))
            return
        }
        launch(flight, after: link.lateness(&machines[index].surroundings))
    }

    static var firstFlowPort: UInt16 { 50_000 }

    /// One of the 16 ports that flows leave from.
    private static func path(of flow: UInt16, _ address: Address) -> Path? {
        Path(address, port: firstFlowPort + flow % 16)
    }

    func launch(_ flight: Flight, after delay: Int64) {
        queue.insert(.arrival, flights.insert(flight), at: time + delay)
        peaks.flights = max(peaks.flights, flights.count)
        peaks.queue = max(peaks.queue, queue.count)
    }

    func arrive(_ place: Int) {
        let flight = flights.remove(place)
        if flight.isForged, flight.epoch != faultEpoch {
            drop(flight, .healed)
            return
        }
        var destination = flight.destination
        let source = endpoints.paths[Int(flight.source)]
        if case .nat(let nat) = endpoints.owner(of: destination) {
            let port = endpoints.paths[Int(destination)].port
            guard let inner = nats[nat].inner(port: port, from: source, at: time) else {
                drop(flight, .nat)
                return
            }
            destination = inner
        } else if case .machine(_, let network?) = endpoints.owner(of: destination),
            network != flight.network
        {
            drop(flight, .nobody)
            return
        }
        guard case .machine(let index, _) = endpoints.owner(of: destination) else {
            drop(flight, .nobody)
            return
        }
        if let firewall = machines[index].firewall,
            source.port != firewall.passes,
            !firewall.letsIn(from: flight.source, to: destination, at: time)
        {
            drop(flight, .nat)
            return
        }
        let port = endpoints.paths[Int(destination)].port
        let ports = machines[index].ports
        guard port == ports.data || port == ports.control else {
            drop(flight, .closedPort)
            return
        }
        guard machines[index].isRunning, machines[index].asleepUntil <= time else {
            drop(flight, .down)
            return
        }
        guard machines[index].backlog.count < Machine.backlogLimit else {
            drop(flight, .backlog)
            return
        }
        receive(flight, at: index, on: port == ports.data ? .data : .control, from: source)
    }

    private func receive(_ flight: Flight, at index: Int, on port: LocalPort, from source: Path) {
        let size = flight.octets.count
        machines[index].traffic.datagramsIn += 1
        machines[index].traffic.octetsIn += UInt64(size)
        machines[index].traffic.wireOctetsIn += UInt64(size + Traffic.header(source.isIPv4))
        contacts.update(index, flight.source) {
            $0.datagramsIn &+= 1
            $0.octetsIn &+= UInt32(truncatingIfNeeded: size)
            if !flight.isForged, $0.datagramsOut > 0 { $0.hasAnswered = true }
        }
        if let delivered = hooks.delivered { delivered(self, packet(flight), index) }
        happen(.datagram(Datagram(flight.octets, on: port, remote: source)), at: index)
    }

    func drop(_ flight: Flight, _ reason: DropReason) {
        drops[Int(reason.rawValue)] += 1
        trace(
            .dropped, Int(flight.sender), endpoint: flight.destination, octets: flight.octets,
            number: UInt64(reason.rawValue))
        if let dropped = hooks.dropped { dropped(self, packet(flight), reason) }
    }

    func packet(_ flight: Flight) -> Packet {
        Packet(
            octets: flight.octets, source: endpoints.paths[Int(flight.source)],
            destination: endpoints.paths[Int(flight.destination)],
            sender: flight.sender < 0 ? nil : Int(flight.sender), isForged: flight.isForged)
    }

    func isCut(_ from: Int, _ to: Int) -> Bool {
        !partitions.isEmpty && partitions.contains { $0.partition.cuts(from, to) }
    }

    static func pair(_ from: Int, _ to: Int) -> UInt64 {
        UInt64(truncatingIfNeeded: from) << 32 | UInt64(UInt32(truncatingIfNeeded: to))
    }

    private func isPrivate(_ endpoint: UInt32, to nat: Int) -> Bool {
        if case .machine(_, network: nat) = endpoints.owner(of: endpoint) { return true }
        return false
    }

    /// The machine that a datagram will reach as things stand; -1 if none.
    private func receiver(of destination: UInt32, from source: UInt32) -> Int {
        switch endpoints.owner(of: destination) {
        case .nobody: return -1
        case .machine(let index, _): return index
        case .nat(let nat):
            guard
                let inner = nats[nat].inner(
                    port: endpoints.paths[Int(destination)].port,
                    from: endpoints.paths[Int(source)], at: time),
                case .machine(let index, _) = endpoints.owner(of: inner)
            else { return -1 }
            return index
        }
    }

    package func drops(_ reason: DropReason) -> Int { drops[Int(reason.rawValue)] }
    package func traffic(of machine: Int) -> Traffic { machines[machine].traffic }

    package func contact(of machine: Int, with path: Path) -> Contact {
        contacts[machine, endpoints.id(of: path)] ?? Contact()
    }

    /// The paths that have not answered what a machine sent there, or have sent and heard nothing.
    func unanswered(of machine: Int) -> [(path: Path, contact: Contact)] {
        contacts.unanswered(of: machine).map { (endpoints.paths[Int($0.endpoint)], $0.contact) }
    }

    /// Every path that a machine exchanged something with, in the order in which paths first
    /// occurred.
    package func contacts(of machine: Int) -> [(path: Path, contact: Contact)] {
        contacts.all(of: machine).map { (endpoints.paths[Int($0.endpoint)], $0.contact) }
    }
}
