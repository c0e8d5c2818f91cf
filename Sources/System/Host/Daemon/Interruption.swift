import Glibc

/// While it lasts, who interrupts this process has it tidy up first: SIGINT, SIGTERM and SIGHUP.
package struct Interruption {
    private static let signals = [SIGINT, SIGTERM, SIGHUP]
    private let isOver = Flag()
    private let thread: HostThread

    /// - Parameter tidyUp: runs in a thread of its own; then the process ends with 128 and the signal's number.
    package init(_ tidyUp: @escaping @Sendable () -> Void) {
        var set = Self.set(Self.signals + [SIGUSR2])
        pthread_sigmask(SIG_BLOCK, &set, nil)
        thread = HostThread("interruption") { [isOver] in
            var set = Self.set(Self.signals + [SIGUSR2])
            var signal: Int32 = 0
            while sigwait(&set, &signal) == 0 {
                if signal != SIGUSR2 {
                    tidyUp()
                    exit(128 + signal)
                }
                // It only wakes this thread.
                if isOver.isSet { return }
            }
        }
    }

    /// Signals do again what they usually do.
    package func end() {
        isOver.set()
        kill(getpid(), SIGUSR2)
        thread.join()
        var set = Self.set(Self.signals)
        pthread_sigmask(SIG_UNBLOCK, &set, nil)
    }

    private static func set(_ signals: [Int32]) -> sigset_t {
        var set = sigset_t()
        sigemptyset(&set)
        for signal in signals { sigaddset(&set, signal) }
        return set
    }
}
