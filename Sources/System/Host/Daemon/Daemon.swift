import Admin
import Clocks
import Glibc
import LISP
import LISPNode
import Sessions
import Synchronization
package import Trust

/// One mesh's process: takes its state, its ports and its TUN device, runs, and gives them back.
package struct Daemon {
    package struct Options: Sendable {
        /// Where the folders of all meshes are.
        package var stateRoot: String
        /// Where the sockets are that clients talk to.
        package var runRoot: String
        /// Of the folder and of the socket.
        package var name: String
        package var settings: DaemonSettings
        /// Where they are from; `nil`: nowhere.
        package var settingsPath: String?
        /// Where the settings of a mesh are, by its own name: who joins learns that only inside.
        package var pathOfMesh: (@Sendable (String) -> String)?
        package var version: String

        package init(
            stateRoot: String, runRoot: String, name: String, settings: DaemonSettings,
            settingsPath: String?, pathOfMesh: (@Sendable (String) -> String)? = nil,
            version: String
        ) {
            self.stateRoot = stateRoot
            self.runRoot = runRoot
            self.name = name
            self.settings = settings
            self.settingsPath = settingsPath
            self.pathOfMesh = pathOfMesh
            self.version = version
        }
    }

    private let options: Options
    private let log: DaemonLog

    package init(_ options: Options) {
        self.options = options
        log = DaemonLog(options.settings.log)
    }

    /// Letters that may wait for the loop; packets beyond that are lost as they would be on a full link.
    private static let mailboxSize = 4096

    /// Runs until it is told to stop, by a signal or by a client.
    /// - Parameter ready: called when clients may ask.
    /// - Throws: what is missing, in a line.
    package func run(ready: () -> Void) throws {
        Signals.block()
        let state = try StateDirectory(root: options.stateRoot, name: options.name)
        let contents = try state.open()
        for note in contents.notes { log.warning(.stateNote, ["what": note]) }
        let clock = SystemClock()
        let mailbox = try Mailbox<Loop.Letter>(limit: Self.mailboxSize)
        let disk = contents.thread(
            durable: { mailbox.post(.written(batch: $0)) }, trouble: { mailbox.post(.disk($0)) })
        let remembered = try state.read(Ports.file)
        let ports = try Ports(options.settings, remembered: remembered)
        // On a full disk a node that has what it needs begins all the same.
        if ports.octets != remembered { try state.write(ports.octets, to: Ports.file) }
        let tun = try TUNDevice(name: options.settings.tun.name)
        let drops = PacketDrops()
        let packets = try PacketThreads(
            data: ports.data, control: ports.control,
            sources: try SourcePorts(ports.data, count: options.settings.sourcePorts), tun: tun,
            mailbox: mailbox, clock: clock, drops: drops)
        let capture = try options.settings.sessions.capture.map { path throws(HostError) in
            try CaptureWriter(path: path)
        }
        let devices = Loop.Devices(
            packets: packets, dataPort: ports.data, controlPort: ports.control, tun: tun,
            disk: disk, monitor: try UnderlayMonitor(), capture: capture, drops: drops)
        var facts = HostFacts(version: options.version, upSince: clock.now.moment)
        facts.processID = getpid()
        facts.dataPort = ports.data.port
        facts.controlPort = ports.control.port
        facts.stateDirectory = state.path
        let settings = options.settings.node(
            dataPort: ports.data.port, controlPort: ports.control.port)
        let loop = try Loop(
            Node(settings, disk: contents.disk), devices, mailbox: mailbox, clock: clock,
            settings: options.settings, settingsPath: options.settingsPath, facts: facts, log: log
        ) { [state, options] name in
            do throws(HostError) {
                try state.write([UInt8]("\(name)\n".utf8), to: Self.nameFile)
            } catch {
                log.warning(.stateUnwritable, ["why": "\(error)"])
            }
            return options.pathOfMesh?(name.description)
        }

        mkdir(options.runRoot, 0o755)
        let admin = try AdminSocket(
            path: Self.socket(in: options.runRoot, name: options.name), group: Self.group
        ) { mailbox.post(.question($0)) }
        let threads = packets.start()
        let signals = Signals.watch(
            stop: { mailbox.post(.stop) }, reload: { mailbox.post(.reload) })
        ready()
        ServiceManager.tell("READY=1")
        log.notice(
            .started,
            ["data": "\(ports.data.port)", "control": "\(ports.control.port)", "tun": tun.name])
        loop.run()
        ServiceManager.tell("STOPPING=1")
        admin.stop()
        packets.stop()
        for thread in threads { thread.join() }
        disk.stop()
        signals.end()
        if let failure = loop.failure { throw failure }
        log.notice(.stopped)
    }

    /// Where a client finds a daemon.
    package static func socket(in runRoot: String, name: String) -> String {
        "\(runRoot)/\(name).sock"
    }

    /// The folder of a mesh that was joined: the digits of its prefix.
    package static func folder(of mesh: MeshID) -> String {
        String(mesh.prefix.address.high >> 16, radix: 16)
    }

    /// What the mesh in a folder calls itself, if its daemon has learned it.
    package static func meshName(of folder: String, in stateRoot: String) -> String? {
        guard let octets = try? SecretFile.read("\(stateRoot)/\(folder)/\(nameFile)") else {
            return nil
        }
        return String(decoding: octets, as: UTF8.self).split(separator: "\n").first.map(String.init)
    }

    private static let nameFile = "name"

    private static var group: gid_t? { getgrnam("whither").map { $0.pointee.gr_gid } }
}

/// The two UDP ports of a node.
struct Ports {
    let data: UDPPort
    let control: UDPPort

    /// Of the state directory: the two numbers as text.
    static let file = "ports"

    var octets: [UInt8] { [UInt8]("\(data.port) \(control.port)\n".utf8) }

    /// Those that are set must be free. Else it is those of last time, LISP's own, or any: several meshes
    /// may be on one host, and node records tell the others which.
    init(_ settings: DaemonSettings, remembered: [UInt8]?) throws(HostError) {
        let numbers = String(decoding: remembered ?? [], as: UTF8.self)
            .split(whereSeparator: \.isWhitespace).map { UInt16($0) }
        let last = numbers.count == 2 ? numbers : [nil, nil]
        data = try Self.port(settings.dataPort, last[0], LISPPort.data)
        control = try Self.port(settings.controlPort, last[1], LISPPort.control)
    }

    private static func port(
        _ wanted: DaemonSettings.Port, _ remembered: UInt16?, _ usual: UInt16
    ) throws(HostError) -> UDPPort {
        if case .exactly(let port) = wanted { return try UDPPort(port: port) }
        for candidate in [remembered, usual].compactMap({ $0 }) {
            do throws(HostError) {
                return try UDPPort(port: candidate)
            } catch  where error.code == EADDRINUSE {
                continue
            }
        }
        return try UDPPort(port: 0)
    }
}

/// Something that is set once, and read by other threads.
final class Flag: Sendable {
    private let value = Atomic<Bool>(false)
    var isSet: Bool { value.load(ordering: .acquiring) }
    func set() { value.store(true, ordering: .releasing) }
}
