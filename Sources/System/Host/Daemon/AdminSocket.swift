package import Clocks
package import Glibc
import Synchronization

/// The Unix socket that clients of this machine talk to: a line of JSON asks, lines of JSON answer.
///
/// Each client has a thread of its own, which waits for it and for nothing else: a slow reader keeps
/// nobody waiting.
package final class AdminSocket: Sendable {
    /// One question, and where its answers go.
    package struct Question: Sendable {
        package let line: [UInt8]
        package let client: Client
    }

    private let listener: Int32
    private let path: String
    /// How long a client may say nothing while nothing is owed to it, or take nothing of what it asked for.
    private let patience: Span
    private let count = Atomic<Int>(0)

    /// Clients at one time; the next one waits in the kernel's queue.
    private static let maximumClients = 32
    /// Of a question: an invite is the longest thing in one.
    private static let maximumLine = 65_536
    /// Every client of ours asks at once, and reads at once unless a person has stopped it for a moment.
    package static let usualPatience = Span.seconds(10)

    /// - Parameters:
    ///   - path: of the socket; one that a dead daemon left there is taken away.
    ///   - group: who may use it beside root: the number of the group `whither`, if there is one.
    ///   - patience: in it a client must ask, or take some of an answer, to stay.
    package init(
        path: String, group: gid_t?, patience: Span = usualPatience,
        ask: @escaping @Sendable (Question) -> Void
    ) throws(HostError) {
        guard var address = UnixAddress(path) else {
            throw HostError("the path of the socket is too long: \(path)", code: ENAMETOOLONG)
        }
        self.path = path
        self.patience = patience
        listener = socket(
            AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard listener >= 0 else { throw .last("cannot make a socket") }
        unlink(path)
        let former = umask(0o177)
        let isBound = address.withPointer { bind(listener, $0, $1) } == 0
        let code = errno
        umask(former)
        guard isBound, listen(listener, 64) == 0 else {
            close(listener)
            throw HostError("cannot listen at \(path)", code: code)
        }
        if let group, chown(path, uid_t.max, group) == 0 { chmod(path, 0o660) }
        let descriptor = listener
        _ = HostThread("admin") { [weak self] in
            while true {
                let connection = accept(descriptor, nil, nil)
                if connection < 0 {
                    if errno == EINTR || errno == ECONNABORTED { continue }
                    if errno == EMFILE || errno == ENFILE {
                        usleep(100_000)
                        continue
                    }
                    return
                }
                guard let self else {
                    close(connection)
                    return
                }
                _ = fcntl(connection, F_SETFD, FD_CLOEXEC)
                self.serve(connection, ask)
            }
        }
    }

    /// Nobody is let in any more; the path is gone.
    package func stop() {
        unlink(path)
        shutdown(listener, Int32(SHUT_RDWR))
        close(listener)
    }

    private func serve(_ connection: Int32, _ ask: @escaping @Sendable (Question) -> Void) {
        while count.load(ordering: .acquiring) >= Self.maximumClients { usleep(10_000) }
        count.add(1, ordering: .acquiringAndReleasing)
        _ = HostThread("admin-client") { [self] in
            let client = Client(connection, patience: patience)
            var rest: [UInt8] = []
            while let line = client.readLine(limit: Self.maximumLine, rest: &rest) {
                ask(Question(line: line, client: client))
                guard client.writeAnswers() else { break }
            }
            client.end()
            count.subtract(1, ordering: .acquiringAndReleasing)
        }
    }
}

extension AdminSocket {
    /// One that asked, from both sides: its own thread reads and writes the connection; whoever answers
    /// only leaves lines.
    package final class Client: Sendable {
        private let connection: Int32
        private let patience: Span
        private let clock = SystemClock()
        private let gone = Flag()
        private let state = Watched(State())

        /// How often, in milliseconds, a client that waits is looked after: its place is free so soon after
        /// it has hung up.
        private static let lookInterval = 500

        private struct State {
            var lines: [[UInt8]] = []
            var isAnswered = false
        }

        fileprivate init(_ connection: Int32, patience: Span) {
            self.connection = connection
            self.patience = patience
            let (seconds, rest) = Int(patience.microseconds).quotientAndRemainder(
                dividingBy: 1_000_000)
            var patience = timeval(tv_sec: seconds, tv_usec: rest)
            setsockopt(
                connection, SOL_SOCKET, Int32(SO_SNDTIMEO), &patience,
                socklen_t(MemoryLayout<timeval>.size))
        }

        /// Nobody reads answers any more: whoever works on one can stop.
        package var isGone: Bool { gone.isSet }

        /// Leaves a line of the answer, without its end.
        /// - Parameter isLast: nothing follows.
        package func answer(_ line: [UInt8], isLast: Bool) {
            guard !isGone else { return }
            state.change { state in
                guard !state.isAnswered else { return }
                state.lines.append(line + [UInt8(ascii: "\n")])
                state.isAnswered = isLast
            }
        }

        /// - Returns: whether the client took all of it.
        fileprivate func writeAnswers() -> Bool {
            while true {
                let isReady = { (state: State) in !state.lines.isEmpty }
                let (lines, isLast) = state.wait(milliseconds: Self.lookInterval, until: isReady) {
                    state in
                    defer { (state.lines, state.isAnswered) = ([], false) }
                    return (state.lines, state.isAnswered)
                }
                for line in lines { guard send(line) else { return false } }
                if isLast { return true }
                if hasHungUp { return false }
            }
        }

        /// Who has only ended its own side (POLLRDHUP), as `nc -N` does, still reads answers.
        private var hasHungUp: Bool {
            var watched = pollfd(fd: connection, events: 0, revents: 0)
            return poll(&watched, 1, 0) > 0 && watched.revents & Int16(POLLHUP | POLLERR) != 0
        }

        private func send(_ line: [UInt8]) -> Bool {
            var rest = line[...]
            while !rest.isEmpty {
                let count = rest.withUnsafeBytes {
                    Glibc.send(connection, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
                }
                if count < 0, errno == EINTR { continue }
                guard count > 0 else { return false }
                rest = rest.dropFirst(count)
            }
            return true
        }

        /// - Returns: `nil` at the end, or when a line is too long, or was not there in time.
        fileprivate func readLine(limit: Int, rest: inout [UInt8]) -> [UInt8]? {
            var line = rest
            var room = [UInt8](repeating: 0, count: 4096)
            let end = clock.moment + patience
            while true {
                if let last = line.firstIndex(of: UInt8(ascii: "\n")) {
                    rest = [UInt8](line[(last + 1)...])
                    return [UInt8](line[..<last])
                }
                guard line.count < limit else { return nil }
                var watched = pollfd(fd: connection, events: Int16(POLLIN), revents: 0)
                let left = ((end - clock.moment).microseconds + 999) / 1000
                guard left > 0 else { return nil }
                guard poll(&watched, 1, Int32(clamping: left)) > 0 else { continue }
                let count = recv(connection, &room, room.count, 0)
                if count < 0, errno == EINTR { continue }
                guard count > 0 else { return nil }
                line += room[..<count]
            }
        }

        fileprivate func end() {
            gone.set()
            close(connection)
        }
    }
}
