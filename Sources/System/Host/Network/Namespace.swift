import CLinux
import Glibc

/// A network namespace: a host of its own, as far as interfaces, addresses, routes and ports go.
///
/// One without a name is gone with the last thing in it, however the process ends. One with a name is
/// what `ip netns` shows, and stays until it is removed.
package final class Namespace: Sendable {
    package let name: String?
    package let descriptor: Int32

    private static let folder = "/run/netns"

    /// - Parameter name: `nil`: without one.
    package init(name: String? = nil) throws(HostError) {
        if let name {
            guard !name.isEmpty, name != ".", name != "..", !name.utf8.contains(UInt8(ascii: "/"))
            else { throw HostError("\"\(name)\" is no name for a network namespace") }
        }
        descriptor = try onThreadOfItsOwn { () throws(HostError) -> Int32 in
            guard unshare(CLONE_NEWNET) == 0 else {
                throw .last("a network namespace needs root or CAP_SYS_ADMIN")
            }
            let descriptor = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC)
            guard descriptor >= 0 else { throw .last("cannot open a network namespace") }
            var isMounted = false
            do throws(HostError) {
                if let name {
                    try Self.mount(name)
                    isMounted = true
                }
                // Without its loopback interface even its own addresses are out of reach.
                try Netlink().setUp(1)
            } catch {
                // Another's of this name stays.
                if isMounted, let name { Self.remove(name) }
                close(descriptor)
                throw error
            }
            return descriptor
        }
        self.name = name
    }

    deinit { close(descriptor) }

    /// Binds the calling thread's namespace to a name, where `ip netns` looks for it.
    private static func mount(_ name: String) throws(HostError) {
        mkdir(folder, 0o755)
        let path = "\(folder)/\(name)"
        let file = open(path, O_RDONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o444)
        guard file >= 0 else { throw .last("cannot make network namespace \(name)") }
        close(file)
        let flags = UInt(MS_BIND)
        guard Glibc.mount("/proc/thread-self/ns/net", path, "none", flags, nil) == 0 else {
            let error = HostError.last("cannot make network namespace \(name)")
            unlink(path)
            throw error
        }
    }

    /// Takes the name away; the namespace goes when nothing is left in it.
    /// - Returns: Whether there was one of this name.
    @discardableResult
    package static func remove(_ name: String) -> Bool {
        let path = "\(folder)/\(name)"
        umount2(path, Int32(MNT_DETACH))
        return unlink(path) == 0
    }

    /// Runs something in this namespace, on a thread of its own, and waits for it. Sockets, TUN devices
    /// and programs that it starts stay there.
    package func inside<Value: Sendable, Failure: Error>(
        _ body: @Sendable () throws(Failure) -> Value
    ) throws -> Value {
        try onThreadOfItsOwn { () throws -> Value in
            guard setns(descriptor, CLONE_NEWNET) == 0 else {
                throw HostError.last("cannot enter network namespace \(name ?? "without a name")")
            }
            return try body()
        }
    }
}

/// Runs something on a new thread and waits for it: what it does to its thread ends with it.
private func onThreadOfItsOwn<Value, Failure: Error>(
    _ body: () throws(Failure) -> Value
) throws(Failure) -> Value {
    // The thread ends before this returns, so nothing escapes.
    var result: Result<Value, Failure>?
    withoutActuallyEscaping(body) { body in
        let box = ThreadBody {
            do throws(Failure) {
                result = .success(try body())
            } catch {
                result = .failure(error)
            }
        }
        var thread = pthread_t()
        let start = Unmanaged.passRetained(box).toOpaque()
        let code = pthread_create(
            &thread, nil,
            { argument in
                guard let argument else { return nil }
                Unmanaged<ThreadBody>.fromOpaque(argument).takeRetainedValue().run()
                return nil
            }, start)
        precondition(code == 0, "no thread: \(HostError.reason(code))")
        pthread_join(thread, nil)
    }
    guard let result else { preconditionFailure("a thread ended without a result") }
    return try result.get()
}

private final class ThreadBody {
    let run: () -> Void
    init(_ run: @escaping () -> Void) { self.run = run }
}
