import ArgumentParser
import Clocks
import Foundation
import Laboratory
import Simulator

@main
struct SimulateCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "whither-sim", abstract: "Run meshes in a simulated world.",
        discussion: """
            Equal seeds give equal runs, shown by equal trace hashes. A run that fails prints its last \
            events and the command that replays it, and the exit code is 1.

            Scenarios:
            \(Scenario.all.map { "  \($0.name): \($0.summary)" }.joined(separator: "\n"))
            """)

    @Option(help: "Run this seed alone.") var seed: UInt64?
    @Option(
        help: ArgumentHelp("Run these seeds: A..<B, or how many from 1 on.", valueName: "seeds"))
    var seeds: SeedRange?
    @Option(help: "Which scenario.") var scenario = "gossip"
    @Option(help: "How many nodes; the scenario's own number by default.") var nodes: Int?
    @Option(help: "Simulated minutes of faults; the scenario's own by default.") var minutes: Int?
    @Option(help: "How many processes.") var jobs = ProcessInfo.processInfo.activeProcessorCount
    @Flag(help: "Print every event.") var trace = false
    @Flag(help: "Cheap stand-ins for cryptography; needs --traits Laboratory.") var standins = false
    @Flag(help: "Go on with the other seeds after a failure.") var keepGoing = false

    func validate() throws {
        guard Scenario.named(scenario) != nil else {
            throw ValidationError(
                "no scenario \"\(scenario)\"; there are "
                    + Scenario.all.map(\.name).joined(separator: ", "))
        }
        guard (nodes ?? 1) > 0, (minutes ?? 1) > 0, jobs > 0 else {
            throw ValidationError("--nodes, --minutes and --jobs must be at least 1")
        }
        guard seed == nil || seeds == nil else {
            throw ValidationError("--seed and --seeds exclude each other")
        }
    }

    func run() throws {
        #if Laboratory
            StandIns.areUsed = standins
        #else
            if standins {
                throw ValidationError(
                    "--standins needs a build with stand-ins: swift run -c release --traits Laboratory"
                )
            }
        #endif
        guard let scenario = Scenario.named(scenario) else { return }
        let range = seeds?.range ?? (seed ?? 1)..<((seed ?? 1) &+ 1)
        let isFine =
            jobs > 1 && range.count > 1
            ? Jobs(count: jobs, range: range, keepGoing: keepGoing, arguments: childArguments).run(
                replay: replay)
            : runHere(scenario, range)
        if !isFine { throw ExitCode.failure }
    }

    private func runHere(_ scenario: Scenario, _ range: Range<UInt64>) -> Bool {
        var isFine = true
        let printer: @Sendable (String) -> Void = { print($0) }
        for seed in range {
            let start = ContinuousClock.now
            let outcome = scenario.run(
                Scenario.Options(
                    seed: seed, nodes: nodes ?? scenario.defaultNodes,
                    minutes: minutes ?? scenario.defaultMinutes,
                    line: trace ? printer : nil))
            let seconds = (ContinuousClock.now - start) / .seconds(1)
            if let failure = outcome.failure {
                print(failure)
                print("replay: \(replay(seed))")
            }
            for figure in outcome.figures { print(figure) }
            print(Self.line(seed, outcome, seconds))
            for figure in outcome.figures { print("  \(figure)") }
            // Seen at once also by whoever started this process.
            fflush(nil)
            guard outcome.failure == nil else {
                isFine = false
                if !keepGoing { break }
                continue
            }
        }
        return isFine
    }

    private static func line(
        _ seed: UInt64, _ outcome: Scenario.Outcome, _ seconds: Double
    ) -> String {
        let hash = String(outcome.traceHash, radix: 16)
        let hundredths = Int(seconds * 100)
        let real = "\(hundredths / 100)." + String(100 + hundredths % 100).dropFirst()
        return """
            seed \(seed): \(outcome.failure == nil ? "fine" : "FAILED"), \(outcome.events) events, \
            \(outcome.simulated.milliseconds / 1000) s simulated in \(real) s, \
            \(Int(Double(outcome.events) / max(seconds, 1e-6))) events/s, \
            queue up to \(outcome.peaks.queue), effects up to \(outcome.peaks.effects), \
            trace \(String(repeating: "0", count: 16 - hash.count))\(hash)
            """
    }

    private var common: [String] {
        var words = ["--scenario", scenario]
        if let nodes { words += ["--nodes", "\(nodes)"] }
        if let minutes { words += ["--minutes", "\(minutes)"] }
        if standins { words.append("--standins") }
        return words
    }

    private var childArguments: [String] {
        common + ["--jobs", "1"] + (keepGoing ? ["--keep-going"] : [])
            + (trace ? ["--trace"] : [])
    }

    func replay(_ seed: UInt64) -> String {
        var command = "swift run -c release"
        #if Laboratory
            command += " --traits Laboratory"
            if let planted = ProcessInfo.processInfo.environment["WHITHER_PLANTED"] {
                command = "WHITHER_PLANTED=\(planted) " + command
            }
        #endif
        return "\(command) whither-sim \(common.joined(separator: " ")) --seed \(seed)"
    }
}

/// "5..<9", or "9": how many from 1 on.
struct SeedRange: ExpressibleByArgument {
    let range: Range<UInt64>

    init?(argument: String) {
        if let count = UInt64(argument), count > 0, count < .max {
            range = 1..<count + 1
            return
        }
        guard let dots = argument.firstRange(of: "..<"),
            let first = UInt64(argument[..<dots.lowerBound]),
            let end = UInt64(argument[dots.upperBound...]), first < end
        else { return nil }
        range = first..<end
    }
}
