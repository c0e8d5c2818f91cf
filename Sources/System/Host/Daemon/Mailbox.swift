import CLinux
import Glibc
import Synchronization

/// What other threads hand to one that waits: bounded, and it can wait for it together with descriptors.
package final class Mailbox<Letter: Sendable>: Sendable {
    private let letters: Mutex<[Letter]>
    private let limit: Int
    /// Readable while letters lie there.
    package let descriptor: Int32
    private let dropped = Atomic<UInt64>(0)

    /// - Parameter limit: letters that may lie there; more of those that can be lost are dropped.
    package init(limit: Int) throws(HostError) {
        self.limit = limit
        letters = Mutex([])
        descriptor = eventfd(0, Int32(EFD_NONBLOCK | EFD_CLOEXEC))
        guard descriptor >= 0 else { throw .last("cannot make an eventfd") }
    }

    deinit { close(descriptor) }

    /// How many were dropped since the beginning.
    package var lost: UInt64 { dropped.load(ordering: .relaxed) }

    /// Puts one in that must not be lost: an answer of the disk, a person's command.
    package func post(_ letter: Letter) {
        let wasEmpty = letters.withLock { letters in
            letters.append(letter)
            return letters.count == 1
        }
        if wasEmpty { ring() }
    }

    /// Puts in what comes from the network; what has no room is dropped, as the network would.
    package func post(droppable batch: [Letter]) {
        guard !batch.isEmpty else { return }
        let (wasEmpty, taken) = letters.withLock { letters in
            let taken = min(batch.count, max(limit - letters.count, 0))
            letters.append(contentsOf: batch[..<taken])
            return (letters.count == taken && taken > 0, taken)
        }
        if taken < batch.count {
            dropped.wrappingAdd(UInt64(batch.count - taken), ordering: .relaxed)
        }
        if wasEmpty { ring() }
    }

    /// Takes all, oldest first.
    package func take() -> [Letter] {
        var count: UInt64 = 0
        _ = read(descriptor, &count, 8)
        return letters.withLock { letters in
            let all = letters
            letters = []
            return all
        }
    }

    private func ring() {
        var one: UInt64 = 1
        _ = write(descriptor, &one, 8)
    }
}
