import CLinux
import Glibc

/// Starts the daemon of this program as a process of its own, which outlives its parent and its terminal.
package enum Launcher {
    /// - Parameters:
    ///   - arguments: after the program's name.
    ///   - log: the file that gets what it says.
    /// - Returns: `nil` once it is ready; else what it said instead.
    package static func start(_ arguments: [String], log: String) throws(HostError) -> String? {
        var pipeEnds: [Int32] = [0, 0]
        guard pipe2(&pipeEnds, Int32(O_CLOEXEC)) == 0 else { throw .last("cannot make a pipe") }
        let (reading, writing) = (pipeEnds[0], pipeEnds[1])
        defer { close(reading) }
        var isWritingOpen = true
        defer { if isWritingOpen { close(writing) } }

        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        posix_spawn_file_actions_addopen(&actions, 1, log, O_WRONLY | O_CREAT | O_APPEND, 0o600)
        posix_spawn_file_actions_adddup2(&actions, 1, 2)
        posix_spawn_file_actions_adddup2(&actions, writing, readyDescriptor)
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        posix_spawnattr_setflags(&attributes, clinux_spawn_in_new_session)

        let words = ["whither"] + arguments + ["--ready-descriptor", "\(readyDescriptor)"]
        let pointers = words.map { strdup($0) } + [nil]
        defer { for pointer in pointers { free(pointer) } }
        var process = pid_t()
        let code = posix_spawn(
            &process, "/proc/self/exe", &actions, &attributes, pointers, Glibc.environ)
        guard code == 0 else { throw HostError("cannot start the daemon", code: code) }
        close(writing)
        isWritingOpen = false
        return word(from: reading, of: process)
    }

    /// Where the daemon writes `ready`, or why it does not begin.
    private static let readyDescriptor: Int32 = 3

    private static func word(from descriptor: Int32, of process: pid_t) -> String? {
        var text: [UInt8] = []
        var room = [UInt8](repeating: 0, count: 1024)
        while true {
            let count = read(descriptor, &room, room.count)
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { break }
            text += room[..<count]
        }
        let said = String(decoding: text, as: UTF8.self)
        if said.hasPrefix(ready) { return nil }
        var status: Int32 = 0
        waitpid(process, &status, 0)
        return said.isEmpty ? "the daemon ended without a word" : said
    }

    /// What a daemon says when it can be talked to.
    package static let ready = "ready"

    /// The daemon's side: tells the one that started it, and lets it go.
    package static func tell(_ text: String, on descriptor: Int32) {
        var octets = [UInt8](text.utf8)
        _ = write(descriptor, &octets, octets.count)
        close(descriptor)
    }
}

extension Launcher {
    /// The file of this program.
    package static var program: String {
        var room = [CChar](repeating: 0, count: 4096)
        let size = readlink("/proc/self/exe", &room, room.count - 1)
        guard size > 0 else { return "/proc/self/exe" }
        return String(decoding: room[..<size].map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}
