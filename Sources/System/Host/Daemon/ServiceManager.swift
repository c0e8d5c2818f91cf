import Glibc

/// Tells systemd how things stand, if it started this process (sd_notify(3): one datagram to the socket
/// that `NOTIFY_SOCKET` names).
package enum ServiceManager {
    package static func tell(_ state: String) {
        guard let path = getenv("NOTIFY_SOCKET").map({ String(cString: $0) }) else { return }
        let descriptor = socket(
            AF_UNIX, Int32(SOCK_DGRAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { return }
        defer { close(descriptor) }
        guard var address = UnixAddress(path) else { return }
        _ = address.withPointer { pointer, size in
            state.withCString {
                sendto(descriptor, $0, strlen($0), Int32(MSG_NOSIGNAL), pointer, size)
            }
        }
    }

    /// How often it wants a sign of life: half of what it allows; `nil` if it wants none.
    package static var watchdogMicroseconds: Int64? {
        getenv("WATCHDOG_USEC").flatMap { Int64(String(cString: $0)) }.map { max($0 / 2, 100_000) }
    }
}

/// The address of a Unix socket.
struct UnixAddress {
    private var address = sockaddr_un()
    private var size: socklen_t

    /// - Parameter path: a file, or a name that begins with `@` in Linux's abstract space.
    /// - Returns: `nil` if it is longer than 107 octets.
    init?(_ path: String) {
        var octets = [UInt8](path.utf8)
        guard !octets.isEmpty, octets.count < MemoryLayout.size(ofValue: address.sun_path) else {
            return nil
        }
        if octets[0] == UInt8(ascii: "@") { octets[0] = 0 }
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: octets) }
        let head = MemoryLayout.offset(of: \sockaddr_un.sun_path) ?? 2
        size = socklen_t(head + octets.count + (octets[0] == 0 ? 0 : 1))
    }

    mutating func withPointer<Result>(
        _ body: (UnsafePointer<sockaddr>, socklen_t) -> Result
    ) -> Result {
        let size = size
        return withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { body($0, size) }
        }
    }
}
