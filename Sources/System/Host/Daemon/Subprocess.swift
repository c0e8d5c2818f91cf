import Glibc

/// Another program, run to its end.
package struct Subprocess: Sendable {
    package let output: String
    package let errors: String
    /// What it exited with, or 128 and the number of the signal that ended it, as shells say it.
    package let status: Int32

    /// - Parameters:
    ///   - words: the program, found in `PATH` unless it has a slash, and its arguments.
    ///   - input: for its standard input.
    package static func run(_ words: [String], input: String = "") throws(HostError) -> Subprocess {
        let streams = [try TemporaryStream(input), try TemporaryStream(), try TemporaryStream()]
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        for (number, stream) in streams.enumerated() {
            posix_spawn_file_actions_adddup2(&actions, stream.descriptor, Int32(number))
        }
        let pointers = words.map { strdup($0) } + [nil]
        defer { for pointer in pointers { free(pointer) } }
        var process = pid_t()
        let code = posix_spawnp(&process, words[0], &actions, nil, pointers, environ)
        guard code == 0 else { throw HostError("cannot run \(words[0])", code: code) }
        var status: Int32 = 0
        while waitpid(process, &status, 0) < 0, errno == EINTR {}
        let signal = status & 0x7F
        return Subprocess(
            output: streams[1].text, errors: streams[2].text,
            status: signal == 0 ? status >> 8 & 0xFF : 128 + signal)
    }
}

/// A file without a name: unlike a pipe it never makes its writer wait.
private final class TemporaryStream {
    let descriptor: Int32

    init(_ content: String = "") throws(HostError) {
        var path = [UInt8]("/tmp/whither-XXXXXX".utf8) + [0]
        descriptor = path.withUnsafeMutableBytes { path in
            guard let base = path.bindMemory(to: CChar.self).baseAddress else { return -1 }
            let descriptor = mkstemp(base)
            if descriptor >= 0 {
                unlink(base)
                _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
            }
            return descriptor
        }
        guard descriptor >= 0 else { throw .last("cannot make a temporary file in /tmp") }
        var octets = [UInt8](content.utf8)
        _ = write(descriptor, &octets, octets.count)
        lseek(descriptor, 0, SEEK_SET)
    }

    var text: String {
        lseek(descriptor, 0, SEEK_SET)
        var octets: [UInt8] = []
        var room = [UInt8](repeating: 0, count: 16_384)
        while true {
            let count = read(descriptor, &room, room.count)
            guard count > 0 else { break }
            octets += room[..<count]
        }
        return String(decoding: octets, as: UTF8.self)
    }

    deinit { close(descriptor) }
}
