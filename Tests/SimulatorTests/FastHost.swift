import Clocks
import Forwarding
import LISP
import LISPNode
import Sessions
import Simulator
import Testing

/// Plays the packet threads of some machines of a mesh: what they send is sealed, and what they get is
/// opened, without the node.
final class FastHosts {
    private let run: MeshRun
    private var hosts: [Int: Host] = [:]
    private var isAsking = false
    /// Of what was sealed by threads: form, index and counter.
    private(set) var counters: [[UInt8]] = []

    final class Host {
        var sealer = Sealer()
        var opener = Opener()
        var table: ForwardingTable?
        var tables = 0
        var sealed = 0
        var opened = 0
        var consulted = 0
        var verdicts: [Verdict] = []
    }

    init(_ run: MeshRun, on machines: [Int]) {
        self.run = run
        for machine in machines { hosts[machine] = Host() }
        let before = run.world.hooks.afterEvent
        run.world.hooks.afterEvent = { [unowned self] world, machine, event, effects, now in
            before?(world, machine, event, effects, now)
            publish(machine)
        }
        run.world.hooks.reopen = { [unowned self] _, machine, datagram in
            open(datagram, at: machine)
        }
    }

    subscript(machine: Int) -> Host { hosts[machine] ?? Host() }

    /// As after every event: the newest table.
    func publish(_ machine: Int) {
        guard let host = hosts[machine], !isAsking else { return }
        isAsking = true
        run.world.act(on: machine) { member, now, _ in
            if let table = member.forwardingTable(at: now) {
                host.table = table
                host.tables += 1
            }
            return []
        }
        isAsking = false
    }

    /// Has the node take note of what its threads did, each second.
    func note(every span: Span = .seconds(1)) {
        run.world.every(span) { [unowned self] world in
            for machine in hosts.keys.sorted() where world.isRunning(machine) {
                world.act(on: machine) { $0.handle(.traffic, at: $1, using: &$2) }
            }
        }
    }

    @discardableResult
    func send(_ packet: [UInt8], from machine: Int, using table: ForwardingTable? = nil) -> Verdict
    {
        let host = self[machine]
        var verdict = Verdict.consult
        run.world.act(on: machine) { member, now, random in
            if let table = table ?? host.table {
                let room = UnsafeMutableRawBufferPointer.allocate(
                    byteCount: Sealer.headroom + packet.count + Sealer.tailroom, alignment: 16)
                defer { room.deallocate() }
                let inner = UnsafeMutableRawBufferPointer(
                    rebasing: room[Sealer.headroom..<Sealer.headroom + packet.count])
                inner.copyBytes(from: packet)
                verdict = host.sealer.seal(inner, at: now.moment, using: table)
                if case .send(let outgoing) = verdict {
                    host.sealed += 1
                    let first = Sealer.headroom - Sealer.head
                    let datagram = [UInt8](room[first..<first + outgoing.size])
                    counters.append([UInt8](datagram[8..<20]))
                    var sent = Datagram(datagram, on: .data, remote: outgoing.path)
                    if case .flow(let flow) = outgoing.source { sent.flow = flow }
                    return [.send(sent)]
                }
            }
            switch verdict {
            case .deliver: return [.deliver(packet, instance: 0)]
            case .consult:
                host.consulted += 1
                return member.handle(.packet(packet, instance: 0), at: now, using: &random)
            default: return []
            }
        }
        host.verdicts.append(verdict)
        return verdict
    }

    private func open(_ datagram: Datagram, at machine: Int) {
        let host = self[machine]
        guard let table = host.table else {
            run.world.fail("node \(machine) gave a datagram to nobody")
            return
        }
        run.world.act(on: machine) { member, now, random in
            let room = UnsafeMutableRawBufferPointer.allocate(
                byteCount: datagram.octets.count, alignment: 16)
            defer { room.deallocate() }
            room.copyBytes(from: datagram.octets)
            let verdict = host.opener.open(
                room, remote: datagram.remote, trafficClass: 0, timeToLive: 64, at: now.moment,
                using: table)
            host.verdicts.append(verdict)
            var effects: [Effect] = []
            if let heard = host.opener.heard {
                effects += member.handle(.heard(heard), at: now, using: &random)
            }
            func packet(_ size: Int) -> [UInt8] { [UInt8](room[Opener.head..<Opener.head + size]) }
            switch verdict {
            case .deliver(let size, let instance):
                host.opened += 1
                effects.append(.deliver(packet(size), instance: instance))
            case .explain(let size, let instance, let index):
                effects += member.handle(
                    .opened(packet(size), instance: instance, index: index), at: now,
                    using: &random)
            case .consult:
                Issue.record("the node lent what its table does not have")
            default: break
            }
            return effects
        }
    }
}

extension MeshRun {
    /// - Returns: a packet with a number in it.
    func packet(from machine: Int, to other: Int, number: UInt64) throws -> [UInt8] {
        TestPacket(
            from: try inside(machine).cryptoAddress, to: try inside(other).cryptoAddress,
            number: number
        ).octets
    }
}
