import Admin
import ArgumentParser
import Glibc
import Host

struct Up: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Start the daemon of a mesh that this machine is in, or of all.")

    @Argument(help: "The mesh; all that this machine is in, if not said.")
    var name: String?

    @OptionGroup var start: StartOptions
    @OptionGroup var folders: Folders

    func run() throws {
        let known = StateDirectory.list(root: folders.stateRoot)
        let wanted = name.map { wanted in
            known.filter { $0 == wanted || MeshFile.name(of: $0, in: folders.stateRoot) == wanted }
        }
        guard let names = Optional(wanted ?? known), !names.isEmpty else {
            throw AdminError(
                "no_mesh",
                name.map { "this machine is in no mesh \($0)" } ?? "this machine is in no mesh",
                hint: "whither create NAME begins one, whither join INVITE joins one", exit: .usage)
        }
        let client = Client(folders: folders)
        // One that does not start keeps no other from it.
        var troubles: [(mesh: String, error: any Error)] = []
        for name in names {
            let mesh = MeshFile.name(of: name, in: folders.stateRoot) ?? name
            guard !client.isRunning(name) else {
                let isChanged = start.config != nil || start.pcap != nil
                let hint = isChanged ? ", with the settings that it was started with" : ""
                StandardStream.note("\(mesh) is up already\(hint)")
                continue
            }
            do {
                try DaemonProcess(name: name, folders: folders, start: start).launch()
                StandardStream.note("\(mesh) is up")
            } catch {
                troubles.append((mesh, error))
            }
        }
        for trouble in troubles.dropFirst() {
            StandardStream.note("\(trouble.mesh): \(trouble.error)")
        }
        if let first = troubles.first { throw first.error }
    }
}

struct Down: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Stop the daemon. The node stays a member, and whither up starts it again.")

    @Argument(help: "The mesh, if several run here.")
    var name: String?

    @OptionGroup var places: Places

    func run() throws {
        let client = Client(folders: places.folders, mesh: name ?? places.mesh)
        let name = try client.name()
        _ = try client.ask(.down, of: name)
        DaemonEnd(name: name, folders: places.folders).wait()
    }
}

struct Leave: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "End this node's key and forget the mesh. It cannot be undone.")

    @Flag(help: "Do not ask.")
    var yes = false

    @OptionGroup var places: Places
    @OptionGroup var answer: AnswerOptions

    func run() throws {
        let client = Client(places: places)
        let name = try client.name()
        guard yes || isConfirmed else {
            throw AdminError(
                "not_confirmed", "nothing was done",
                hint: "leaving ends this node's key for ever: whither leave --yes")
        }
        let report = try leave(name, client)
        _ = try client.ask(.down, of: name)
        let end = DaemonEnd(name: name, folders: places.folders)
        end.wait()
        try StateDirectory(root: places.folders.stateRoot, name: name).removeAll()
        if let report {
            try client.show(report, answer)
        } else {
            StandardStream.note("forgotten: this node was in no mesh yet")
        }
    }

    /// - Returns: `nil` if there was nothing to leave: somebody has ended a `join` before its time.
    private func leave(_ name: String, _ client: Client) throws -> (any AdminReport)? {
        do {
            let result = try client.ask(.leave, of: name)
            // What was signed goes out before the one who signed it is gone.
            usleep(300_000)
            return result.report
        } catch let error as AdminError where error.code == "no_mesh" {
            return nil
        }
    }

    private var isConfirmed: Bool {
        guard isatty(STDIN_FILENO) == 1 else { return false }
        StandardStream.note("this ends the node's key for ever; type yes to go on")
        return readLine() == "yes"
    }
}

/// The daemon itself, as systemd and the other verbs start it.
struct DaemonVerb: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "daemon", abstract: "Run in the foreground, as systemd wants it.")

    @Argument(help: "The mesh.")
    var name: String

    @Option(help: .hidden)
    var readyDescriptor: Int32?

    @OptionGroup var start: StartOptions
    @OptionGroup var folders: Folders

    func run() throws {
        let known = MeshFile.name(of: name, in: folders.stateRoot) ?? name
        let path = settingsPath(known)
        var isReady = false
        do {
            var settings = try DaemonSettings(path: path, mustExist: start.config != nil)
            settings.sessions.capture = start.pcap ?? settings.sessions.capture
            let daemon = Daemon(
                Daemon.Options(
                    stateRoot: folders.stateRoot, runRoot: folders.runRoot, name: name,
                    settings: settings, settingsPath: path, pathOfMesh: settingsPath,
                    version: Whither.version))
            try daemon.run {
                isReady = true
                if let readyDescriptor { Launcher.tell(Launcher.ready, on: readyDescriptor) }
            }
        } catch {
            // Once it is ready, nobody waits for a word; what it says is in its log.
            guard let readyDescriptor, !isReady else {
                throw AdminError("not_started", "\(error)")
            }
            Launcher.tell("\(error)", on: readyDescriptor)
            throw ExitCode.undone
        }
    }

    private var settingsPath: @Sendable (_ mesh: String) -> String {
        { [config = start.config] mesh in
            config ?? "\(DaemonSettings.standardRoot)/\(mesh).toml"
        }
    }
}
