import Admin
import ArgumentParser
import Glibc
import Host

/// The daemon of one mesh as a verb starts it.
struct DaemonProcess {
    let name: String
    let places: Places
    let start: StartOptions

    /// Starts it.
    /// - Throws: why it does not run.
    func launch() throws {
        mkdir(places.runRoot, 0o755)
        let log = "\(places.runRoot)/\(name).log"
        unlink(log)
        var words = ["daemon", name] + places.words
        if let config = start.config { words += ["--config", config] }
        if let pcap = start.pcap { words += ["--pcap", pcap] }
        if let trouble = try Launcher.start(words, log: log) {
            throw AdminError("not_started", trouble, hint: nil)
        }
    }

    /// Starts it and asks it for its first deed. If that comes to nothing, all of it goes again: what is
    /// typed next begins from nothing too.
    func run(_ body: (String) throws -> Void) throws {
        do {
            try launch()
        } catch {
            removeState()
            throw error
        }
        do {
            try body(name)
        } catch {
            _ = try? Client(places: places).ask(.down, of: name)
            waitForEnd()
            removeState()
            throw error
        }
    }

    /// Not what another daemon holds.
    private func removeState() {
        guard let state = try? StateDirectory(root: places.stateRoot, name: name) else { return }
        try? state.removeAll()
        rmdir("\(places.stateRoot)/\(name)")
    }

    /// Until the process has given everything back.
    func waitForEnd() {
        for _ in 0..<Self.patience {
            if StateDirectory.runningProcess(root: places.stateRoot, name: name) == nil { return }
            usleep(10_000)
        }
    }

    /// Hundredths of a second: the disk may be slow to take what is left.
    private static let patience = 1000
}

enum HostName {
    /// What this machine is called, up to the first dot; `nil` if it has no name of its own, or one that
    /// no node can have.
    static var current: String? {
        var room = [CChar](repeating: 0, count: 256)
        guard gethostname(&room, room.count - 1) == 0 else { return nil }
        let text = String(
            decoding: room.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
        let first = text.split(separator: ".").first.map { $0.lowercased() }
        return first == "localhost" ? nil : first
    }
}
