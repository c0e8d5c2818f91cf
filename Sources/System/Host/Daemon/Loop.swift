import Admin
import Clocks
import Glibc
import LISP
import LISPNode
import Sessions
import Trust

/// The one thread that calls the node: what happens becomes events, what the node wants is done. It
/// decides nothing.
final class Loop {
    /// What comes from other threads.
    enum Letter: MailboxLetter {
        case datagram(Datagram)
        case packet([UInt8])
        case opened([UInt8], instance: UInt32, index: UInt32)
        case heard(Heard)
        case pathTrouble(Path)
        case written(batch: UInt64)
        case disk(DiskTrouble?)
        case question(AdminSocket.Question)
        case stop
        case reload
        /// Something is gone without which there is nothing to do.
        case broken(HostError)

        var octets: Int {
            switch self {
            case .datagram(let datagram): datagram.octets.count
            case .packet(let packet), .opened(let packet, _, _): packet.count
            default: 0
            }
        }
    }

    /// What it works with.
    struct Devices {
        var packets: PacketThreads
        var dataPort: UDPPort
        var controlPort: UDPPort
        var tun: TUNDevice
        var disk: DiskThread
        var monitor: UnderlayMonitor
        /// Gets what was sealed, if anybody wants to see it.
        var capture: CaptureWriter?
        var drops: PacketDrops
    }

    var node: Node
    let clock: SystemClock
    let log: DaemonLog
    var facts: HostFacts
    /// Commands of people that the node has not answered yet.
    var pending: [UInt64: (Answer) -> Void] = [:]
    /// Those of them that are answered once the disk has what they signed.
    var unwritten: [(number: UInt64, start: Moment, client: AdminSocket.Client)] = []
    var nextCommand: UInt64 = 1
    /// Clients that wait until the node is ready.
    var waiting: [(until: Moment, client: AdminSocket.Client)] = []
    /// Clients whose node was let in, and has no name yet.
    var joined: [(start: Moment, client: AdminSocket.Client)] = []
    /// Who waits to be told whom this node asks to let it in, and when.
    var asking: (at: Moment, client: AdminSocket.Client)?
    /// Clients whose revocation is signed, and not yet applied by all.
    var revoked: [Revoked] = []
    /// Why this node is no member, as it was last said to the log.
    private var outside: String?
    var isStopping = false
    /// Why it stops, if nobody told it to.
    private(set) var failure: HostError?
    private(set) var settings: DaemonSettings
    private var settingsPath: String?
    /// Called once the mesh's own name is known; answers where the settings of that mesh are.
    private var learnedName: ((MeshName) -> String?)?

    private let devices: Devices
    private let mailbox: Mailbox<Letter>
    private var random = SystemRandomNumberGenerator()
    private var overlay: Overlay
    private var underlay: Underlay
    /// What goes out at the end of a turn: one call of the system for each port.
    private var dataOut: [Datagram] = []
    private var controlOut: [Datagram] = []
    /// Events and questions other than packets came: what the kernel has may have to follow.
    private var mayHaveChanged = true
    /// Of what others can make happen as often as they like.
    private var throttle = LogThrottle<Subject>()

    private struct Subject: Hashable {
        let event: DaemonEvent
        let member: NodeID?
    }

    /// What packet threads have done when the node last counted it, and when it counts again.
    private var lastActivity: UInt64 = 0
    private var trafficAt = Moment.start
    private var isBusy = false
    private var watchdog: Moment
    private let watchdogInterval: Span?

    init(
        _ node: Node, _ devices: Devices, mailbox: Mailbox<Letter>, clock: SystemClock,
        settings: DaemonSettings, settingsPath: String?, facts: HostFacts, log: DaemonLog,
        learnedName: @escaping (MeshName) -> String?
    ) throws(HostError) {
        self.node = node
        self.devices = devices
        self.mailbox = mailbox
        self.clock = clock
        self.facts = facts
        self.log = log
        self.settings = settings
        self.settingsPath = settingsPath
        self.learnedName = learnedName
        underlay = Underlay(settings.locators, tun: devices.tun.name)
        _ = try underlay.refresh()
        overlay = try Overlay(devices.tun, mtu: settings.tun.mtu ?? underlay.mtu)
        watchdogInterval = ServiceManager.watchdogMicroseconds.map { Span(microseconds: $0) }
        watchdog = clock.now.moment
    }

    /// Runs until it is told to stop.
    func run() {
        handle(.start)
        noteUnderlay()
        handle(.linkMTU(underlay.linkMTU))
        handle(.locators(underlay.addresses.map(\.address)))
        finishTurn()
        while !isStopping {
            waitForNews()
            for letter in mailbox.take() { take(letter) }
            let now = clock.now
            if now.moment >= node.nextDeadline { handle(.deadline) }
            noteTraffic(at: now.moment)
            if let table = node.forwardingTable(at: now) { devices.packets.publish(table) }
            finishTurn()
        }
        handle(.stopping)
        finishTurn()
    }

    private func waitForNews() {
        let deadline = min(
            min(isBusy ? trafficAt : .never, node.nextForwarding()),
            min(node.nextDeadline, watchdogInterval == nil ? .never : watchdog),
            min(
                waiting.map(\.until).min() ?? .never,
                min(
                    joined.map { $0.start + Self.namePatience }.min() ?? .never, unwrittenDeadline,
                    min(revoked.map(\.until).min() ?? .never, asking?.at ?? .never)),
                overlay.nextLook)
        )
        let now = clock.now.moment
        // Rounded up, so that it is not too early when it wakes.
        let wait = deadline == .never ? -1 : max(0, ((deadline - now).microseconds + 999) / 1000)
        var watched = [
            pollfd(fd: mailbox.descriptor, events: Int16(POLLIN), revents: 0),
            pollfd(fd: devices.monitor.descriptor, events: Int16(POLLIN), revents: 0),
        ]
        _ = poll(&watched, nfds_t(watched.count), Int32(clamping: min(wait, 60_000)))
        if watched[1].revents != 0 { hear(devices.monitor.drain(overlay.concerns)) }
        if let watchdogInterval, clock.now.moment >= watchdog {
            ServiceManager.tell("WATCHDOG=1")
            watchdog = clock.now.moment + watchdogInterval
        }
    }

    /// The node counts what packet threads did, once a second while they do anything.
    private func noteTraffic(at now: Moment) {
        guard now >= trafficAt else { return }
        let activity = devices.packets.activity
        if activity != lastActivity {
            lastActivity = activity
            handle(.traffic)
            trafficAt = now + .seconds(1)
            isBusy = true
        } else {
            isBusy = false
        }
    }

    private func take(_ letter: Letter) {
        switch letter {
        case .datagram(let datagram): handle(.datagram(datagram))
        case .packet(let packet): handle(.packet(packet, instance: 0))
        case .opened(let packet, let instance, let index):
            handle(.opened(packet, instance: instance, index: index))
        case .heard(let heard): handle(.heard(heard))
        case .pathTrouble(let path): handle(.pathTrouble(path))
        case .written(let batch): handle(.written(batch: batch))
        case .disk(let trouble):
            facts.diskTrouble = trouble?.description
            if let trouble {
                log.warning(.diskTrouble, ["why": "\(trouble)"])
            } else {
                log.notice(.diskWell)
            }
        case .question(let question):
            facts.drops = devices.packets.dropped
            answer(question)
        case .stop: isStopping = true
        case .reload: reload()
        case .broken(let error):
            log.error(.deviceLost, ["why": "\(error)"])
            failure = error
            isStopping = true
        }
    }

    /// Gives the node an event and does what it wants.
    func handle(_ event: Event) {
        let now = clock.now
        let effects = node.handle(event, at: now, using: &random)
        // Before anything follows from the event: packets must not go on by what it has ended.
        if let table = node.forwardingTable(at: now) { devices.packets.publish(table) }
        for effect in effects { perform(effect) }
    }

    private func perform(_ effect: Effect) {
        switch effect {
        case .send(let datagram):
            switch datagram.port {
            case .data where datagram.flow != nil: devices.packets.sendTrial(datagram)
            case .data: dataOut.append(datagram)
            case .control: controlOut.append(datagram)
            }
        case .reopen(let datagram, let isRelayed):
            devices.packets.giveBack(datagram, isRelayed: isRelayed)
        case .deliver(let packet, _):
            packet.withUnsafeBytes { devices.packets.deliver($0) }
        case .write(let writes, let batch):
            mayHaveChanged = true
            devices.disk.write(writes, batch: batch)
        case .answer(let answer, let number):
            mayHaveChanged = true
            pending.removeValue(forKey: number)?(answer)
        case .notice(let notice):
            mayHaveChanged = true
            tell(notice)
        case .plaintext(let plaintext):
            for packet in plaintext.packets where devices.capture?.write(packet) == true {
                log.warning(.captureFull)
            }
        }
    }

    private func finishTurn() {
        if !dataOut.isEmpty {
            devices.drops.count(devices.dataPort.send(dataOut), isTraffic: false)
            dataOut.removeAll(keepingCapacity: true)
        }
        if !controlOut.isEmpty {
            devices.drops.count(devices.controlPort.send(controlOut), isTraffic: false)
            controlOut.removeAll(keepingCapacity: true)
        }
        if mayHaveChanged || clock.now.moment >= overlay.nextLook { follow() }
        mayHaveChanged = false
        answerWaiting()
        answerJoined()
        tellAsked()
        answerRevoked()
        answerUnwritten()
    }

    /// What the kernel and the state directory have follows the node.
    private func follow() {
        if let learnedName, let name = node.core?.standing.genesis?.name {
            self.learnedName = nil
            if let path = learnedName(name), path != settingsPath {
                settingsPath = path
                if access(path, F_OK) == 0 { reload() }
            }
        }
        let line = node.core.flatMap { HealthLine.outside($0) }
        if line?.code != outside {
            outside = line?.code
            if let line {
                log.error(
                    line.code == "revoked" ? .revoked : .membershipEnded,
                    ["why": line.what, "code": line.code])
            } else if node.core?.member != nil {
                log.notice(.membershipBack)
            }
        }
        for why in overlay.follow(node, at: clock.now.moment) {
            log.warning(.overlayFailed, ["why": why])
        }
        facts.overlayTrouble = overlay.troubles.first?.description
        facts.poolOverlap = overlay.overlap?.place
        facts.tun?.mtu = overlay.mtu
    }

    private func hear(_ news: UnderlayMonitor.News) {
        if news.contains(.links) { lookAtUnderlay() }
        if !news.isEmpty { overlay.hear(at: clock.now.moment) }
    }

    private func lookAtUnderlay() {
        do throws(HostError) {
            if let addresses = try underlay.refresh() {
                let paths = addresses.compactMap { Path($0, port: devices.dataPort.port) }
                log.notice(
                    .locatorsChanged, ["to": paths.map(\.description).joined(separator: " ")])
                handle(.linkMTU(underlay.linkMTU))
                handle(.locators(addresses))
            }
        } catch {
            log.warning(.underlayUnreadable, ["why": "\(error)"])
        }
        // A reload may have changed it while the addresses are what they were.
        overlay.setMTU(settings.tun.mtu ?? underlay.mtu)
        noteUnderlay()
    }

    /// SIGHUP: the file of settings is read again. One that is wrong changes nothing.
    func reload() {
        guard let settingsPath else { return }
        ServiceManager.tell("RELOADING=1")
        defer { ServiceManager.tell("READY=1") }
        do throws(SettingsErrors) {
            let new = try DaemonSettings(path: settingsPath)
            let late = settings.keysThatNeedRestart(for: new)
            if !late.isEmpty {
                log.warning(.settingsNeedRestart, ["keys": late.joined(separator: " ")])
            }
            settings = new
            handle(.legacy(new.lisp.xtrs))
            mayHaveChanged = true
            log.setLevel(new.log.level)
            underlay.choose(new.locators)
            lookAtUnderlay()
            log.notice(.settingsReloaded)
        } catch {
            log.error(.settingsWrong, ["why": "\(error)"])
        }
    }

    private func noteUnderlay() {
        facts.tun = HostFacts.TUN(name: devices.tun.name, mtu: overlay.mtu)
        facts.locators = underlay.addresses.map {
            HostFacts.Locator($0.address, interface: $0.interface, mtu: $0.mtu)
        }
    }

    private func tell(_ notice: Notice) {
        switch notice {
        case .memberJoined(let id): log.notice(.memberJoined, name(of: id))
        case .memberLeft(let id): log.notice(.memberLeft, name(of: id))
        case .memberStopped(let id): log(throttled: .memberStopped, id, log.notice)
        case .sessionBegan(let id): log(throttled: .sessionBegan, id, log.info)
        case .sessionEnded(let id): log(throttled: .sessionEnded, id, log.info)
        case .pathMoved(let id): log(throttled: .pathMoved, id, log.notice)
        case .secondCopy: log.error(.identitySecondCopy)
        case .clockStepped(let milliseconds):
            log.warning(.clockStepped, ["milliseconds": "\(milliseconds)"])
            facts.clockStep = (Double(milliseconds) / 1000, .zero)
        case .clockDisagrees(let milliseconds):
            log(
                throttled: .clockDisagrees, nil, log.warning, ["milliseconds": "\(milliseconds)"])
        case .lostClaim: log(throttled: .claimLost, nil, log.warning)
        case .reconciled: log.notice(.reconciled)
        case .revoked: break  // `follow` says it, and why; at each start too.
        case .damagedState(let key):
            log.warning(
                .stateDamaged, ["key": "\(key.prefix(1).map { String(UnicodeScalar($0)) })"])
        }
    }

    /// A line a minute, and how often it was if that is more than once.
    private func log(
        throttled event: DaemonEvent, _ member: NodeID?,
        _ write: (DaemonEvent, [String: String]) -> Void, _ fields: [String: String] = [:]
    ) {
        let subject = Subject(event: event, member: member)
        guard let times = throttle.times(subject, at: clock.now.moment) else { return }
        var fields = fields
        if let member { fields.merge(name(of: member)) { $1 } }
        if times > 1 { fields["times"] = "\(times)" }
        write(event, fields)
    }

    private func name(of id: NodeID) -> [String: String] {
        let core = node.core
        let name = core?.standing.member(id)?.displayName ?? core?.formerName(of: id)
        return ["member": name ?? "\(id)"]
    }
}

extension Address {
    /// As people write it.
    fileprivate var text: String {
        switch self {
        case .ipv4(let address): return "\(address)"
        case .ipv6(let address): return "\(address)"
        default: return "\(self)"
        }
    }
}
