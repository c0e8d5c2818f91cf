package import Foundation

/// What a program printed, and how it ended.
package struct RunningProgram: Sendable {
    package let output: String
    package let errors: String
    package let status: Int32

    package enum Failure: Error, CustomStringConvertible {
        case missing(String)

        package var description: String {
            switch self {
            case .missing(let name): return "\(name) is not installed: .ci/setup installs it"
            }
        }
    }

    /// Runs a program to its end.
    /// - Parameter program: a path, or a name to be found in PATH.
    /// - Throws: ``Failure`` if there is no such program.
    package static func run(
        _ program: String, _ arguments: [String], input: String? = nil
    ) throws -> RunningProgram {
        let process = Process()
        process.executableURL = URL(filePath: try path(of: program))
        process.arguments = arguments
        let (output, errors) = (try TemporaryFile(), try TemporaryFile())
        process.standardOutput = try FileHandle(forWritingTo: output.url)
        process.standardError = try FileHandle(forWritingTo: errors.url)
        let inputFile = try TemporaryFile()
        try Data((input ?? "").utf8).write(to: inputFile.url)
        process.standardInput = try FileHandle(forReadingFrom: inputFile.url)
        try process.run()
        process.waitUntilExit()
        return RunningProgram(
            output: String(decoding: try Data(contentsOf: output.url), as: UTF8.self),
            errors: String(decoding: try Data(contentsOf: errors.url), as: UTF8.self),
            status: process.terminationStatus)
    }

    private static func path(of program: String) throws -> String {
        if program.contains("/") { return program }
        let folders = ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin"
        for folder in folders.split(separator: ":") {
            let path = "\(folder)/\(program)"
            if FileManager.default.isExecutableFile(atPath: path) { return path }
        }
        throw Failure.missing(program)
    }
}

/// A file that goes away with its last user.
package final class TemporaryFile: Sendable {
    package let url: URL

    package init(_ content: [UInt8] = []) throws {
        url = FileManager.default.temporaryDirectory.appending(path: "whither-\(UUID().uuidString)")
        try Data(content).write(to: url)
    }

    package var path: String { url.path(percentEncoded: false) }

    deinit { try? FileManager.default.removeItem(at: url) }
}
