import Glibc

/// Files of the state directory, which their owner alone can read. A write is whole or has not been.
enum SecretFile {
    /// Longer ones are none of ours.
    static let maximumSize = 64 << 20

    /// Writes beside the file, then takes its place; returns when both are on the disk.
    static func write(_ octets: [UInt8], to path: String) throws(HostError) {
        let temporary = path + ".new"
        unlink(temporary)
        let descriptor = open(temporary, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw HostError("cannot write \(temporary)", code: errno) }
        var code: Int32 = 0
        var rest = octets[...]
        while !rest.isEmpty, code == 0 {
            let written = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            if written >= 0 {
                rest = rest.dropFirst(written)
            } else if errno != EINTR {
                code = errno
            }
        }
        if code == 0, fsync(descriptor) != 0 { code = errno }
        close(descriptor)
        if code == 0, rename(temporary, path) != 0 { code = errno }
        guard code == 0 else {
            unlink(temporary)
            throw HostError("cannot write \(path)", code: code)
        }
        try synchronise(directoryOf: path)
    }

    static func remove(_ path: String) throws(HostError) {
        guard unlink(path) == 0 || errno == ENOENT else {
            throw HostError("cannot remove \(path)", code: errno)
        }
        try synchronise(directoryOf: path)
    }

    /// - Returns: `nil` if there is no such file.
    static func read(_ path: String) throws(HostError) -> [UInt8]? {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else {
            if errno == ENOENT { return nil }
            throw HostError("cannot read \(path)", code: errno)
        }
        defer { close(descriptor) }
        var octets: [UInt8] = []
        var piece = [UInt8](repeating: 0, count: 1 << 16)
        while octets.count <= maximumSize {
            let count = Glibc.read(descriptor, &piece, piece.count)
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw HostError("cannot read \(path)", code: errno) }
            if count == 0 { return octets }
            octets += piece.prefix(count)
        }
        throw HostError("cannot read \(path)", code: EFBIG)
    }

    /// Names in a directory are on the disk when the directory is.
    static func synchronise(directoryOf path: String) throws(HostError) {
        let end = path.lastIndex(of: "/") ?? path.startIndex
        let folder = end == path.startIndex ? "." : String(path[..<end])
        let descriptor = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { throw HostError("cannot open \(folder)", code: errno) }
        defer { close(descriptor) }
        guard fsync(descriptor) == 0 else {
            throw HostError("cannot write \(folder)", code: errno)
        }
    }
}
