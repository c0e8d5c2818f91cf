import Admin
import ArgumentParser
import Glibc
import Host

/// Asks a daemon, and prints what it answers.
struct Client {
    let folders: Folders
    /// Which daemon is meant; `nil`: the only one.
    private let mesh: String?

    init(places: Places) {
        folders = places.folders
        mesh = places.mesh
    }

    init(folders: Folders, mesh: String? = nil) {
        self.folders = folders
        self.mesh = mesh
    }

    /// - Parameter progress: takes what the daemon says meanwhile, a line at a time.
    /// - Returns: what the daemon answered.
    /// - Throws: what it said against it, or that there is none.
    func ask(
        _ request: AdminRequest, of name: String? = nil,
        progress: (String) throws -> Void = StandardStream.note
    ) throws -> AdminResult {
        var connection = try connect(to: try name ?? self.name())
        try connection.send(line: request.line.utf8)
        while let line = connection.line() {
            switch try AdminReply(line: line) {
            case .progress(let text): try progress(text)
            case .result(let result): return result
            case .error(let error): throw error
            }
        }
        throw AdminError(
            "daemon_ended", "the daemon ended while it was asked", hint: "its log may say why")
    }

    /// Asks and prints: the answer as JSON, or as text.
    func show(_ request: AdminRequest, of name: String? = nil, _ options: AnswerOptions) throws {
        if let report = try ask(request, of: name).report { try show(report, options) }
    }

    func show(_ report: any AdminReport, _ options: AnswerOptions) throws {
        try StandardStream.answer((options.json ? report.json : report.text(width: width)) + "\n")
    }

    /// Of the terminal; `nil` is none.
    private var width: Int? {
        var size = winsize()
        guard isatty(STDOUT_FILENO) == 1, ioctl(STDOUT_FILENO, UInt(TIOCGWINSZ), &size) == 0,
            size.ws_col > 0
        else { return nil }
        return Int(size.ws_col)
    }

    /// Of the one daemon that is meant.
    func name() throws(AdminError) -> String {
        let names = AdminClient.names(in: folders.runRoot)
        if let wanted = mesh {
            guard let name = names.first(where: { $0 == wanted || meshName(of: $0) == wanted })
            else {
                throw AdminError.notRunning(mesh: wanted)
            }
            return name
        }
        let running = names.filter { isRunning($0) }
        guard running.count < 2 else {
            throw AdminError(
                "which_mesh", "several meshes run here: \(running.joined(separator: ", "))",
                hint: "say which with --mesh", exit: .usage)
        }
        guard let name = running.first else { throw AdminError.notRunning() }
        return name
    }

    /// What the mesh calls itself, in the state of a daemon of another name.
    private func meshName(of name: String) -> String? {
        MeshFile.name(of: name, in: folders.stateRoot)
    }

    /// Whether somebody listens, also if it is not for who asks.
    func isRunning(_ name: String) -> Bool {
        do throws(HostError) {
            _ = try AdminClient(path: Daemon.socket(in: folders.runRoot, name: name))
            return true
        } catch {
            return error.code == EACCES
        }
    }

    private func connect(to name: String) throws(AdminError) -> AdminClient {
        do throws(HostError) {
            return try AdminClient(path: Daemon.socket(in: folders.runRoot, name: name))
        } catch {
            if error.code == EACCES {
                throw AdminError(
                    "not_permitted", "the daemon of \(name) is root's and the group whither's",
                    hint: "use sudo, or join the group: usermod -aG whither USER")
            }
            throw AdminError.notRunning(mesh: name)
        }
    }
}
