import Glibc
import LISPNode

/// Where one node keeps what outlives its process: `ROOT/NAME/`, of the daemon's user alone.
///
///     lock      held while a daemon runs; its process id
///     state     the database, and state-wal beside it
///     identity  what brings the node back when the database is lost (``Lifeline``)
///     state.damaged-…  a database that was set aside
///
/// and what the daemon writes with ``write(_:to:)``. The lock goes with this object, or with the process.
package final class StateDirectory: Sendable {
    package let name: String
    package let path: String
    private let lock: Int32

    package static let standardRoot = "/var/lib/whither"

    /// Opens the directory, makes it if it is not there, and holds its lock.
    /// - Throws: `HostError` in one line: others can read it, it is another user's, a daemon runs.
    package init(root: String = standardRoot, name: String) throws(HostError) {
        guard Self.isName(name) else {
            throw HostError("\"\(name)\" cannot name a state directory")
        }
        let path = "\(root)/\(name)"
        try Self.make(root, mode: 0o755)
        try Self.make(path, mode: 0o700)
        try Self.checkAlone(path, isDirectory: true)
        self.name = name
        self.path = path
        lock = try Self.lock("\(path)/lock", for: name)
        // Under the lock: nobody else's files come and go.
        for file in try Self.entries(of: path) {
            try Self.checkAlone("\(path)/\(file)", isDirectory: false)
        }
    }

    /// Unlocked by name: a child that was just started has the descriptor too, until it runs its own program.
    deinit {
        flock(lock, LOCK_UN)
        close(lock)
    }

    /// What is under a root: names of directories that hold a node.
    package static func list(root: String = standardRoot) -> [String] {
        let names = (try? entries(of: root)) ?? []
        return names.filter { name in
            ["state", "identity"].contains { access("\(root)/\(name)/\($0)", F_OK) == 0 }
        }
    }

    /// The process id in a directory's lock, if a daemon holds it.
    package static func runningProcess(root: String = standardRoot, name: String) -> Int32? {
        let descriptor = Glibc.open("\(root)/\(name)/lock", O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        if flock(descriptor, LOCK_SH | LOCK_NB) == 0 { return nil }
        return process(in: descriptor)
    }

    /// A small file of the daemon's own: readable by nobody else, whole after any crash.
    package func write(_ octets: [UInt8], to file: String) throws(HostError) {
        try SecretFile.write(octets, to: "\(path)/\(file)")
    }

    package func read(_ file: String) throws(HostError) -> [UInt8]? {
        try SecretFile.read("\(path)/\(file)")
    }

    package func remove(_ file: String) throws(HostError) {
        try SecretFile.remove("\(path)/\(file)")
    }

    /// Forgets the node. The lock goes last, while it is held.
    package func removeAll() throws(HostError) {
        for file in try Self.entries(of: path) where file != "lock" { try remove(file) }
        unlink("\(path)/lock")
        rmdir(path)
    }

    /// What a node left here, and what will take its writes.
    package struct Contents: Sendable {
        package let database: Database
        /// For ``Node/init(_:disk:common:)``.
        package let disk: [[UInt8]: [UInt8]]
        /// What the operator must hear: a line each, none if all is well.
        package let notes: [String]
        let identity: IdentityKeeper

        /// Begins to write; see ``DiskThread``.
        package func thread(
            durable: @escaping @Sendable (UInt64) -> Void,
            trouble: @escaping @Sendable (DiskTrouble?) -> Void
        ) -> DiskThread {
            DiskThread(database, identity: identity, durable: durable, trouble: trouble)
        }
    }

    /// Opens the database. One that is damaged or gone is replaced by what `identity` holds: the node is
    /// then the same, and hears the rest from the others.
    /// - Throws: `HostError` if it cannot be opened for any other reason: full disk, newer schema.
    package func open() throws(HostError) -> Contents {
        var notes: [String] = []
        var kept: IdentityFile?
        switch try IdentityFile.read(identityPath) {
        case .missing: break
        case .whole(let file): kept = file
        case .damaged:
            let aside = try setAside(["identity"])
            notes.append("\(identityPath) was damaged: set aside as \(aside)")
        }
        var file = kept ?? IdentityFile(emptyAt: identityPath)
        // SQLite would take a file that lost its contents for a new one.
        if kept != nil, isEmpty(statePath) {
            notes.append(loss("is empty or gone", try setAside(["state", "state-wal"])))
        }
        var (database, disk, reason) = try load()
        if let reason {
            let aside = try setAside(["state", "state-wal", "state-journal"])
            notes.append(loss("was damaged (\(reason))", aside, isKept: kept != nil))
            (database, disk, _) = try load()
        }
        guard let database else { throw HostError("\(statePath) cannot be made anew") }
        // A new database, or a process ended before the new one had the keys. Of keys that nothing was
        // made with yet the node itself rids both.
        if !disk.keys.contains(where: Lifeline.isIdentity), !file.content.isEmpty {
            disk.merge(file.content) { $1 }
            let sorted = disk.sorted { $0.key.lexicographicallyPrecedes($1.key) }
            try told { () throws(DatabaseError) in
                try database.apply([sorted.map { DiskWrite($0.key, $0.value) }])
            }
        }
        do throws(HostError) {
            try file.replace(by: Lifeline.of(disk))
        } catch {
            // The database has it all; the file follows when there is room.
            guard [ENOSPC, EDQUOT].contains(error.code) else { throw error }
            notes.append("\(error)")
        }
        return Contents(
            database: database, disk: disk, notes: notes, identity: IdentityKeeper(file))
    }

    /// - Returns: the database and what is in it, or in what way it is damaged.
    private func load() throws(HostError) -> (Database?, [[UInt8]: [UInt8]], String?) {
        try told { () throws(DatabaseError) in
            do throws(DatabaseError) {
                let database = try Database(path: statePath)
                return (database, try database.load(), nil)
            } catch {
                guard case .damaged(let reason) = error else { throw error }
                return (nil, [:], reason)
            }
        }
    }

    private func told<Result>(
        _ work: () throws(DatabaseError) -> Result
    ) throws(HostError) -> Result {
        do throws(DatabaseError) {
            return try work()
        } catch {
            throw HostError("\(statePath): \(error)")
        }
    }

    private func loss(_ what: String, _ aside: String, isKept: Bool = true) -> String {
        "\(statePath) \(what)" + (aside.isEmpty ? "; " : ": set aside as \(aside); ")
            + (isKept
                ? "this node keeps its identity and asks the others for the rest"
                : "there is no identity file either: this node must join again")
    }

    private var statePath: String { "\(path)/state" }
    private var identityPath: String { "\(path)/identity" }
}

// Files
extension StateDirectory {
    private static func isName(_ name: String) -> Bool {
        !name.isEmpty && !name.hasPrefix(".") && !name.contains("/") && name.utf8.count <= 64
            && !name.utf8.contains(0)
    }

    static func make(_ path: String, mode: mode_t) throws(HostError) {
        guard mkdir(path, mode) == 0 || errno == EEXIST else {
            throw HostError("cannot make \(path)", code: errno)
        }
    }

    /// The owner's alone, and the owner is who runs this.
    private static func checkAlone(_ path: String, isDirectory: Bool) throws(HostError) {
        var status = stat()
        guard stat(path, &status) == 0 else { throw HostError("cannot open \(path)", code: errno) }
        guard status.st_uid == geteuid() else {
            throw HostError(
                "\(path) belongs to user \(status.st_uid), and this is user \(geteuid())")
        }
        if isDirectory, status.st_mode & S_IFMT != S_IFDIR {
            throw HostError("\(path) is no directory")
        }
        guard status.st_mode & 0o077 == 0 else {
            let mode = String(status.st_mode & 0o7777, radix: 8)
            throw HostError(
                "\(path) is open to others (mode \(mode)): chmod \(isDirectory ? 700 : 600) \(path)"
            )
        }
    }

    private static func entries(of path: String) throws(HostError) -> [String] {
        guard let directory = opendir(path) else {
            throw HostError("cannot read \(path)", code: errno)
        }
        defer { closedir(directory) }
        var names: [String] = []
        while let entry = readdir(directory) {
            let name = withUnsafeBytes(of: &entry.pointee.d_name) {
                String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
            }
            if name != ".", name != ".." { names.append(name) }
        }
        return names.sorted()
    }

    /// A hundredth of a second apart. Whoever asks whether a daemon runs (``runningProcess(root:name:)``) has
    /// the lock for a moment, and so has a program that the last daemon was just starting when it ended.
    private static let lockTries = 30

    private static func lock(_ path: String, for name: String) throws(HostError) -> Int32 {
        let descriptor = Glibc.open(path, O_CREAT | O_RDWR | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw HostError("cannot open \(path)", code: errno) }
        var code = EWOULDBLOCK
        for _ in 0..<Self.lockTries {
            code = flock(descriptor, LOCK_EX | LOCK_NB) == 0 ? 0 : errno
            if code != EWOULDBLOCK { break }
            usleep(10_000)
        }
        guard code == 0 else {
            defer { close(descriptor) }
            guard code == EWOULDBLOCK else { throw HostError("cannot lock \(path)", code: code) }
            let process = process(in: descriptor).map { " (process \($0))" } ?? ""
            throw HostError("\(name) is already running\(process)")
        }
        let text = [UInt8]("\(getpid())\n".utf8)
        // Only what a second daemon says depends on it.
        if ftruncate(descriptor, 0) == 0 { _ = pwrite(descriptor, text, text.count, 0) }
        return descriptor
    }

    private static func process(in descriptor: Int32) -> Int32? {
        var text = [UInt8](repeating: 0, count: 16)
        let count = pread(descriptor, &text, text.count, 0)
        guard count > 0 else { return nil }
        return Int32(String(decoding: text.prefix(count).prefix { $0 > 32 }, as: UTF8.self))
    }

    private func isEmpty(_ path: String) -> Bool {
        var status = stat()
        return stat(path, &status) != 0 || status.st_size == 0
    }

    /// Renames what is there of the files.
    /// - Returns: the new name of the first; empty if none was there.
    private func setAside(_ files: [String]) throws(HostError) -> String {
        var seconds = time(nil)
        var parts = tm()
        gmtime_r(&seconds, &parts)
        func digits(_ number: Int32, _ width: Int) -> String {
            let text = "\(number)"
            return String(repeating: "0", count: max(0, width - text.count)) + text
        }
        let date =
            digits(parts.tm_year + 1900, 4) + digits(parts.tm_mon + 1, 2) + digits(parts.tm_mday, 2)
        let clock = digits(parts.tm_hour, 2) + digits(parts.tm_min, 2) + digits(parts.tm_sec, 2)
        let first = files.first ?? "state"
        var ending = "damaged-\(date)-\(clock)"
        var number = 1
        while access("\(path)/\(first).\(ending)", F_OK) == 0 {
            number += 1
            ending = "damaged-\(date)-\(clock)-\(number)"
        }
        var aside = ""
        for file in files {
            // As SQLite looks for it: the log's name is the database's and an ending.
            let target = "\(first).\(ending)\(file.dropFirst(first.count))"
            guard access("\(path)/\(file)", F_OK) == 0 else { continue }
            guard rename("\(path)/\(file)", "\(path)/\(target)") == 0 else {
                throw HostError("cannot rename \(path)/\(file)", code: errno)
            }
            if aside.isEmpty { aside = target }
        }
        try SecretFile.synchronise(directoryOf: statePath)
        return aside
    }
}
