import Admin
import Clocks
import Cryptography
import Glibc
import LISP
import LISPNode
import Trust

// What people ask: each question becomes a command to the node, or a report about it.
extension Loop {
    func answer(_ question: AdminSocket.Question) {
        do throws(AdminError) {
            try answer(try AdminRequest(line: question.line), to: question.client)
        } catch {
            question.client.reply(.error(error))
        }
    }

    private func answer(
        _ request: AdminRequest, to client: AdminSocket.Client
    ) throws(AdminError) {
        switch request {
        case .create(let wish): try create(wish, for: client)
        case .join(let wish): try join(wish, for: client)
        case .invite(let wish): try invite(wish, for: client)
        case .leave:
            // Who is out already has nothing to sign, and only forgets.
            if node.core.flatMap(HealthLine.outside) != nil,
                let report = LeftReport(of: node, wasOut: true)
            {
                return client.reply(.result(.left(report)))
            }
            expectWrite(for: client)
            command(.leave, for: client) { loop in
                LeftReport(of: loop.node).map { .left($0) }
            }
        case .revoke(let wish): try revoke(wish, for: client)
        case .ping(let wish): try ping(wish, for: client)
        case .status:
            client.reply(.result(.status(StatusReport(of: node, at: clock.now, host: facts))))
        case .show(let table): client.reply(.result(report(table)))
        case .lookup(let text):
            let report = try LookupReport(of: text, in: node, at: clock.now, host: facts)
            client.reply(.result(.lookup(report)))
        case .why(let text):
            let report = try WhyReport(text, in: node, at: clock.now, host: facts)
            client.reply(.result(.why(report)))
        case .id: client.reply(.result(.id(try IDReport(of: node))))
        case .wait(let seconds): wait(seconds, for: client)
        case .down:
            client.reply(.result(.done))
            isStopping = true
        case .reload:
            reload()
            client.reply(.result(.done))
        }
    }

    /// Gives the node a command; when it is done, its answer becomes a report.
    private func command(
        _ command: Command, for client: AdminSocket.Client, verb: String? = nil,
        report: @escaping (Loop) throws(AdminError) -> AdminResult?
    ) {
        ask(command) { loop, answer in
            if case .failed(let failure) = answer {
                client.reply(.error(loop.error(failure, verb: verb)))
                return
            }
            do throws(AdminError) {
                client.reply(.result(try report(loop) ?? .done))
            } catch {
                client.reply(.error(error))
            }
        }
    }

    private func ask(_ command: Command, _ then: @escaping (Loop, Answer) -> Void) {
        let number = nextCommand
        nextCommand += 1
        pending[number] = { [unowned self] answer in then(self, answer) }
        handle(.command(command, number))
    }

    /// The next command is answered when the disk has what it signs, which may be never.
    private func expectWrite(for client: AdminSocket.Client) {
        unwritten.removeAll { pending[$0.number] == nil }
        unwritten.append((number: nextCommand, start: clock.now.moment, client: client))
    }

    /// Tells those who wait for a disk that takes nothing that it does not. What they asked for stays
    /// signed, and waits to be written.
    func answerUnwritten() {
        guard facts.diskTrouble != nil, !unwritten.isEmpty else { return }
        let now = clock.now.moment
        unwritten.removeAll { number, start, client in
            guard pending[number] != nil else { return true }
            guard now >= start + Self.diskPatience else { return false }
            pending[number] = nil
            client.reply(.error(.notWrittenYet))
            return true
        }
    }

    var unwrittenDeadline: Moment {
        guard facts.diskTrouble != nil else { return .never }
        return unwritten.map { $0.start + Self.diskPatience }.min() ?? .never
    }

    private static let diskPatience = Span.seconds(10)

    private func error(_ failure: Failure, verb: String? = nil) -> AdminError {
        AdminError(failure, asked: node.joinAttempts, verb: verb)
    }

    private func create(
        _ wish: AdminRequest.Create, for client: AdminSocket.Client
    ) throws(AdminError) {
        guard let name = MeshName(wish.name) else { throw .badName(wish.name) }
        let nodeName = try nodeName(wish.nodeName, ofHost: wish.hostName)
        var plan = MeshPlan(name: name, nodeName: nodeName, pool: try pool(wish.ipv4))
        plan.onlyAdminsAdmit = wish.onlyAdminsAdmit
        expectWrite(for: client)
        ask(.create(plan)) { loop, answer in
            guard case .created(_, let root, let next) = answer else {
                client.reply(.error(loop.error(answer.failure ?? .notAllowed, verb: "create")))
                return
            }
            var invite = InviteWish()
            invite.lifetime = Self.firstInviteLife
            if wish.secondAdmin { invite.roles.formUnion(.admin) }
            loop.invite(invite, for: client) { loop, invite in
                CreatedReport(of: loop.node, root: root, nextRoot: next, invite: invite)
                    .map { .created($0) }
            }
        }
    }

    /// Long enough to carry it to the second node.
    private static let firstInviteLife = Span.hours(24)

    /// What somebody said, else what the settings say, else what the host is called.
    private func nodeName(
        _ said: String?, ofHost host: String?
    ) throws(AdminError) -> MeshName? {
        guard let said else { return settings.name ?? host.flatMap { MeshName($0) } }
        guard let name = MeshName(said) else { throw .badName(said) }
        return name
    }

    private func join(
        _ wish: AdminRequest.Join, for client: AdminSocket.Client
    ) throws(AdminError) {
        let start = clock.now.moment
        let name = try nodeName(wish.nodeName, ofHost: wish.hostName)
        asking = (at: start + Self.joinQuiet, client: client)
        ask(.join(wish.invite, name: name, seed: wish.seed)) { loop, answer in
            loop.asking = nil
            guard case .joined = answer else {
                client.reply(.error(loop.error(answer.failure ?? .noMemberAnswered, verb: "join")))
                return
            }
            loop.joined.append((start: start, client: client))
            loop.answerJoined()
        }
    }

    /// Answers those who joined once the node has its name and address too, which its admitter signs, or
    /// when that takes too long.
    func answerJoined() {
        guard !joined.isEmpty else { return }
        let now = clock.now
        let member = node.core?.member
        joined.removeAll { start, client in
            let isNamed = member.map { !$0.names.isEmpty && !$0.addresses.isEmpty } ?? false
            guard isNamed || now.moment >= start + Self.namePatience else { return false }
            let seconds = Double((now.moment - start).microseconds) / 1e6
            let report = JoinedReport(of: node, at: now, host: facts, seconds: seconds)
            client.reply(.result(report.map { .joined($0) } ?? .done))
            return true
        }
    }

    static let namePatience = Span.seconds(3)

    /// Tells who joins whom the node has asked, once that takes longer than it should.
    func tellAsked() {
        guard let (at, client) = asking, clock.now.moment >= at else { return }
        asking = nil
        guard node.isJoining else { return }
        client.reply(.progress(AdminError.asking(node.core?.joining?.asked ?? [])))
    }

    private static let joinQuiet = Span.seconds(3)

    private func invite(
        _ wish: AdminRequest.Invite, for client: AdminSocket.Client
    ) throws(AdminError) {
        var content = InviteWish()
        content.uses = wish.uses
        if !wish.roles.isEmpty { content.roles = try Roles(words: wish.roles).union(.member) }
        if let seconds = wish.lifeSeconds {
            guard seconds > 0, seconds < 1e10 else { throw .badLife }
            content.lifetime = Span(microseconds: Int64(seconds * 1e6))
        }
        if let text = wish.forKey {
            guard let key = KeyText.key(text) else { throw .badKey(text) }
            content.boundKey = key
        }
        invite(content, for: client) { _, report in .invite(report) }
    }

    private func invite(
        _ wish: InviteWish, for client: AdminSocket.Client,
        then: @escaping (Loop, InviteReport) -> AdminResult?
    ) {
        expectWrite(for: client)
        ask(.invite(wish)) { loop, answer in
            guard case .invite(let text) = answer else {
                client.reply(.error(loop.error(answer.failure ?? .notAllowed, verb: "invite")))
                return
            }
            do throws(AdminError) {
                let report = try InviteReport(text, of: loop.node, at: loop.clock.now)
                client.reply(.result(then(loop, report) ?? .done))
            } catch {
                client.reply(.error(error))
            }
        }
    }

    private func revoke(
        _ wish: AdminRequest.Revoke, for client: AdminSocket.Client
    ) throws(AdminError) {
        guard let core = node.core else { throw AdminError(.noMesh) }
        let member = try Resolver(core).member(wish.who)
        let root = try wish.root.map { typed throws(AdminError) in
            try rootKey(typed, of: core)
        }
        let plan = core.planRevocation(of: member.key, by: root?.key, at: clock.now)
        guard plan.counts else { throw .mayNotRevoke(member, asRoot: root != nil) }
        guard plan.isHarmless || wish.signed != nil else {
            throw AdminError(revoking: member, plan)
        }
        expectWrite(for: client)
        let isKept = wish.signed == .kept && !plan.isHarmless
        // Its invites first: if this process ends in between, the key is still there to be revoked.
        var deeds: [RevocationDeed] = []
        if isKept {
            deeds = plan.openInvites.map {
                RevocationDeed(subject: .object($0.id), kept: $0.admissions)
            }
        }
        deeds.append(RevocationDeed(subject: .key(member.key), kept: isKept ? plan.kept : []))
        revoke(deeds[...], wish.reason, root: root?.seed, for: client) { loop in
            loop.revoked.append(
                Revoked(
                    start: loop.clock.now.moment, client: client, member: member,
                    reason: wish.reason, others: plan, isKept: isKept))
            loop.answerRevoked()
        }
    }

    private func revoke(
        _ deeds: ArraySlice<RevocationDeed>, _ reason: String, root: [UInt8]?,
        for client: AdminSocket.Client, then: @escaping (Loop) -> Void
    ) {
        guard let deed = deeds.first else { return then(self) }
        ask(.revoke(deed.subject, reason: reason, keeping: deed.kept, root: root)) { loop, answer in
            if let failure = answer.failure {
                client.reply(.error(loop.error(failure, verb: "revoke")))
            } else {
                loop.revoke(deeds.dropFirst(), reason, root: root, for: client, then: then)
            }
        }
    }

    private func rootKey(
        _ typed: String, of core: Core
    ) throws(AdminError) -> (key: Ed25519.SecretKey, seed: [UInt8]) {
        let words = try RootWords(typed: typed)
        guard words.kind == .root, let key = Ed25519.SecretKey(seed: words.seed),
            core.standing.root == key.publicKey
        else { throw .notTheRoot }
        return (key, words.seed)
    }

    private struct RevocationDeed {
        let subject: Revocation.Subject
        let kept: [ObjectID]
    }

    /// Somebody who revoked a key, and waits to hear who has applied that.
    struct Revoked {
        let start: Moment
        let client: AdminSocket.Client
        let member: Member
        let reason: String
        /// Others that hung on it, and whether that was kept.
        let others: RevocationPlan
        let isKept: Bool

        var until: Moment { start + Loop.reachPatience }
    }

    /// Answers once all who can be reached now have applied it, or when that takes too long.
    func answerRevoked() {
        guard !revoked.isEmpty else { return }
        let now = clock.now.moment
        revoked.removeAll { wish in
            let waits = node.core.map { core in
                core.standing.isRevoked(wish.member.key)
                    && core.withoutRevocations(of: wish.member.key).contains {
                        core.sessions.isEstablished(with: $0.id)
                    }
            }
            guard waits != true || now >= wish.until else { return false }
            var report = RevokedReport(
                of: node, name: wish.member.displayName, key: wish.member.key, reason: wish.reason)
            report?.add(wish.others, isKept: wish.isKept)
            wish.client.reply(.result(report.map { .revoked($0) } ?? .done))
            return true
        }
    }

    /// Members acknowledge when their disks have it.
    static let reachPatience = Span.seconds(2)

    private func ping(
        _ wish: AdminRequest.Ping, for client: AdminSocket.Client
    ) throws(AdminError) {
        guard let core = node.core else { throw AdminError(.noMesh) }
        let member = try Resolver(core).member(wish.who)
        guard member.id != core.id else { throw .pingSelf }
        guard 1...Self.maximumPings ~= wish.count else { throw .badPingCount(Self.maximumPings) }
        ping(member, left: wish.count, PingReport(to: member, in: core), for: client)
    }

    /// Of one command: each may take seconds, and all of them are in its report.
    private static let maximumPings = 1000

    private func ping(
        _ member: Member, left: Int, _ report: PingReport, for client: AdminSocket.Client
    ) {
        guard !client.isGone else { return }
        guard left > 0 else {
            client.reply(.result(.ping(report)))
            return
        }
        ask(.ping(member.id)) { loop, answer in
            var report = report
            var roundTrip: Span?
            if case .pong(let pong) = answer { roundTrip = pong.roundTrip }
            let line = report.add(
                roundTrip: roundTrip, to: member, in: loop.node, at: loop.clock.now,
                host: loop.facts)
            client.reply(.progress(report.text(of: line)))
            loop.ping(member, left: left - 1, report, for: client)
        }
    }

    private func report(_ table: AdminRequest.Table) -> AdminResult {
        let now = clock.now
        switch table {
        case .mapCache: return .mapCache(MapCacheReport(of: node, at: now, host: facts))
        case .database: return .database(DatabaseReport(of: node, at: now, host: facts))
        case .site: return .site(SiteReport(of: node, at: now, host: facts))
        case .members: return .members(MembersReport(of: node, at: now, host: facts))
        case .sessions: return .sessions(SessionsReport(of: node, at: now))
        }
    }

    /// Answers when this node is a member that has compared what it holds with others.
    private func wait(_ seconds: Double?, for client: AdminSocket.Client) {
        let longest = Span(microseconds: Int64(min(max(seconds ?? 1e6, 0), 1e6) * 1e6))
        waiting.append((until: clock.now.moment + longest, client: client))
        answerWaiting()
    }

    func answerWaiting() {
        guard !waiting.isEmpty else { return }
        let isReady = node.core.map { $0.member != nil && $0.isReconciled } ?? false
        let now = clock.now.moment
        // No waiting helps who was put out.
        let outside = isReady ? nil : node.core.flatMap { HealthLine.outside($0) }
        waiting.removeAll { wish in
            if let outside {
                wish.client.reply(.error(AdminError(outside: outside)))
                return true
            }
            guard isReady || wish.until <= now else { return wish.client.isGone }
            let report = StatusReport(of: node, at: clock.now, host: facts)
            wish.client.reply(isReady ? .result(.status(report)) : .error(.notReadyYet))
            return true
        }
    }

    /// An IPv4 /16 for the mesh: the one that is wanted, or one that no route of this host overlaps.
    private func pool(_ text: String?) throws(AdminError) -> Prefix<IPv4Address> {
        let routes: [IPPrefix]
        do throws(HostError) {
            routes = try Netlink().routes().map(\.prefix).filter { $0.length > 0 }
        } catch {
            routes = []
        }
        if let text {
            guard case .ipv4(let prefix)? = (try? EID(text))?.kind, 8...29 ~= prefix.length else {
                throw .badPool(text)
            }
            if let other = routes.first(where: { $0.overlaps(IPPrefix(prefix)) }) {
                throw .poolTaken(text, by: "\(other)")
            }
            return prefix
        }
        // 10.64.0.0 to 10.250.0.0: away from what routers, clouds and containers take first.
        for second in (64...250).shuffled() {
            let address = IPv4Address(rawValue: 10 << 24 | UInt32(second) << 16)
            let prefix = Prefix(host: address).shortened(to: 16)
            if !routes.contains(where: { $0.overlaps(IPPrefix(prefix)) }) { return prefix }
        }
        throw .noPool
    }
}

extension AdminSocket.Client {
    func reply(_ reply: AdminReply) {
        if case .progress = reply {
            answer([UInt8](reply.line.utf8), isLast: false)
        } else {
            answer([UInt8](reply.line.utf8), isLast: true)
        }
    }
}

extension Answer {
    fileprivate var failure: Failure? {
        if case .failed(let failure) = self { return failure }
        return nil
    }
}

extension AdminError {
    fileprivate static func badName(_ text: String) -> AdminError {
        AdminError(
            "bad_name", "\"\(text.prefix(70))\" is no name",
            hint: "1 to 29 letters a to z, digits and single hyphens", exit: .usage)
    }

    fileprivate static func badPool(_ text: String) -> AdminError {
        AdminError(
            "bad_pool", "\"\(text.prefix(40))\" is no IPv4 prefix of 8 to 29 bits",
            hint: "write it like 10.77.0.0/16", exit: .usage)
    }

    fileprivate static func poolTaken(_ text: String, by other: String) -> AdminError {
        AdminError(
            "pool_taken", "\(text) overlaps this host's route to \(other)",
            hint: "choose another, or leave --ipv4 out", exit: .usage)
    }

    fileprivate static let noPool = AdminError(
        "no_pool", "every /16 of 10.64.0.0 to 10.250.0.0 overlaps a route of this host",
        hint: "choose a prefix with --ipv4")

    fileprivate static let badLife = AdminError(
        "bad_duration", "an invite cannot end before it begins", hint: "write it like 2h",
        exit: .usage)

    fileprivate static func badKey(_ text: String) -> AdminError {
        AdminError(
            "bad_key", "\"\(text.prefix(60))\" is no key: one has 52 base32 digits",
            hint: "whither id, on the node that is to join, shows its key", exit: .usage)
    }

    fileprivate static func badPingCount(_ most: Int) -> AdminError {
        AdminError(
            "bad_count", "the count must be 1 to \(most)", hint: "ask again for more", exit: .usage)
    }

    fileprivate static let pingSelf = AdminError(
        "ping_self", "that is this node", hint: "name another: whither show members", exit: .usage)

    fileprivate static let notWrittenYet = AdminError(
        "not_written", "the disk has not taken it within 10 s, so it is not done yet",
        hint: "whither status names the trouble; what was asked for follows when there is room")

    fileprivate static let notReadyYet = AdminError(
        "not_ready", "the node is not ready yet", hint: "whither status says what it waits for")
}
