package import Clocks
package import LISP

/// What the daemon knows and its node does not: the process, the interfaces, the disk.
package struct HostFacts: Hashable, Sendable {
    package var version: String
    package var processID: Int32 = 0
    /// On the node's own clock.
    package var upSince: Moment
    package var tun: TUN?
    package var dataPort: UInt16 = LISPPort.data
    package var controlPort: UInt16 = LISPPort.control
    /// What this host could be reached at, with what leads there.
    package var locators: [Locator] = []
    /// Where the state of this node is.
    package var stateDirectory: String?
    /// Why what was written is not durable; `nil`: it is.
    package var diskTrouble: String?
    /// What of this host the mesh's IPv4 pool overlaps, "192.168.1.0/24 (via eth0)"; `nil`: nothing.
    package var poolOverlap: String?
    /// What the kernel refuses to the TUN device; `nil`: nothing.
    package var overlayTrouble: String?
    /// Packets and datagrams that went nowhere since the process began, by reason.
    package var drops: [String: UInt64] = [:]
    /// The last step of mesh time, seconds, and how long ago it was.
    package var clockStep: (seconds: Double, ago: Span)? {
        get { step.map { ($0.seconds, $0.ago) } }
        set { step = newValue.map { Step(seconds: $0.seconds, ago: $0.ago) } }
    }
    private var step: Step?

    private struct Step: Hashable, Sendable {
        var seconds: Double
        var ago: Span
    }

    package struct TUN: Hashable, Sendable {
        package var name: String
        package var mtu: Int
        package init(name: String, mtu: Int) {
            self.name = name
            self.mtu = mtu
        }
    }

    package struct Locator: Hashable, Sendable {
        package var address: Address
        package var interface: String?
        package var mtu: Int?
        package init(_ address: Address, interface: String? = nil, mtu: Int? = nil) {
            self.address = address
            self.interface = interface
            self.mtu = mtu
        }
    }

    package init(version: String, upSince: Moment) {
        self.version = version
        self.upSince = upSince
    }

    /// RFC 8200 §5.
    static let minimumIPv6MTU = 1280
}
