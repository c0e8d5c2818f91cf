import Admin
import ArgumentParser
import Glibc
import Host
import Trust

/// The daemon of one mesh as a verb starts it.
struct DaemonProcess {
    let name: String
    let folders: Folders
    let start: StartOptions

    /// Starts it.
    /// - Throws: why it does not run.
    func launch() throws {
        guard !Client(folders: folders).isRunning(name) else {
            throw AdminError(
                "already_running", "a daemon of that name runs already",
                at: Daemon.socket(in: folders.runRoot, name: name), hint: "whither down ends it")
        }
        mkdir(folders.runRoot, 0o755)
        let log = "\(folders.runRoot)/\(name).log"
        // Why the last one ended may stand there.
        rename(log, log + ".old")
        var words = ["daemon", name] + folders.words
        if let config = start.config { words += ["--config", config] }
        if let pcap = start.pcap { words += ["--pcap", pcap] }
        if let trouble = try Launcher.start(words, log: log) {
            throw AdminError("not_started", trouble, hint: nil)
        }
    }

    /// Starts it and asks it for its first deed. If that comes to nothing, or somebody interrupts it, all of it
    /// goes again: what is typed next begins from nothing too.
    func run(_ body: (String) throws -> Void) throws {
        let interruption = Interruption { [folders, name] in
            StandardStream.note("interrupted: nothing of it stays")
            _ = try? Client(folders: folders).ask(.down, of: name)
            DaemonEnd(name: name, folders: folders).removeState()
        }
        do {
            try launch()
        } catch {
            interruption.end()
            // What runs is another one's.
            if (error as? AdminError)?.code != "already_running" { end.removeState() }
            throw error
        }
        do {
            try body(name)
            interruption.end()
        } catch {
            interruption.end()
            _ = try? Client(folders: folders).ask(.down, of: name)
            end.removeState()
            throw error
        }
    }

    private var end: DaemonEnd { DaemonEnd(name: name, folders: folders) }
}

/// The end of a daemon that was told to stop.
struct DaemonEnd {
    let name: String
    let folders: Folders

    /// Until the process has given everything back.
    func wait() {
        for _ in 0..<Self.patience {
            if StateDirectory.runningProcess(root: folders.stateRoot, name: name) == nil { return }
            usleep(10_000)
        }
    }

    /// Waits, and forgets the node. Not what another daemon holds.
    func removeState() {
        wait()
        guard let state = try? StateDirectory(root: folders.stateRoot, name: name) else { return }
        try? state.removeAll()
    }

    /// Hundredths of a second: the disk may be slow to take what is left.
    private static let patience = 1000
}

enum HostName {
    /// What this machine is called, up to the first dot, in letters that a node's name can have; `nil` if it
    /// has no name of its own.
    static var current: String? {
        var room = [CChar](repeating: 0, count: 256)
        guard gethostname(&room, room.count - 1) == 0 else { return nil }
        let text = String(
            decoding: room.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
        guard let first = text.split(separator: ".").first?.lowercased(), first != "localhost"
        else {
            return nil
        }
        // base_1 becomes base-1.
        let words = first.split { !$0.isASCII || !($0.isLetter || $0.isNumber) }
        let name = words.joined(separator: "-").prefix(MeshName.maximumSize)
        return name.hasSuffix("-") ? String(name.dropLast()) : String(name)
    }
}
