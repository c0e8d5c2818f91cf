import AllocationCount
import ArgumentParser
import LISP
import TestKit

/// How fast messages are read and written on one core, beside a copy of the same octets.
@main
struct Benchmark: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "whither-bench",
        abstract: """
            Print decodes and encodes a second on one core, beside memcpy; then what packets cost \
            that are sealed and opened, beside libsodium alone, and what a record costs the store.
            """)

    @Option(help: "Seconds for each figure, in five rounds of which the median counts.")
    var seconds: Double = 1

    @Option(help: "Only rows whose message and work contain this.") var only = ""

    @Option(help: "Records in the store; a million take some minutes.") var records = 100_000

    func run() throws {
        guard records > 0 else { throw ValidationError("--records must be above 0") }
        guard seconds > 0 else { throw ValidationError("--seconds must be above 0") }
        let subjects = [
            Subject("Map-Request in ECM, IPv4", Subject.mapRequestIPv4),
            Subject("Map-Request in ECM, IPv6", Subject.mapRequestIPv6),
            Subject("Map-Register, 3 records", Subject.mapRegister),
            Subject("Map-Reply, 1 record", Subject.mapReply),
        ]
        print("message                     octets  what    million/s     ns  allocations")
        for subject in subjects {
            row(subject, "memcpy") { subject.copy($0) }
            row(subject, "decode") { subject.decode($0) }
            row(subject, "encode") { subject.encode($0) }
        }
        if only.isEmpty || "packets".contains(only) { PacketBenchmark(seconds: seconds).run() }
        if only.isEmpty || "store".contains(only) { StoreBenchmark(records: records).run() }
    }

    private func row(_ subject: Subject, _ what: String, _ work: (Int) -> UInt64) {
        guard only.isEmpty || "\(subject.name) \(what)".contains(only) else { return }
        let measure = Measure(seconds: seconds / 5, work)
        let columns = [
            subject.name.padded(26), "\(subject.octets.count)".padded(8, left: true),
            "  " + what.padded(6), (measure.rate / 1e6).text(2).padded(11, left: true),
            (1e9 / measure.rate).text(1).padded(7, left: true),
            measure.allocations.text(2).padded(13, left: true),
        ]
        print(columns.joined())
    }
}

/// What a piece of work costs; the work does as many repetitions as it is told.
private struct Measure {
    /// Repetitions a second, the median of five rounds.
    let rate: Double
    /// Allocations in each repetition.
    let allocations: Double

    init(seconds: Double, _ work: (Int) -> UInt64) {
        var sum: UInt64 = 0
        func time(_ repetitions: Int) -> Double {
            let (seconds, fraction) = ContinuousClock().measure {
                sum &+= work(repetitions)
            }.components
            return Double(seconds) + Double(fraction) / 1e18
        }
        var repetitions = 100
        while time(repetitions) < seconds / 10 { repetitions *= 2 }
        repetitions *= 10
        rate = (0..<5).map { _ in Double(repetitions) / time(repetitions) }.sorted()[2]
        let before = allocation_count_now().allocations
        sum &+= work(1000)
        allocations = Double(allocation_count_now().allocations - before) / 1000
        // The sum is used, so that the work is done.
        if sum == 1 { print("") }
    }
}

/// A message and what is done with it. Each piece of work adds up something of each result.
private struct Subject {
    let name: String
    let octets: [UInt8]

    init(_ name: String, _ octets: [UInt8]) {
        self.name = name
        self.octets = octets
    }

    @inline(never)
    func copy(_ repetitions: Int) -> UInt64 {
        let size = octets.count
        let copied = UnsafeMutableRawPointer.allocate(byteCount: size, alignment: 16)
        defer { copied.deallocate() }
        var sum: UInt64 = 0
        octets.withUnsafeBytes { octets in
            guard let from = octets.baseAddress else { return }
            for number in 0..<repetitions {
                copied.copyMemory(from: from, byteCount: size)
                sum &+= UInt64(copied.load(fromByteOffset: number & 63, as: UInt8.self))
            }
        }
        return sum
    }

    @inline(never)
    func decode(_ repetitions: Int) -> UInt64 {
        let octets = octets
        var sum: UInt64 = 0
        for _ in 0..<repetitions {
            var reader = OctetReader(octets.span.bytes)
            guard let packet = try? ControlPacket(from: &reader) else { return 0 }
            sum &+= Self.touch(packet)
        }
        return sum
    }

    @inline(never)
    func encode(_ repetitions: Int) -> UInt64 {
        guard let packet = try? ControlPacket(octets: octets) else { return 0 }
        var writer = OctetWriter(capacity: octets.count)
        var sum: UInt64 = 0
        for _ in 0..<repetitions {
            writer.removeAll()
            packet.write(to: &writer)
            sum &+= UInt64(writer.count)
        }
        return sum
    }

    /// Keeps the optimizer from leaving out what nobody looks at.
    @inline(never) @_optimize(none)
    private static func touch(_ packet: borrowing ControlPacket) -> UInt64 { 1 }
}

extension Subject {
    /// The first Map-Request of Tests/Vectors/decent-2019.pcap, two ITR-RLOCs.
    static let mapRequestIPv4 = [UInt8](
        hex: """
            800000004500004e0000000080114699f002020201010101e9f510f6003a0000100001018e090d5488990ab9
            0001f00202020001ac1100070002fe0000000000000000000002000200020020000101010101
            """)

    /// The seventh.
    static let mapRequestIPv6 = [UInt8](
        hex: """
            800000006000000000521180fe00000000000000000000020002000220010000000000000000000000000001
            e9f510f60052000010000101a61f661088e7992d0002fe0000000000000000000002000200020001ac110007
            0002fe0000000000000000000002000200020080000220010000000000000000000000000001
            """)

    static var mapRegister: [UInt8] {
        let message = MapRegister(
            flags: [.wantMapNotify, .proxyReply], nonce: 1,
            records: Few((1...3).map { record(10 << 24 | $0 << 8) }))
        let signed = MessageAuthentication(key: [UInt8]("password".utf8))
            .signed(message, keyID: 0, .sha256First128)
        return ControlPacket(.mapRegister(signed)).octets()
    }

    static var mapReply: [UInt8] {
        ControlPacket(.mapReply(MapReply(nonce: 1, records: [record(10 << 24)]))).octets()
    }

    private static func record(_ network: UInt32) -> EIDRecord {
        EIDRecord(
            eid: .ipv4(IPv4Address(rawValue: network)), maskLength: 24, ttl: 1440,
            flags: .init(isAuthoritative: true),
            locators: [
                LocatorRecord(
                    .ipv4(IPv4Address(rawValue: 0xC000_0201)),
                    unicast: .init(priority: 1, weight: 100), flags: [.local, .reachable]),
                LocatorRecord(
                    .ipv6(IPv6Address(high: 0x2001_0DB8 << 32, low: 1)),
                    unicast: .init(priority: 2, weight: 100), flags: [.local, .reachable]),
            ])
    }
}

extension String {
    func padded(_ width: Int, left: Bool = false) -> String {
        let space = String(repeating: " ", count: max(0, width - count))
        return left ? space + self : self + space
    }
}

extension Double {
    func text(_ decimals: Int) -> String {
        var scale = 1
        for _ in 0..<decimals { scale *= 10 }
        let whole = Int((self * Double(scale)).rounded())
        if decimals == 0 { return "\(whole)" }
        let fraction = String(whole % scale)
        let zeros = String(repeating: "0", count: decimals - fraction.count)
        return "\(whole / scale).\(zeros)\(fraction)"
    }
}
