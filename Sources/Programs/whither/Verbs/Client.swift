import Admin
import ArgumentParser
import Glibc
import Host

/// Asks a daemon, and prints what it answers.
struct Client {
    let places: Places

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
        let names = AdminClient.names(in: places.runRoot)
        if let wanted = places.mesh {
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
        MeshFile.name(of: name, in: places.stateRoot)
    }

    func isRunning(_ name: String) -> Bool {
        (try? AdminClient(path: Daemon.socket(in: places.runRoot, name: name))) != nil
    }

    private func connect(to name: String) throws(AdminError) -> AdminClient {
        do throws(HostError) {
            return try AdminClient(path: Daemon.socket(in: places.runRoot, name: name))
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
