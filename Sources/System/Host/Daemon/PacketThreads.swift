import Clocks
import Forwarding
import Glibc
import LISP
import LISPNode
import Sessions
import Synchronization

/// The straight way of packets, beside the loop: one thread seals what the TUN device gives, one opens
/// what comes on the data port. They work by the table on the board; what it does not say is the node's.
///
///     TUN ──▶ Sealer ── send ──▶ UDP, 16 ports       UDP 4341 ──▶ Opener ── deliver ──▶ TUN
///                └─ consult ─▶ loop ◀─ consult, explain, heard ─┘  ◀─ reopen ─ loop
final class PacketThreads: Sendable {
    private let data: UDPPort
    private let control: UDPPort
    private let sources: SourcePorts
    private let tun: TUNDevice
    private let board: ForwardingBoard
    private let mailbox: Mailbox<Loop.Letter>
    private let clock: SystemClock
    private let isStopping = Flag()
    /// Datagrams that the node gave back: their sessions are this thread's now.
    private let returned: Mailbox<Returned>
    private let work = Atomic<UInt64>(0)
    private let drops: PacketDrops

    struct Returned: MailboxLetter {
        let datagram: Datagram
        var octets: Int { datagram.octets.count }
        let isRelayed: Bool
        /// Of the outer header; a datagram that does not say came with all of them.
        var hops: UInt8 { datagram.timeToLive == 0 ? .max : datagram.timeToLive }
    }

    /// Datagrams given back that may wait: what came in the moment of a handover.
    private static let maximumReturned = 1024

    init(
        data: UDPPort, control: UDPPort, sources: SourcePorts, tun: TUNDevice,
        mailbox: Mailbox<Loop.Letter>, clock: SystemClock, drops: PacketDrops
    ) throws(HostError) {
        self.data = data
        self.control = control
        self.sources = sources
        self.tun = tun
        self.mailbox = mailbox
        self.clock = clock
        self.drops = drops
        board = ForwardingBoard()
        returned = try Mailbox(limit: Self.maximumReturned)
    }

    /// Grows while packets pass.
    var activity: UInt64 { work.load(ordering: .relaxed) }

    /// A thread that waits works by nothing, and looks at the board before it goes on; one that is at work
    /// does so with its next batch.
    func publish(_ table: ForwardingTable) { board.publish(table) }

    func giveBack(_ datagram: Datagram, isRelayed: Bool) {
        returned.post(droppable: [Returned(datagram: datagram, isRelayed: isRelayed)])
        data.wake()
    }

    /// What the node sends from one of the ports of flows, to see whether it comes.
    func sendTrial(_ datagram: Datagram) {
        drops.count(sources.send(datagram), isTraffic: false)
    }

    /// Gives this host a packet.
    @inline(__always)
    func deliver(_ packet: UnsafeRawBufferPointer) {
        if !tun.write(packet) { drops.count(.notDelivered) }
    }

    /// What was dropped so far, by reason.
    var dropped: [String: UInt64] { drops.byReason(lost: mailbox.lost + returned.lost) }

    func start() -> [HostThread] {
        [
            HostThread("seal") { [self] in seal() },
            HostThread("open") { [self] in open() },
            HostThread("control") { [self] in receiveControl() },
        ]
    }

    func stop() {
        isStopping.set()
        data.wake()
        control.wake()
        tun.wake()
    }
}

// TUN to UDP
extension PacketThreads {
    /// Packets between two calls of the system.
    private static let batch = 64
    /// Room for the largest packet of a TUN device and for what goes around it.
    private static let slot = 65_536 + Sealer.headroom + Sealer.tailroom

    /// A packet of 1,280 octets, which IPv6 asks of every link, in its seal.
    private static let least = 1280 + Sealer.head + Sealer.tag

    private func seal() {
        let arena = UnsafeMutableRawPointer.allocate(
            byteCount: Self.batch * Self.slot, alignment: 64)
        defer { arena.deallocate() }
        var outbox = SourcePorts.Outbox(sources, capacity: Self.batch)
        var sealer = Sealer(drops: drops.sealing)
        var reader = ForwardingBoard.Reader()
        var letters: [Loop.Letter] = []
        var answers = AnswerBudget()
        let room = 65_536
        while !isStopping.isSet {
            var count = 0
            var hasSealed = false
            do throws(HostError) {
                var size = try tun.read(into: .init(start: arena + Sealer.headroom, count: room))
                let now = clock.moment
                reader.refresh(from: board)
                while size > 0 {
                    let place = arena + count * Self.slot + Sealer.headroom
                    let packet = UnsafeMutableRawBufferPointer(start: place, count: size)
                    switch verdict(packet, &sealer, reader.table, at: now) {
                    case .send(let outgoing):
                        outbox.add(
                            OutPacket(
                                place - Sealer.head, length: outgoing.size, to: outgoing.path,
                                trafficClass: outgoing.trafficClass,
                                timeToLive: outgoing.timeToLive,
                                fragments: outgoing.isCut
                                    ? .always : outgoing.size <= Self.least ? .ifNeeded : .never),
                            from: outgoing.source)
                        hasSealed = true
                    case .consult, .explain: letters.append(.packet([UInt8](packet)))
                    case .deliver: deliver(UnsafeRawBufferPointer(packet))
                    case .tooBig(let mtu):
                        if answers.take(at: now), let table = reader.table,
                            let answer = ICMPTooBig.packet(
                                for: UnsafeRawBufferPointer(packet), mtu: mtu, from: table)
                        {
                            answer.withUnsafeBytes { deliver($0) }
                        }
                    case .drop: break
                    }
                    count += 1
                    guard count < Self.batch else { break }
                    size = try tun.readAtOnce(
                        into: .init(
                            start: arena + count * Self.slot + Sealer.headroom, count: room))
                }
            } catch {
                guard error.code == EIO else {
                    mailbox.post(.broken(error))
                    return
                }
                // Somebody has taken the device down, and may take it up again.
                usleep(100_000)
            }
            if hasSealed {
                outbox.send(drops: drops) { error in
                    if case .tooBig = error.reason { letters.append(.pathTrouble(error.remote)) }
                }
                work.add(1, ordering: .relaxed)
            }
            if !letters.isEmpty {
                mailbox.post(droppable: letters)
                letters.removeAll(keepingCapacity: true)
            }
        }
    }

    @inline(__always)
    private func verdict(
        _ packet: UnsafeMutableRawBufferPointer, _ sealer: inout Sealer,
        _ table: ForwardingTable?, at now: Moment
    ) -> Verdict {
        guard let table else { return .consult }
        return sealer.seal(packet, at: now, using: table)
    }
}

// UDP to TUN
extension PacketThreads {
    private func open() {
        let batch = ReceiveBatch()
        var opener = Opener(drops: drops.opening)
        var reader = ForwardingBoard.Reader()
        var letters: [Loop.Letter] = []
        while !isStopping.isSet {
            guard let count = try? data.receive(into: batch) else {
                usleep(10_000)
                continue
            }
            let now = clock.moment
            reader.refresh(from: board)
            let overflowed = batch.overflowed
            var opened = 0
            for index in 0..<count {
                let (octets, remote, trafficClass, timeToLive) = batch[index]
                let datagram = UnsafeMutableRawBufferPointer(mutating: octets)
                let verdict =
                    reader.table.map {
                        opener.open(
                            datagram, remote: remote, trafficClass: trafficClass,
                            timeToLive: timeToLive, at: now, using: $0)
                    } ?? .consult
                if case .consult = verdict {
                    letters.append(.datagram(batch.datagram(index, port: .data)))
                } else {
                    opened += 1
                    finish(verdict, datagram, opener.heard, &letters)
                }
            }
            noteOverflow(of: batch, since: overflowed)
            // Woken: something was given back, or the network said something about a path.
            if count == 0 {
                for letter in returned.take() {
                    guard let table = reader.table else { continue }
                    var octets = letter.datagram.octets
                    octets.withUnsafeMutableBytes { datagram in
                        let verdict = opener.open(
                            datagram, remote: letter.datagram.remote, isRelayed: letter.isRelayed,
                            trafficClass: letter.datagram.trafficClass,
                            timeToLive: letter.hops, at: now, using: table)
                        finish(verdict, datagram, opener.heard, &letters)
                    }
                }
                for error in data.takePathErrors() {
                    if case .tooBig = error.reason { letters.append(.pathTrouble(error.remote)) }
                }
            }
            if opened > 0 { work.add(1, ordering: .relaxed) }
            if !letters.isEmpty {
                mailbox.post(droppable: letters)
                letters.removeAll(keepingCapacity: true)
            }
        }
    }

    @inline(__always)
    private func finish(
        _ verdict: Verdict, _ datagram: UnsafeMutableRawBufferPointer, _ heard: Heard?,
        _ letters: inout [Loop.Letter]
    ) {
        switch verdict {
        case .deliver(let size, _):
            deliver(UnsafeRawBufferPointer(rebasing: datagram[Opener.head..<Opener.head + size]))
        case .explain(let size, let instance, let index):
            letters.append(
                .opened(
                    [UInt8](datagram[Opener.head..<Opener.head + size]), instance: instance,
                    index: index))
        // A datagram that was given back and is not this thread's either has lost its session meanwhile.
        case .consult, .send, .tooBig, .drop: break
        }
        if let heard { letters.append(.heard(heard)) }
    }

    private func receiveControl() {
        let batch = ReceiveBatch()
        while !isStopping.isSet {
            guard let count = try? control.receive(into: batch) else {
                usleep(10_000)
                continue
            }
            let overflowed = batch.overflowed
            mailbox.post(
                droppable: (0..<count).map { .datagram(batch.datagram($0, port: .control)) })
            noteOverflow(of: batch, since: overflowed)
        }
    }

    /// The kernel tells with each datagram how many it has dropped before.
    private func noteOverflow(of batch: ReceiveBatch, since before: UInt32) {
        if batch.overflowed != before {
            drops.count(.notReceived, Int(batch.overflowed &- before))
        }
    }
}

/// How often this host is told that packets are too big: a flow needs one answer, and an answer for each
/// of a flood would be a flood.
private struct AnswerBudget {
    private var left = AnswerBudget.aSecond
    private var until = Moment.start

    private static let aSecond = 100

    mutating func take(at now: Moment) -> Bool {
        if now >= until { (left, until) = (Self.aSecond, now + .seconds(1)) }
        guard left > 0 else { return false }
        left -= 1
        return true
    }
}
