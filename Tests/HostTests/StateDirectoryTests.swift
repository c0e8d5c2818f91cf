import Foundation
import Glibc
import Host
import LISPNode
import TestKit
import Testing

@Suite("The state directory")
struct StateDirectoryTests {
    @Test("is made for its owner alone, with files that nobody else can read")
    func made() throws {
        let folder = try TemporaryFolder()
        let directory = try StateDirectory(root: "\(folder.path)/root", name: "relief")
        let contents = try directory.open()
        #expect(contents.disk.isEmpty && contents.notes.isEmpty)
        try directory.write([1, 2, 3], to: "root.key")
        #expect(try directory.read("root.key") == [1, 2, 3])
        #expect(try directory.read("none") == nil)
        func mode(_ path: String) throws -> Int? {
            try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int
        }
        #expect(try mode(directory.path) == 0o700)
        for file in try folder.files("root/relief") {
            #expect(try mode("\(directory.path)/\(file)") == 0o600, "\(file)")
        }
        #expect(StateDirectory.list(root: "\(folder.path)/root") == ["relief"])
        #expect(StateDirectory.list(root: "\(folder.path)/none") == [])
        contents.database.close()
        try directory.removeAll()
        #expect(StateDirectory.list(root: "\(folder.path)/root") == [])
    }

    @Test("what others can read is refused with the command that helps", arguments: [0o750, 0o701])
    func openDirectory(mode: Int) throws {
        let folder = try TemporaryFolder()
        let path = try StateDirectory(root: folder.path, name: "relief").path
        try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: path)
        #expect { try StateDirectory(root: folder.path, name: "relief") } throws: {
            "\($0)"
                == "\(path) is open to others (mode \(String(mode, radix: 8))): chmod 700 \(path)"
        }
    }

    @Test("so is a file in it")
    func openFile() throws {
        let folder = try TemporaryFolder()
        var directory: StateDirectory? = try StateDirectory(root: folder.path, name: "relief")
        let file = "\(folder.path)/relief/identity"
        try directory?.write([1], to: "identity")
        directory = nil
        try FileManager.default.setAttributes([.posixPermissions: 0o640], ofItemAtPath: file)
        #expect { try StateDirectory(root: folder.path, name: "relief") } throws: {
            "\($0)" == "\(file) is open to others (mode 640): chmod 600 \(file)"
        }
    }

    @Test("another user's is refused")
    func owner() throws {
        try #require(geteuid() == 0, "needs root, to give a folder away")
        let folder = try TemporaryFolder()
        let path = try StateDirectory(root: folder.path, name: "relief").path
        #expect(chown(path, 65534, 65534) == 0)
        #expect { try StateDirectory(root: folder.path, name: "relief") } throws: {
            "\($0)" == "\(path) belongs to user 65534, and this is user 0"
        }
    }

    @Test(
        "names that lead elsewhere are none", arguments: ["", ".", "..", "a/b", ".hidden", "a\0b"])
    func names(name: String) throws {
        let folder = try TemporaryFolder()
        #expect(throws: HostError.self) { try StateDirectory(root: folder.path, name: name) }
    }

    @Test("a second process is told which one runs, and one after it is not")
    func lock() throws {
        let folder = try TemporaryFolder()
        var directory: StateDirectory? = try StateDirectory(root: folder.path, name: "relief")
        #expect(
            StateDirectory.runningProcess(root: folder.path, name: "relief")
                == ProcessInfo.processInfo.processIdentifier)
        let second = try RunningProgram.run(
            DiskWriterProgram.path, [folder.path, "relief", "1", "1"])
        #expect(
            second.output
                == "relief is already running "
                + "(process \(ProcessInfo.processInfo.processIdentifier))\n")
        #expect(directory != nil)
        directory = nil
        #expect(StateDirectory.runningProcess(root: folder.path, name: "relief") == nil)
        #expect(StateDirectory.runningProcess(root: folder.path, name: "none") == nil)
        _ = try StateDirectory(root: folder.path, name: "relief")
    }

    @Test("who only looks whether a daemon runs keeps none from starting")
    func looking() throws {
        let folder = try TemporaryFolder()
        _ = try StateDirectory(root: folder.path, name: "relief")
        let lock = Glibc.open("\(folder.path)/relief/lock", O_RDONLY | O_CLOEXEC)
        #expect(flock(lock, LOCK_SH | LOCK_NB) == 0)
        let other = HostThread("other") {
            usleep(50_000)
            close(lock)
        }
        _ = try StateDirectory(root: folder.path, name: "relief")
        other.join()
    }
}

/// The program that writes until it is killed, beside the tests' own.
enum DiskWriterProgram {
    static let path: String = {
        let tests = URL(filePath: CommandLine.arguments[0]).deletingLastPathComponent()
        let beside = tests.appending(path: "disk-writer").path
        if FileManager.default.isExecutableFile(atPath: beside) { return beside }
        return "\(Checkout.root)/.build/debug/disk-writer"
    }()
}
