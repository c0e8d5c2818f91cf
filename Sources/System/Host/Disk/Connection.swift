import CSQLite

/// One connection to SQLite, for one thread at a time.
final class Connection {
    private let handle: OpaquePointer
    /// Compiled once: each is used for every write.
    private var statements: [String: Statement] = [:]

    /// Opens a file that is there already.
    init(path: String) throws(DatabaseError) {
        var opened: OpaquePointer?
        // No mutex: whoever owns the connection has one.
        let flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE
        let code = sqlite3_open_v2(path, &opened, flags, nil)
        guard code == SQLITE_OK, let opened else {
            let text = opened.map { String(cString: sqlite3_errmsg($0)) } ?? "no memory"
            sqlite3_close_v2(opened)
            throw DatabaseError(code, "\(path): \(text)")
        }
        handle = opened
    }

    deinit {
        for statement in statements.values { sqlite3_finalize(statement.handle) }
        sqlite3_close_v2(handle)
    }

    func error(_ code: Int32) -> DatabaseError {
        DatabaseError(code, String(cString: sqlite3_errmsg(handle)))
    }

    /// What is used over and over.
    func prepared(_ sql: String) throws(DatabaseError) -> Statement {
        if let known = statements[sql] {
            known.reset()
            return known
        }
        let statement = try compile(sql)
        statements[sql] = statement
        return statement
    }

    private func compile(_ sql: String) throws(DatabaseError) -> Statement {
        var compiled: OpaquePointer?
        let code = sqlite3_prepare_v2(handle, sql, -1, &compiled, nil)
        guard code == SQLITE_OK, let compiled else { throw error(code) }
        return Statement(handle: compiled)
    }

    /// Runs a statement to its end.
    /// - Returns: the first column of its first row, as text.
    @discardableResult
    func run(_ sql: String) throws(DatabaseError) -> String? {
        let statement = try compile(sql)
        defer { sqlite3_finalize(statement.handle) }
        var first: String?
        while try step(statement) {
            if first == nil {
                first = sqlite3_column_text(statement.handle, 0).map { String(cString: $0) } ?? ""
            }
        }
        return first
    }

    /// - Returns: whether there is a row to read.
    func step(_ statement: Statement) throws(DatabaseError) -> Bool {
        switch sqlite3_step(statement.handle) {
        case SQLITE_ROW: return true
        case SQLITE_DONE: return false
        case let code:
            defer { statement.reset() }
            throw error(code)
        }
    }
}

/// A compiled statement; its ``Connection`` ends it.
struct Statement {
    let handle: OpaquePointer

    /// Copies: SQLite may read it after this call.
    private static let copied = unsafeBitCast(-1, to: sqlite3_destructor_type.self)

    func reset() { sqlite3_reset(handle) }

    func bind(_ octets: [UInt8], at place: Int32) {
        // Of an empty array there may be no address, and none would bind NULL.
        if octets.isEmpty {
            sqlite3_bind_zeroblob(handle, place, 0)
            return
        }
        _ = octets.withUnsafeBytes {
            sqlite3_bind_blob64(handle, place, $0.baseAddress, UInt64($0.count), Self.copied)
        }
    }

    func bind(_ number: Int64, at place: Int32) { sqlite3_bind_int64(handle, place, number) }

    func octets(_ column: Int32) -> [UInt8] {
        guard let start = sqlite3_column_blob(handle, column) else { return [] }
        let count = Int(sqlite3_column_bytes(handle, column))
        return [UInt8](UnsafeRawBufferPointer(start: start, count: count))
    }

    func number(_ column: Int32) -> Int64 { sqlite3_column_int64(handle, column) }
}
