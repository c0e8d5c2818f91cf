import Clocks
import Foundation
import Host
import LISP
import LISPNode
import TestKit
import Testing
import Trust

/// A node that made a mesh, in a real directory.
@Suite("A node whose database is damaged or gone")
struct RecoveryTests {
    @Test("comes back as the same node at 60 seeded damages, each set aside with a message")
    func damaged() throws {
        let home = try Home(seed: 1)
        let before = try home.start().core
        let whole = try home.folder.read("relief/state")
        var found = 0
        for seed in UInt64(0)..<60 {
            var random = SeededRandom(seed: seed)
            var damaged = whole
            for _ in 0..<40 { damaged[random.below(damaged.count)] = random.bits() }
            try home.folder.write(damaged, to: "relief/state")
            let after = try home.start()
            #expect(after.core.id == before.id, "seed \(seed)")
            #expect(after.core.standing.genesis == before.standing.genesis, "seed \(seed)")
            if after.notes.isEmpty { continue }
            found += 1
            #expect(after.notes.count == 1)
            let note = after.notes[0]
            #expect(note.contains("/relief/state was damaged ("), "\(note)")
            #expect(note.contains("set aside as state.damaged-"), "\(note)")
            #expect(note.hasSuffix("keeps its identity and asks the others for the rest"))
        }
        let aside = try home.folder.files("relief").filter { $0.hasPrefix("state.damaged-") }
        #expect(found > 30 && aside.filter { !$0.hasSuffix("-wal") }.count == found)
    }

    @Test("that is gone, or has no octet left, too", arguments: [false, true])
    func gone(isEmptied: Bool) throws {
        let home = try Home(seed: 2)
        let before = try home.start().core
        if isEmptied {
            try home.folder.write([], to: "relief/state")
        } else {
            try FileManager.default.removeItem(atPath: "\(home.folder.path)/relief/state")
        }
        let after = try home.start()
        #expect(after.core.id == before.id)
        #expect(after.notes.count == 1 && after.notes[0].contains("is empty or gone"))
        #expect(try home.start().notes.isEmpty, "it is told once")
    }

    @Test("that is lost as soon as the making of the mesh was answered, too")
    func lostAtOnce() throws {
        let home = try Home(seed: 7)
        let before = try home.start().core
        try FileManager.default.removeItem(atPath: "\(home.folder.path)/relief/state")
        try home.folder.write(home.identityWhenAnswered, to: "relief/identity")
        let after = try home.start().core
        #expect(after.id == before.id && after.standing.genesis == before.standing.genesis)
        #expect(after.standing.member(after.id) != nil)
    }

    @Test("whose process ended in the middle of coming back comes back again")
    func interrupted() throws {
        let home = try Home(seed: 3)
        let before = try home.start().core
        // The new database has its tables, and nothing in them yet.
        try FileManager.default.removeItem(atPath: "\(home.folder.path)/relief/state")
        try Database(path: "\(home.folder.path)/relief/state").close()
        #expect(try home.start().core.id == before.id)
    }

    @Test("without an identity file must join again, and says so")
    func bothLost() throws {
        let home = try Home(seed: 4)
        for file in ["state", "identity"] {
            try home.folder.write([UInt8](repeating: 0x55, count: 4096), to: "relief/\(file)")
        }
        let directory = try StateDirectory(root: home.folder.path, name: "relief")
        let contents = try directory.open()
        #expect(contents.disk.isEmpty && contents.notes.count == 2, "\(contents.notes)")
        #expect(contents.notes[0].contains("identity was damaged: set aside as identity.damaged-"))
        #expect(contents.notes[1].hasSuffix("this node must join again"))
        contents.database.close()
    }

    @Test("a damaged identity file is written again from the database")
    func identityDamaged() throws {
        let home = try Home(seed: 5)
        let before = try home.folder.read("relief/identity")
        for seed in UInt64(0)..<20 {
            var random = SeededRandom(seed: seed)
            var damaged = before
            damaged[random.below(damaged.count)] ^= 1 << random.below(8)
            try home.folder.write(damaged, to: "relief/identity")
            #expect(try home.start().notes.count == 1, "seed \(seed)")
            #expect(try home.folder.read("relief/identity") == before, "seed \(seed)")
        }
    }

    @Test(
        "the file has the keys before anybody is told that they are durable, and loses them with them"
    )
    func keysFirst() throws {
        let home = try Home(seed: 6)
        let identity = String(decoding: try home.folder.read("relief/identity"), as: UTF8.self)
        #expect(identity.hasPrefix("# Keys of this node."))
        #expect(identity.contains("\n69 ") && identity.contains("\n6b "))
        let directory = try StateDirectory(root: home.folder.path, name: "relief")
        let contents = try directory.open()
        let events = DiskEvents()
        let thread = contents.thread(durable: events.durable, trouble: events.trouble)
        thread.write(contents.disk.keys.map { DiskWrite($0, nil) }, batch: 1)
        #expect(events.wait { $0.durable == 1 })
        #expect(try directory.read("identity") == nil)
        #expect(thread.stop())
    }
}

/// A directory in which a node has made a mesh.
private struct Home {
    let folder: TemporaryFolder
    /// The identity file at the moment at which all was durable.
    let identityWhenAnswered: [UInt8]

    struct Started {
        let core: Core
        let notes: [String]
    }

    init(seed: UInt64) throws {
        folder = try TemporaryFolder()
        let directory = try StateDirectory(root: folder.path, name: "relief")
        let contents = try directory.open()
        let events = DiskEvents()
        let thread = contents.thread(durable: events.durable, trouble: events.trouble)
        var node = Node(Settings(), disk: contents.disk)
        var random = SeededRandom(seed: seed)
        let name = try #require(MeshName("relief"))
        let pool = try #require(Prefix(IPv4Address(rawValue: 0x0A40_0000), length: 16))
        let now = Self.now
        var batch: UInt64 = 0
        for event in [
            Event.start, .locators([.ipv4(IPv4Address(rawValue: 0xC000_0201))]),
            .command(.create(MeshPlan(name: name, pool: pool)), 1),
        ] {
            for case .write(let writes, let number) in node.handle(event, at: now, using: &random) {
                thread.write(writes, batch: number)
                batch = number
            }
        }
        #expect(batch > 0 && events.wait { $0.durable == batch })
        identityWhenAnswered = try #require(
            try directory.read("identity"), "before the first batch is durable")
        #expect(thread.stop())
    }

    private static let now = Now(
        .start, clock: ClockReading(milliseconds: 1_763_718_000_000, quality: .synchronised))

    /// Another process: what it finds, and what its node is then.
    func start() throws -> Started {
        let directory = try StateDirectory(root: folder.path, name: "relief")
        let contents = try directory.open()
        contents.database.close()
        var node = Node(Settings(), disk: contents.disk)
        var random = SeededRandom(seed: 99)
        _ = node.handle(.start, at: Self.now, using: &random)
        return Started(core: try #require(node.core), notes: contents.notes)
    }
}
