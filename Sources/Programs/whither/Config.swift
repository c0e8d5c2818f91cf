import ArgumentParser
import Host

struct Config: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Look at a node's settings.", subcommands: [Check.self])

    struct Check: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Say what is wrong with a file of settings, or \"ok\".",
            discussion: """
                Docs/whither.toml has all keys, with their meaning and their defaults.
                Exit codes: 0 ok; 2 something is wrong, each with file, line and column.
                """)

        @Argument(help: "A file, as /etc/whither/NAME.toml.")
        var file: String

        func run() throws {
            do throws(SettingsErrors) {
                _ = try DaemonSettings(path: file, mustExist: true)
            } catch {
                // What is wrong is what was asked for.
                try StandardStream.answer("\(error)\n")
                throw ExitCode.usage
            }
            try StandardStream.answer("ok\n")
        }
    }
}
