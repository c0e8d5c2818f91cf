import Glibc

/// Why nothing is written at present. All of it waits in order, and is tried again.
package enum DiskTrouble: Hashable, Sendable, CustomStringConvertible {
    case full(String)
    case damaged(String)
    case failed(String)

    init(_ error: any Error) {
        switch error {
        case let error as DatabaseError:
            switch error {
            case .full(let text): self = .full(text)
            case .damaged(let text): self = .damaged(text)
            case .newer, .failed: self = .failed("\(error)")
            }
        case let error as HostError where [ENOSPC, EDQUOT].contains(error.code):
            self = .full("\(error)")
        default: self = .failed("\(error)")
        }
    }

    /// The same trouble is told once, in whatever words it comes.
    func isSameKind(as other: DiskTrouble) -> Bool {
        switch (self, other) {
        case (.full, .full), (.damaged, .damaged), (.failed, .failed): return true
        default: return false
        }
    }

    package var description: String {
        switch self {
        case .full(let text):
            return "the disk is full (\(text)): nothing new is acknowledged until there is room"
        case .damaged(let text):
            return "the database is damaged (\(text)): restart, and it is set aside and made anew"
        case .failed(let text):
            return "the disk takes nothing (\(text)): trying again every second"
        }
    }
}
