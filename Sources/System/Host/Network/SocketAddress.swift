import CLinux
import Glibc
import LISP
import Sessions

extension Path {
    /// From what `recvmsg` left; IPv4 as it is or mapped.
    @inline(__always)
    init(_ socketAddress: UnsafePointer<sockaddr_in6>) {
        if socketAddress.pointee.sin6_family == sa_family_t(AF_INET) {
            let (host, port) = UnsafeRawPointer(socketAddress)
                .withMemoryRebound(to: sockaddr_in.self, capacity: 1) {
                    ($0.pointee.sin_addr.s_addr, $0.pointee.sin_port)
                }
            self.init(
                IPv4Address(rawValue: UInt32(bigEndian: host)), port: UInt16(bigEndian: port))
        } else {
            let octets = UnsafeRawPointer(socketAddress) + 8  // behind family, port, flow label
            let host = IPv6Address(
                high: UInt64(bigEndian: octets.loadUnaligned(as: UInt64.self)),
                low: UInt64(bigEndian: octets.loadUnaligned(fromByteOffset: 8, as: UInt64.self)))
            self.init(host, port: UInt16(bigEndian: socketAddress.pointee.sin6_port))
        }
    }

    /// As the destination of a socket.
    /// - Parameter mapped: IPv4 as IPv6 maps it, for a dual-stack socket.
    /// - Returns: The length; 0 if an IPv4 socket cannot reach it.
    @inline(__always)
    func write(to place: UnsafeMutablePointer<sockaddr_in6>, mapped: Bool) -> socklen_t {
        if mapped {
            place.pointee.sin6_family = sa_family_t(AF_INET6)
            place.pointee.sin6_port = port.bigEndian
            place.pointee.sin6_flowinfo = 0
            place.pointee.sin6_scope_id = 0
            let octets = UnsafeMutableRawPointer(place) + 8
            octets.storeBytes(of: host.high.bigEndian, as: UInt64.self)
            octets.storeBytes(of: host.low.bigEndian, toByteOffset: 8, as: UInt64.self)
            return socklen_t(MemoryLayout<sockaddr_in6>.size)
        }
        guard isIPv4 else { return 0 }
        let (host, port) = (UInt32(truncatingIfNeeded: host.low), port)
        UnsafeMutableRawPointer(place).withMemoryRebound(to: sockaddr_in.self, capacity: 1) {
            $0.pointee.sin_family = sa_family_t(AF_INET)
            $0.pointee.sin_port = port.bigEndian
            $0.pointee.sin_addr.s_addr = host.bigEndian
        }
        return socklen_t(MemoryLayout<sockaddr_in>.size)
    }
}

/// Sets an option of a socket that is a number.
/// - Returns: Whether the kernel took it.
@discardableResult
func setOption(_ descriptor: Int32, _ level: Int32, _ name: Int32, _ value: Int32) -> Bool {
    var value = value
    return setsockopt(descriptor, level, name, &value, socklen_t(MemoryLayout<Int32>.size)) == 0
}
