import CLinux
import Glibc
import Synchronization

/// Lets a thread wait for a descriptor, and other threads call it away from there.
final class WakeUp: Sendable {
    private let descriptor: Int32
    private let isCalled = Atomic(false)

    init() throws(HostError) {
        descriptor = eventfd(0, Int32(EFD_NONBLOCK | EFD_CLOEXEC))
        guard descriptor >= 0 else { throw .last("cannot make an eventfd") }
    }

    deinit { close(descriptor) }

    /// From any thread. Calls before the other thread looks are one call.
    func call() {
        isCalled.store(true, ordering: .releasing)
        var one: UInt64 = 1
        // Refused only when 2^64 - 2 calls are unread: it is called then.
        _ = write(descriptor, &one, 8)
    }

    /// Whether there was a call since the last time; takes it.
    func takeCall() -> Bool {
        guard isCalled.load(ordering: .relaxed),
            isCalled.exchange(false, ordering: .acquiringAndReleasing)
        else { return false }
        var count: UInt64 = 0
        _ = read(descriptor, &count, 8)
        return true
    }

    enum Reason { case readable, trouble, called }

    /// Waits until `other` can be read, has an error, or ``call()`` was called.
    func wait(beside other: Int32) throws(HostError) -> Reason {
        while true {
            if takeCall() { return .called }
            var events: Int32 = 0
            var called: Int32 = 0
            if clinux_wait(other, descriptor, &events, &called) < 0 {
                guard errno == EINTR else { throw .last("cannot wait for packets") }
                continue
            }
            if events & POLLNVAL != 0 { throw HostError("cannot wait for packets", code: EBADF) }
            if events & POLLERR != 0 { return .trouble }
            if events & (POLLIN | POLLHUP) != 0 { return .readable }
            if called != 0, !takeCall() {
                // The flag is set before the count is raised, so this is a count whose flag was
                // taken just before.
                var count: UInt64 = 0
                _ = read(descriptor, &count, 8)
            } else if called != 0 {
                return .called
            }
        }
    }
}
