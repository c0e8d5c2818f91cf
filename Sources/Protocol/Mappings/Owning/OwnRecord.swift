import Clocks
import LISP

/// One EID of ``OwnRecords``: what is wanted, what was said, and which sequences are used up.
struct OwnRecord: Sendable {
    let eid: EID
    /// None: withdrawn.
    var wanted: SignedRecord.Content?
    /// Signed and on its way to the disk.
    private(set) var written: OwnRecords.Write?
    /// Signed and durable.
    private(set) var published: [UInt8]?
    /// The last one that was signed, durable or not, or restored.
    private var last: SignedRecord?
    /// The greatest sequence under the own key that can be followed.
    private var previous: UInt64 = 0
    /// Sequences too far ahead of mesh time to be followed yet, sorted: the signer's clock was wrong
    /// once. When their time comes the present state is signed above them.
    private(set) var ahead: [UInt64] = []
    /// It is to be signed as soon as the budget allows.
    var isDue = false
    /// When the last rounds against somebody else's record were.
    var fights: [Moment] = []

    /// A wrong clock leaves one. Of more the first are kept: the others are met again in their time.
    static let maximumAhead = 8

    init(eid: EID) { self.eid = eid }

    /// Nobody else has a record that this one would replace.
    var isNew: Bool { last == nil && previous == 0 }

    /// Whether others may hold a mapping where none is wanted.
    var mustBeWithdrawn: Bool { !isNew && !(last?.isTombstone ?? false) }

    func says(_ content: SignedRecord.Content) -> Bool {
        last.map(Self.content) == content
    }

    /// Its sequence is 0: it says nothing.
    private static func content(of record: SignedRecord) -> SignedRecord.Content {
        var content = SignedRecord.Content(
            eid: record.eid, ttl: record.ttl, locators: record.locators, sequence: 0)
        content.action = record.action
        content.isClass0 = record.signature.isClass0
        content.nodes = record.signature.nodes
        return content
    }

    var isSigned: Bool { last != nil }

    /// The clock was wrong when it was signed, and nobody takes it yet.
    func isTooFarAhead(at meshTime: UInt64) -> Bool {
        guard let last else { return false }
        return last.signature.sequence > meshTime &+ RecordStore.tolerance
    }

    /// Mesh time at which it is to be signed again.
    var dueAt: UInt64? {
        let early = ahead.first.map { $0 &- min($0, RecordStore.tolerance) }
        guard let last, !last.isTombstone else { return early }
        let renewal = last.signature.sequence &+ OwnRecords.signedAgainAfter
        return early.map { min($0, renewal) } ?? renewal
    }

    func isEnded(at meshTime: UInt64) -> Bool {
        guard wanted == nil, !isDue, ahead.isEmpty, written == nil else { return false }
        return RecordStore.isOver(max(previous, last?.signature.sequence ?? 0), at: meshTime)
    }

    mutating func restore(_ record: SignedRecord, ahead: [UInt64]) {
        last = record
        published = record.octets
        if !record.isTombstone { wanted = Self.content(of: record) }
        previous = max(previous, record.signature.sequence)
        for sequence in ahead { meet(sequence: sequence) }
    }

    /// Notes that a sequence is used up.
    mutating func meet(_ record: SignedRecord) { meet(sequence: record.signature.sequence) }

    private mutating func meet(sequence: UInt64) {
        // Which of them can be followed is found out when signing.
        guard sequence > previous, !ahead.contains(sequence) else { return }
        ahead.append(sequence)
        ahead = [UInt64](ahead.sorted().prefix(Self.maximumAhead))
    }

    /// Whether a record under the own key could stand in place of the present one.
    func isThreatened(by record: SignedRecord) -> Bool {
        let sequence = record.signature.sequence
        guard let last else { return sequence > previous && !ahead.contains(sequence) }
        return sequence >= last.signature.sequence && record.octets != last.octets
            && !ahead.contains(sequence)
    }

    /// max(own previous + 1, now): a previous one more than 10 minutes ahead is left out but remembered.
    /// - Returns: `nil` if no sequence is left.
    mutating func nextSequence(_ meshTime: UInt64) -> UInt64? {
        let limit = meshTime &+ RecordStore.tolerance
        let used = (ahead + [previous]).filter { $0 > 0 }.sorted()
        previous = used.last { $0 <= limit } ?? 0
        ahead = [UInt64](used.filter { $0 > limit }.prefix(Self.maximumAhead))
        let next = max(previous + 1, meshTime)
        return next <= RecordSignature.maximumSequence ? next : nil
    }

    mutating func wrote(_ record: SignedRecord, _ write: OwnRecords.Write) {
        last = record
        previous = record.signature.sequence
        written = write
        isDue = false
    }

    /// - Returns: what is durable now.
    mutating func confirm() -> [UInt8]? {
        guard let octets = written?.octets else { return nil }
        written = nil
        published = octets
        return octets
    }
}
