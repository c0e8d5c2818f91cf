import Admin
import ArgumentParser
import Host
import Trust

struct Create: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Begin a mesh of which this node is the first member and admin.",
        discussion: """
            Starts the daemon, prints the mesh, this node's name and addresses, the root keys' words \
            and the first invite. Needs root.
            """)

    @Argument(help: "What the mesh is called: 1 to 29 letters, digits and single hyphens.")
    var name: String

    @Option(
        name: .customLong("name"),
        help: ArgumentHelp(
            "What this node is called; else what the settings say, or the host's name.",
            valueName: "node"))
    var nodeName: String?

    @Option(help: ArgumentHelp("Where IPv4 EIDs are taken from.", valueName: "prefix"))
    var ipv4: String?

    @Flag(help: "Make the first invite one for an admin, so that not all depends on this node.")
    var secondAdmin = false

    @Flag(help: "Let only admins admit nodes; else every member may, so that any can be asked.")
    var onlyAdminsAdmit = false

    @OptionGroup var start: StartOptions
    @OptionGroup var folders: Folders
    @OptionGroup var answer: AnswerOptions

    func run() throws {
        guard MeshName(name) != nil else {
            throw AdminError(
                "bad_name", "\"\(name)\" is no name for a mesh",
                hint: "1 to 29 letters a to z, digits and single hyphens", exit: .usage)
        }
        guard !StateDirectory.list(root: folders.stateRoot).contains(name) else {
            throw AdminError(
                "mesh_exists", "this machine has a mesh \(name) already",
                hint: "whither up starts it; choose another name to create one more", exit: .usage)
        }
        var wish = AdminRequest.Create(name: name)
        wish.nodeName = nodeName
        wish.hostName = HostName.current
        wish.ipv4 = ipv4
        wish.onlyAdminsAdmit = onlyAdminsAdmit
        wish.secondAdmin = secondAdmin
        let client = Client(folders: folders)
        try DaemonProcess(name: name, folders: folders, start: start).run { name in
            try client.show(.create(wish), of: name, answer)
        }
    }
}

/// What is said of the daemon that a verb starts.
struct StartOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "A file of settings; /etc/whither/NAME.toml if it is there.", valueName: "file"))
    var config: String?

    @Option(
        help: ArgumentHelp(
            "Write the control messages that are sealed to a capture file, to look for errors.",
            valueName: "file"))
    var pcap: String?
}
