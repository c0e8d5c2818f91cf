import Admin
import ArgumentParser
import Glibc
import Host
import Trust

struct Join: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Join a mesh with an invite.",
        discussion: """
            Any member that is up lets this node in, not only the one that made the invite. "-" reads \
            the invite from standard input, so that it is not in the list of processes. Needs root.
            """)

    @Argument(help: ArgumentHelp("What whither invite printed, or -.", valueName: "invite"))
    var invite: String?

    @Option(help: ArgumentHelp("A file with the invite.", valueName: "file"))
    var inviteFile: String?

    @Option(
        name: .customLong("name"),
        help: ArgumentHelp(
            "What this node is called; else what the settings say, or the host's name.",
            valueName: "node"))
    var nodeName: String?

    @OptionGroup var start: StartOptions
    @OptionGroup var folders: Folders
    @OptionGroup var answer: AnswerOptions

    func run() throws {
        let text = try read()
        let invite: InviteString
        do throws(InviteError) {
            invite = try InviteString(text)
        } catch {
            throw AdminError(error)
        }
        var wish = AdminRequest.Join(invite: text)
        wish.nodeName = nodeName
        wish.hostName = HostName.current
        wish.seed = try NextKey.seed(in: folders.stateRoot)
        let name = MeshFile.folder(of: invite.mesh)
        if StateDirectory.list(root: folders.stateRoot).contains(name) {
            throw AdminError(
                "already_joined", "this machine is in that mesh already",
                hint: "whither up starts it, whither status shows it", exit: .usage)
        }
        let client = Client(folders: folders)
        try DaemonProcess(name: name, folders: folders, start: start).run { name in
            try client.show(.join(wish), of: name, answer)
            // It is that node's now.
            if wish.seed != nil { try NextKey.remove(in: folders.stateRoot) }
        }
    }

    private func read() throws -> String {
        switch (invite, inviteFile) {
        case (nil, let path?):
            guard let file = fopen(path, "r") else {
                throw AdminError(
                    "no_file", String(cString: strerror(errno)), at: path, exit: .usage)
            }
            defer { fclose(file) }
            var room = [UInt8](repeating: 0, count: AdminRequest.maximumSize)
            let count = fread(&room, 1, room.count, file)
            return String(decoding: room[..<count], as: UTF8.self)
        case ("-"?, nil):
            var text = ""
            while text.utf8.count < AdminRequest.maximumSize,
                let line = readLine(strippingNewline: false)
            {
                text += line
            }
            return text
        case (let text?, nil): return text
        case (nil, nil):
            throw ValidationError("join needs an invite: whither join WHITHER1…, or - to read it")
        case (.some, .some):
            throw ValidationError("an invite and --invite-file do not go together")
        }
    }
}
