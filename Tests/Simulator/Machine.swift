import Clocks
import LISP
import LISPNode
import Sessions
import TestKit

/// A machine: what surrounds a node and outlives its processes.
struct Machine {
    struct Attachment {
        let address: Address
        /// Endpoints of the two ports.
        let data: UInt32
        let control: UInt32
        let isIPv4: Bool
        /// The NAT it stands behind.
        let nat: Int?
    }

    /// A receive buffer of 212,992 octets, Linux's default, holds about as many.
    static let backlogLimit = 1024

    var isRunning = false
    /// The next event ends the process, after a random part of its effects.
    var isDoomed = false
    var incarnation: UInt64 = 0
    /// Paused or busy until then.
    var blockedUntil: Int64 = 0
    /// What arrives before is lost: the whole machine sleeps.
    var asleepUntil: Int64 = 0
    /// What one event costs.
    var serviceTime: Int64 = 0
    var backlog: [Event] = []
    var isResuming = false
    var attachments: [Attachment] = []
    var firewall: Firewall?
    var ports: (data: UInt16, control: UInt16) = (4341, 4342)
    var monotone = RunningClock(showing: 0, at: 0)
    var monotoneDrift: Int64 = 0
    var clock: SimulatedClock
    var disk = SimulatedDisk()
    /// The node's own.
    var random: SeededRandom
    /// For what its links and its disk do.
    var surroundings: SeededRandom
    var traffic = Traffic()
    /// Deadlines handled one after another without any time passing.
    var idleDeadlines = 0
}
