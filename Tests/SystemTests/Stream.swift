import Foundation
import Glibc
import Host
import Synchronization

/// Seconds since 1970.
var wallSeconds: Double {
    var time = timespec()
    clock_gettime(CLOCK_REALTIME, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
}

/// Echoes of `ping`, many a second, while a test does something else.
final class Stream {
    private let file: String
    private let thread: Thread
    private let isDone = DispatchSemaphore(value: 0)

    init(from here: Guest, to there: Guest, count: Int = 300) throws {
        file = "\(here.folder)/echoes"
        let words = [
            "ip", "netns", "exec", here.namespace, "timeout", "20", "sh", "-c",
            "ping -n -D -i 0.01 -c \(count) -W 1 \(there.ipv6) > \(file)",
        ]
        let isDone = isDone
        thread = Thread {
            _ = try? Subprocess.run(words)
            isDone.signal()
        }
        thread.start()
    }

    /// When answers came, seconds since 1970.
    var answers: [Double] {
        let text = (try? String(contentsOfFile: file, encoding: .utf8)) ?? ""
        return text.split(separator: "\n").filter { $0.contains("bytes from") }.compactMap {
            Double($0.dropFirst().prefix { $0 != "]" })
        }
    }

    func finish() { isDone.wait() }
}
