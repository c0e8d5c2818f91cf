import Foundation
import Host
import LISPNode
import TestKit
import Testing

@Suite("The database")
struct DatabaseTests {
    @Test("thousands of writes, opened again now and then, hold what a dictionary holds")
    func twin() throws {
        let folder = try TemporaryFolder()
        let path = "\(folder.path)/state"
        for seed in UInt64(1)...3 {
            var random = SeededRandom(seed: seed)
            var database = try Database(path: path)
            var twin = try database.load()
            for _ in 0..<150 {
                let batches = (0..<random.below(5)).map { _ in
                    (0..<random.below(20)).map { _ in
                        DiskWrite(
                            random.octets(count: random.below(3)),
                            random.chance(oneIn: 4)
                                ? nil : random.octets(count: random.pick([0, 1, 40, 300, 5000])))
                    }
                }
                try database.apply(batches)
                for write in batches.joined() { twin[write.key] = write.value }
                if random.chance(oneIn: 20) {
                    database.close()
                    database = try Database(path: path)
                }
                if random.chance(oneIn: 5) { #expect(try database.load() == twin, "seed \(seed)") }
            }
            #expect(try database.load() == twin, "seed \(seed)")
            database.close()
        }
    }

    @Test("the file is its owner's alone, and says whose kind it is")
    func file() throws {
        let folder = try TemporaryFolder()
        let database = try Database(path: "\(folder.path)/state")
        try database.apply([[DiskWrite([1], [2])]])
        for file in ["state", "state-wal"] {
            let attributes = try FileManager.default.attributesOfItem(
                atPath: "\(folder.path)/\(file)")
            #expect(attributes[.posixPermissions] as? Int == 0o600, "\(file)")
        }
        database.close()
        #expect(try folder.read("state")[68..<72].elementsEqual("WITH".utf8))
        #expect(throws: DatabaseError.failed("the database is closed")) { try database.load() }
    }

    @Test("a newer schema is refused, and another program's file is not ours")
    func others() throws {
        let folder = try TemporaryFolder()
        let path = "\(folder.path)/state"
        try Database(path: path).close()
        try sqlite(path, "PRAGMA user_version=2; UPDATE meta SET schema=2")
        #expect(throws: DatabaseError.newer(2)) { try Database(path: path) }
        #expect("\(DatabaseError.newer(2))".contains("newer whither"))
        try sqlite("\(folder.path)/other", "CREATE TABLE a(b)")
        #expect(throws: DatabaseError.damaged("application id 0")) {
            try Database(path: "\(folder.path)/other")
        }
        #expect(throws: DatabaseError.self) { try Database(path: "\(folder.path)/no/such/folder") }
    }

    @Test("a row that changed on the disk is noticed, though SQLite finds nothing wrong")
    func sums() throws {
        let folder = try TemporaryFolder()
        let path = "\(folder.path)/state"
        let database = try Database(path: path)
        try database.apply([[DiskWrite([1], [2, 3, 4])]])
        database.close()
        try sqlite(path, "UPDATE state SET value=x'020305'")
        #expect(throws: DatabaseError.damaged("sum of key [\"1\"]")) {
            try Database(path: path).load()
        }
    }

    /// No octet of the file may change what is read without being noticed.
    @Test("at 300 seeded places a damaged file says so, or holds exactly what was written")
    func damage() throws {
        let folder = try TemporaryFolder()
        let path = "\(folder.path)/state"
        let database = try Database(path: path)
        for batch in UInt64(1)...60 {
            try database.apply([DiskBatches.writes(of: batch, seed: 5)])
        }
        database.close()
        let whole = try folder.read("state")
        let before = DiskBatches.state(through: 60, seed: 5)
        var noticed = 0
        for seed in UInt64(0)..<300 {
            var random = SeededRandom(seed: seed)
            var damaged = whole
            switch random.below(4) {
            case 0: damaged = [UInt8](whole.prefix(1 + random.below(whole.count - 1)))
            case 1:
                let start = random.below(whole.count)
                for place in start..<min(start + 512, whole.count) {
                    damaged[place] = random.bits()
                }
            case 2: damaged[random.below(whole.count)] ^= 1 << random.below(8)
            default: damaged[random.below(100)] ^= 1 << random.below(8)
            }
            try folder.write(damaged, to: "state")
            do throws(DatabaseError) {
                let database = try Database(path: path)
                let found = try database.load()
                #expect(found == before, "seed \(seed)")
                database.close()
            } catch {
                noticed += 1
                guard case .damaged = error else {
                    Issue.record("seed \(seed): \(error)")
                    continue
                }
            }
            try? FileManager.default.removeItem(atPath: "\(path)-wal")
        }
        #expect(noticed > 150, "\(noticed) of 300 were noticed")
    }

    private func sqlite(_ path: String, _ sql: String) throws {
        try SQLiteShell.run(sql, on: path)
    }
}
