import Foundation
import Host
import TestKit
import Testing

@Suite("A process that is killed")
struct KillTests {
    /// One directory, killed and opened again 120 times, each time a little further.
    @Test("loses nothing that it reported durable, at 120 seeded moments")
    func kill() throws {
        let folder = try TemporaryFolder()
        let seed: UInt64 = 4711
        var random = SeededRandom(seed: seed)
        var first: UInt64 = 1
        // How long the first took to its first line: others are killed before or a little after that.
        var start: UInt32 = 0
        for round in 0...120 {
            let output = try TemporaryFile()
            let process = Process()
            process.executableURL = URL(filePath: DiskWriterProgram.path)
            process.arguments = [folder.path, "relief", "\(seed)", "\(first)"]
            process.standardOutput = try FileHandle(forWritingTo: output.url)
            try process.run()
            if round == 0 {
                let begin = monotonicSeconds
                while try Data(contentsOf: output.url).isEmpty, monotonicSeconds < begin + 60 {
                    usleep(1000)
                }
                start = UInt32((monotonicSeconds - begin) * 1_000_000)
            } else {
                usleep(UInt32(random.below(Int(start) + 60_000)))
            }
            Foundation.kill(process.processIdentifier, SIGKILL)
            process.waitUntilExit()
            let lines = String(decoding: try Data(contentsOf: output.url), as: UTF8.self)
                .split(separator: "\n")
            #expect(lines.allSatisfy { UInt64($0) != nil }, "round \(round): \(lines.first ?? "")")
            let reported = lines.last.flatMap { UInt64($0) } ?? first - 1
            let directory = try StateDirectory(root: folder.path, name: "relief")
            let contents = try directory.open()
            #expect(contents.notes.isEmpty, "round \(round): \(contents.notes)")
            let last = contents.disk[DiskBatches.number]?.number ?? 0
            #expect(last >= reported, "seed \(seed), round \(round): \(reported) was durable")
            #expect(
                contents.disk == DiskBatches.state(through: last, seed: seed),
                "seed \(seed), round \(round): not the state after batch \(last)")
            contents.database.close()
            first = last + 1
        }
        #expect(first > 120, "\(first) batches")
    }
}
