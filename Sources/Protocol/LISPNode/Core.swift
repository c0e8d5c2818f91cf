package import Clocks
package import Cryptography
import Forwarding
package import LISP
import Laboratory
package import MappingSystem
package import Mappings
package import Sessions
package import Trust

/// A node inside a mesh: who it is, what it holds, whom it talks to.
package struct Core: Sendable {
    let settings: Settings
    package let mesh: MeshID
    package let key: Ed25519.SecretKey
    /// What ``key`` was made from, for the disk.
    let seed: [UInt8]
    package let id: NodeID
    package let cryptoEID: EID
    package let cryptoAddress: IPv6Address
    let ownAddress: InnerAddress
    var dataKeys: DataKeys
    package let bootID: [UInt8]

    package var trust: TrustSet
    /// ``believe(_:)`` changes it.
    package internal(set) var standing: Standing
    /// This node as the mesh sees it; none while it is not a member. Follows from ``standing``.
    package private(set) var member: Member?
    package internal(set) var clock: MeshClock
    package var records: RecordStore
    package internal(set) var own: OwnRecords
    package internal(set) var sessions: SessionTable
    package internal(set) var spread = Spread()
    package internal(set) var reconciler: Reconciler
    /// Who holds the newest revocations.
    package internal(set) var reach = RevocationReach()

    /// While this node asks to be let in.
    package internal(set) var joining: Joining?
    /// Those whom this node may let in.
    var guests: [UInt32: Guest] = [:]
    /// After joining: until enough members agree about what there is.
    package internal(set) var partlyJoined: PartlyJoined?
    package internal(set) var isReconciled = false

    var locators: [Address]
    /// The disk takes too little to take more in from others.
    var isDiskBehind = false
    /// The set of trust objects changed since ``standing`` was taken.
    var trustChanged = false
    /// Hashes of keep lists that decide something and are not here. Others are not asked for, and not taken: a
    /// member could fill the room for them.
    var missingLists: [[UInt8]] = []
    /// Objects that are new since ``standing`` was taken.
    var fresh: [ObjectID] = []
    /// Times that somebody stated who is no steward as far as this node knows. A set has few such signers, one
    /// time each.
    var times: [Ed25519.PublicKey: UInt64] = [:]
    /// Commands that wait for a registration to be held by somebody else as well.
    var registrations: [Registration] = []
    var touchAt: Moment
    var meshTimersAt = Moment.start
    var clockAt = Moment.start
    /// When those are called who answered once and have no session: all whom the process before had reached,
    /// as soon as this one begins, since they go on sending under keys that it has not.
    var retryAt = Moment.start
    /// When one of those who once answered is tried again, and the node record that each answered
    /// under: a member that announces somebody else's address is not called there again and again.
    var probeAt = Moment.start
    var reached: [NodeID: UInt64] = [:]
    /// Members that began again in this turn.
    var restarted: [NodeID] = []
    /// When node records came that somebody else signed with this node's key.
    var foreignRecords: [Moment] = []
    var mustRenewRecord = false
    var hasTwin = false
    /// How often this node has contradicted its second copy since it knows of it.
    var contradictions = 0
    /// When a member that moves may be called at once again.
    var called: [NodeID: Moment] = [:]
    var wakefulness = Wakefulness()
    /// Somebody lost a right to EIDs: the store must be looked through.
    var coverageShrank = false
    /// Mesh time was moved: everything of this node is to be signed again.
    var hasStepped = false
    var ownDeadline = Moment.start
    /// What was registered here, in the order in which it was, and which EIDs this node announces.
    var wishes: [(eid: EID, wish: Wish)] = []
    var announced: [EID] = []
    /// Addresses and prefixes of this node, beside its crypto-EID.
    var ownPrefixes: [EID] = [] { didSet { flows.clear() } }
    /// Keep lists that come in pieces.
    var keepListPieces = KeepListPieces()
    var plainBudget = PlainBudget()
    /// When this process saw its node become a member; none after a restart.
    var memberSince: Moment?
    var early = EarlyPackets()
    package internal(set) var probing = Probing()
    /// What nodes with a session see of each other's ports.
    var sightings = Sightings()
    /// Whether packets from other ports reach them.
    var trials = PortTrials()
    /// Who is spoken to in plain RFC 9300.
    var legacy = LegacySites() { didSet { flows = FlowMemo() } }
    /// Members that said that they stop, and have not been heard since.
    package internal(set) var stopped: Set<NodeID> = []
    /// The largest packet that this host's links take, if the host has said.
    var linkMTU: Int?
    var claimBudget = Bucket(full: Core.claimsAtOnce, at: .start)
    /// What each member may have verified here; forgotten when it is none any more.
    var objectBudgets: [NodeID: Bucket] = [:]
    var knownPaths = KnownPaths()
    /// To whom changes go, sorted; follows from ``standing``.
    package internal(set) var targets: [NodeID] = []
    package internal(set) var counters = Counters()
    /// Follows from ``standing`` and ``records``.
    var flows = FlowMemo()
    /// What packet threads were told.
    var tables = PacketTables()

    /// What was dropped, and why; for the checker and for `status`.
    package struct Counters: Hashable, Sendable {
        package var malformed = 0
        package var recordsRefused = 0
        package var objectsRefused = 0
        package var foreignSource = 0
        package var plainRefused = 0
        package var noMapping = 0
        package var tooBig = 0
        package var touchesIgnored = 0
        package var replyLimited = 0
        package var undeliverable = 0
        package var diskBehind = 0
        /// Packets to and from legacy xTRs, unsealed.
        package var plainSent = 0
        package var plainReceived = 0
        /// Congestion was met where the inner packet could not carry the mark (RFC 6040 §4.2).
        package var congested = 0
    }

    struct DataKeys: Sendable {
        /// 32 octets; the key of the present node record.
        var current: [UInt8]
        var previous: [UInt8]?
        /// Mesh time of the change.
        var since: UInt64
    }

    struct Registration: Sendable {
        var command: UInt64
        var eid: EID
        var recordID: UInt64?
        var holders: [NodeID] = []
        var until: Moment
    }

    /// Unchanged registrations are touched as often as RFC 9301 §8.2 registers.
    package static let touchInterval = Span.seconds(60)
    /// After one member was reached again others may be there too.
    static let retryPause = Span.seconds(3)
    /// How often one member that answered before and is silent now is called: a partition that heals
    /// is noticed in this time, however long it lasted.
    static let probeInterval = Span.seconds(10)
    /// Between two calls of a member because it has moved.
    static let callInterval = Span.seconds(30)
    /// A new data key each time; the one before is kept as long for those who have not heard:
    /// milliseconds.
    static let dataKeyLife: UInt64 = 12 * 3_600_000
    /// Up to so many others hear of each change at once; in a larger mesh `sparseTargets` do, and
    /// each that learns something new passes it on.
    package static let directTargets = 64
    package static let sparseTargets = 24
    /// Commands that wait at one time.
    static let maximumWaiting = 256
}

extension Core {
    /// Mesh time, in milliseconds since 1970.
    func meshTime(_ turn: Turn) -> UInt64 { clock.time(at: turn.now) }

    func sessionTime(_ turn: Turn) -> SessionTime {
        SessionTime(
            turn.now.moment, meshTime: clock.time(at: turn.now),
            clock: clock.announcement(at: turn.now.moment))
    }

    mutating func believe(_ standing: Standing) {
        self.standing = standing
        member = standing.member(id)
        flows.clear()
    }

    /// Under which key the disk has a record, by ``SignedRecord/storeKey``.
    package static func diskKey(ofRecord key: [UInt8]) -> [UInt8] { DiskKey.record(key) }

    /// A key pair and its id are made from octets of the right size.
    static func secret(_ octets: [UInt8]) -> X25519.SecretKey {
        guard let key = X25519.SecretKey(octets: octets) else {
            preconditionFailure("data keys are made and kept as 32 octets")
        }
        return key
    }

    /// When something is due next. It changes nothing: it is `mutating` so that the node asks its core
    /// where it stands, and copies none.
    mutating func nextDeadline() -> Moment {
        let next = min(
            sessions.nextDeadline, joining?.deadline ?? .never, spread.nextDeadline)
        guard member != nil else { return next }
        return min(
            min(next, reconciler.nextDeadline, touchAt, retryAt, probeAt),
            min(meshTimersAt, ownDeadline, registrations.first?.until ?? .never),
            min(probing.nextDeadline, early.nextDeadline, trials.nextDeadline))
    }
}

extension RandomNumberGenerator {
    mutating func octets(_ count: Int) -> [UInt8] {
        (0..<count).map { _ in UInt8.random(in: .min ... .max, using: &self) }
    }
}
