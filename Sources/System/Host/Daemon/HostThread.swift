import CLinux
import Glibc
import Synchronization

/// A plain thread of the operating system. Swift's tasks share few threads, which must not wait for
/// devices.
package final class HostThread: Sendable {
    private let handle: pthread_t
    private let isJoined = Atomic<Bool>(false)

    private final class Work: Sendable {
        let name: String
        let body: @Sendable () -> Void

        init(_ name: String, _ body: @escaping @Sendable () -> Void) {
            self.name = name
            self.body = body
        }
    }

    /// - Parameter name: at most 15 octets, for `top` and debuggers.
    package init(_ name: String, _ body: @escaping @Sendable () -> Void) {
        let work = Unmanaged.passRetained(Work(name, body))
        var handle = pthread_t()
        let code = pthread_create(
            &handle, nil,
            { pointer in
                guard let pointer else { return nil }
                let work = Unmanaged<Work>.fromOpaque(pointer).takeRetainedValue()
                _ = work.name.withCString { pthread_setname_np(pthread_self(), $0) }
                work.body()
                return nil
            }, work.toOpaque())
        precondition(code == 0, "the system has no thread left: \(String(cString: strerror(code)))")
        self.handle = handle
    }

    deinit { if !isJoined.load(ordering: .acquiring) { pthread_detach(handle) } }

    /// Waits until it has ended.
    package func join() {
        if !isJoined.exchange(true, ordering: .acquiringAndReleasing) { pthread_join(handle, nil) }
    }
}
