import Clocks
package import LISPNode
package import MappingSystem
import Mappings
import Sessions
package import Trust

// What people read when a command was not done. Each says what and why; "timeout" says neither.

extension AdminError {
    /// - Parameters:
    ///   - asked: of a join, from ``Node/joinAttempts``.
    ///   - verb: what was wanted, for the failures that many verbs have.
    package init(_ failure: Failure, asked: [JoinAttempt] = [], verb: String? = nil) {
        switch failure {
        case .noMesh:
            self.init(
                "no_mesh", "this node is in no mesh",
                hint: "whither create NAME begins one, whither join INVITE joins one")
        case .alreadyInMesh:
            self.init(
                "already_in_mesh", "this node is in a mesh already",
                hint:
                    "whither leave ends that; another mesh gets a daemon of its own from create or join"
            )
        case .invite(let error): self.init(error)
        case .refused(let refusal): self.init(refusal, asked: asked)
        case .noMemberAnswered: self.init(unanswered: asked)
        case .falseSeed:
            self.init(
                "false_seed",
                "who answered could not show that it belongs to the mesh of the invite"
                    + Self.list(asked),
                hint: "somebody else may have that address now: ask for an invite with other seeds")
        case .notAllowed:
            self.init(
                "not_allowed",
                "this node's key may not \(verb.map { "do that: \($0)" } ?? "do that")",
                hint: "whither id shows its roles; an admin makes invites for others: --role admin")
        case .trustObject(let error): self.init(error)
        case .record(let error):
            self.init("bad_record", "the mapping cannot be signed: \(error.words)", exit: .usage)
        case .secondCopy:
            self.init(
                "second_copy", "another node signs with this node's key, so this one signs nothing",
                hint: "stop the copy and remove its state; then start the other one again")
        case .revoked:
            self.init(
                "revoked", "the mesh has revoked this node's key, for ever",
                hint: "with a new invite: whither leave, then whither join INVITE")
        case .noMember:
            self.init("no_such_member", "there is no such member any more", exit: .usage)
        case .unanswered:
            self.init(
                "unanswered", "it did not answer in 3 s",
                hint: "whither why NAME says what is known of the way there")
        case .tooMany:
            self.init(
                "too_many",
                "as many wait, or stand, as a node may have: registrations, or what a key may sign",
                hint:
                    "withdraw some, or try again when those under way are answered; a key signs 256 invites"
            )
        case .notWritten:
            self.init(
                "not_written", "the disk did not take it within 10 s, so nobody was told",
                hint: "whither status names the trouble with the disk")
        }
    }

    private init(unanswered asked: [JoinAttempt]) {
        guard !asked.isEmpty else {
            self.init(
                "no_seeds", "the invite names no address where somebody could be asked",
                hint: "make one on a node that has an address: whither invite", exit: .usage)
            return
        }
        let reached = asked.contains { $0.outcome != .noAnswer }
        self.init(
            "no_member_answered", "no member let this node in" + Self.list(asked),
            hint: reached
                ? "try again, or ask for an invite of another member"
                : "is one of them up, does UDP get through to that port, and is who made the invite still a member?"
        )
    }

    /// Nobody would heed the revocation.
    package static func mayNotRevoke(_ member: Member, asRoot: Bool) -> AdminError {
        let name = member.displayName
        return AdminError(
            "may_not_revoke",
            asRoot
                ? "not revoked: a root key does not revoke \(name)"
                : "not revoked: this node may not revoke \(name), which is nearer to the root",
            hint: asRoot
                ? nil
                : "an admin as near as that can, or the paper of the root key: whither revoke \(name) --root"
        )
    }

    /// What was typed is a key of some other mesh, or the next root's.
    package static let notTheRoot = AdminError(
        "not_the_root", "that is not the present root key of this mesh",
        hint: "its paper begins with R1, and was printed by whither create", exit: .usage)

    /// Others hang on a key that somebody wants to revoke.
    package init(revoking member: Member, _ plan: RevocationPlan) {
        let name = member.displayName
        var parts: [String] = []
        if !plan.leaving.isEmpty {
            parts.append("\(name) let in \(fewNames(plan.leaving.map(\.displayName).sorted()))")
        }
        if !plan.losing.isEmpty {
            let names = fewNames(plan.losing.map(\.displayName).sorted())
            parts.append("by \(name) there are roles, names or addresses of \(names)")
        }
        self.init(
            "others_depend", "not revoked: \(parts.joined(separator: ", and "))",
            hint: "say --keep, and that stays while its invites end, or --all, and that is void too"
        )
    }

    /// What came so far of asking to be let in: a line for people who wait.
    package static func asking(_ asked: [JoinAttempt]) -> String {
        "nobody has let this node in yet" + list(asked)
    }

    /// `: 192.0.2.1:4341 did not answer (asked 3 times), …`: each path once, with the most that came of it.
    private static func list(_ asked: [JoinAttempt]) -> String {
        var paths: [Path] = []
        for attempt in asked where !paths.contains(attempt.path) { paths.append(attempt.path) }
        let said = paths.map { path -> String in
            let all = asked.filter { $0.path == path }
            let best = all.last { $0.outcome != .noAnswer } ?? all.last
            let times = all.count > 1 ? " (asked \(all.count) times)" : ""
            return "\(path) \(best?.outcome.words ?? "")\(times)"
        }
        return said.isEmpty ? "" : ": " + said.joined(separator: ", ")
    }

    /// Why a member did not let this node in.
    package init(_ refusal: JoinRefusal, asked: [JoinAttempt] = []) {
        let by = asked.last { $0.outcome == .refused(refusal) }.map { "\($0.path)" }
        switch refusal {
        case .used: self.init(Self.used, at: by)
        case .expired: self.init(Self.expired(nil), at: by)
        case .revoked: self.init(Self.revokedInvite, at: by)
        case .boundToAnother: self.init(Self.bound, at: by)
        case .unknownInvite:
            self.init(
                "unknown_invite", "the member asked does not know who signed this invite", at: by,
                hint: "it may not have heard of that yet: try again, or with another invite")
        case .noAdmitter:
            self.init(
                "no_admitter", "the member asked may not let others in", at: by,
                hint: "in this mesh admins do: ask one of them for an invite")
        case .proof:
            self.init(
                "bad_proof", "the invite's secret does not fit the invite", at: by,
                hint: "ask for a new invite")
        case .keyRevoked:
            self.init(
                "key_revoked", "the mesh has revoked this node's key, for ever", at: by,
                hint: "whither leave makes room for a new key; then join with a new invite")
        }
    }

    private init(_ error: AdminError, at place: String?) {
        self = error
        self.place = place
    }

    /// What is wrong with an invite.
    package init(_ error: InviteError) {
        switch error {
        case .noInvite:
            self.init(
                "no_invite", "this is no invite: one begins with WHITHER1",
                hint: "whither invite, on a member, prints one", exit: .usage)
        case .cutOff(let count, let whole):
            self.init(
                "invite_cut_off",
                "the invite is cut off: \(count)\(whole.map { " of \($0)" } ?? "") characters",
                hint: "copy all of it; line breaks in it do not matter", exit: .usage)
        case .damaged:
            self.init(
                "invite_damaged", "the invite is damaged: its checksum does not fit",
                hint: "copy it again, or have it sent as text", exit: .usage)
        case .version(let version):
            self.init(
                "invite_version",
                "the invite is of version \(version), and this program reads version 1",
                hint: "install the program that made it", exit: .usage)
        case .expired(let time): self = Self.expired(time)
        case .used: self = Self.used
        case .revoked: self = Self.revokedInvite
        case .boundToAnother: self = Self.bound
        case .notEffective:
            self.init(
                "invite_not_effective", "who signed the invite may not invite so, or not any more",
                hint: "ask an admin of the mesh for one")
        }
    }

    /// - Parameter time: mesh time; `nil`: it was not said.
    private static func expired(_ time: UInt64?) -> AdminError {
        AdminError(
            "invite_expired",
            "the invite has expired\(time.map { ", at \(TimeText.text(milliseconds: $0))" } ?? "")",
            hint: "ask for a new one; if it should hold still, look at this machine's clock")
    }
    private static let used = AdminError(
        "invite_used", "the invite is used up: as many have joined by it as it was made for",
        hint: "ask for a new one, with --uses for more than one node")
    private static let revokedInvite = AdminError(
        "invite_revoked", "the invite was revoked, or who signed it", hint: "ask for a new one")
    private static let bound = AdminError(
        "invite_bound", "the invite is for another node's key",
        hint: "whither id --json shows this node's; whither invite --for takes it")

    private init(_ error: TrustObjectError) {
        switch error {
        case .tooLong(let count):
            self.init(
                "too_long", "what was to be signed has \(count) octets, and 1100 is the most",
                hint: "say less: fewer ranges, fewer names, a shorter reason", exit: .usage)
        case .wire(let error):
            self.init("bad_object", "what was to be signed has no right form: \(error)")
        }
    }
}

extension JoinAttempt.Outcome {
    package var words: String {
        switch self {
        case .noAnswer: return "did not answer"
        case .fellSilent: return "answered, and then said nothing more"
        case .falseSeed: return "showed a chain that is not this mesh's"
        case .refused(let refusal): return "refused: \(AdminError(refusal).what)"
        }
    }
}

extension SignedRecordError {
    fileprivate var words: String {
        switch self {
        case .tooLong(let count): return "it would have \(count) octets, and 1100 is the most"
        case .wire(let error): return "\(error)"
        case .noSignature: return "it has no signature"
        case .reservedBits: return "reserved bits are set"
        case .ttl(let minutes): return "a TTL of \(minutes) minutes; 1 to 1440 are right"
        case .action: return "an action beside locators"
        case .eid: return "the EID is not in its one spelling"
        case .tombstoneWithLocators: return "TTL 0 beside locators"
        case .locator(let index): return "locator \(index + 1) has priority 255 or an unknown flag"
        case .unsorted: return "its locators are not sorted"
        case .nodesDoNotAddUp: return "its nodes do not add up to its locators"
        }
    }
}
