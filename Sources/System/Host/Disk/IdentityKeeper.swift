import Glibc
import LISPNode

/// Keeps the identity file up to date, on the disk's thread.
final class IdentityKeeper: @unchecked Sendable {
    private var file: IdentityFile
    /// When the file is to be compared with the database; `nil`: nothing changed.
    private var due: Double?
    private var notBefore: Double
    /// Whether with the file alone the node would be a member of its mesh again.
    private var isEnough: Bool
    /// Of a node that is no member, or not any more, it never is: then soon is as good as at once.
    private var tries = 0
    private static let maximumTries = 32

    /// After a change that matters: what comes with it is taken along.
    private static let urgent = 2.0
    /// The floor of mesh time alone.
    private static let lazy = 600.0
    /// A great mesh's lifeline takes long to find: it is looked for during at most 1/200 of the time.
    private static let rest = 200.0

    init(_ file: IdentityFile) {
        self.file = file
        notBefore = 0
        isEnough = Lifeline.isMember(file.content)
    }

    private static func now() -> Double {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
    }

    /// Milliseconds.
    func dueIn() -> Int? {
        due.map { max(0, Int((max($0, notBefore) - Self.now()) * 1000) + 1) }
    }

    /// Keys are in the file before they are in the database.
    func prepare(for batches: [[DiskWrite]]) throws(HostError) {
        try file.prepare(for: batches.joined())
    }

    /// To be called between a commit and the word that it is durable, on which `create` and `join` are
    /// answered: from then on the node must outlive its database.
    func settle(_ batches: [[DiskWrite]], in database: Database) throws {
        guard !isEnough, tries < Self.maximumTries,
            batches.joined().contains(where: { Lifeline.isUrgent($0.key) })
        else { return }
        try refresh(from: database)
        isEnough = Lifeline.isMember(file.content)
        tries += 1
    }

    func wrote(_ batches: [[DiskWrite]]) {
        var wait: Double?
        for write in batches.joined() where Lifeline.mayHold(write.key) {
            wait = Lifeline.isUrgent(write.key) ? Self.urgent : wait ?? Self.lazy
            if wait == Self.urgent { break }
        }
        if let wait { due = min(due ?? .infinity, Self.now() + wait) }
    }

    func refreshIfDue(from database: Database) throws {
        guard let due, max(due, notBefore) <= Self.now() else { return }
        try refresh(from: database)
    }

    func refresh(from database: Database) throws {
        let start = Self.now()
        try file.replace(by: Lifeline.of(try database.load(before: Lifeline.end)))
        due = nil
        notBefore = Self.now() + (Self.now() - start) * Self.rest
    }
}
