import ArgumentParser
import Foundation
import Fuzzing
import LISP
import TestKit

/// Damages messages without end and watches the decoders.
@main
struct FuzzCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "whither-fuzz",
        abstract: "Feed random and damaged messages to every decoder.",
        discussion: "Each case has a seed of its own: the first has --seed, the next one more.")

    @Option(help: "The seed of the first case.") var seed: UInt64 = 1
    @Option(help: "How many cases.") var cases: Int = 1_000_000_000
    @Option(help: "How many threads.") var threads: Int = ProcessInfo.processInfo
        .activeProcessorCount

    func run() throws {
        guard cases > 0, threads > 0 else {
            throw ValidationError("--cases and --threads must be at least 1")
        }
        let corpus = try Corpus.load()
        let batch = 1_000_000
        let start = Date()
        var done = 0
        var accepted = 0
        while done < cases {
            let now = min(cases - done, batch)
            let share = (now + threads - 1) / threads
            let results = Results()
            let first = seed &+ UInt64(done)
            DispatchQueue.concurrentPerform(iterations: threads) { thread in
                let count = min(share, now - thread * share)
                guard count > 0 else { return }
                let campaign = Campaign(seed: first &+ UInt64(thread * share), corpus: corpus)
                results.add(
                    Result { () throws(Campaign.Failure) in try campaign.run(count: count) })
            }
            if let failure = results.failure {
                print(failure)
                throw ExitCode.failure
            }
            done += now
            accepted += results.accepted
            let rate = Double(done) / Date().timeIntervalSince(start)
            print("\(done) cases, \(accepted) accepted, \(Int(rate)) cases/s, no violation")
            // Seen at once also when it goes to a file.
            fflush(nil)
        }
    }
}

/// What the threads of one batch have found.
private final class Results: @unchecked Sendable {
    private let lock = NSLock()
    private(set) var accepted = 0
    private(set) var failure: Campaign.Failure?

    func add(_ result: Result<Campaign.Result, Campaign.Failure>) {
        lock.withLock {
            switch result {
            case .success(let result): accepted += result.accepted
            case .failure(let failure): self.failure = failure
            }
        }
    }
}
