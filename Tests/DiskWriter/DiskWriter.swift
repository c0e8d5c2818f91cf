import Glibc
import Host
import LISPNode
import Synchronization
import TestKit

/// Writes until it is killed, and says on standard output what is durable:
/// `disk-writer ROOT NAME SEED FIRST`. It is for tests that kill it.
@main
struct DiskWriter {
    static func main() {
        let arguments = CommandLine.arguments
        guard arguments.count == 5, let seed = UInt64(arguments[3]),
            let first = UInt64(arguments[4])
        else { return say("disk-writer ROOT NAME SEED FIRST") }
        do {
            let directory = try StateDirectory(root: arguments[1], name: arguments[2])
            let contents = try directory.open()
            for note in contents.notes { say(note) }
            let last = Atomic<UInt64>(first &- 1)
            let thread = contents.thread(
                durable: { batch in
                    last.store(batch, ordering: .relaxed)
                    say("\(batch)")
                }, trouble: { say($0.map { "\($0)" } ?? "well") })
            var batch = first
            while true {
                thread.write(
                    DiskBatches.pairs(of: batch, seed: seed).map { DiskWrite($0.key, $0.value) },
                    batch: batch)
                batch += 1
                // As the node does, it goes on before the disk has it, but not for ever.
                while batch > last.load(ordering: .relaxed) &+ 64 { usleep(50) }
            }
        } catch {
            say("\(error)")
        }
    }

    /// At once and whole: a killed process says nothing of what is in a buffer.
    static func say(_ line: String) {
        let octets = [UInt8]("\(line)\n".utf8)
        _ = write(STDOUT_FILENO, octets, octets.count)
    }
}
