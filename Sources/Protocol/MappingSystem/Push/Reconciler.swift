package import Clocks
import Laboratory
package import Mappings
package import Trust

/// Anti-entropy: compares what two members hold by digests of trust objects and of the hours of
/// records, and says what each must send the other. It keeps only when it asks whom; every answer
/// follows from the message and from what the node holds.
package struct Reconciler: Sendable {
    /// When a random member is asked next.
    private var nextRound: Moment
    /// Members with whom something differed, to be asked again soon.
    private var again: [Again] = []
    /// Who agreed with us since this process began; sorted.
    package private(set) var agreed: [NodeID] = []
    /// When the first of them did.
    private var agreedSince = Moment.never
    private var budgets: [Budget] = []

    private struct Again: Sendable {
        var node: NodeID
        var at: Moment
        /// Without anything new from there.
        var rounds = 0
        /// A difference that stays, such as one that a liar makes up, is not asked about all the time.
        var notBefore = Moment.start
    }

    /// What may still be said to one member; a lying one must not make us send for ever.
    private struct Budget: Sendable {
        var node: NodeID
        var left: Int
        var refilled: Moment
    }

    /// trust.md 4.4: with a random member.
    package static let interval = Span.seconds(10)
    /// After a difference, until it is gone.
    package static let soon = Span.milliseconds(500)
    /// How often in a row one difference is followed up, each time a little later; then only when
    /// there is a reason again, and not more often than the usual rounds.
    private static let maximumRounds = 20
    /// Messages that answer one member: bursts, and then so many a second.
    private static let burst = 512
    private static let rate = 128
    /// Members followed up, and members with budgets, at one time.
    private static let maximumPeers = 1024
    /// Whoever hears a summary can say it back, so that one who agrees proves nothing.
    package static let witnesses = 2
    /// How long a second one is waited for. The others may be gone for good, or contradict for ever.
    package static let patience = Span.minutes(2)

    package init(at now: Moment) { (nextRound, nextDeadline) = (now, now) }

    /// Asked for after every event, so it is not looked for then.
    package private(set) var nextDeadline: Moment

    private mutating func updateDeadline() {
        nextDeadline = again.reduce(nextRound) { min($0, $1.at) }
    }

    /// Whom to send a summary to now.
    package mutating func due(
        at now: Moment, among peers: [NodeID], using random: inout some RandomNumberGenerator
    ) -> [NodeID] {
        var due: [NodeID] = []
        if nextRound <= now {
            nextRound = now + Self.interval
            if let peer = peers.randomElement(using: &random) { due.append(peer) }
        }
        for index in again.indices where again[index].at <= now {
            if !due.contains(again[index].node) { due.append(again[index].node) }
            again[index].rounds = min(again[index].rounds + 1, Self.maximumRounds)
            again[index].notBefore = now + Self.soon * again[index].rounds
            let isLast = again[index].rounds == Self.maximumRounds
            again[index].at = isLast ? .never : again[index].notBefore
        }
        updateDeadline()
        return due
    }

    /// A session with the node began: what happened on both sides meanwhile?
    package mutating func meet(_ node: NodeID, at now: Moment) {
        followUp(node, at: now)
    }

    package mutating func forget(_ node: NodeID) {
        again.removeAll { $0.node == node }
        agreed.removeAll { $0 == node }
        if agreed.isEmpty { agreedSince = .never }
        updateDeadline()
    }

    /// Something new came from the node: following up is worth while.
    package mutating func learned(from node: NodeID) {
        guard let index = again.firstIndex(where: { $0.node == node }) else { return }
        again[index].rounds = 0
    }

    private mutating func followUp(_ node: NodeID, at moment: Moment) {
        if let index = again.firstIndex(where: { $0.node == node }) {
            again[index].at = min(again[index].at, max(moment, again[index].notBefore))
            nextDeadline = min(nextDeadline, again[index].at)
            return
        }
        if again.count >= Self.maximumPeers {
            guard let idle = again.firstIndex(where: { $0.at == .never }) else { return }
            again.remove(at: idle)
        }
        again.append(Again(node: node, at: moment))
        nextDeadline = min(nextDeadline, moment)
    }

    /// Whether enough members hold what this node holds, so that what it does not have does not exist:
    /// two, one if there is only one other or nobody else agrees for ``patience``, nobody if it is alone.
    package func isWitnessed(among others: Int, at now: Moment) -> Bool {
        let needed = isPlanted(.oneWitnessSuffices) ? 1 : Self.witnesses
        if agreed.count >= min(needed, others) { return true }
        return !agreed.isEmpty && now >= agreedSince + Self.patience
    }

    private mutating func agree(with node: NodeID, at now: Moment) {
        again.removeAll { $0.node == node }
        updateDeadline()
        guard !agreed.contains(node) else { return }
        if agreed.isEmpty { agreedSince = now }
        agreed.insert(node, at: agreed.firstIndex { node < $0 } ?? agreed.endIndex)
    }
}

extension Reconciler {
    package static func summary(
        trust: TrustSet, records: RecordStore, wantsAnswer: Bool
    ) -> MeshMessage {
        .summary(
            .init(trust: trust.digest, records: records.digest, wantsAnswer: wantsAnswer))
    }

    /// What to answer a member's message; nothing if it is not about reconciling.
    package mutating func answer(
        _ message: MeshMessage, from node: NodeID, trust: TrustSet, records: RecordStore,
        at now: Moment
    ) -> [MeshMessage] {
        // Before any work: who has used up the budget shall not make us compute either.
        let index = budget(of: node, at: now)
        guard budgets[index].left > 0 else { return [] }
        let answers: [MeshMessage]
        switch message {
        case .summary(let theirs): answers = answer(theirs, from: node, trust, records, at: now)
        case .buckets(let first, let last, let digests):
            followUp(node, at: now + Self.soon)
            answers = compare(buckets: first, last, digests, trust)
        case .objectIDs(let first, let last, let ids):
            followUp(node, at: now + Self.soon)
            answers = compare(objects: first, last, ids, trust)
        case .objectsWanted(let ids):
            answers = Batches.objects(ids.compactMap { trust.object($0)?.octets })
        case .hours(let first, let last, let digests):
            followUp(node, at: now + Self.soon)
            answers = compare(hours: first, last, digests, records)
        case .recordIDs(let hour, let first, let last, let ids):
            followUp(node, at: now + Self.soon)
            answers = compare(recordsOf: hour, first, last, ids, records)
        case .recordsWanted(let ids):
            answers = Batches.records(ids.compactMap { records.octets($0) })
        default: return []
        }
        let allowed = answers.prefix(budgets[index].left)
        budgets[index].left -= max(allowed.count, 1)
        return [MeshMessage](allowed)
    }

    private mutating func answer(
        _ theirs: MeshMessage.Summary, from node: NodeID, _ trust: TrustSet,
        _ records: RecordStore, at now: Moment
    ) -> [MeshMessage] {
        let trustIsEqual = theirs.trust == trust.digest || isPlanted(.reconcileSkipsTrust)
        let recordsAreEqual = theirs.records == records.digest
        if trustIsEqual && recordsAreEqual {
            agree(with: node, at: now)
            return theirs.wantsAnswer
                ? [Self.summary(trust: trust, records: records, wantsAnswer: false)] : []
        }
        guard theirs.wantsAnswer else {
            followUp(node, at: now + Self.soon)
            return []
        }
        // Trust first: who may say something comes before what is said.
        var answers: [MeshMessage] = []
        if !trustIsEqual { answers += Batches.buckets(of: trust) }
        if !recordsAreEqual { answers += Batches.hours(of: records) }
        return answers
    }

    private func compare(
        buckets first: UInt8, _ last: UInt8, _ digests: [MeshMessage.BucketDigest],
        _ trust: TrustSet
    ) -> [MeshMessage] {
        guard first <= last else { return [] }
        var theirs = [UInt64?](repeating: nil, count: TrustSet.buckets)
        for digest in digests { theirs[Int(digest.bucket)] = digest.digest }
        return (first...last).flatMap { bucket -> [MeshMessage] in
            let ids = trust.ids(inBucket: bucket)
            let ours = ids.isEmpty ? nil : trust.bucketDigest(bucket)
            return theirs[Int(bucket)] == ours ? [] : Batches.ids(ids, ofBucket: bucket)
        }
    }

    private func compare(
        objects first: ObjectID, _ last: ObjectID, _ ids: [ObjectID], _ trust: TrustSet
    ) -> [MeshMessage] {
        guard first <= last, first.octets[0] == last.octets[0] else { return [] }
        let theirs = Set(ids)
        let ours = trust.ids(inBucket: first.octets[0]).filter { first <= $0 && $0 <= last }
        let missingThere = ours.filter { !theirs.contains($0) }
        let missingHere = ids.filter { !trust.contains($0) }
        return Batches.wanted(missingHere)
            + Batches.objects(missingThere.compactMap { trust.object($0)?.octets })
    }

    private func compare(
        hours first: UInt32, _ last: UInt32, _ digests: [MeshMessage.HourDigest],
        _ records: RecordStore
    ) -> [MeshMessage] {
        guard first <= last else { return [] }
        let theirs = Dictionary(
            digests.map { ($0.hour, $0.digest) }, uniquingKeysWith: { first, _ in first })
        let hours = Set(digests.map(\.hour) + records.hours).filter { first <= $0 && $0 <= last }
        return hours.sorted().flatMap { hour -> [MeshMessage] in
            let ids = records.recordIDs(inHour: hour)
            let ours = ids.isEmpty ? nil : records.digest(ofHour: hour)
            return theirs[hour] == ours ? [] : Batches.ids(ids, ofHour: hour)
        }
    }

    private func compare(
        recordsOf hour: UInt32, _ first: RecordID, _ last: RecordID, _ ids: [RecordID],
        _ records: RecordStore
    ) -> [MeshMessage] {
        guard first <= last else { return [] }
        let theirs = Set(ids)
        let all = records.recordIDs(inHour: hour)
        let held = Set(all)
        let missingThere = all.filter { first <= $0 && $0 <= last && !theirs.contains($0) }
        let missingHere = ids.filter { !held.contains($0) }
        return Batches.wanted(missingHere)
            + Batches.records(missingThere.compactMap { records.octets($0) })
    }

    /// - Returns: the place of what is left for a member, refilled.
    private mutating func budget(of node: NodeID, at now: Moment) -> Int {
        let index: Int
        if let known = budgets.firstIndex(where: { $0.node == node }) {
            index = known
        } else {
            if budgets.count >= Self.maximumPeers { budgets.removeFirst() }
            budgets.append(Budget(node: node, left: Self.burst, refilled: now))
            index = budgets.count - 1
        }
        let refill = (now - budgets[index].refilled).microseconds * Int64(Self.rate) / 1_000_000
        if refill > 0 {
            budgets[index].left = min(Self.burst, budgets[index].left + Int(clamping: refill))
            budgets[index].refilled = now
        }
        return index
    }
}
