import Glibc

/// Seconds of a clock that nobody sets.
package var monotonicSeconds: Double {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
}

/// Asks again and again until it is so.
/// - Returns: how many seconds it took; `nil`: it did not become so in time.
package func wait(
    atMost seconds: Double, every interval: Double = 0.05, until isSo: () throws -> Bool
) rethrows -> Double? {
    let start = monotonicSeconds
    repeat {
        if try isSo() { return monotonicSeconds - start }
        usleep(UInt32(interval * 1e6))
    } while monotonicSeconds < start + seconds
    return nil
}
