import Admin
import ArgumentParser
import Glibc

/// Where answers go, and where everything else goes, so that answers can be piped.
enum StandardStream {
    /// A part of the answer.
    /// - Throws: `ExitCode` if it cannot be written, for example on a full disk; then it is said.
    static func answer(_ text: String) throws {
        guard write(text, to: STDOUT_FILENO) else {
            note("cannot write to standard output: \(String(cString: strerror(errno)))")
            throw ExitCode.undone
        }
    }

    /// One line that is not the answer.
    static func note(_ text: String) {
        _ = write("whither: \(text.printable)\n", to: STDERR_FILENO)
    }

    private static func write(_ text: String, to descriptor: Int32) -> Bool {
        var rest = [UInt8](text.utf8)[...]
        while !rest.isEmpty {
            let written = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            if written < 0 && errno == EINTR { continue }
            guard written > 0 else { return false }
            rest = rest.dropFirst(written)
        }
        return true
    }
}
