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

    @Argument(help: "What the mesh is called: letters, digits and hyphens.")
    var name: String

    @Option(
        name: .customLong("name"),
        help: ArgumentHelp(
            "What this node is called; the host's name if not said.", valueName: "node"))
    var nodeName: String?

    @Option(help: ArgumentHelp("Where IPv4 EIDs are taken from.", valueName: "prefix"))
    var ipv4: String?

    @Flag(help: "Make the first invite one for an admin, so that not all depends on this node.")
    var secondAdmin = false

    @Flag(help: "Let only admins admit nodes; else every member may, so that any can be asked.")
    var onlyAdminsAdmit = false

    @OptionGroup var start: StartOptions
    @OptionGroup var places: Places
    @OptionGroup var answer: AnswerOptions

    func run() throws {
        guard MeshName(name) != nil else {
            throw AdminError(
                "bad_name", "\"\(name)\" is no name for a mesh",
                hint: "letters, digits and hyphens, at most 63, as in DNS", exit: .usage)
        }
        guard !StateDirectory.list(root: places.stateRoot).contains(name) else {
            throw AdminError(
                "mesh_exists", "this machine has a mesh \(name) already",
                hint: "whither up starts it; choose another name to create one more", exit: .usage)
        }
        var wish = AdminRequest.Create(name: name)
        wish.nodeName = nodeName ?? HostName.current
        wish.ipv4 = ipv4
        wish.onlyAdminsAdmit = onlyAdminsAdmit
        wish.secondAdmin = secondAdmin
        let client = Client(places: places)
        try DaemonProcess(name: name, places: places, start: start).run { name in
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
