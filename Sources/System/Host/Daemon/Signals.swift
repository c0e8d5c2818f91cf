import Glibc

/// Signals as letters: a thread of its own waits for them, so that no code runs in the middle of other
/// code.
package enum Signals {
    /// Keeps them from every thread that is started after this. Call it first, on the main thread.
    package static func block() {
        var set = handled
        pthread_sigmask(SIG_BLOCK, &set, nil)
        signal(SIGPIPE, SIG_IGN)
    }

    /// Who waits for them, until ``end()``.
    package struct Watcher {
        fileprivate let thread: HostThread
        fileprivate let isEnding: Flag

        /// Ends the thread, which only a signal wakes.
        package func end() {
            isEnding.set()
            kill(getpid(), SIGUSR2)
            thread.join()
        }
    }

    /// - Parameters:
    ///   - stop: SIGTERM or SIGINT came.
    ///   - reload: SIGHUP came.
    package static func watch(
        stop: @escaping @Sendable () -> Void, reload: @escaping @Sendable () -> Void
    ) -> Watcher {
        let isEnding = Flag()
        let thread = HostThread("signals") {
            var set = handled
            while true {
                var number: Int32 = 0
                guard sigwait(&set, &number) == 0 else { continue }
                switch number {
                case SIGHUP: reload()
                // Anybody may send it, and the others are still to be heard then.
                case SIGUSR2: if isEnding.isSet { return }
                default: stop()
                }
            }
        }
        return Watcher(thread: thread, isEnding: isEnding)
    }

    private static var handled: sigset_t {
        var set = sigset_t()
        sigemptyset(&set)
        for number in [SIGTERM, SIGINT, SIGHUP, SIGUSR2] { sigaddset(&set, number) }
        return set
    }
}
