import CLinux
import Glibc
import Host
import Synchronization
import TestKit

/// A TCP connection through the overlay that carries a seeded stream, some hundred kilobytes a second,
/// until it is told to end; the far end compares each octet.
final class Transfer {
    private let state = State()
    private let threads: [HostThread]

    private final class State: Sendable {
        let isEnding = Atomic<Bool>(false)
        let sent = Atomic<Int>(0)
        let received = Atomic<Int>(0)
        let trouble = Mutex<String?>(nil)

        func fail(_ what: String) {
            let reason = String(cString: strerror(errno))
            trouble.withLock { if $0 == nil { $0 = "\(what): \(reason)" } }
        }
    }

    var received: Int { state.received.load(ordering: .relaxed) }
    var trouble: String? { state.trouble.withLock { $0 } }

    // Daemons that are started meanwhile must not hold it open.
    private static let stream = Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue)
    private static let port: UInt16 = 7400
    private static let chunk = 8192
    private static let seed: UInt64 = 11

    init(on bench: Bench, from here: Guest, to there: Guest) throws {
        let address = there.ipv4
        let listener = try bench.inside("\(there.number)") {
            let listener = socket(AF_INET, Self.stream, 0)
            var place = Self.place(address)
            let isBound = withUnsafePointer(to: &place) {
                $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    bind(listener, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
                }
            }
            guard isBound, listen(listener, 1) == 0 else {
                throw HostError.now("listen at \(address)")
            }
            return listener
        }
        let sender = try bench.inside("\(here.number)") {
            let sender = socket(AF_INET, Self.stream, 0)
            Self.limit(sender)
            var place = Self.place(address)
            let isConnected = withUnsafePointer(to: &place) {
                $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    connect(sender, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
                }
            }
            guard isConnected else { throw HostError.now("connect to \(address)") }
            return sender
        }
        let state = state
        threads = [
            HostThread("tcp-from") { Self.send(on: sender, state) },
            HostThread("tcp-to") { Self.receive(on: listener, state) },
        ]
    }

    /// Ends it, and waits until all that was sent is there.
    func finish() -> (sent: Int, received: Int) {
        state.isEnding.store(true, ordering: .relaxed)
        for thread in threads { thread.join() }
        return (state.sent.load(ordering: .relaxed), received)
    }

    /// No wait of the test's own is longer.
    private static func limit(_ descriptor: Int32) {
        var time = timeval(tv_sec: 30, tv_usec: 0)
        let size = socklen_t(MemoryLayout<timeval>.size)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &time, size)
        setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &time, size)
    }

    private static func place(_ address: String) -> sockaddr_in {
        var place = sockaddr_in()
        place.sin_family = sa_family_t(AF_INET)
        place.sin_port = port.bigEndian
        inet_pton(AF_INET, address, &place.sin_addr)
        return place
    }

    private static func send(on sender: Int32, _ state: State) {
        defer { close(sender) }
        var random = SeededRandom(seed: seed)
        while !state.isEnding.load(ordering: .relaxed) {
            let octets = (0..<chunk).map { _ in UInt8(truncatingIfNeeded: random.next()) }
            var sent = 0
            while sent < chunk {
                let count = octets.withUnsafeBytes {
                    Glibc.send(
                        sender, $0.baseAddress.map { $0 + sent }, chunk - sent, Int32(MSG_NOSIGNAL))
                }
                guard count > 0 else { return state.fail("send") }
                sent += count
                state.sent.add(count, ordering: .relaxed)
            }
            usleep(20_000)
        }
    }

    private static func receive(on listener: Int32, _ state: State) {
        let connection = accept(listener, nil, nil)
        close(listener)
        guard connection >= 0 else { return state.fail("accept") }
        defer { close(connection) }
        limit(connection)
        var random = SeededRandom(seed: seed)
        var room = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = recv(connection, &room, room.count, 0)
            if count == 0 { return }
            guard count > 0 else { return state.fail("receive") }
            for index in 0..<count where room[index] != UInt8(truncatingIfNeeded: random.next()) {
                return state.fail(
                    "octet \(state.received.load(ordering: .relaxed) + index) is another")
            }
            state.received.add(count, ordering: .relaxed)
        }
    }
}

extension HostError {
    static func now(_ what: String) -> HostError { HostError(what, code: errno) }
}
