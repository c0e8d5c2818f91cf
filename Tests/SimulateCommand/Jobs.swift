import Foundation

/// Many seeds on all cores: each in a process that runs a few of them, so that a trap in one ends no
/// other and its seed is known.
struct Jobs {
    let count: Int
    let range: Range<UInt64>
    let keepGoing: Bool
    let arguments: [String]

    /// - Returns: whether all seeds were fine.
    func run(replay: @escaping @Sendable (UInt64) -> String) -> Bool {
        let state = State(range, share: UInt64(max(1, min(64, range.count / (count * 4)))))
        DispatchQueue.concurrentPerform(iterations: count) { _ in
            while let part = state.next(keepGoing: keepGoing) {
                var first = part.lowerBound
                while first < part.upperBound {
                    let result = child(first..<part.upperBound)
                    let lines = result.output.split(
                        separator: "\n", omittingEmptySubsequences: false)
                    let done = UInt64(lines.filter { Self.isResult($0) }.count)
                    state.write(result.output)
                    guard result.status != 0 else { break }
                    state.fail()
                    // A failure that was found has its line; a trap has none.
                    guard result.hasTrapped else { break }
                    let seed = first + done
                    state.write(
                        """
                        \(result.errors)seed \(seed): TRAPPED (\(result.reason))
                        replay: \(replay(seed))

                        """)
                    guard keepGoing else { break }
                    first = seed + 1
                }
            }
        }
        return !state.hasFailed
    }

    private static func isResult(_ line: Substring) -> Bool {
        line.hasPrefix("seed ") && line.contains(" events/s, ")
    }

    private struct Child {
        var output = ""
        var errors = ""
        var status: Int32 = 1
        var hasTrapped = false
        var reason = ""
    }

    private func child(_ part: Range<UInt64>) -> Child {
        let process = Process()
        process.executableURL = URL(filePath: "/proc/self/exe").resolvingSymlinksInPath()
        process.arguments =
            arguments + ["--seeds", "\(part.lowerBound)..<\(part.upperBound)"]
        let (output, errors) = (Pipe(), Pipe())
        process.standardOutput = output
        process.standardError = errors
        var result = Child()
        do {
            try process.run()
        } catch {
            result.errors = "whither-sim: cannot start a process: \(error)\n"
            result.hasTrapped = true
            return result
        }
        // Whoever fills one pipe while the other is read would wait for ever.
        let reader = Reader(errors.fileHandleForReading)
        let data = output.fileHandleForReading.readDataToEndOfFile()
        result.errors = String(decoding: reader.data, as: UTF8.self)
        result.output = String(decoding: data, as: UTF8.self)
        process.waitUntilExit()
        result.status = process.terminationStatus
        result.hasTrapped = process.terminationReason == .uncaughtSignal
        result.reason = "signal \(process.terminationStatus)"
        return result
    }
}

/// Reads to the end on a thread of its own.
private final class Reader: @unchecked Sendable {
    private let done = DispatchSemaphore(value: 0)
    private var content = Data()

    init(_ handle: FileHandle) {
        Thread.detachNewThread { [self] in
            content = handle.readDataToEndOfFile()
            done.signal()
        }
    }

    var data: Data {
        done.wait()
        return content
    }
}

/// What the threads share.
private final class State: @unchecked Sendable {
    private let lock = NSLock()
    private var rest: Range<UInt64>
    private let share: UInt64
    private(set) var hasFailed = false

    init(_ range: Range<UInt64>, share: UInt64) { (rest, self.share) = (range, share) }

    func next(keepGoing: Bool) -> Range<UInt64>? {
        lock.withLock {
            guard !rest.isEmpty, keepGoing || !hasFailed else { return nil }
            let end = min(rest.upperBound, rest.lowerBound + share)
            defer { rest = end..<rest.upperBound }
            return rest.lowerBound..<end
        }
    }

    func fail() { lock.withLock { hasFailed = true } }

    func write(_ text: String) {
        lock.withLock {
            print(text, terminator: "")
            fflush(nil)
        }
    }
}
