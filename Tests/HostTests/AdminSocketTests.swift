import Clocks
import Glibc
import Host
import Synchronization
import TestKit
import Testing

@Suite("The socket that clients ask")
struct AdminSocketTests {
    /// More than can be served at one time.
    static let crowd = 40
    static let patience = Span.milliseconds(400)

    /// Answers "now" at once, "much" with more than a socket holds, and nothing to anything else.
    final class Server: Sendable {
        let path: String
        private let socket: AdminSocket
        private let asked = Asked()

        /// Those that wait.
        private final class Asked: Sendable {
            let clients = Mutex<[AdminSocket.Client]>([])
        }

        var clients: [AdminSocket.Client] { asked.clients.withLock { $0 } }

        init(patience: Span = AdminSocketTests.patience) throws {
            let path = "/tmp/whither-\(getpid())-\(UInt32.random(in: 0 ... .max)).sock"
            socket = try AdminSocket(path: path, group: nil, patience: patience) {
                [asked] question in
                switch String(decoding: question.line, as: UTF8.self) {
                case "now": question.client.answer([UInt8]("here".utf8), isLast: true)
                case "much":
                    question.client.answer([UInt8](repeating: 97, count: 8 << 20), isLast: true)
                default: asked.clients.withLock { $0.append(question.client) }
                }
            }
            self.path = path
        }

        deinit { socket.stop() }
    }

    /// A client of no particular manners.
    struct Caller: ~Copyable {
        let connection: Int32

        init(_ server: Server, _ line: String? = nil) throws {
            connection = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
            var address = sockaddr_un()
            address.sun_family = sa_family_t(AF_UNIX)
            withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: server.path.utf8) }
            let size = socklen_t(MemoryLayout<sockaddr_un>.size)
            let isConnected = withUnsafePointer(to: &address) {
                $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    connect(connection, $0, size) == 0
                }
            }
            guard isConnected else { throw Missing("no connection") }
            if let line { say(line + "\n") }
        }

        deinit { close(connection) }

        func say(_ text: String) {
            _ = [UInt8](text.utf8).withUnsafeBytes {
                send(connection, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
            }
        }

        /// Some of what comes; `nil`: nothing within so many seconds; "": the end.
        func hear(seconds: Int = 5) -> String? {
            var watched = pollfd(fd: connection, events: Int16(POLLIN), revents: 0)
            guard poll(&watched, 1, Int32(seconds * 1000)) > 0 else { return nil }
            var room = [UInt8](repeating: 0, count: 100)
            let count = recv(connection, &room, room.count, 0)
            return String(decoding: room[..<max(count, 0)], as: UTF8.self)
        }
    }

    @Test("clients that have hung up while they wait leave their places, and are known to be gone")
    func gone() throws {
        let server = try Server(patience: .minutes(1))
        for _ in 0..<Self.crowd { _ = try Caller(server, "wait") }
        let next = try Caller(server, "now")
        #expect(next.hear() == "here\n")
        #expect(wait(atMost: 5) { server.clients.allSatisfy(\.isGone) } != nil)
        #expect(server.clients.count == Self.crowd)
    }

    @Test("a client that says nothing is let go, before its first line and after an answer")
    func idle() throws {
        let server = try Server()
        let silent = try Caller(server)
        let half = try Caller(server)
        half.say("no")
        let second = try Caller(server, "now")
        #expect(second.hear() == "here\n")
        #expect(silent.hear() == "" && half.hear() == "" && second.hear() == "")
    }

    @Test("a client that waits longer than that, with its own side ended or not, gets its answer")
    func patient() throws {
        let server = try Server()
        let open = try Caller(server, "wait")
        let half = try Caller(server, "wait")
        shutdown(half.connection, Int32(SHUT_WR))
        usleep(1_500_000)
        #expect(server.clients.count == 2 && server.clients.allSatisfy { !$0.isGone })
        for client in server.clients { client.answer([UInt8]("late".utf8), isLast: true) }
        #expect(open.hear() == "late\n" && half.hear() == "late\n")
    }

    @Test("who does not read what it asked for keeps nobody waiting, and its place not for long")
    func slow() throws {
        let server = try Server()
        var slow: [Int32] = []
        defer { for connection in slow { close(connection) } }
        for _ in 0..<Self.crowd {
            let caller = try Caller(server, "much")
            slow.append(dup(caller.connection))
        }
        let next = try Caller(server, "now")
        #expect(next.hear() == "here\n")
    }
}
