import Admin
import ArgumentParser
import Glibc
import Host

@main
struct Whither: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "whither",
        abstract: "Whither does this identifier go? A peer-to-peer LISP node.",
        discussion: """
            Answers go to standard output, everything else to standard error.
            Exit codes: 0 fine; 1 not done or not running; 2 the words or the input are wrong; \
            3 done or running, and not all of it well.
            """,
        version: version,
        groupedSubcommands: [
            CommandGroup(
                name: "A mesh",
                subcommands: [
                    Create.self, Invite.self, Join.self, Up.self, Down.self, Leave.self,
                    Revoke.self, Demo.self,
                ]),
            CommandGroup(
                name: "Looking at it",
                subcommands: [
                    Status.self, Show.self, Lookup.self, Ping.self, Why.self, ID.self, Wait.self,
                ]),
            CommandGroup(
                name: "LISP",
                subcommands: [Lig.self, Decode.self, Index.self]),
            CommandGroup(
                name: "The daemon",
                subcommands: [DaemonVerb.self, Config.self]),
        ])

    static let version = "0.4.0"

    static func main() {
        do {
            var command = try parseAsRoot()
            try command.run()
        } catch {
            let code = exitCode(for: error)
            // Help and completion scripts are answers, and a verb may choose its code.
            if code == .success { exit(withError: error) }
            if let code = error as? ExitCode { Glibc.exit(code.rawValue) }
            if let error = error as? AdminError {
                StandardStream.note(error.description)
                Glibc.exit(Int32(error.exit.rawValue))
            }
            if error is HostError {
                StandardStream.note("\(error)")
                Glibc.exit(ExitCode.undone.rawValue)
            }
            complain(message(for: error))
            Glibc.exit(ExitCode.usage.rawValue)
        }
    }

    /// One line on standard error.
    static func complain(_ text: String) {
        var line = text.split(whereSeparator: \.isNewline).joined(separator: " ")
        if let verb = CommandLine.arguments.dropFirst().first, !verb.hasPrefix("-"),
            !verbs.contains(verb)
        {
            line = "there is no verb \"\(verb)\""
            if let nearest = NearestWord.nearest(to: verb, among: verbs) {
                line += "; did you mean \"\(nearest)\"?"
            } else {
                line += "; whither --help lists them"
            }
        }
        StandardStream.note(line)
    }

    private static var verbs: [String] {
        configuration.subcommands.map { $0._commandName } + ["help"]
    }
}

extension ExitCode {
    /// It could not be done, though the words were right.
    static let undone = ExitCode(1)
    /// The words or the input are wrong.
    static let usage = ExitCode(2)
    /// Something was done, and not all of it well.
    static let degraded = ExitCode(3)
}
