package import Clocks
package import Cryptography
import Laboratory

/// What time it is in the mesh, where many machines have no clock that can be believed.
///
/// 1. A clock that the kernel calls synchronised, or that a person set, is used as it is, unless three
///    peers of distinct admitters disagree with it by 10 minutes: then that is reported and the peers
///    are followed.
/// 2. Any other node takes the lower median of what its sealed peers announce, of the best quality that
///    three peers of distinct admitters have, or all that have a clock if there are fewer. Its own clock
///    chip counts as one of them.
/// 3. A step forward of more than 10 minutes takes three peers of distinct admitters who say that it is
///    so late, or all with a clock if there are fewer, or a time object.
/// 4. Time never goes back: whoever is ahead waits until the others have come up.
/// 5. A clock that was used and then leaps, by a day ahead or 10 minutes back, is used again when at least
///    as many peers say that it is so late as say that it is not, but at least one. Until then time runs on
///    as it ran; nobody is asked who has heard no peer with a clock. Meshes whose members one admin let in
///    have not the three admitters of rule 1, and one signature from next year could not be taken back.
///
/// A follower announces the mesh time with one quality less than it took it from. So two followers cannot
/// hold each other up as good clocks when the clock that both had followed is gone; and because nobody
/// corrects what is less than ``tolerance``, the time that messages are under way adds up nowhere.
package struct MeshClock: Sendable {
    package enum Event: Hashable, Sendable {
        /// Forward by so many milliseconds: all own records must be signed again.
        case stepped(by: UInt64)
        /// The own clock, which is called good, is off from three peers by so many milliseconds, to
        /// either side.
        case disagrees(by: UInt64)
    }

    /// Milliseconds. More than clocks differ that follow each other, and messages take.
    package static let tolerance: UInt64 = 5_000
    /// Milliseconds. What one peer alone may move.
    package static let bigStep: UInt64 = 600_000
    package static let witnesses = 3
    /// Milliseconds, a day. A machine that slept shows a leap too, and must be there with its first packet;
    /// what is signed under a clock that leaps by less stands in its signer's way for no longer.
    package static let longSleep: UInt64 = 86_400_000
    /// More peers than a median needs.
    package static let announcementLimit = 64
    /// Then it says more about how our own crystal runs than about the peer.
    package static let announcementLife = Span.hours(1)

    private struct Announcement: Sendable {
        let node: NodeID
        let admitter: Ed25519.PublicKey?
        let reading: ClockReading
        let moment: Moment

        func time(at now: Moment) -> UInt64 {
            reading.milliseconds.advanced(since: moment, to: now)
        }
    }

    /// Of each peer the newest; the one heard longest ago first.
    private var announcements: [Announcement] = []
    /// Mesh time is `base` until `hold` has passed since `anchor`, and goes on from there.
    private var base: UInt64
    private var anchor = Moment.start
    private var hold: UInt64 = 0
    /// What stewards have stated; steps may go so far without witnesses.
    private var stated: UInt64 = 0
    private var disagreement: UInt64?
    /// What the time was taken from.
    private var source = ClockQuality.none
    private var isOwn = true
    /// What the own clock showed when it was used last.
    private var used: (milliseconds: UInt64, moment: Moment)?
    private var hasLeapt = false
    private var hasHeardClocks = false

    /// - Parameter floor: the greatest of the last mesh time used, the program's release, and the stamps of
    ///   the invite and of the own admission; mesh time is never below it.
    package init(floor: UInt64) { base = floor }

    package func time(at now: Now) -> UInt64 { time(at: now.moment) }

    package func time(at moment: Moment) -> UInt64 {
        let running = UInt64(0).advanced(since: anchor, to: moment)
        return base.saturatingAdd(running > hold ? running - hold : 0)
    }

    /// What to persist: a node that starts again never lives in a time before this.
    package func floor(at moment: Moment) -> UInt64 { time(at: moment) }

    /// For a stamp of the node's own admission, or of its invite.
    package mutating func raise(floor: UInt64, at moment: Moment) {
        if floor > time(at: moment), !isPlanted(.clockFloorIgnored) { set(floor, at: moment) }
    }

    /// What to tell peers.
    package func announcement(at moment: Moment) -> ClockReading {
        let quality = isOwn ? source : ClockQuality(rawValue: max(1, source.rawValue) - 1) ?? .none
        return ClockReading(milliseconds: time(at: moment), quality: quality)
    }

    /// - Parameter admitter: who admitted the peer; `nil`: the root, by a grant.
    package mutating func heard(
        _ reading: ClockReading, from node: NodeID, admitter: Ed25519.PublicKey?, at moment: Moment
    ) {
        forget(node)
        if announcements.count >= Self.announcementLimit { announcements.removeFirst() }
        if reading.quality > .none { hasHeardClocks = true }
        announcements.append(
            Announcement(node: node, admitter: admitter, reading: reading, moment: moment))
    }

    /// The session with it ended.
    package mutating func forget(_ node: NodeID) { announcements.removeAll { $0.node == node } }

    /// A steward has signed that it is at least this time.
    package mutating func accept(timeObject stamp: UInt64) { stated = max(stated, stamp) }

    /// To be called when the own clock or an announcement has changed, and at times: mesh time is set
    /// right only here.
    package mutating func update(at now: Now) -> [Event] {
        announcements.removeAll { now.moment - $0.moment > Self.announcementLife }
        var events: [Event] = []
        let before = time(at: now.moment)
        noticeLeap(now)
        let objection = objection(to: now) ?? objectionToLeap(now)
        if now.clock.quality >= .synchronised, objection == nil, !isLeapOpen(now) {
            disagreement = nil
            (source, isOwn) = (now.clock.quality, true)
            (used, hasLeapt) = ((now.clock.milliseconds, now.moment), false)
            correct(to: now.clock.milliseconds, at: now.moment)
        } else {
            if let objection, disagreement == nil { events.append(.disagrees(by: objection)) }
            disagreement = objection
            follow(now)
        }
        let after = time(at: now.moment)
        if after > before, after - before > Self.tolerance {
            events.append(.stepped(by: after - before))
        }
        return events
    }
}

// Which clock to follow
extension MeshClock {
    /// Peers whose time comes from some clock.
    private var realPeers: [Announcement] { announcements.filter { $0.reading.quality > .none } }

    /// By how much three peers of distinct admitters, or more, say that the own good clock is wrong.
    private func objection(to now: Now) -> UInt64? {
        guard now.clock.quality >= .synchronised else { return nil }
        let own = now.clock.milliseconds
        let objecting = announcements.filter {
            $0.reading.quality > .none
                && $0.time(at: now.moment).distance(from: own) >= Self.bigStep
        }
        // As a rule nobody: this is asked once a second.
        guard !objecting.isEmpty,
            let median = Self.lowerMedian(objecting.map { $0.time(at: now.moment) }),
            Self.admitters(
                of: objecting.filter {
                    $0.time(at: now.moment).distance(from: median) < Self.bigStep
                }) >= Self.witnesses
        else { return nil }
        return median.distance(from: own)
    }

    /// After a leap forward what peers said before counts no more: this machine may have slept, and they
    /// were not heard since.
    private mutating func noticeLeap(_ now: Now) {
        guard now.clock.quality >= .synchronised, let used, hasHeardClocks else { return }
        let expected = used.milliseconds.advanced(since: used.moment, to: now.moment)
        let isForward = now.clock.milliseconds > expected
        let leaps =
            now.clock.milliseconds.distance(from: expected)
            >= (isForward ? Self.longSleep : Self.bigStep)
        if leaps, !hasLeapt, isForward { announcements = [] }
        hasLeapt = leaps && !isPlanted(.leapBelieved)
    }

    /// Peers that say it is as late as the own clock shows, and those to whom it is as late as it was
    /// before that leapt.
    private func voices(_ now: Now) -> (own: Int, present: Int) {
        let present = time(at: now.moment)
        let times = realPeers.map { $0.time(at: now.moment) }
        return (
            times.count { $0.distance(from: now.clock.milliseconds) < Self.bigStep },
            times.count { $0.distance(from: present) < Self.bigStep }
        )
    }

    private func objectionToLeap(_ now: Now) -> UInt64? {
        guard hasLeapt else { return nil }
        let (own, present) = voices(now)
        return present > own ? time(at: now.moment).distance(from: now.clock.milliseconds) : nil
    }

    /// It has leapt, and nobody has said yet whether that is right.
    private func isLeapOpen(_ now: Now) -> Bool { hasLeapt && voices(now).own == 0 }

    /// Asks the best quality first, and takes in the next while there are too few peers to trust.
    private mutating func follow(_ now: Now) {
        let present = time(at: now.moment)
        for quality in ClockQuality.allCases.reversed() {
            let peers = announcements.filter {
                $0.reading.quality >= quality || isPlanted(.clockQualityIgnored)
            }
            var times = peers.map { $0.time(at: now.moment) }
            let ownCounts = now.clock.quality == quality && quality == .chip
            if ownCounts { times.append(now.clock.milliseconds) }
            guard let target = Self.lowerMedian(times),
                mayFollow(peers, quality, from: present, to: target, at: now.moment)
            else { continue }
            (source, isOwn) = (quality, ownCounts)
            if target.distance(from: present) > Self.tolerance {
                correct(to: target, at: now.moment)
            }
            break
        }
        // Stated by a steward: at least this.
        if stated > time(at: now.moment) { set(stated, at: now.moment) }
    }

    /// A median that one liar cannot move takes three peers of distinct admitters; where fewer have a
    /// clock at all, they do. A big step forward takes three who say that it is so late, or all of them.
    private func mayFollow(
        _ peers: [Announcement], _ quality: ClockQuality, from present: UInt64, to target: UInt64,
        at moment: Moment
    ) -> Bool {
        let judges = realPeers
        let needed = min(Self.witnesses, Self.admitters(of: judges))
        // Boards without any clock must agree more than be right.
        guard quality > .none else { return true }
        guard Self.admitters(of: peers) >= needed else { return false }
        guard target > present.saturatingAdd(Self.bigStep),
            target > stated.saturatingAdd(Self.bigStep)
        else { return true }
        if needed < Self.witnesses {
            return judges.allSatisfy { $0.time(at: moment).distance(from: target) < Self.bigStep }
        }
        let agreeing = peers.filter {
            $0.time(at: moment).saturatingAdd(Self.bigStep) > target
        }
        return Self.admitters(of: agreeing) >= Self.witnesses
    }

    private static func admitters(of peers: [Announcement]) -> Int {
        Set(peers.map(\.admitter)).count
    }

    static func lowerMedian(_ times: [UInt64]) -> UInt64? {
        times.isEmpty ? nil : times.sorted()[(times.count - 1) / 2]
    }

    private mutating func correct(to target: UInt64, at moment: Moment) {
        let present = time(at: moment)
        if target >= present || isPlanted(.clockFloorIgnored) {
            set(target, at: moment)
        } else {
            (base, anchor, hold) = (present, moment, present - target)
        }
    }

    private mutating func set(_ time: UInt64, at moment: Moment) {
        (base, anchor, hold) = (time, moment, 0)
    }
}

extension UInt64 {
    fileprivate func distance(from other: UInt64) -> UInt64 {
        self > other ? self - other : other - self
    }

    fileprivate func saturatingAdd(_ other: UInt64) -> UInt64 {
        let (sum, overflows) = addingReportingOverflow(other)
        return overflows ? .max : sum
    }

    /// Milliseconds, after the time between two moments; before it if they are reversed, not at all.
    fileprivate func advanced(since earlier: Moment, to later: Moment) -> UInt64 {
        saturatingAdd(later > earlier ? UInt64((later - earlier).milliseconds) : 0)
    }
}
