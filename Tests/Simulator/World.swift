package import Clocks
package import LISP
package import LISPNode
package import Sessions
import TestKit

/// Many nodes in one process, on virtual time: equal seeds, equal histories.
///
///     let world = World(seed: 7, machines: 9) { index, disk, restart in
///         Node(settings(index), disk: disk)
///     }
///     world.hooks.afterEvent = { world, machine, event, effects, now in
///         if … { world.fail("node \(machine) served a revoked record") }
///     }
///     world.start()                                   // or start(machine) one by one, later
///     world.after(.seconds(3)) { $0.tell(2, .join(…)) }   // answers come to hooks.answer
///     world.apply(.random(seed: 7))                   // safety: all faults
///     world.run(for: .minutes(10))
///     world.heal()                                    // liveness: none, everybody runs
///     let converged = world.run(until: { world in … }, within: .minutes(5))
///     world.failure                                   // reason, time and the last events
///
/// Faults by hand: ``link``, ``setLink(_:from:to:)``, ``partition(_:_:)``, ``clog(from:to:)``,
/// ``crash(_:unsynced:)``, ``restart(_:_:snapshot:)``, ``pause(_:for:)``, ``setAddresses(_:of:)``, ``stepClock(of:by:)`` …
///
/// The checks of exclusive access are off for what every event touches: they took a quarter of the
/// time. No access here outlasts a call of foreign code but the node's own `handle`, which cannot reach
/// the world.
package final class World<Member: SimulatedNode> {
    package typealias Factory = (Int, DiskContents, Restart) -> Member

    package let seed: UInt64
    let factory: Factory
    /// Since the world began, in microseconds.
    @exclusivity(unchecked) package internal(set) var time: Int64 = 0
    /// What true clocks show when the world begins, in milliseconds since 1970.
    package let epoch: Int64
    /// By machine: the node that runs there, or ran there last.
    @exclusivity(unchecked) package internal(set) var members: [Member] = []
    @exclusivity(unchecked) var machines: [Machine] = []
    @exclusivity(unchecked) package var hooks = Hooks()

    @exclusivity(unchecked) var queue = EventQueue()
    @exclusivity(unchecked) var deadlines = DeadlineQueue()
    var actions: [((World) -> Void)?] = []
    var freeActions: [Int] = []
    @exclusivity(unchecked) var random: SeededRandom

    // The network
    /// What every link does that was not set on its own.
    @exclusivity(unchecked) package var link = Link()
    @exclusivity(unchecked) var links: [UInt64: Link] = [:]
    @exclusivity(unchecked) var flights = Flights()
    @exclusivity(unchecked) var endpoints = Endpoints()
    @exclusivity(unchecked) var contacts = Contacts()
    @exclusivity(unchecked) var nats: [NAT] = []
    @exclusivity(unchecked) var partitions: [(id: Int, partition: Partition)] = []
    var nextPartition = 0
    @exclusivity(unchecked) var clogged: [UInt64: [Int]] = [:]
    @exclusivity(unchecked) package internal(set) var drops = [Int](
        repeating: 0, count: DropReason.allCases.count)
    package internal(set) var duplicated = 0

    // Faults
    package internal(set) var faults = Faults()
    @exclusivity(unchecked) var faultEpoch: UInt32 = 0
    var faultRandom: SeededRandom
    @exclusivity(unchecked) package internal(set) var outsider: Outsider

    // Watching
    @exclusivity(unchecked) package internal(set) var events = 0
    @exclusivity(unchecked) package internal(set) var peaks = Peaks()
    @exclusivity(unchecked) package internal(set) var failure: Failure?
    @exclusivity(unchecked) var hash = TraceHash()
    @exclusivity(unchecked) var ring = TraceRing()
    var commands: UInt64 = 0
    /// Machines come back with the random numbers that they had before: a snapshot was restored.
    package var chanceRepeats = false

    /// - Parameters:
    ///   - machines: how many there are at first; they have addresses but run nothing yet.
    ///   - epoch: milliseconds since 1970.
    ///   - factory: makes a node from the number of its machine and its disk.
    package init(
        seed: UInt64, machines: Int, epoch: Int64 = 1_763_718_000_000, factory: @escaping Factory
    ) {
        self.seed = seed
        self.factory = factory
        self.epoch = epoch
        random = .derived(seed, 1)
        faultRandom = .derived(seed, 2)
        outsider = Outsider(random: .derived(seed, 3))
        for _ in 0..<machines { addMachine() }
    }

    /// Closures that watch; each is asked only if it is set.
    package struct Hooks {
        package var beforeEvent: ((World, Int, Event, Now) -> Void)?
        /// Before any of the effects is performed; of a process that crashes here only a beginning
        /// of them will be.
        package var afterEvent: ((World, Int, Event, [Effect], Now) -> Void)?
        /// What a process wants done, and what is done in its place.
        package var rewrite: ((World, Int, Event, [Effect]) -> [Effect])?
        package var sent: ((World, Packet) -> Void)?
        package var delivered: ((World, Packet, _ to: Int) -> Void)?
        package var dropped: ((World, Packet, DropReason) -> Void)?
        package var answer: ((World, Int, Answer, UInt64) -> Void)?
        package var notice: ((World, Int, Notice) -> Void)?
        /// A packet of the overlay came out of a node: machine, octets, instance.
        package var deliver: ((World, Int, [UInt8], UInt32) -> Void)?
        /// A datagram for the thread that opens packets of a machine, if a test plays one.
        package var reopen: ((World, Int, Datagram) -> Void)?
        /// A process has ended.
        package var crashed: ((World, Int) -> Void)?
        /// A process begins; its member is in place.
        package var restarted: ((World, Int, Restart) -> Void)?
        /// What octets mean, for the lines of the trace.
        package var describe: (([UInt8]) -> String?)?
        /// Each line of the trace, as it happens. Slow.
        package var line: ((String) -> Void)?
    }

    /// A machine that runs nothing yet.
    /// - Parameter addresses: `nil`: 10.x.y.1, in a /24 of its own.
    /// - Returns: its number.
    @discardableResult
    package func addMachine(addresses: [Address]? = nil) -> Int {
        let index = machines.count
        machines.append(
            Machine(
                clock: SimulatedClock(
                    showing: epoch, quality: .synchronised),
                random: .derived(seed, 4, UInt64(index)),
                surroundings: .derived(seed, 5, UInt64(index))))
        deadlines.append()
        assign(addresses ?? [Self.defaultAddress(of: index)], to: index, behind: nil)
        return index
    }

    package static func defaultAddress(of machine: Int) -> Address {
        .ipv4(IPv4Address(rawValue: 0x0A00_0001 + UInt32(truncatingIfNeeded: machine) << 8))
    }

    package var machineCount: Int { machines.count }
    package var elapsed: Span { Span(microseconds: time) }
    /// What a true clock shows.
    package var milliseconds: UInt64 { UInt64(max(0, epoch + time / 1000)) }
    package var traceHash: UInt64 { hash.value }
    package func now(of machine: Int) -> Now {
        // Field by field: a method of `Machine` would have the whole of it copied.
        Now(
            Moment(
                microseconds: machines[machine].monotone.local(
                    at: max(time, machines[machine].asleepUntil))),
            clock: machines[machine].clock.reading(at: time))
    }
    package func isRunning(_ machine: Int) -> Bool { machines[machine].isRunning }
}

/// The largest that was seen.
package struct Peaks: Hashable, Sendable {
    package internal(set) var queue = 0
    package internal(set) var flights = 0
    package internal(set) var effects = 0
    package internal(set) var backlog = 0
    package internal(set) var pendingBatches = 0
}

/// Why a run ended early.
package struct Failure: Error, Sendable, CustomStringConvertible {
    package let reason: String
    package let seed: UInt64
    package let elapsed: Span
    package let events: Int
    package let lastEvents: [String]

    package var description: String {
        """
        \(lastEvents.joined(separator: "\n"))
        seed \(seed), after \(events) events and \(elapsed.milliseconds) ms: \(reason)
        """
    }
}

/// A datagram for those who watch.
package struct Packet: Sendable {
    package let octets: [UInt8]
    /// As the receiver sees it, behind any NAT of the sender.
    package let source: Path
    package let destination: Path
    /// The machine that sent it; `nil`: the outsider.
    package let sender: Int?
    package let isForged: Bool
}
