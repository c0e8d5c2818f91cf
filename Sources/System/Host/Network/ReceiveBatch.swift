import CLinux
import Glibc
import LISP
package import Sessions

/// Room for the datagrams of one `recvmmsg`, used again and again by the one thread that owns it.
///
/// Its memory is reserved at once and taken from the kernel only where datagrams were written.
package final class ReceiveBatch {
    /// As many as one system call takes: more brings nothing (a call is then 2 % of the cost).
    package static let capacity = 64
    /// No UDP payload is longer: its length field has 16 bits.
    package static let datagramLimit = 65_535
    private static let stride = 65_536
    /// Traffic class, hop limit and the count of lost datagrams: three control messages of 24 octets.
    private static let controlStride = 128

    /// One received datagram. `octets` is valid until the batch is filled again.
    package typealias Element = (
        octets: UnsafeRawBufferPointer, remote: Path, trafficClass: UInt8, timeToLive: UInt8
    )

    /// How many datagrams the last call brought.
    package internal(set) var count = 0
    /// How many datagrams the kernel has dropped since the port was opened because nobody took them
    /// in time, as far as the datagrams of this batch tell.
    package private(set) var overflowed: UInt32 = 0

    private let arena: UnsafeMutableRawPointer
    private let controls: UnsafeMutableRawPointer
    private let names: UnsafeMutablePointer<sockaddr_in6>
    private let vectors: UnsafeMutablePointer<iovec>
    let headers: UnsafeMutablePointer<mmsghdr>

    package init() {
        arena = .allocate(byteCount: Self.capacity * Self.stride, alignment: 4096)
        controls = .allocate(byteCount: Self.capacity * Self.controlStride, alignment: 16)
        names = .allocate(capacity: Self.capacity)
        names.initialize(repeating: sockaddr_in6(), count: Self.capacity)
        vectors = .allocate(capacity: Self.capacity)
        headers = .allocate(capacity: Self.capacity)
        for index in 0..<Self.capacity {
            (vectors + index).initialize(
                to: iovec(iov_base: arena + index * Self.stride, iov_len: Self.datagramLimit))
            (headers + index).initialize(to: mmsghdr())
            headers[index].msg_hdr.msg_name = UnsafeMutableRawPointer(names + index)
            headers[index].msg_hdr.msg_iov = vectors + index
            headers[index].msg_hdr.msg_iovlen = 1
            headers[index].msg_hdr.msg_control = controls + index * Self.controlStride
        }
        prepare(Self.capacity)
    }

    deinit {
        arena.deallocate()
        controls.deallocate()
        names.deallocate()
        vectors.deallocate()
        headers.deallocate()
    }

    /// Takes what is there, without waiting; the system call's own result.
    func fill(from descriptor: Int32) -> Int32 {
        prepare(count)
        let result = recvmmsg(descriptor, headers, UInt32(Self.capacity), Int32(MSG_DONTWAIT), nil)
        count = Int(max(result, 0))
        return result
    }

    /// Undoes what the kernel wrote into the first headers.
    private func prepare(_ used: Int) {
        for index in 0..<used {
            headers[index].msg_hdr.msg_namelen = socklen_t(MemoryLayout<sockaddr_in6>.size)
            headers[index].msg_hdr.msg_controllen = Self.controlStride
            headers[index].msg_hdr.msg_flags = 0
        }
    }

    /// - Parameter index: less than ``count``.
    package subscript(index: Int) -> Element {
        precondition(index < count, "no such datagram in the batch")
        let header = headers + index
        var trafficClass: UInt8 = 0
        var timeToLive: UInt8 = 0
        var control = clinux_first_control(&header.pointee.msg_hdr)
        while let found = control {
            if let data = clinux_control_data(found) {
                switch (found.pointee.cmsg_level, found.pointee.cmsg_type) {
                case (Int32(IPPROTO_IP), IP_TOS):  // an octet; the others are ints
                    trafficClass = data.load(as: UInt8.self)
                case (Int32(IPPROTO_IPV6), IPV6_TCLASS):
                    trafficClass = UInt8(truncatingIfNeeded: data.loadUnaligned(as: Int32.self))
                case (Int32(IPPROTO_IP), IP_TTL), (Int32(IPPROTO_IPV6), IPV6_HOPLIMIT):
                    timeToLive = UInt8(truncatingIfNeeded: data.loadUnaligned(as: Int32.self))
                case (SOL_SOCKET, Int32(SO_RXQ_OVFL)):
                    overflowed = data.loadUnaligned(as: UInt32.self)
                default: break
                }
            }
            control = clinux_next_control(&header.pointee.msg_hdr, found)
        }
        let octets = UnsafeRawBufferPointer(
            start: arena + index * Self.stride, count: Int(header.pointee.msg_len))
        return (octets, Path(names + index), trafficClass, timeToLive)
    }

    /// A datagram that outlives the batch: its octets are copied.
    package func datagram(_ index: Int, port: LocalPort) -> Datagram {
        let (octets, remote, trafficClass, timeToLive) = self[index]
        var datagram = Datagram([UInt8](octets), on: port, remote: remote)
        datagram.trafficClass = trafficClass
        datagram.timeToLive = timeToLive
        return datagram
    }
}
