import Foundation
import Host
import LISPNode
import Synchronization
import TestKit

/// A folder that goes away with its last user.
final class TemporaryFolder: Sendable {
    let path: String

    init() throws {
        path = FileManager.default.temporaryDirectory.path + "/whither-\(UUID().uuidString)"
        try FileManager.default.createDirectory(
            atPath: path, withIntermediateDirectories: false, attributes: [.posixPermissions: 0o755]
        )
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    func files(_ folder: String) throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: "\(path)/\(folder)").sorted()
    }

    func read(_ file: String) throws -> [UInt8] {
        [UInt8](try Data(contentsOf: URL(filePath: "\(path)/\(file)")))
    }

    func write(_ octets: [UInt8], to file: String) throws {
        let handle = try FileHandle(forWritingTo: URL(filePath: "\(path)/\(file)"))
        try handle.truncate(atOffset: 0)
        try handle.write(contentsOf: Data(octets))
        try handle.close()
    }
}

/// What a disk thread tells, and how a test waits for it.
final class DiskEvents: Sendable {
    private let state = Mutex(
        (durable: UInt64(0), troubles: [DiskTrouble?](), commits: 0, isInOrder: true))

    var durable: UInt64 { state.withLock { $0.durable } }
    var troubles: [DiskTrouble?] { state.withLock { $0.troubles } }
    /// Calls of `durable`.
    var commits: Int { state.withLock { $0.commits } }
    var isInOrder: Bool { state.withLock { $0.isInOrder } }

    func durable(_ batch: UInt64) {
        state.withLock {
            $0.commits += 1
            if batch <= $0.durable { $0.isInOrder = false }
            $0.durable = batch
        }
    }

    func trouble(_ trouble: DiskTrouble?) { state.withLock { $0.troubles.append(trouble) } }

    /// - Returns: whether it came within some seconds.
    func wait(seconds: Double = 20, until isThere: (DiskEvents) -> Bool) -> Bool {
        let end = Date(timeIntervalSinceNow: seconds)
        while Date() < end {
            if isThere(self) { return true }
            usleep(500)
        }
        return isThere(self)
    }
}

extension DiskBatches {
    static func writes(of batch: UInt64, seed: UInt64) -> [DiskWrite] {
        pairs(of: batch, seed: seed).map { DiskWrite($0.key, $0.value) }
    }
}

extension [UInt8] {
    /// Big-endian.
    var number: UInt64 { reduce(0) { $0 << 8 | UInt64($1) } }
}
