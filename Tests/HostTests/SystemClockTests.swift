import Clocks
import Foundation
import LISP
import LISPNode
import Synchronization
import TestKit
import Testing
import Trust

@testable import Host

@Suite("The machine's clock")
struct SystemClockTests {
    private static let late = ClockOrigin.release + 1000
    private static let source = "sys/devices/system/clocksource/clocksource0/current_clocksource"

    struct Machine: Sendable, CustomTestStringConvertible {
        var name: String
        var files: [String: String]
        var milliseconds = SystemClockTests.late
        var isKept: Bool
        var testDescription: String { name }
    }

    @Test("without one a node lives after the program's release")
    func release() throws {
        var random = SeededRandom(seed: 1)
        var node = Node(DaemonSettings().node(dataPort: 1, controlPort: 2), disk: [:])
        let now = Now(.start, clock: ClockReading(milliseconds: 7, quality: .none))
        let name = try #require(MeshName("relief"))
        let pool = try #require(Prefix(IPv4Address(rawValue: 0x0A40_0000), length: 16))
        for event in [Event.start, .command(.create(MeshPlan(name: name, pool: pool)), 1)] {
            _ = node.handle(event, at: now, using: &random)
        }
        let core = try #require(node.core)
        #expect(core.clock.time(at: now) == ClockOrigin.release)
        let record = try #require(core.standing.member(core.id))
        #expect(record.nodeRecordStamp >= ClockOrigin.release)
    }

    static let machines = [
        Machine(
            name: "a chip, empty", files: ["sys/class/rtc/rtc0": ""], milliseconds: 0, isKept: true),
        Machine(name: "kvm", files: [source: "kvm-clock\n"], isKept: true),
        Machine(name: "hyperv", files: [source: "hyperv_clocksource_tsc_page\n"], isKept: true),
        Machine(name: "xen", files: [source: "xen\n"], isKept: true),
        Machine(
            name: "kvm, never set", files: [source: "kvm-clock\n"], milliseconds: 7, isKept: false),
        Machine(
            name: "a guest by its processor",
            files: [source: "tsc\n", "proc/cpuinfo": "model\t: x\nflags\t\t: fpu hypervisor lm\n"],
            isKept: true),
        Machine(
            name: "a machine without a chip",
            files: [source: "tsc\n", "proc/cpuinfo": "flags\t\t: fpu lm\n"], isKept: false),
        Machine(
            name: "a board without a battery", files: [source: "arch_sys_counter\n"], isKept: false),
        Machine(name: "nothing can be read", files: [:], isKept: false),
    ]

    @Test("what kept the time while the machine was off", arguments: machines)
    func origin(_ machine: Machine) throws {
        let root = FileManager.default.temporaryDirectory.appending(path: UUID().uuidString)
        defer { try? FileManager.default.removeItem(at: root) }
        for (path, text) in machine.files {
            let file = root.appending(path: path)
            try FileManager.default.createDirectory(
                at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
            try text.write(to: file, atomically: true, encoding: .utf8)
        }
        let isKept = ClockOrigin.isKept(
            milliseconds: machine.milliseconds, root: root.path(percentEncoded: false))
        #expect(isKept == machine.isKept)
    }

    @Test("the kernel is asked about its clock once a second")
    func kept() {
        let answers = Answers()
        let quality = KeptQuality(otherwise: .chip) { answers.next() }
        #expect(quality.value(at: 5) == .chip)
        answers.isSynchronised.store(true, ordering: .relaxed)
        #expect(quality.value(at: 1_000_004) == .chip)
        #expect(answers.count.load(ordering: .relaxed) == 1)
        #expect(quality.value(at: 1_000_005) == .synchronised)
        #expect(answers.count.load(ordering: .relaxed) == 2)
    }

    private final class Answers: Sendable {
        let isSynchronised = Atomic<Bool>(false)
        let count = Atomic<Int>(0)

        func next() -> Bool {
            count.add(1, ordering: .relaxed)
            return isSynchronised.load(ordering: .relaxed)
        }
    }
}
