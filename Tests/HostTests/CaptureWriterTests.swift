import Foundation
import Host
import TestKit
import Testing

@Suite("Files of captures")
struct CaptureWriterTests {
    /// A folder that goes with this value.
    final class Folder {
        let path = "/tmp/whither-capture-\(UUID().uuidString)"
        init() { mkdir(path, 0o755) }
        deinit { try? FileManager.default.removeItem(atPath: path) }
    }

    private func mode(_ path: String) -> mode_t {
        var status = stat()
        stat(path, &status)
        return status.st_mode & 0o7777
    }

    @Test("a file of one's own is emptied and is nobody else's to read, a new one too")
    func own() throws {
        let folder = Folder()
        let (old, new) = ("\(folder.path)/old", "\(folder.path)/new")
        try Data(repeating: 7, count: 1000).write(to: URL(filePath: old))
        chmod(old, 0o644)
        for path in [old, new] {
            let writer = try CaptureWriter(path: path)
            _ = writer.write(CaptureFileTests.packet)
            #expect(mode(path) == 0o600)
            let capture = try CaptureFile(path: path)
            #expect(try capture.next()?.ipPacket == CaptureFileTests.packet)
            #expect(try capture.next() == nil)
        }
    }

    @Test("what somebody else put there is refused, left as it is, and keeps nobody waiting")
    func foreign() throws {
        try #require(geteuid() == 0, "needs root, to give a file away")
        let folder = Folder()
        let (foreign, linked) = ("\(folder.path)/foreign", "\(folder.path)/linked")
        for path in [foreign, linked] {
            try Data([1, 2, 3]).write(to: URL(filePath: path))
            chmod(path, 0o666)
        }
        chown(foreign, 65534, 65534)
        link(linked, "\(folder.path)/other")
        for (path, part) in [(foreign, "somebody else's"), (linked, "another name")] {
            #expect { try CaptureWriter(path: path) } throws: {
                "\($0)".contains(part) && "\($0)".contains(path)
            }
            #expect(try Data(contentsOf: URL(filePath: path)) == Data([1, 2, 3]))
            #expect(mode(path) == 0o666)
        }
        let (pipe, symbolic) = ("\(folder.path)/pipe", "\(folder.path)/symbolic")
        mkfifo(pipe, 0o666)
        symlink(linked, symbolic)
        let begun = Meanwhile {
            for path in [pipe, symbolic, "/dev/null"] {
                do {
                    _ = try CaptureWriter(path: path)
                    return "took \(path)"
                } catch { continue }
            }
            // With somebody who reads it, it can be opened.
            let reader = open(pipe, O_RDONLY | O_NONBLOCK)
            defer { close(reader) }
            do {
                _ = try CaptureWriter(path: pipe)
                return "took \(pipe)"
            } catch { return "\(error)" }
        }
        #expect(try begun.value().contains("no regular file"))
    }
}
