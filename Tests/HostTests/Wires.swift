import Foundation
import Host
import LISP
import Sessions
import Synchronization

/// Two hosts and a cable between them, in network namespaces that go with this value, however the test
/// ends. Making it fails with one line if the test is not run by root.
struct Wire {
    let near: Namespace
    let far: Namespace

    static let near4 = IPv4Address(rawValue: 0x0A09_0001)
    static let far4 = IPv4Address(rawValue: 0x0A09_0002)
    static let near6 = IPv6Address(high: 0x2001_0DB8_0009_0000, low: 1)
    static let far6 = IPv6Address(high: 0x2001_0DB8_0009_0000, low: 2)

    init(mtu: Int) throws {
        let (near, far) = (try Namespace(), try Namespace())
        try near.inside {
            try Netlink().addCable("wire", to: "wire", in: far, mtu: mtu)
            try configure("wire", "10.9.0.1/24", "2001:db8:9::1/64")
        }
        try far.inside { try configure("wire", "10.9.0.2/24", "2001:db8:9::2/64") }
        self.near = near
        self.far = far
    }

    /// Where a port of the far host is.
    func far(_ port: UDPPort, ipv6: Bool) -> Path {
        ipv6 ? Path(Self.far6, port: port.port) : Path(Self.far4, port: port.port)
    }

    func near(_ port: UDPPort, ipv6: Bool) -> Path {
        ipv6 ? Path(Self.near6, port: port.port) : Path(Self.near4, port: port.port)
    }
}

struct Missing: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
}

/// Sets an interface of the calling thread's namespace up, with addresses and the routes to their
/// networks.
func configure(_ name: String, _ prefixes: String..., via gateway: Address? = nil) throws {
    let netlink = try Netlink()
    guard let link = try netlink.link(named: name) else { throw Missing("no interface \(name)") }
    try netlink.setUp(link.index)
    for prefix in prefixes.compactMap({ IPPrefix($0) }) {
        try netlink.addAddress(prefix, index: link.index)
        try netlink.addRoute(prefix, index: link.index)
    }
}

/// Gives the calling thread's namespace an interface, with a cable to "far" in a namespace of its own.
func plug(_ name: String) throws -> Namespace {
    let other = try Namespace()
    try Netlink().addCable(name, to: "far", in: other)
    return other
}

/// Something that runs on a thread of its own meanwhile.
final class Meanwhile<Value: Sendable>: Sendable {
    private let result = Mutex<Result<Value, any Error>?>(nil)
    private let isDone = DispatchSemaphore(value: 0)

    init(_ body: @escaping @Sendable () throws -> Value) {
        let thread = Thread { [self] in
            let value = Result { try body() }
            result.withLock { $0 = value }
            isDone.signal()
        }
        thread.start()
    }

    /// What came of it; an error if nothing did in five seconds.
    func value() throws -> Value {
        guard isDone.wait(timeout: .now() + 5) == .success else { throw Missing("it still waits") }
        guard let result = result.withLock({ $0 }) else { throw Missing("no result") }
        return try result.get()
    }
}

/// Does something after a time, unless it is called off.
final class Later: Sendable {
    private let isOff = DispatchSemaphore(value: 0)

    init(milliseconds: Int, _ body: @escaping @Sendable () -> Void) {
        Thread { [isOff] in
            if isOff.wait(timeout: .now() + .milliseconds(milliseconds)) == .timedOut { body() }
        }.start()
    }

    func callOff() { isOff.signal() }
}

extension UDPPort {
    /// Takes datagrams until there are so many, or for two seconds.
    func take(_ count: Int) throws -> [Datagram] {
        let alarm = Later(milliseconds: 2000) { self.wake() }
        defer { alarm.callOff() }
        let batch = ReceiveBatch()
        var found: [Datagram] = []
        while found.count < count {
            let came = try receive(into: batch)
            if came == 0 { return found }
            found += (0..<came).map { batch.datagram($0, port: .data) }
        }
        return found
    }
}
