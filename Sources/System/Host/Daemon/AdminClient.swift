import Glibc

/// The other side of ``AdminSocket``: asks a daemon of this machine.
package struct AdminClient: ~Copyable {
    private let connection: Int32
    private var rest: [UInt8] = []

    /// - Throws: `ENOENT` or `ECONNREFUSED` if no daemon is there, `EACCES` if it is for others.
    package init(path: String) throws(HostError) { connection = try Self.connected(to: path) }

    private static func connected(to path: String) throws(HostError) -> Int32 {
        guard var address = UnixAddress(path) else {
            throw HostError("the path of the socket is too long: \(path)", code: ENAMETOOLONG)
        }
        let connection = socket(
            AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard connection >= 0 else { throw .last("cannot make a socket") }
        guard address.withPointer({ connect(connection, $0, $1) }) == 0 else {
            let code = errno
            close(connection)
            throw HostError(path, code: code)
        }
        return connection
    }

    deinit { close(connection) }

    package mutating func send(line: some Sequence<UInt8>) throws(HostError) {
        let octets = [UInt8](line) + [UInt8(ascii: "\n")]
        var sent = 0
        while sent < octets.count {
            let count = octets.withUnsafeBytes {
                Glibc.send(
                    connection, $0.baseAddress.map { $0 + sent }, octets.count - sent,
                    Int32(MSG_NOSIGNAL))
            }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { throw HostError("the daemon does not listen") }
            sent += count
        }
    }

    /// - Returns: the next line; `nil` if the daemon has ended.
    package mutating func line() -> [UInt8]? {
        var room = [UInt8](repeating: 0, count: 16_384)
        while true {
            if let end = rest.firstIndex(of: UInt8(ascii: "\n")) {
                let line = [UInt8](rest[..<end])
                rest.removeFirst(end + 1)
                return line
            }
            let count = recv(connection, &room, room.count, 0)
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { return nil }
            rest += room[..<count]
        }
    }

    /// The names of the sockets in a folder, sorted.
    package static func names(in runRoot: String) -> [String] {
        guard let folder = opendir(runRoot) else { return [] }
        defer { closedir(folder) }
        var names: [String] = []
        while let entry = readdir(folder) {
            let name = withUnsafeBytes(of: entry.pointee.d_name) {
                String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
            }
            if name.hasSuffix(".sock") { names.append(String(name.dropLast(5))) }
        }
        return names.sorted()
    }
}
