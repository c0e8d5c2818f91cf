import CLinux
import Glibc

/// A virtual interface whose packets this process reads and writes, one IP packet a call.
///
/// It lives as long as this value: its addresses and routes go with it, however the process ends.
/// Offloads (packets of up to 64 KiB with a header of their own) would be asked for here.
package final class TUNDevice: Sendable {
    package let name: String
    package let index: Int32
    package let descriptor: Int32
    private let wakeUp: WakeUp

    /// The kernel keeps a name in 16 octets and ends it with a zero.
    package static let nameLimit = 15

    /// - Parameter name: `nil`: "whither" and the first number that is free.
    package init(name: String? = nil) throws(HostError) {
        let wanted = name ?? "whither%d"
        guard 1...Self.nameLimit ~= wanted.utf8.count, !wanted.utf8.contains(0) else {
            throw HostError(
                "\"\(wanted)\" is no name for a TUN device: 1 to \(Self.nameLimit) octets")
        }
        let descriptor = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC)
        guard descriptor >= 0 else { throw Self.missing(errno) }
        do throws(HostError) {
            let name = try Self.attach(descriptor, wanted)
            let index = if_nametoindex(name)
            guard index > 0 else { throw .last("cannot find TUN device \(name)") }
            self.name = name
            self.index = Int32(index)
            wakeUp = try WakeUp()
        } catch {
            close(descriptor)
            throw error
        }
        self.descriptor = descriptor
    }

    deinit { close(descriptor) }

    private static func missing(_ code: Int32) -> HostError {
        switch code {
        case ENOENT, ENODEV, ENXIO:
            return HostError("TUN is missing on this host (modprobe tun): /dev/net/tun", code: code)
        case EACCES, EPERM: return forbidden(code)
        default: return HostError("cannot open /dev/net/tun", code: code)
        }
    }

    private static func forbidden(_ code: Int32) -> HostError {
        HostError("a TUN device needs root or CAP_NET_ADMIN", code: code)
    }

    /// - Returns: The name that the kernel gave.
    private static func attach(_ descriptor: Int32, _ wanted: String) throws(HostError) -> String {
        var request = ifreq()
        // Exclusive: a device that somebody made before us would outlive us.
        request.ifr_ifru.ifru_flags = Int16(
            truncatingIfNeeded: IFF_TUN | IFF_NO_PI | Int32(IFF_TUN_EXCL))
        withUnsafeMutableBytes(of: &request.ifr_ifrn) { $0.copyBytes(from: wanted.utf8) }
        guard clinux_tun_attach(descriptor, &request) == 0 else {
            switch errno {
            case EPERM, EACCES: throw forbidden(errno)
            case EBUSY, EEXIST:
                throw .last("cannot make TUN device \(wanted): there is an interface of this name")
            default: throw .last("cannot make TUN device \(wanted)")
            }
        }
        return withUnsafeBytes(of: &request.ifr_ifrn) {
            String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
        }
    }

    /// Waits for a packet from this host.
    /// - Parameter buffer: At least the device's MTU, or the packet is cut.
    /// - Returns: Its length; 0 if ``wake()`` was called.
    /// - Throws: If the device is gone.
    package func read(into buffer: UnsafeMutableRawBufferPointer) throws(HostError) -> Int {
        while true {
            if wakeUp.takeCall() { return 0 }
            let length = try readAtOnce(into: buffer)
            if length > 0 { return length }
            if try wakeUp.wait(beside: descriptor) == .called { return 0 }
        }
    }

    /// The next packet, if there is one: after one that was waited for, the rest of a burst.
    /// - Returns: Its length; 0 if there is none now.
    package func readAtOnce(into buffer: UnsafeMutableRawBufferPointer) throws(HostError) -> Int {
        while true {
            let length = Glibc.read(descriptor, buffer.baseAddress, buffer.count)
            if length > 0 { return length }
            switch errno {
            case _ where length == 0: return 0
            case EINTR: continue
            case EAGAIN: return 0
            case EBADFD, EFAULT: throw .last("TUN device \(name) is gone")
            default: throw .last("cannot read from TUN device \(name)")
            }
        }
    }

    /// Gives this host a packet. Never waits.
    /// - Returns: Whether the host took it: not while the device is down (EIO) or gone, or what is no
    ///   IP packet.
    package func write(_ packet: UnsafeRawBufferPointer) -> Bool {
        while true {
            if Glibc.write(descriptor, packet.baseAddress, packet.count) == packet.count {
                return true
            }
            if errno != EINTR { return false }
        }
    }

    /// Makes ``read(into:)`` return, now or when it is called next.
    package func wake() { wakeUp.call() }
}
