import CLinux
import Glibc
import Synchronization

/// What lies in a ``Mailbox``.
package protocol MailboxLetter: Sendable {
    /// What it holds of what came from the network.
    var octets: Int { get }
}

/// What other threads hand to one that waits: bounded, and it can wait for it together with descriptors.
package final class Mailbox<Letter: MailboxLetter>: Sendable {
    private let state = Mutex(State())
    private let limit: Int
    private let octetLimit: Int
    /// Readable while letters lie there.
    package let descriptor: Int32
    private let dropped = Atomic<UInt64>(0)

    private struct State {
        var letters: [Letter] = []
        var octets = 0
    }

    /// 4,096 letters of 4 KiB: far more than full letters of a usual link, and far less than as many of the
    /// longest datagrams, which anybody can send and which would be 268 MB.
    package static var usualOctets: Int { 16 << 20 }

    /// - Parameters:
    ///   - limit: letters that may lie there; more of those that can be lost are dropped.
    ///   - octets: the same of what they hold.
    package init(limit: Int, octets: Int = usualOctets) throws(HostError) {
        self.limit = limit
        octetLimit = octets
        descriptor = eventfd(0, Int32(EFD_NONBLOCK | EFD_CLOEXEC))
        guard descriptor >= 0 else { throw .last("cannot make an eventfd") }
    }

    deinit { close(descriptor) }

    /// How many were dropped since the beginning.
    package var lost: UInt64 { dropped.load(ordering: .relaxed) }

    /// Puts one in that must not be lost: an answer of the disk, a person's command.
    package func post(_ letter: Letter) {
        let wasEmpty = state.withLock { state in
            state.letters.append(letter)
            state.octets += letter.octets
            return state.letters.count == 1
        }
        if wasEmpty { ring() }
    }

    /// Puts in what comes from the network; what has no room is dropped, as the network would.
    package func post(droppable batch: [Letter]) {
        guard !batch.isEmpty else { return }
        let (wasEmpty, taken) = state.withLock { state in
            let before = state.letters.count
            for letter in batch {
                let octets = state.octets + letter.octets
                guard state.letters.count < limit, octets <= octetLimit else { break }
                state.letters.append(letter)
                state.octets = octets
            }
            return (before == 0 && !state.letters.isEmpty, state.letters.count - before)
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
        return state.withLock { state in
            let all = state.letters
            state = State()
            return all
        }
    }

    private func ring() {
        var one: UInt64 = 1
        _ = write(descriptor, &one, 8)
    }
}
