import CLinux
import Glibc
import Host
import Synchronization
import TestKit

extension Bench {
    /// In place of the bridge: a router, each host in a network of its own, 10.98.N.2.
    func route(_ hosts: ClosedRange<Int>) throws {
        try addNamespace("router")
        try run(
            in: "router", "sysctl", "-q", "-w", "net.ipv4.ip_forward=1",
            "net.ipv4.conf.all.rp_filter=0", "net.ipv4.conf.default.rp_filter=0")
        for host in hosts {
            try ip(in: "\(host)", ["link del eth0"])
            try ip(
                in: "router",
                [
                    "link add to\(host) type veth peer name eth0 netns \(namespace("\(host)"))",
                    "addr add 10.98.\(host).1/24 dev to\(host)", "link set to\(host) up",
                ])
            try ip(
                in: "\(host)",
                [
                    "addr add 10.98.\(host).2/24 dev eth0", "link set eth0 up",
                    "route add default via 10.98.\(host).1",
                ])
        }
    }

    /// Runs something on a thread in a namespace: sockets and devices that it makes stay there.
    func inside<Value: Sendable>(
        _ name: String, _ body: @escaping @Sendable () throws -> Value
    ) throws -> Value {
        let path = "/run/netns/\(namespace(name))"
        let box = Box<Value>()
        HostThread("inside") {
            let descriptor = open(path, O_RDONLY | O_CLOEXEC)
            defer { close(descriptor) }
            guard descriptor >= 0, setns(descriptor, CLONE_NEWNET) == 0 else {
                box.result.withLock { $0 = .failure(HostError("cannot enter \(path)")) }
                return
            }
            let value = Result { try body() }
            box.result.withLock { $0 = value }
        }.join()
        guard let value = box.result.withLock({ $0 }) else {
            throw SystemFailure("nothing came from inside \(path)")
        }
        return try value.get()
    }
}

private final class Box<Value: Sendable>: Sendable {
    let result = Mutex<Result<Value, any Error>?>(nil)
}

/// What a router does to packets on their way: it loses one of twenty, and keeps each for 18 to 26 ms, so
/// that later ones overtake. Without the kernel's netem, which not every machine has; and seeded.
final class Weather {
    private let state: State
    private let thread: HostThread

    private final class State: Sendable {
        let tun: TUNDevice
        let isDone = Atomic<Bool>(false)
        let lost = Atomic<Int>(0)
        let passed = Atomic<Int>(0)
        init(_ tun: TUNDevice) { self.tun = tun }
    }

    var lost: Int { state.lost.load(ordering: .relaxed) }
    var passed: Int { state.passed.load(ordering: .relaxed) }

    init(over bench: Bench, hosts: ClosedRange<Int>, seed: UInt64) throws {
        let state = State(try bench.inside("router") { try TUNDevice(name: "weather") })
        self.state = state
        try bench.ip(
            in: "router",
            ["link set weather up", "route add default dev weather table 100"]
                + hosts.map { "rule add iif to\($0) lookup 100" })
        thread = HostThread("weather") { Self.run(state, seed: seed) }
    }

    deinit {
        state.isDone.store(true, ordering: .relaxed)
        thread.join()
    }

    private static func run(_ state: State, seed: UInt64) {
        var random = SeededRandom(seed: seed)
        var waiting: [(due: Double, packet: [UInt8])] = []
        let room = UnsafeMutableRawBufferPointer.allocate(byteCount: 65_536, alignment: 16)
        defer { room.deallocate() }
        while !state.isDone.load(ordering: .relaxed) {
            var watched = pollfd(fd: state.tun.descriptor, events: Int16(POLLIN), revents: 0)
            poll(&watched, 1, waiting.isEmpty ? 50 : 1)
            while let size = try? state.tun.readAtOnce(into: room), size > 0 {
                if Double.random(in: 0..<1, using: &random) < 0.05 {
                    state.lost.add(1, ordering: .relaxed)
                } else {
                    let due = monotonicSeconds + Double.random(in: 0.018...0.026, using: &random)
                    waiting.append((due, [UInt8](room[..<size])))
                }
            }
            let now = monotonicSeconds
            let due = waiting.filter { $0.due <= now }.sorted { $0.due < $1.due }
            waiting.removeAll { $0.due <= now }
            for (_, packet) in due {
                packet.withUnsafeBytes { _ = state.tun.write($0) }
                state.passed.add(1, ordering: .relaxed)
            }
        }
    }
}
