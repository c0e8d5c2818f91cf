package import LISP
package import Sessions
package import Trust

/// A mapping system and a few addresses to start from: a file of `Seeds/`, whose README has the keys.
package struct SeedGroup: Hashable, Sendable {
    package var name: MeshName
    package var mode: Mode
    /// The mapping system's address: a whole multicast address.
    package var group: EID
    /// Where members are, control ports with them.
    package var rlocs: [Path]
    /// 0: the core; else its members register in the layer above (RFC 9962 §4.4).
    package var layer: UInt8

    package enum Mode: String, Hashable, Sendable, CaseIterable {
        case push
    }

    /// More would not be a few; a joiner asks them one after another.
    package static let maximumRLOCs = 16

    package init(path: String) throws(SettingsErrors) {
        let octets: [UInt8]?
        do throws(HostError) {
            octets = try SecretFile.read(path)
        } catch {
            throw SettingsErrors(file: path, HostError.reason(error.code))
        }
        guard let octets else { throw SettingsErrors(file: path, "there is no such file") }
        try self.init(octets: octets, file: path)
    }

    /// - Parameter file: what errors call the text.
    package init(octets: [UInt8], file: String) throws(SettingsErrors) {
        let reader = SettingsReader(octets, file: file)
        let root = reader.root()
        let name = root.string("name", "1 to 29 letters a to z, digits and single hyphens") {
            MeshName($0)
        }
        let mode = root.string("mode", "\"push\" (\"pull\" and \"ring\" are not built yet)") {
            Mode(rawValue: $0)
        }
        let group = root.string("group", "an IPv4 or IPv6 multicast address, as \"233.252.0.1\"") {
            Self.group($0)
        }
        let port = root.integer("port", in: 1...65535) ?? Int64(LISPPort.control)
        let rlocs = root.strings("rlocs", "an address, or address:port, that can be sent to") {
            Self.path($0, port: UInt16(truncatingIfNeeded: port))
        }
        if let count = rlocs?.count, !(1...Self.maximumRLOCs ~= count) {
            root.fail("rlocs", "rlocs must be 1 to \(Self.maximumRLOCs)")
        }
        let layer = root.integer("layer", in: 0...255) ?? 0
        for key in ["name", "mode", "group", "rlocs"] where root.place(of: key) == nil {
            root.fail(key, "a seed-group needs its \(key)")
        }
        root.finish()
        try reader.finish()
        guard let name, let mode, let group, let rlocs else {
            throw SettingsErrors(file: file, "it is no seed-group")
        }
        self.name = name
        self.mode = mode
        self.group = group
        self.rlocs = rlocs
        self.layer = UInt8(layer)
    }

    private static func group(_ text: String) -> EID? {
        guard !text.contains("/"), let eid = try? EID(text) else { return nil }
        switch eid.kind {
        case .ipv4(let prefix) where prefix.address.isMulticast: return eid
        case .ipv6(let prefix) where prefix.address.isMulticast: return eid
        default: return nil
        }
    }

    /// `192.0.2.1`, `192.0.2.1:4342`, `2001:db8::1`, `[2001:db8::1]`, `[2001:db8::1]:4342`.
    private static func path(_ text: String, port: UInt16) -> Path? {
        var (host, port) = (text, port)
        if text.hasPrefix("["), let close = text.firstIndex(of: "]") {
            host = String(text[..<close].dropFirst())
            let rest = text[text.index(after: close)...]
            if !rest.isEmpty {
                guard rest.hasPrefix(":"), let own = UInt16(decimalDigits: rest.dropFirst()) else {
                    return nil
                }
                port = own
            }
            guard IPv6Address(host) != nil else { return nil }
        } else if let colon = text.firstIndex(of: ":"), text.lastIndex(of: ":") == colon {
            guard let own = UInt16(decimalDigits: text[text.index(after: colon)...]) else {
                return nil
            }
            (host, port) = (String(text[..<colon]), own)
        }
        guard port != 0 else { return nil }
        return DaemonSettings.underlayAddress(host).flatMap { Path($0, port: port) }
    }
}
