import ArgumentParser
import Foundation
import Laboratory

/// Plants one mistake after another and runs the tests against each: what they do not notice, they do
/// not test.
@main
struct MutantCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "whither-mutants",
        abstract: "Plant each known mistake in turn and see whether the tests notice.",
        discussion: """
            Builds the tests once with the package trait Laboratory, which alone compiles the mistakes \
            in. The tests that are closest to a mistake run first, and all others only if those \
            noticed nothing.
            """)

    @Option(
        help: "Only mistakes whose name contains this, or one of these, with commas between them.")
    var only = ""
    @Option(help: "The share that must be caught, in percent.") var atLeast = 95
    @Option(help: "Seconds after which a run that hangs counts as caught.") var patience = 300
    @Flag(help: "List the mistakes and end.") var list = false

    func run() throws {
        let names = only.split(separator: ",")
        let bugs = PlantedBug.allCases.filter { bug in
            names.isEmpty || names.contains { bug.rawValue.localizedCaseInsensitiveContains($0) }
        }
        guard !list else {
            for bug in bugs { print("\(bug.group.rawValue)\t\(bug.rawValue)") }
            return
        }
        guard !bugs.isEmpty else {
            throw ValidationError("no planted bug has \"\(only)\" in its name; try --list")
        }
        try step("building the tests with the mistakes in them", swift("build", ["--build-tests"]))
        try step("all tests, with nothing planted", test(nil, filter: nil))
        var survivors: [PlantedBug] = []
        for bug in bugs {
            let start = Date()
            var outcome = try test(bug, filter: bug.group.tests)
            if outcome == .passed { outcome = try test(bug, filter: nil) }
            if outcome == .passed { survivors.append(bug) }
            let seconds = Int(Date().timeIntervalSince(start).rounded())
            print("\(outcome.word)\t\(bug.group.rawValue)\t\(bug.rawValue)\t\(seconds) s")
            fflush(nil)
        }
        let caught = bugs.count - survivors.count
        let share = caught * 1000 / bugs.count
        print("caught \(caught) of \(bugs.count): \(share / 10).\(share % 10) %")
        if !survivors.isEmpty {
            print("survivors: \(survivors.map(\.rawValue).joined(separator: ", "))")
        }
        if share < atLeast * 10 { throw ExitCode.failure }
    }

    private func step(_ what: String, _ outcome: @autoclosure () throws -> Outcome) throws {
        print(what)
        fflush(nil)
        guard try outcome() == .passed else {
            FileHandle.standardError.write(Data("whither-mutants: failed: \(what)\n".utf8))
            throw ExitCode.failure
        }
    }

    private enum Outcome {
        case passed, failed, trapped, hung

        var word: String {
            switch self {
            case .passed: return "SURVIVED"
            case .failed: return "caught"
            case .trapped: return "trapped"
            case .hung: return "hung"
            }
        }
    }

    private func test(_ bug: PlantedBug?, filter: String?) throws -> Outcome {
        var arguments = ["--skip-build", "--disable-xctest", "--quiet", "--skip", "FuzzTests"]
        for real in Self.realTimeTests { arguments += ["--skip", "^\(real)"] }
        if let filter { arguments += ["--filter", filter] }
        return try swift("test", arguments, planting: bug)
    }

    /// Tests with real processes and a real clock: on a busy machine they can fail for no mistake, and
    /// that must not count as caught.
    private static let realTimeTests = ["SystemTests", "ProgramTests", "HostTests"]

    /// Where the mistakes are compiled in, apart from the build that everybody uses.
    private static let scratch = ".build-laboratory"

    private func swift(
        _ verb: String, _ arguments: [String], planting bug: PlantedBug? = nil
    ) throws -> Outcome {
        let process = Process()
        process.executableURL = URL(filePath: "/usr/bin/env")
        process.arguments =
            ["swift", verb, "--traits", "Laboratory", "--scratch-path", Self.scratch] + arguments
        var environment = ProcessInfo.processInfo.environment
        environment["WHITHER_PLANTED"] = bug?.rawValue
        process.environment = environment
        if bug != nil {
            process.standardOutput = FileHandle.nullDevice
            process.standardError = FileHandle.nullDevice
        }
        try process.run()
        let end = Date() + TimeInterval(bug == nil ? 3600 : patience)
        while process.isRunning {
            guard Date() < end else {
                // The test runner is a child of this child.
                process.terminate()
                return .hung
            }
            Thread.sleep(forTimeInterval: 0.05)
        }
        if process.terminationReason == .uncaughtSignal { return .trapped }
        return process.terminationStatus == 0 ? .passed : .failed
    }
}

extension PlantedBug.Group {
    /// The tests that should notice first: a pattern for `swift test --filter`.
    fileprivate var tests: String {
        switch self {
        case .trust: return "TrustTests"
        case .mappings: return "MappingsTests"
        case .sessions: return "SessionsTests"
        case .node: return "SimulatorTests|MappingSystemTests|MappingsTests"
        }
    }
}
