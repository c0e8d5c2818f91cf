import CLinux
import Glibc
import LISP
package import Sessions
import Synchronization

/// One UDP port of this host, for IPv6 and IPv4 at once; IPv4 alone where the kernel has no IPv6.
///
/// One thread receives; any thread sends and wakes. The source address of what is sent is the routing
/// table's choice: a session knows the other side's path alone, and takes it from wherever the
/// other side's datagrams come, so a host with many addresses needs nothing more.
package final class UDPPort: Sendable {
    package let port: UInt16
    package let descriptor: Int32
    /// An IPv6 socket, to which IPv4 is mapped.
    private let isDualStack: Bool
    private let wakeUp: WakeUp
    private let errors = PathErrors()
    /// Used under `turn` alone.
    private nonisolated(unsafe) let sender = Sender()
    private let turn = Mutex(())

    /// Room in the kernel for about 40 ms at 1 Gbit/s, with its own overhead: the thread that receives
    /// may be away for so long.
    private static let receiveRoom: Int32 = 8 << 20
    private static let sendRoom: Int32 = 2 << 20
    /// How long a send waits for room in the host before it drops: long enough for a slow interface to
    /// send some, short enough for timers.
    private static let patience = timeval(tv_sec: 0, tv_usec: 20_000)

    /// - Parameters:
    ///   - port: 0: any free one.
    ///   - fragments: Whether long datagrams may be cut on their way. Otherwise a datagram that is too
    ///     big is refused here or by a router, which tells the path MTU. The kernel's own memory of
    ///     path MTUs is not used (IP_PMTUDISC_PROBE): ICMP, which anybody can send, does not stop
    ///     datagrams.
    ///   - onlyIPv4: As on a kernel without IPv6.
    ///   - onlySends: Nothing is received; what the network says about paths still is.
    package init(
        port: UInt16, fragments: Bool = false, onlyIPv4: Bool = false, onlySends: Bool = false
    ) throws(HostError) {
        var isDualStack = !onlyIPv4
        let type = Int32(SOCK_DGRAM.rawValue | SOCK_CLOEXEC.rawValue)
        var descriptor: Int32 = isDualStack ? socket(AF_INET6, type, 0) : -1
        if descriptor < 0 {
            isDualStack = false
            descriptor = socket(AF_INET, type, 0)
        }
        guard descriptor >= 0 else { throw .last("cannot open a UDP socket") }
        do throws(HostError) {
            Self.prepare(descriptor, isDualStack: isDualStack, fragments: fragments)
            if onlySends, clinux_drop_received(descriptor) != 0 {
                throw .last("cannot close a UDP socket for what comes in")
            }
            self.port = try Self.bind(descriptor, port: port, isDualStack: isDualStack)
            wakeUp = try WakeUp()
        } catch {
            close(descriptor)
            throw error
        }
        self.descriptor = descriptor
        self.isDualStack = isDualStack
    }

    deinit { close(descriptor) }

    private static func prepare(_ descriptor: Int32, isDualStack: Bool, fragments: Bool) {
        let (ip, ipv6) = (Int32(IPPROTO_IP), Int32(IPPROTO_IPV6))
        let discovery = fragments ? IP_PMTUDISC_WANT : IP_PMTUDISC_PROBE
        if isDualStack {
            setOption(descriptor, ipv6, IPV6_V6ONLY, 0)
            setOption(descriptor, ipv6, IPV6_RECVTCLASS, 1)
            setOption(descriptor, ipv6, IPV6_RECVHOPLIMIT, 1)
            setOption(descriptor, ipv6, IPV6_RECVERR, 1)
            setOption(descriptor, ipv6, IPV6_MTU_DISCOVER, discovery)
        }
        setOption(descriptor, ip, IP_RECVTOS, 1)
        setOption(descriptor, ip, IP_RECVTTL, 1)
        setOption(descriptor, ip, IP_RECVERR, 1)
        setOption(descriptor, ip, IP_MTU_DISCOVER, discovery)
        setOption(descriptor, SOL_SOCKET, Int32(SO_RXQ_OVFL), 1)
        // Beyond the host's limit with CAP_NET_ADMIN only.
        if !setOption(descriptor, SOL_SOCKET, Int32(SO_RCVBUFFORCE), receiveRoom) {
            setOption(descriptor, SOL_SOCKET, Int32(SO_RCVBUF), receiveRoom)
        }
        if !setOption(descriptor, SOL_SOCKET, Int32(SO_SNDBUFFORCE), sendRoom) {
            setOption(descriptor, SOL_SOCKET, Int32(SO_SNDBUF), sendRoom)
        }
        var patience = patience
        setsockopt(
            descriptor, SOL_SOCKET, Int32(SO_SNDTIMEO), &patience,
            socklen_t(MemoryLayout<timeval>.size))
    }

    private static func bind(
        _ descriptor: Int32, port: UInt16, isDualStack: Bool
    ) throws(HostError) -> UInt16 {
        var address = sockaddr_in6()
        let any =
            isDualStack
            ? Path(IPv6Address(high: 0, low: 0), port: port)
            : Path(IPv4Address(rawValue: 0), port: port)
        var length = any.write(to: &address, mapped: isDualStack)
        let (bound, named) = withUnsafeMutablePointer(to: &address) { address in
            UnsafeMutableRawPointer(address).withMemoryRebound(to: sockaddr.self, capacity: 1) {
                let bound = Glibc.bind(descriptor, $0, length) == 0
                return (bound, bound && getsockname(descriptor, $0, &length) == 0)
            }
        }
        guard bound && named else {
            switch errno {
            case EADDRINUSE:
                throw .last("UDP port \(port) is taken by another program")
            case EACCES:
                throw .last("UDP port \(port) needs root or CAP_NET_BIND_SERVICE")
            default: throw .last("cannot open UDP port \(port)")
            }
        }
        return Path(&address).port
    }

    /// Waits until datagrams came, or something about a path (``takePathErrors()``), or ``wake()`` was
    /// called; takes at once what is there.
    /// - Returns: How many datagrams are in the batch; 0 if it was one of the others.
    package func receive(into batch: ReceiveBatch) throws(HostError) -> Int {
        while true {
            if wakeUp.takeCall() {
                batch.count = 0
                return 0
            }
            let count = batch.fill(from: descriptor)
            if count > 0 { return Int(count) }
            switch errno {
            case EAGAIN:
                switch try wakeUp.wait(beside: descriptor) {
                case .readable: continue
                case .called: return 0
                case .trouble: if errors.drain(descriptor) { return 0 }
                }
            case EBADF, ENOTSOCK, EFAULT, EINVAL:
                throw .last("cannot receive on UDP port \(port)")
            default:
                // ICMP makes calls fail that have nothing to do with it.
                if errors.drain(descriptor) { return 0 }
            }
        }
    }

    /// Makes ``receive(into:)`` return, now or when it is called next.
    package func wake() { wakeUp.call() }

    /// What the network has said about paths since the last time; bounded. It costs a load if that is
    /// nothing. A port that only sends hears it when it sends again.
    package func takePathErrors() -> [PathError] { errors.hasNews ? errors.takeAll() : [] }

    // MARK: Sending

    /// Sends all at once. What the kernel refuses is counted by its reason and dropped.
    package func send(_ packets: UnsafeBufferPointer<OutPacket>, using batch: SendBatch)
        -> SendOutcome
    {
        send(packets, using: batch, hasTurn: false)
    }

    /// - Parameter hasTurn: the caller has ``turn``.
    private func send(
        _ packets: UnsafeBufferPointer<OutPacket>, using batch: SendBatch, hasTurn: Bool
    ) -> SendOutcome {
        var outcome = SendOutcome()
        var next = 0
        while next < packets.count {
            var used = 0
            let isCut = packets[next].fragments == .always
            while used < SendBatch.capacity, next < packets.count,
                (packets[next].fragments == .always) == isCut
            {
                if batch.set(used, packets[next], mapped: isDualStack) {
                    used += 1
                } else {
                    outcome.refuse(EAFNOSUPPORT)
                }
                next += 1
            }
            if isCut {
                inFragments(hasTurn) { send(batch, 0..<used, hasTurn, into: &outcome) }
            } else {
                send(batch, 0..<used, hasTurn, into: &outcome)
            }
        }
        return outcome
    }

    /// Lets the kernel cut what is sent meanwhile. Nobody else sends then, but for packets that one thread of
    /// its own sends in batches: what looks for the size of a path must not be cut.
    private func inFragments(_ hasTurn: Bool, _ body: () -> Void) {
        guard !hasTurn else {
            setDiscovery(IP_PMTUDISC_DONT, Self.leastIPv6)
            body()
            setDiscovery(IP_PMTUDISC_PROBE, 0)
            return
        }
        turn.withLock { _ in inFragments(true, body) }
    }

    /// Any link takes so much of IPv6: what is cut is cut to that.
    private static let leastIPv6: Int32 = 1280

    private func setDiscovery(_ mode: Int32, _ piece: Int32) {
        setOption(descriptor, Int32(IPPROTO_IP), IP_MTU_DISCOVER, mode)
        guard isDualStack else { return }
        setOption(descriptor, Int32(IPPROTO_IPV6), IPV6_MTU_DISCOVER, mode)
        setOption(descriptor, Int32(IPPROTO_IPV6), IPV6_MTU, piece)
    }

    /// Sends some datagrams of a batch.
    private func send(
        _ batch: SendBatch, _ places: Range<Int>, _ hasTurn: Bool, into outcome: inout SendOutcome
    ) {
        var done = places.lowerBound
        var isSecondTry = false
        while done < places.upperBound {
            let left = UInt32(places.upperBound - done)
            let sent = sendmmsg(descriptor, batch.headers + done, left, 0)
            if sent > 0 {
                outcome.sent += Int(sent)
                done += Int(sent)
                isSecondTry = false
                continue
            }
            let code = errno
            switch code {
            case EINTR: continue
            case EAGAIN:
                // It has waited as long as it may; the rest would wait as long again.
                for _ in done..<places.upperBound { outcome.refuse(code) }
                return
            case EMSGSIZE:
                let remote = batch.remote(done)
                let path = errors.takeLocal(descriptor, remote)
                if path != nil || isSecondTry, batch.fragments[done] == .ifNeeded {
                    batch.fragments[done] = .always
                    inFragments(hasTurn) { send(batch, done..<done + 1, true, into: &outcome) }
                    done += 1
                    isSecondTry = false
                    continue
                }
                if let path {
                    outcome.tooBig += 1
                    outcome.note(path)
                } else if isSecondTry {
                    outcome.tooBig += 1
                    outcome.note(.init(remote: remote, mtu: nil))
                } else {
                    isSecondTry = true
                    continue
                }
                outcome.lastReason = code
            default:
                // What ICMP said about an earlier datagram fails the next call, whatever it sends:
                // only the second refusal is this datagram's own.
                if !isSecondTry {
                    _ = errors.drain(descriptor)
                    isSecondTry = true
                    continue
                }
                outcome.refuse(code)
            }
            done += 1
            isSecondTry = false
        }
    }

    /// The same with headers of the port's own, which one thread at a time can use.
    package func send(_ packets: UnsafeBufferPointer<OutPacket>) -> SendOutcome {
        turn.withLock { _ in send(packets, using: sender.batch, hasTurn: true) }
    }

    /// Sends all, of which it makes one copy; where they go to is `remote` of each, and `port` is not
    /// looked at.
    package func send(_ datagrams: [Datagram]) -> SendOutcome {
        turn.withLock { _ in
            var outcome = SendOutcome()
            for datagram in datagrams {
                if sender.add(datagram) { continue }
                outcome += send(sender.packets, using: sender.batch, hasTurn: true)
                sender.clear()
                if !sender.add(datagram) {
                    // Longer than any UDP payload.
                    outcome.tooBig += 1
                    outcome.lastReason = EMSGSIZE
                    outcome.note(.init(remote: datagram.remote, mtu: nil))
                }
            }
            outcome += send(sender.packets, using: sender.batch, hasTurn: true)
            sender.clear()
            return outcome
        }
    }
}

/// Where datagrams are copied to before they are sent, so that their octets stay in one place.
private final class Sender {
    /// Four of the longest, or 64 of those that are usual.
    static let room = 256 << 10

    let batch = SendBatch()
    private let arena = UnsafeMutableRawPointer.allocate(byteCount: room, alignment: 64)
    private let list = UnsafeMutablePointer<OutPacket>.allocate(capacity: SendBatch.capacity)
    private var used = 0
    private var count = 0

    deinit {
        arena.deallocate()
        list.deallocate()
    }

    var packets: UnsafeBufferPointer<OutPacket> { .init(start: list, count: count) }

    /// - Returns: Whether there was room.
    func add(_ datagram: Datagram) -> Bool {
        let length = datagram.octets.count
        guard count < SendBatch.capacity, length <= Self.room - used else { return false }
        let place = arena + used
        datagram.octets.withUnsafeBytes { octets in
            if let base = octets.baseAddress { place.copyMemory(from: base, byteCount: length) }
        }
        (list + count).initialize(
            to: OutPacket(
                place, length: length, to: datagram.remote, trafficClass: datagram.trafficClass,
                timeToLive: datagram.timeToLive,
                fragments: datagram.mayBeCut ? .always : .never))
        used += length
        count += 1
        return true
    }

    func clear() {
        used = 0
        count = 0
    }
}
