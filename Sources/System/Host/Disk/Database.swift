import CSQLite
import Cryptography
import Glibc
package import LISPNode
import Synchronization

/// What a node keeps: keys and values, in one table of a SQLite file.
///
///     meta(schema, sum)   state(key, value, sum)
///
/// Write-ahead log, synchronous=FULL: what ``apply(_:)`` returned for is on the disk. SQLite notices a
/// damaged structure, but has no check of contents: so each row has a sum of its own, and what is loaded
/// is what was written, or nothing.
package final class Database: Sendable {
    /// `user_version`; to be raised with every change of the tables.
    package static let schema = 1
    /// "WITH": what `file` shows, so that nobody takes another program's file for ours.
    static let applicationID: Int32 = 0x5749_5448

    private let connection: Mutex<Connection?>

    /// Opens the file, and makes it if there is none.
    /// - Parameter maximumPages: for tests of a full disk: the file grows no further.
    package init(path: String, maximumPages: Int? = nil) throws(DatabaseError) {
        // SQLite itself would make a file that others can read; its log takes over these rights.
        let made = open(path, O_CREAT | O_RDWR | O_CLOEXEC, 0o600)
        guard made >= 0 else {
            let text = "\(path): \(String(cString: strerror(errno)))"
            throw errno == ENOSPC ? .full(text) : .failed(text)
        }
        _ = Glibc.close(made)
        connection = Mutex(try Self.connect(path, maximumPages))
    }

    private static func connect(
        _ path: String, _ maximumPages: Int?
    ) throws(DatabaseError) -> sending Connection {
        let connection = try Connection(path: path)
        // Alone with the file: no shared memory beside it, and no second program in it.
        try connection.run("PRAGMA locking_mode=EXCLUSIVE")
        try connection.run("PRAGMA cell_size_check=ON")
        if let maximumPages { try connection.run("PRAGMA max_page_count=\(maximumPages)") }
        let isNew = try connection.run("PRAGMA page_count") == "0"
        let application = try connection.run("PRAGMA application_id")
        guard isNew || application == "\(applicationID)" else {
            throw .damaged("application id \(application ?? "missing")")
        }
        guard try connection.run("PRAGMA journal_mode=WAL") == "wal" else {
            throw .failed("\(path): this file system cannot hold a write-ahead log")
        }
        try connection.run("PRAGMA synchronous=FULL")
        // What a burst has left of the log is given back.
        try connection.run("PRAGMA journal_size_limit=8388608")
        if isNew {
            try makeTables(connection)
        } else {
            try check(connection)
        }
        return connection
    }

    private static func makeTables(_ connection: Connection) throws(DatabaseError) {
        try connection.run("BEGIN IMMEDIATE")
        try connection.run("PRAGMA application_id=\(applicationID)")
        try connection.run("PRAGMA user_version=\(schema)")
        try connection.run("CREATE TABLE meta(schema INTEGER PRIMARY KEY, sum INTEGER NOT NULL)")
        try connection.run(
            """
            CREATE TABLE state(key BLOB PRIMARY KEY, value BLOB NOT NULL, sum INTEGER NOT NULL)
            WITHOUT ROWID
            """)
        try connection.run("INSERT INTO meta VALUES(\(schema), \(sum([], [UInt8(schema)])))")
        try connection.run("COMMIT")
    }

    private static func check(_ connection: Connection) throws(DatabaseError) {
        // What another schema has in its tables is not for us to check. The number stands twice, so
        // that a flipped bit is no newer version.
        let version = try connection.run("PRAGMA user_version") ?? ""
        let noted = try connection.run("SELECT schema FROM meta") ?? ""
        guard version == noted, let number = Int(version), number > 0 else {
            throw .damaged("schema \(version) and \(noted)")
        }
        guard number <= schema else { throw .newer(number) }
        let result = try connection.run("PRAGMA quick_check(1)") ?? "no answer"
        guard result == "ok" else {
            throw .damaged(result.split(whereSeparator: \.isNewline).joined(separator: " "))
        }
        let kept = try connection.run("SELECT sum FROM meta")
        guard kept == "\(sum([], [UInt8(schema)]))" else { throw .damaged("sum of the schema") }
    }

    /// The first 8 octets of the hash of both, the key's length before them.
    private static func sum(_ key: [UInt8], _ value: [UInt8]) -> Int64 {
        let hash = SHA256.hash([UInt8(truncatingIfNeeded: key.count)] + key + value)
        return hash.prefix(8).reduce(0) { $0 << 8 | Int64($1) }
    }

    /// Everything that was written.
    package func load() throws(DatabaseError) -> [[UInt8]: [UInt8]] {
        try load("SELECT key, value, sum FROM state", nil)
    }

    /// Only what comes before a key.
    func load(before key: [UInt8]) throws(DatabaseError) -> [[UInt8]: [UInt8]] {
        try load("SELECT key, value, sum FROM state WHERE key < ?1", key)
    }

    private func load(
        _ sql: String, _ bound: [UInt8]?
    ) throws(DatabaseError) -> [[UInt8]: [UInt8]] {
        try withConnection { connection throws(DatabaseError) in
            let statement = try connection.prepared(sql)
            if let bound { statement.bind(bound, at: 1) }
            var found: [[UInt8]: [UInt8]] = [:]
            while try connection.step(statement) {
                let (key, value) = (statement.octets(0), statement.octets(1))
                guard statement.number(2) == Self.sum(key, value) else {
                    statement.reset()
                    throw .damaged("sum of key \(key.prefix(20).map { String($0, radix: 16) })")
                }
                found[key] = value
            }
            statement.reset()
            return found
        }
    }

    /// Writes all of it in this order in one transaction, or nothing of it.
    package func apply(_ batches: [[DiskWrite]]) throws(DatabaseError) {
        try withConnection { connection throws(DatabaseError) in
            try connection.run("BEGIN IMMEDIATE")
            do throws(DatabaseError) {
                for write in batches.joined() { try Self.write(write, to: connection) }
                try connection.run("COMMIT")
            } catch {
                // Where SQLite has rolled back by itself there is nothing left to do.
                _ = try? connection.run("ROLLBACK")
                throw error
            }
        }
    }

    private static func write(
        _ write: DiskWrite, to connection: Connection
    ) throws(DatabaseError) {
        let statement: Statement
        if let value = write.value {
            statement = try connection.prepared(
                "INSERT OR REPLACE INTO state(key, value, sum) VALUES(?1, ?2, ?3)")
            statement.bind(value, at: 2)
            statement.bind(sum(write.key, value), at: 3)
        } else {
            statement = try connection.prepared("DELETE FROM state WHERE key = ?1")
        }
        statement.bind(write.key, at: 1)
        _ = try connection.step(statement)
        statement.reset()
    }

    /// Takes the log into the file; nothing can be read or written any more.
    package func close() { connection.withLock { $0 = nil } }

    private func withConnection<Result: Sendable>(
        _ work: (Connection) throws(DatabaseError) -> Result
    ) throws(DatabaseError) -> Result {
        try connection.withLock { connection throws(DatabaseError) in
            guard let connection else { throw .failed("the database is closed") }
            return try work(connection)
        }
    }
}
