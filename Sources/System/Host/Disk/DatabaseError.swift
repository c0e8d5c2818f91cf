import CSQLite

/// Why the database could not be opened, read or written.
package enum DatabaseError: Error, Hashable, CustomStringConvertible {
    /// It cannot be trusted any more, or is none of ours.
    case damaged(String)
    /// A newer version of this program has written it.
    case newer(Int)
    /// There is no room on the disk.
    case full(String)
    case failed(String)

    /// - Parameter code: what SQLite returned; its first 8 bits are the kind.
    init(_ code: Int32, _ text: String) {
        switch code & 0xFF {
        // Our statements are right for our tables: an error in one is one in the other.
        case SQLITE_CORRUPT, SQLITE_NOTADB, SQLITE_ERROR: self = .damaged(text)
        case SQLITE_FULL: self = .full(text)
        default: self = .failed(text)
        }
    }

    package var description: String {
        switch self {
        case .damaged(let text): return "the database is damaged (\(text))"
        case .newer(let schema):
            return "the database was written by a newer whither "
                + "(schema \(schema); this one knows \(Database.schema))"
        case .full(let text), .failed(let text): return text
        }
    }
}
