import Foundation
import Host
import LISPNode
import TestKit
import Testing

@Suite("The disk thread")
struct DiskThreadTests {
    @Test("what comes during a commit is one group, in order, and stop writes what is left")
    func groups() throws {
        let folder = try TemporaryFolder()
        let path = "\(folder.path)/state"
        let events = DiskEvents()
        let thread = DiskThread(
            try Database(path: path), durable: events.durable, trouble: events.trouble)
        for batch in UInt64(1)...3000 {
            thread.write(DiskBatches.writes(of: batch, seed: 2), batch: batch)
        }
        #expect(thread.stop())
        #expect(thread.stop(), "a second time it says the same")
        #expect(events.durable == 3000)
        #expect(events.isInOrder)
        // How many depends on the disk and on who else works on this machine.
        #expect(events.commits < 2000)
        #expect(events.troubles.isEmpty)
        #expect(
            try Database(path: path).load() == DiskBatches.state(through: 3000, seed: 2))
    }

    @Test("a full disk is told once, waits in order, and is told when it is over")
    func full() throws {
        let folder = try TemporaryFolder()
        let path = "\(folder.path)/state"
        let events = DiskEvents()
        // 4,096 octets each: room for some 50 values.
        let thread = DiskThread(
            try Database(path: path, maximumPages: 60), durable: events.durable,
            trouble: events.trouble)
        for batch in UInt64(1)...100 {
            thread.write(
                [DiskWrite([UInt8(batch)], .init(repeating: 7, count: 3000))], batch: batch)
        }
        #expect(events.wait { $0.troubles.count == 1 })
        guard case .full? = events.troubles.first ?? nil else {
            Issue.record("\(events.troubles)")
            return
        }
        #expect(events.durable < 100)
        // It is asked again every second, and tells nobody.
        sleep(3)
        #expect(events.troubles.count == 1)
        #expect(!thread.stop())
        #expect(events.isInOrder)
        let kept = try Database(path: path).load()
        #expect(kept.count == Int(events.durable), "what was told durable is there, and no more")
        #expect((1...UInt8(events.durable)).allSatisfy { kept[[$0]] != nil })
    }

    /// A real file system that fills: needs root for the mount.
    @Test("on a full file system writing goes on when there is room")
    func fullFileSystem() throws {
        try #require(geteuid() == 0, "needs root, to mount a small file system")
        let folder = try TemporaryFolder()
        let mount = try RunningProgram.run(
            "mount", ["-t", "tmpfs", "-o", "size=1m,mode=0755", "whither-test", folder.path])
        try #require(mount.status == 0, "\(mount.errors)")
        defer { _ = try? RunningProgram.run("umount", ["-l", folder.path]) }
        let directory = try StateDirectory(root: folder.path, name: "relief")
        let contents = try directory.open()
        let events = DiskEvents()
        let thread = contents.thread(durable: events.durable, trouble: events.trouble)
        try Data(count: 500_000).write(to: URL(filePath: "\(folder.path)/ballast"))
        var written: UInt64 = 0
        for batch in UInt64(1)...200 {
            thread.write(
                [DiskWrite([1, UInt8(batch)], .init(repeating: 7, count: 3000))], batch: batch)
            written = batch
        }
        #expect(events.wait { !$0.troubles.isEmpty })
        guard case .full? = events.troubles.first ?? nil else {
            Issue.record("\(events.troubles)")
            return
        }
        #expect(events.durable < written)
        let resized = try RunningProgram.run(
            "mount", ["-o", "remount,size=64m", folder.path])
        try #require(resized.status == 0, "\(resized.errors)")
        #expect(events.wait { $0.durable == written })
        #expect(events.wait { $0.troubles.count == 2 })
        #expect(events.troubles.last == .some(nil))
        #expect(thread.stop())
        #expect(try Database(path: "\(directory.path)/state").load().count == 200)
    }
}
