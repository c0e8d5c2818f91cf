import Admin
import CSQLite
import Foundation
import Glibc
import Host
import TestKit
import Testing

extension SystemTests {
    @Suite("A state directory that is not as it was left", .serialized)
    struct StateTests {
        @Test("a database cut off at any length: the node comes back as itself, and is refilled")
        func truncated() throws {
            let seed: UInt64 = 3
            var random = SeededRandom(seed: seed)
            let bench = try Bench(2, family: .ipv4)
            let all = try bench.mesh()
            let (a, b) = (all[0], all[1])
            let key = try b.ask(IDReport.self, "id").key
            let name = try #require(StateDirectory.list(root: b.state).first)
            let folder = "\(b.state)/\(name)"
            for round in 0..<8 {
                try b.kill9()
                let file = "\(folder)/state"
                let size = try #require(FileManager.default.contents(atPath: file)?.count)
                let lengths = [0, 1, 99, 100, 4096, size - 1, size / 2, random.below(size)]
                let length = min(max(lengths[round], 0), size)
                // In odd rounds without the log that could mend it.
                #expect(truncate(file, length) == 0)
                if round % 2 == 1 {
                    for log in ["-wal", "-shm"] { unlink(file + log) }
                }
                let words = "seed \(seed), cut to \(length) of \(size)"
                try b.up()
                #expect(try b.ask(IDReport.self, "id").key == key, "\(b.failure(words))")
                try b.waitUntilReady()
                try bench.expectEqual([a, b], members: 2)
                try b.reach(a)
            }
        }

        @Test("the file of its identity alone brings a node back, on an empty machine")
        func restored() throws {
            let bench = try Bench(3, family: .ipv4)
            let all = try bench.mesh()
            let (a, b) = (all[0], all[1])
            let key = try b.ask(IDReport.self, "id").key
            let name = try #require(StateDirectory.list(root: b.state).first)
            try b.down()
            let folder = "\(b.state)/\(name)"
            let identity = try #require(FileManager.default.contents(atPath: "\(folder)/identity"))
            try FileManager.default.removeItem(atPath: b.state)
            try FileManager.default.createDirectory(
                atPath: folder, withIntermediateDirectories: true,
                attributes: [.posixPermissions: 0o700])
            let isWritten = FileManager.default.createFile(
                atPath: "\(folder)/identity", contents: identity,
                attributes: [.posixPermissions: 0o600])
            try #require(isWritten)
            try b.up()
            try bench.expectEqual(all, members: 3)
            #expect(try b.ask(IDReport.self, "id").key == key)
            try b.reachBoth(a)
        }

        @Test("of a newer version: it is refused in a line, and nothing of it is touched")
        func newer() throws {
            let bench = try Bench(2, family: .ipv4)
            let all = try bench.mesh()
            let (a, b) = (all[0], all[1])
            try b.down()
            let name = try #require(StateDirectory.list(root: b.state).first)
            let folder = "\(b.state)/\(name)"
            try sqlite("\(folder)/state", "PRAGMA user_version=2; UPDATE meta SET schema=2")
            let before = try files(folder)
            let refused = try b.attempt(["up"])
            #expect(
                refused.status == 1 && refused.errors.contains("newer whither")
                    && refused.errors.split(separator: "\n").count == 1, "\(refused.errors)")
            #expect(try files(folder) == before)
            #expect(b.process == nil)
            // The newer version has not changed the rest: as if it were put back.
            try sqlite("\(folder)/state", "PRAGMA user_version=1; UPDATE meta SET schema=1")
            try b.up()
            try b.reach(a)
        }

        /// What is in a folder but the lock, which names the last process that held it.
        private func files(_ folder: String) throws -> [String: Data] {
            var found: [String: Data] = [:]
            for name in try FileManager.default.contentsOfDirectory(atPath: folder)
            where name != "lock" {
                found[name] = FileManager.default.contents(atPath: "\(folder)/\(name)")
            }
            return found
        }

        private func sqlite(_ path: String, _ sql: String) throws {
            var handle: OpaquePointer?
            defer { sqlite3_close_v2(handle) }
            #expect(sqlite3_open_v2(path, &handle, SQLITE_OPEN_READWRITE, nil) == SQLITE_OK)
            #expect(sqlite3_exec(handle, sql, nil, nil, nil) == SQLITE_OK)
        }

        @Test("what others may read is refused, with the command that mends it")
        func readable() throws {
            let bench = try Bench(1, family: .ipv4)
            let a = bench[1]
            try a.create()
            try a.down()
            let name = try #require(StateDirectory.list(root: a.state).first)
            #expect(chmod("\(a.state)/\(name)", 0o755) == 0)
            let refused = try a.attempt(["up"])
            #expect(
                refused.status == 1 && refused.errors.contains("chmod 700")
                    && refused.errors.split(separator: "\n").count == 1, "\(refused.errors)")
            #expect(chmod("\(a.state)/\(name)", 0o700) == 0)
            try a.up()
        }
    }
}
