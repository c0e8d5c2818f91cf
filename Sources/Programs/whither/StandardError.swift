import Glibc

/// What is not the answer goes here, so that the answer can be piped.
enum StandardError {
    static func write(_ text: String) {
        let line = [UInt8]("whither: \(text)\n".utf8)
        _ = line.withUnsafeBytes { Glibc.write(STDERR_FILENO, $0.baseAddress, $0.count) }
    }
}
