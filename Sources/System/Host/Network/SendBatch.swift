import CLinux
import Glibc
import LISP
package import Sessions

/// One datagram to be sent, whose octets stay where they are until the call returns.
package struct OutPacket {
    package var octets: UnsafeRawPointer
    package var length: Int
    package var remote: Path
    /// DSCP and ECN of the outer header.
    package var trafficClass: UInt8
    /// Of the outer header; 0: as the host has it.
    package var timeToLive: UInt8
    package var fragments: Fragments

    /// Whether it may leave in fragments.
    package enum Fragments: UInt8, Sendable {
        case never
        /// If a link of this host does not take it in one piece.
        case ifNeeded
        /// Routers on the way may cut it too, where they do so at all.
        case always
    }

    package init(
        _ octets: UnsafeRawPointer, length: Int, to remote: Path, trafficClass: UInt8 = 0,
        timeToLive: UInt8 = 0, fragments: Fragments = .never
    ) {
        self.fragments = fragments
        self.octets = octets
        self.length = length
        self.remote = remote
        self.trafficClass = trafficClass
        self.timeToLive = timeToLive
    }
}

/// What became of datagrams, as far as this host knows. Lost on the way is not known here.
package struct SendOutcome: Hashable, Sendable {
    package var sent = 0
    /// Longer than the interface or a route's metric lets through in one piece.
    package var tooBig = 0
    /// No route, no neighbour, no such family on this host.
    package var unreachable = 0
    /// A firewall or the kernel's own rules forbid it.
    package var forbidden = 0
    /// The host had no room for it in time.
    package var noRoom = 0
    /// For reasons that fit nowhere else; `lastReason` says which.
    package var failed = 0
    /// The error number of the last one that was not sent; 0: all were.
    package var lastReason: Int32 = 0
    /// Where ``tooBig`` ones should have gone, each destination once.
    package var tooBigPaths: [TooBig] = []

    /// A destination whose path does not carry so much in one piece.
    package struct TooBig: Hashable, Sendable {
        package var remote: Path
        /// Of the path, with IP and UDP headers, in octets; `nil`: the kernel did not say.
        package var mtu: Int?

        package init(remote: Path, mtu: Int?) {
            self.remote = remote
            self.mtu = mtu
        }
    }

    package init() {}

    /// All datagrams that it tells of.
    package var count: Int { sent + tooBig + unreachable + forbidden + noRoom + failed }

    package static func += (left: inout SendOutcome, right: SendOutcome) {
        left.sent += right.sent
        left.tooBig += right.tooBig
        left.unreachable += right.unreachable
        left.forbidden += right.forbidden
        left.noRoom += right.noRoom
        left.failed += right.failed
        if right.lastReason != 0 { left.lastReason = right.lastReason }
        for path in right.tooBigPaths { left.note(path) }
    }

    mutating func note(_ path: TooBig) {
        if let index = tooBigPaths.firstIndex(where: { $0.remote == path.remote }) {
            tooBigPaths[index].mtu = path.mtu ?? tooBigPaths[index].mtu
        } else {
            tooBigPaths.append(path)
        }
    }

    mutating func refuse(_ code: Int32) {
        lastReason = code
        switch code {
        case ENETUNREACH, EHOSTUNREACH, ECONNREFUSED, EADDRNOTAVAIL, ENETDOWN, EAFNOSUPPORT,
            EHOSTDOWN, ENONET, EINVAL:
            // EINVAL: a martian destination, such as port 0.
            unreachable += 1
        case EPERM, EACCES: forbidden += 1
        case EAGAIN, ENOBUFS, ENOMEM: noRoom += 1
        default: failed += 1
        }
    }
}

/// What `sendmmsg` reads: headers for one batch, used again and again by the one thread that owns it.
/// The fast path has one a thread; ``UDPPort/send(_:)`` has one of its own.
package final class SendBatch {
    package static let capacity = 64
    /// Traffic class and hop limit: two control messages of 24 octets.
    private static let controlStride = 48

    let headers: UnsafeMutablePointer<mmsghdr>
    /// Of the packets at these places.
    let fragments: UnsafeMutablePointer<OutPacket.Fragments>
    private let controls: UnsafeMutableRawPointer
    private let names: UnsafeMutablePointer<sockaddr_in6>
    private let vectors: UnsafeMutablePointer<iovec>

    package init() {
        fragments = .allocate(capacity: Self.capacity)
        fragments.initialize(repeating: .never, count: Self.capacity)
        controls = .allocate(byteCount: Self.capacity * Self.controlStride, alignment: 16)
        controls.initializeMemory(
            as: UInt8.self, repeating: 0, count: Self.capacity * Self.controlStride)
        names = .allocate(capacity: Self.capacity)
        names.initialize(repeating: sockaddr_in6(), count: Self.capacity)
        vectors = .allocate(capacity: Self.capacity)
        headers = .allocate(capacity: Self.capacity)
        for index in 0..<Self.capacity {
            (vectors + index).initialize(to: iovec(iov_base: nil, iov_len: 0))
            (headers + index).initialize(to: mmsghdr())
            headers[index].msg_hdr.msg_name = UnsafeMutableRawPointer(names + index)
            headers[index].msg_hdr.msg_iov = vectors + index
            headers[index].msg_hdr.msg_iovlen = 1
        }
    }

    deinit {
        fragments.deallocate()
        controls.deallocate()
        names.deallocate()
        vectors.deallocate()
        headers.deallocate()
    }

    /// Puts a packet at a place of the batch.
    /// - Returns: Whether the socket can reach its destination at all.
    func set(_ index: Int, _ packet: OutPacket, mapped: Bool) -> Bool {
        let header = headers + index
        let nameLength = packet.remote.write(to: names + index, mapped: mapped)
        guard nameLength > 0 else { return false }
        header.pointee.msg_hdr.msg_namelen = nameLength
        fragments[index] = packet.fragments
        vectors[index].iov_base = UnsafeMutableRawPointer(mutating: packet.octets)
        vectors[index].iov_len = packet.length
        let control = controls + index * Self.controlStride
        var used = 0
        let isIPv4 = packet.remote.isIPv4
        let level = isIPv4 ? Int32(IPPROTO_IP) : Int32(IPPROTO_IPV6)
        if packet.trafficClass != 0 {
            used += clinux_put_control(
                control, level, isIPv4 ? IP_TOS : IPV6_TCLASS, Int32(packet.trafficClass))
        }
        if packet.timeToLive != 0 {
            used += clinux_put_control(
                control + used, level, isIPv4 ? IP_TTL : IPV6_HOPLIMIT, Int32(packet.timeToLive))
        }
        header.pointee.msg_hdr.msg_control = used == 0 ? nil : control
        header.pointee.msg_hdr.msg_controllen = used
        return true
    }

    /// Where the packet at a place of the batch goes to.
    func remote(_ index: Int) -> Path { Path(names + index) }
}
