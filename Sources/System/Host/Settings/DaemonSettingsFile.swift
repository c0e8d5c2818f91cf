import LISP
import LISPNode
import Trust

extension DaemonSettings {
    package static let standardRoot = "/etc/whither"

    /// Reads a file; one that is not there says nothing.
    /// - Throws: ``SettingsErrors`` with all that is wrong with it.
    package init(path: String, mustExist: Bool = false) throws(SettingsErrors) {
        let octets: [UInt8]?
        do throws(HostError) {
            octets = try SecretFile.read(path)
        } catch {
            throw SettingsErrors(file: path, "\(HostError.reason(error.code))")
        }
        if octets == nil, mustExist { throw SettingsErrors(file: path, "there is no such file") }
        try self.init(octets: octets ?? [], file: path)
    }

    /// - Parameter file: what errors call the text.
    package init(octets: [UInt8], file: String) throws(SettingsErrors) {
        let reader = SettingsReader(octets, file: file)
        let root = reader.root()
        name = root.string("name", "1 to 29 letters a to z, digits and single hyphens") {
            MeshName($0)
        }
        readPorts(root)
        readTUN(root.table("tun"))
        readLocators(root.table("locators"))
        readSessions(root.table("sessions"))
        readLog(root.table("log"))
        readLISP(root.table("lisp"))
        root.finish()
        try reader.finish()
    }

    private mutating func readPorts(_ root: SettingsTable) {
        if let port = root.integerOrAutomatic("data-port", in: 1...65535) { dataPort = Port(port) }
        if let port = root.integerOrAutomatic("control-port", in: 1...65535) {
            controlPort = Port(port)
        }
        if let count = root.integer("source-ports", in: 1...Int64(SourcePorts.usual)) {
            sourcePorts = Int(count)
        }
        if case .exactly = dataPort, dataPort == controlPort {
            root.fail("control-port", "control-port must not be the same as data-port")
        }
    }

    private mutating func readTUN(_ table: SettingsTable) {
        tun.name = table.string("name", "1 to 15 characters without space and slash") {
            InterfacePattern.isName($0) ? $0 : nil
        }
        if let mtu = table.integerOrAutomatic("mtu", in: 1280...65535) {
            tun.mtu = mtu.map { Int($0) }
        }
        table.finish()
    }

    private mutating func readLocators(_ table: SettingsTable) {
        locators.addresses = table.strings("addresses", Self.rloc, Self.underlayAddress) ?? []
        let pattern = "the name of an interface, or how names begin, as \"docker*\""
        locators.include =
            table.strings("include-interfaces", pattern) { InterfacePattern($0) } ?? []
        locators.exclude =
            table.strings("exclude-interfaces", pattern) { InterfacePattern($0) } ?? []
        if !locators.addresses.isEmpty {
            for (key, list) in [
                ("include-interfaces", locators.include), ("exclude-interfaces", locators.exclude),
            ] where !list.isEmpty {
                table.fail(key, "\(key) says nothing beside addresses: choose one of the two")
            }
        }
        table.finish()
    }

    private mutating func readSessions(_ table: SettingsTable) {
        sessions.hasEarlyData = table.boolean("early-data") ?? sessions.hasEarlyData
        sessions.capture = table.string("pcap", "a path that begins with /") {
            $0.hasPrefix("/") && !$0.hasSuffix("/") ? $0 : nil
        }
        table.finish()
    }

    private mutating func readLog(_ table: SettingsTable) {
        log.level = table.choice("level", Log.Level.self) ?? log.level
        log.format = table.choice("format", Log.Format.self) ?? log.format
        table.finish()
    }

    private mutating func readLISP(_ table: SettingsTable) {
        if let minutes = table.integer("ttl", in: 1...1440) { lisp.ttl = UInt32(minutes) }
        for xtr in table.tables("xtr") { readXTR(xtr) }
        refuseLoops(table)
        table.finish()
    }

    private mutating func readXTR(_ table: SettingsTable) {
        let eid = table.string("eid-prefix", "an IPv4 or IPv6 prefix, as \"10.9.0.0/16\"") {
            Self.unicastPrefix($0)
        }
        let rloc = table.string("rloc", Self.rloc, Self.underlayAddress)
        // The 24 bits of the data header; the last is the control messages' own (RFC 9962 §4.1).
        let instance = table.integer("instance-id", in: 0...0xFF_FFFE) ?? 0
        for key in ["eid-prefix", "rloc"] where table.place(of: key) == nil {
            table.fail(key, "an xTR needs its \(key)")
        }
        table.finish()
        guard var eid, let rloc else { return }
        eid.instance = UInt32(instance)
        if lisp.xtrs.contains(where: { $0.eid == eid }) {
            table.fail("eid-prefix", "\(eid) stands twice")
        }
        lisp.xtrs.append(LegacyXTR(eid: eid, rloc: rloc))
    }

    /// What goes to an xTR must not go to the overlay, which sends it to the xTR.
    private func refuseLoops(_ table: SettingsTable) {
        for xtr in lisp.xtrs {
            guard let rloc = EID(host: xtr.rloc),
                let around = lisp.xtrs.first(where: {
                    $0.eid.instance == 0 && $0.eid.contains(rloc)
                })
            else { continue }
            let text = "\(rloc)".dropFirst("[0]".count).prefix { $0 != "/" }
            table.fail(
                "xtr", "the rloc \(text) must not lie inside an eid-prefix, as in \(around.eid)")
        }
    }

    // MARK: Words

    static let rloc = "an IPv4 or IPv6 address that can be sent to"

    /// No group, and not all zeros.
    static func underlayAddress(_ text: String) -> Address? {
        if let address = IPv4Address(text), !address.isMulticast, address.rawValue >> 24 != 0 {
            return .ipv4(address)
        }
        if let address = IPv6Address(text), !address.isMulticast,
            address != IPv6Address(high: 0, low: 0)
        {
            return .ipv6(address)
        }
        return nil
    }

    private static func unicastPrefix(_ text: String) -> EID? {
        guard !text.hasPrefix("["), text.contains("/"), let eid = try? EID(text) else { return nil }
        switch eid.kind {
        case .ipv4(let prefix) where !prefix.address.isMulticast: return eid
        case .ipv6(let prefix) where !prefix.address.isMulticast: return eid
        default: return nil
        }
    }
}

extension EID {
    /// In instance 0, as the underlay is.
    fileprivate init?(host address: Address) {
        switch address {
        case .ipv4(let address): self.init(.ipv4(Prefix(host: address)))
        case .ipv6(let address): self.init(.ipv6(Prefix(host: address)))
        default: return nil
        }
    }
}

extension DaemonSettings.Port {
    /// - Parameter number: `nil`: the word `auto`.
    fileprivate init(_ number: Int64?) {
        self = number.map { .exactly(UInt16(truncatingIfNeeded: $0)) } ?? .automatic
    }
}

extension SettingsErrors {
    /// Of the file as a whole.
    init(file: String, _ text: String) {
        self.init(all: [SettingsError(file: file, line: 0, column: 0, text: text)])
    }
}
