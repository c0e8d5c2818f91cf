import Glibc
package import LISP
package import LISPNode
package import Trust

/// What a person may choose for one node: `/etc/whither/NAME.toml`. `Docs/whither.toml` has each key with
/// its meaning and its default; a test compares the two.
package struct DaemonSettings: Hashable, Sendable {
    /// `name`: what this node asks to be called when it creates or joins.
    package var name: MeshName?
    /// `data-port`, `control-port`.
    package var dataPort = Port.automatic
    package var controlPort = Port.automatic

    /// `source-ports`: how many UDP ports flows leave from where there is no NAT; 1: the data port alone, and
    /// others are asked for the same.
    package var sourcePorts = SourcePorts.usual

    package var tun = TUN()
    package var locators = Locators()
    package var sessions = Sessions()
    package var log = Log()
    package var lisp = LISP()

    package init() {}

    package enum Port: Hashable, Sendable {
        /// The standard one if it is free, else any; then the same again after a restart, if it is free.
        case automatic
        case exactly(UInt16)
    }

    package struct TUN: Hashable, Sendable {
        /// `nil`: `whither0`, `whither1`…, the first that is free.
        package var name: String?
        /// `nil`: what the underlay's links carry, less what the tunnel adds.
        package var mtu: Int?
    }

    package struct Locators: Hashable, Sendable {
        /// Announced in place of what this host's links have; empty: what they have.
        package var addresses: [Address] = []
        /// Empty: all but bridges of containers and virtual machines, and devices of meshes.
        package var include: [InterfacePattern] = []
        package var exclude: [InterfacePattern] = []
    }

    package struct Sessions: Hashable, Sendable {
        package var hasEarlyData = true
        /// The file that gets what was sealed; `nil`: nobody does.
        package var capture: String?
    }

    package struct Log: Hashable, Sendable {
        package var level = Level.notice
        package var format = Format.text

        package enum Level: String, Hashable, Comparable, Sendable, CaseIterable {
            case error, warning, notice, info, debug

            private var rank: Int { Self.allCases.firstIndex(of: self) ?? 0 }
            package static func < (left: Level, right: Level) -> Bool { left.rank < right.rank }
        }

        package enum Format: String, Hashable, Sendable, CaseIterable {
            case text, json
        }
    }

    package struct LISP: Hashable, Sendable {
        /// Minutes for which others may keep this node's mappings.
        package var ttl: UInt32 = 60
        package var xtrs: [LegacyXTR] = []
    }

}

/// The name of a network interface, or how names begin: `eth0`, `docker*`.
package struct InterfacePattern: Hashable, Sendable, CustomStringConvertible {
    package let description: String

    /// What the kernel takes, and a `*` at the end.
    package init?(_ text: String) {
        let head = text.hasSuffix("*") ? String(text.dropLast()) : text
        guard Self.isName(head) || (head.isEmpty && text == "*") else { return nil }
        description = text
    }

    package func matches(_ interface: String) -> Bool {
        description.hasSuffix("*")
            ? interface.hasPrefix(description.dropLast()) : interface == description
    }

    /// IFNAMSIZ is 16 with its zero octet.
    static func isName(_ text: String) -> Bool {
        1...15 ~= text.utf8.count && text != "." && text != ".."
            && text.utf8.allSatisfy {
                33...126 ~= $0 && $0 != UInt8(ascii: "/") && $0 != UInt8(ascii: "*")
            }
    }
}

extension DaemonSettings {
    /// What the node value is given, once the ports are known.
    package func node(dataPort: UInt16, controlPort: UInt16) -> LISPNode.Settings {
        var settings = LISPNode.Settings()
        settings.dataPort = dataPort
        settings.controlPort = controlPort
        settings.ttl = lisp.ttl
        settings.sessions.hasEarlyData = sessions.hasEarlyData
        settings.sessions.lanes = 2
        settings.legacy = lisp.xtrs
        settings.spreadsPorts = sourcePorts > 1
        settings.release = ClockOrigin.release
        settings.showsPlaintext = sessions.capture != nil
        return settings
    }

    /// Keys that a reload (SIGHUP) does not bring into force, of those that differ.
    package func keysThatNeedRestart(for new: DaemonSettings) -> [String] {
        var keys: [String] = []
        if dataPort != new.dataPort { keys.append("data-port") }
        if controlPort != new.controlPort { keys.append("control-port") }
        if sourcePorts != new.sourcePorts { keys.append("source-ports") }
        if tun.name != new.tun.name { keys.append("tun.name") }
        if sessions.hasEarlyData != new.sessions.hasEarlyData { keys.append("sessions.early-data") }
        if sessions.capture != new.sessions.capture { keys.append("sessions.pcap") }
        if lisp.ttl != new.lisp.ttl { keys.append("lisp.ttl") }
        if log.format != new.log.format { keys.append("log.format") }
        return keys
    }
}
