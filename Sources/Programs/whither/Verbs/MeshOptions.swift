import Admin
import ArgumentParser
import Host

/// Where the daemons of all meshes keep things.
struct Folders: ParsableArguments {
    @Option(
        name: .customLong("state"),
        help: ArgumentHelp("Where the state of all meshes is.", valueName: "folder"))
    var stateRoot = StateDirectory.standardRoot

    @Option(
        name: .customLong("run"),
        help: ArgumentHelp("Where the sockets of daemons are.", valueName: "folder"))
    var runRoot = "/run/whither"

    /// The words that give another process the same.
    var words: [String] { ["--state", stateRoot, "--run", runRoot] }
}

/// Which daemon is asked.
struct Places: ParsableArguments {
    @Option(help: ArgumentHelp("Which mesh, if several run here.", valueName: "name"))
    var mesh: String?

    @OptionGroup var folders: Folders
}

/// How an answer is printed.
struct AnswerOptions: ParsableArguments {
    @Flag(help: "Print one JSON object.")
    var json = false
}
