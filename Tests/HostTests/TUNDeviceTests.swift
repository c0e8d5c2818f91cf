import CLinux
import Glibc
import Host
import LISP
import Sessions
import TestKit
import Testing

@Suite("TUN devices", .serialized)
struct TUNDeviceTests {
    /// A device that is up, with addresses and routes to their networks.
    static func device(_ host: Namespace, mtu: Int = 1400) throws -> TUNDevice {
        try host.inside {
            let device = try TUNDevice()
            let netlink = try Netlink()
            try netlink.setUp(device.index, mtu: mtu, linkLocal: false)
            for prefix in ["10.77.0.1/16", "fd00:77::1/64"].compactMap({ IPPrefix($0) }) {
                try netlink.addAddress(prefix, index: device.index)
                try netlink.addRoute(prefix, index: device.index)
            }
            return device
        }
    }

    /// The next packet that carries UDP, within two seconds.
    static func next(_ device: TUNDevice) throws -> [UInt8] {
        let alarm = Later(milliseconds: 2000) { device.wake() }
        defer { alarm.callOff() }
        var buffer = [UInt8](repeating: 0, count: 2000)
        while true {
            let length = try buffer.withUnsafeMutableBytes { try device.read(into: $0) }
            if length == 0 { throw Missing("no packet from the host") }
            let packet = [UInt8](buffer.prefix(length))
            if packet[0] >> 4 == 4 ? packet[9] == 17 : packet[6] == 17 { return packet }
        }
    }

    @Test(
        "what the host sends is read, and what is written the host receives",
        arguments: [false, true])
    func packets(ipv6: Bool) throws {
        let host = try Namespace()
        let device = try Self.device(host)
        let port = try host.inside { try UDPPort(port: 0) }
        let other = try #require(Address(rloc: ipv6 ? "fd00:77::5" : "10.77.3.5"))
        let remote = try #require(Path(other, port: 7))
        let payload = SeededRandom.octets(seed: 5, count: 1000)
        #expect(port.send([Datagram(payload, on: .data, remote: remote)]).sent == 1)
        var packet = try Self.next(device)
        #expect(packet.suffix(1000) == payload[...])
        #expect(packet.count == 1000 + 8 + (ipv6 ? 40 : 20))
        // The answer is the packet with both ends changed: no checksum minds.
        let (first, size) = ipv6 ? (8, 16) : (12, 4)
        let (source, destination) = (
            packet[first..<first + size], packet[first + size..<first + 2 * size]
        )
        packet.replaceSubrange(first..<first + 2 * size, with: [UInt8](destination) + source)
        let ports = first + 2 * size
        packet.replaceSubrange(
            ports..<ports + 4,
            with: [UInt8](packet[ports + 2..<ports + 4] + packet[ports..<ports + 2]))
        #expect(packet.withUnsafeBytes { device.write($0) })
        let taken = try port.take(1)
        #expect(taken.map(\.octets) == [payload] && taken.map(\.remote) == [remote])
        // The MTU is that of the device.
        let long = Datagram([UInt8](repeating: 0, count: 1400), on: .data, remote: remote)
        #expect(port.send([long]).tooBigPaths == [.init(remote: remote, mtu: 1400)])
    }

    @Test("a burst is read one by one, and then nothing")
    func burst() throws {
        let host = try Namespace()
        let device = try Self.device(host)
        let port = try host.inside { try UDPPort(port: 0) }
        let remote = Path(IPv4Address(rawValue: 0x0A4D_0005), port: 7)
        let sent = (0..<10 as Range<UInt8>).map { Datagram([$0], on: .data, remote: remote) }
        #expect(port.send(sent).sent == 10)
        #expect(try Self.next(device).last == 0)
        var buffer = [UInt8](repeating: 0, count: 2000)
        for number in 1..<10 as Range<UInt8> {
            #expect(try buffer.withUnsafeMutableBytes { try device.readAtOnce(into: $0) } == 29)
            #expect(buffer[28] == number)
        }
        #expect(try buffer.withUnsafeMutableBytes { try device.readAtOnce(into: $0) } == 0)
    }

    @Test("a call wakes who waits for a packet")
    func wake() throws {
        let host = try Namespace()
        let device = try host.inside { try TUNDevice(name: "sleeper") }
        let waiting = Meanwhile {
            var buffer = [UInt8](repeating: 0, count: 2000)
            return try buffer.withUnsafeMutableBytes { try device.read(into: $0) }
        }
        usleep(20_000)
        device.wake()
        #expect(try waiting.value() == 0)
    }

    @Test("a device that is down takes nothing; what is no packet is refused")
    func refused() throws {
        let host = try Namespace()
        let down = try host.inside { try TUNDevice(name: "down") }
        let packet = [UInt8](hex: "45000014 00000000 40110000 0a000001 0a000002")
        #expect(!packet.withUnsafeBytes { down.write($0) })
        let up = try Self.device(host)
        #expect(packet.withUnsafeBytes { up.write($0) })
        for wrong in [[], [0x15], [UInt8](repeating: 0xFF, count: 20)] {
            #expect(!wrong.withUnsafeBytes { up.write($0) })
        }
    }

    @Test("names: the next free one, the one that was asked for, never somebody else's")
    func names() throws {
        try Namespace().inside {
            let first = try TUNDevice()
            let second = try TUNDevice()
            #expect(first.name == "whither0" && second.name == "whither1")
            #expect(first.index != second.index)
            let mine = try TUNDevice(name: "fifteen-letters")
            #expect(mine.name == "fifteen-letters")
            try Netlink().addLink("cloud", kind: "bridge")
            for name in ["fifteen-letters", "cloud", "lo"] {
                #expect { try TUNDevice(name: name) } throws: {
                    "\($0)".hasPrefix(
                        "cannot make TUN device \(name): there is an interface of this name")
                }
            }
            for name in ["", "sixteen-letters!", "a\0b"] {
                #expect { try TUNDevice(name: name) } throws: { "\($0)".contains("is no name") }
            }
            #expect(throws: HostError.self) { try TUNDevice(name: "a/b") }
        }
    }

    @Test("device, addresses and routes go with it")
    func gone() throws {
        let host = try Namespace()
        var device: TUNDevice? = try Self.device(host)
        let index = try #require(device?.index)
        let count = {
            try host.inside {
                let netlink = try Netlink()
                return try netlink.routes().count { $0.index == index }
                    + netlink.addresses().count { $0.index == index }
                    + netlink.links().count { $0.index == index }
            }
        }
        #expect(try count() >= 5)
        device = nil
        #expect(try count() == 0)
    }

    @Test("who waits for a packet hears when the device is taken away")
    func takenAway() throws {
        let host = try Namespace()
        let device = try Self.device(host)
        let waiting = Meanwhile { () -> String in
            var buffer = [UInt8](repeating: 0, count: 2000)
            do {
                while true {
                    let length = try buffer.withUnsafeMutableBytes { try device.read(into: $0) }
                    if length == 0 { return "woken" }
                }
            } catch { return "\(error)" }
        }
        usleep(20_000)
        try host.inside { try Netlink().removeLink(device.index) }
        #expect(try waiting.value() == "TUN device whither0 is gone: File descriptor in bad state")
        #expect(!([0x45] as [UInt8]).withUnsafeBytes { device.write($0) })
    }

    @Test("without root everything says what it needs")
    func notRoot() throws {
        try #require(geteuid() == 0, "needs root, to stop being it")
        let said = try Namespace().inside { () -> [String] in
            // Of this thread alone: the C library's function would change all of them.
            guard clinux_set_thread_user(65534) == 0 else { return ["still root"] }
            return [
                { _ = try TUNDevice() }, { _ = try Namespace() },
                { try Netlink().addLink("cloud", kind: "bridge") },
                { _ = try UDPPort(port: 80) },
            ].map { (body: () throws -> Void) in
                do {
                    try body()
                    return "nothing"
                } catch { return "\(error)" }
            }
        }
        #expect(
            said == [
                "a TUN device needs root or CAP_NET_ADMIN: Permission denied",
                "a network namespace needs root or CAP_SYS_ADMIN: Operation not permitted",
                "cannot make bridge interface cloud (needs root or CAP_NET_ADMIN): Operation not permitted",
                "UDP port 80 needs root or CAP_NET_BIND_SERVICE: Permission denied",
            ])
    }
}
