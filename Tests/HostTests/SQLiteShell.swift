import CSQLite

/// Another program with the same file.
enum SQLiteShell {
    struct Failure: Error { let text: String }

    static func run(_ sql: String, on path: String) throws {
        var handle: OpaquePointer?
        defer { sqlite3_close(handle) }
        guard sqlite3_open(path, &handle) == SQLITE_OK,
            sqlite3_exec(handle, sql, nil, nil, nil) == SQLITE_OK
        else { throw Failure(text: String(cString: sqlite3_errmsg(handle))) }
    }
}
