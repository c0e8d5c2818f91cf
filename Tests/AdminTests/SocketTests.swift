import Admin
import Clocks
import Foundation
import LISP
import LISPNode
import MappingSystem
import Sessions
import Simulator
import Testing
import Trust

@Suite("What passes the socket")
struct SocketTests {
    static let requests: [AdminRequest] = {
        var create = AdminRequest.Create(name: "relief")
        create.nodeName = "base-1"
        create.ipv4 = "10.128.0.0/16"
        create.onlyAdminsAdmit = true
        var invite = AdminRequest.Invite()
        invite.uses = 20
        invite.lifeSeconds = 7200
        invite.roles = ["admin"]
        invite.forKey = "abc"
        var revoke = AdminRequest.Revoke(who: "truck")
        revoke.reason = "lost \"it\"\n"
        revoke.signed = .kept
        return [
            .create(create), .invite(invite), .join(.init(invite: "WHITHER1ABC")), .leave, .status,
            .lookup("clinic"), .ping(.init(who: "clinic")), .id, .revoke(revoke), .why("clinic"),
            .wait(seconds: 30), .wait(seconds: nil), .down, .reload,
        ] + AdminRequest.Table.allCases.map { .show($0) }
    }()

    @Test("each request is one line of JSON and comes back", arguments: requests)
    func request(request: AdminRequest) throws {
        let line = request.line
        #expect(!line.contains("\n"))
        #expect(try AdminRequest(line: line.utf8) == request)
    }

    @Test("every verb is among them")
    func verbs() throws {
        let all = try Self.requests.map { request -> String in
            let object = try JSONSerialization.jsonObject(with: Data(request.line.utf8))
            return try #require((object as? [String: Any])?["verb"] as? String)
        }
        #expect(Set(all) == Set(AdminRequest.verbs))
    }

    @Test("the form of a request is fixed")
    func form() throws {
        #expect(AdminRequest.show(.mapCache).line == #"{"table":"map-cache","verb":"show"}"#)
        #expect(
            AdminRequest.ping(.init(who: "clinic")).line
                == #"{"count":4,"verb":"ping","who":"clinic"}"#)
        #expect(
            try AdminRequest(line: #"{"verb":"invite"}"#.utf8) == .invite(.init()))
        #expect(
            try AdminRequest(line: #"{"verb":"create","name":"relief"}"#.utf8)
                == .create(.init(name: "relief")))
    }

    @Test(
        "what is no request is refused, with the nearest verb",
        arguments: [
            (#"{"verb":"statsu"}"#, "did you mean \"status\"?"), ("", nil), ("{}", nil),
            (#"{"verb":7}"#, nil), ("[1]", nil), (#"{"verb":"why"}"#, nil),
            (#"{"verb":"show","table":"nothing"}"#, nil), ("{\"verb\":\"\u{7}x\"}", nil),
        ] as [(String, String?)])
    func refused(line: String, hint: String?) {
        let error = #expect(throws: AdminError.self) { try AdminRequest(line: line.utf8) }
        #expect(error?.code == "bad_request" && error?.hint == hint)
        #expect(isPlain(error?.description ?? "\n"))
    }

    @Test("each report passes and comes back, and its JSON has sorted members and a schema")
    func replies() throws {
        let run = try MeshRun.formed(4)
        run.revoke(3, by: 0)
        run.world.run(for: .seconds(5))
        let (node, now, host) = (run.node(0), run.now(0), run.host())
        let roots = try #require(run.roots)
        let text = try #require(run.invite(by: 0, InviteWish()))
        let member = try Resolver(try run.inside(0)).member("n1")
        var ping = PingReport(to: member, in: try run.inside(0))
        _ = ping.add(roundTrip: .milliseconds(3), to: member, in: node, at: now, host: host)
        let results: [AdminResult] = [
            .created(
                try #require(CreatedReport(of: node, root: roots.root, nextRoot: roots.next))),
            .database(DatabaseReport(of: node, at: now, host: host)), .done,
            .id(try IDReport(of: node)),
            .invite(try InviteReport(text, of: node, at: now)),
            .joined(
                try #require(
                    JoinedReport(of: run.node(1), at: run.now(1), host: host, seconds: 0.3))),
            .left(try #require(LeftReport(of: node))),
            .lookup(try LookupReport(of: "n1", in: node, at: now, host: host)),
            .mapCache(MapCacheReport(of: node, at: now, host: host)),
            .members(MembersReport(of: node, at: now, host: host)), .ping(ping),
            .revoked(
                try #require(
                    RevokedReport(
                        of: node, name: "n3", key: try run.inside(3).key.publicKey, reason: ""))),
            .sessions(SessionsReport(of: node, at: now)),
            .site(SiteReport(of: node, at: now, host: host)), .status(run.status()),
            .why(try WhyReport("n1", in: node, at: now, host: host)),
        ]
        for result in results {
            let line = AdminReply.result(result).line
            #expect(!line.contains("\n"))
            #expect(try AdminReply(line: line.utf8) == .result(result), "\(line)")
            guard let report = result.report else { continue }
            let json = report.json
            #expect(json == report.json && isPlain(json) && isPlain(report.text))
            let object = try JSONSerialization.jsonObject(with: Data(json.utf8))
            let fields = try #require(object as? [String: Any])
            #expect(fields["schema"] as? Int == 1)
            let again = try JSONSerialization.data(
                withJSONObject: object, options: [.sortedKeys, .withoutEscapingSlashes])
            // Equal but for how numbers are spelled: the order of all members is the sorted one.
            #expect(Self.keys(json) == Self.keys(String(decoding: again, as: UTF8.self)))
            #expect(
                Self.keys(json).allSatisfy {
                    $0.allSatisfy { $0 == "_" || $0.isLowercase || $0.isNumber }
                })
        }
    }

    /// Names of members as they come.
    private static func keys(_ json: String) -> [String] {
        json.split(separator: "\":").compactMap { part in
            part.split(separator: "\"", omittingEmptySubsequences: false).last.map(String.init)
        }.dropLast()
    }

    @Test("progress and errors pass")
    func others() throws {
        let error = AdminError("invite_used", "it is used", at: "192.0.2.1:4341", hint: "ask")
        for reply in [AdminReply.progress("asked 192.0.2.1:4341"), .error(error)] {
            #expect(try AdminReply(line: reply.line.utf8) == reply)
        }
        #expect(
            AdminReply.error(error).line
                == #"{"error":{"code":"invite_used","exit":1,"hint":"ask","what":"it is used","#
                + #""where":"192.0.2.1:4341"}}"#)
        #expect(throws: AdminError.self) { try AdminReply(line: "{}".utf8) }
    }
}

@Suite("What people read when something was not done")
struct ErrorTests {
    private static let plain: [LISPNode.Failure] = [
        .noMesh, .alreadyInMesh, .noMemberAnswered, .falseSeed, .notAllowed, .secondCopy, .revoked,
        .tooMany, .notWritten, .trustObject(.tooLong(1200)), .record(.ttl(9999)), .record(.eid),
    ]
    private static let invites: [InviteError] = [
        .noInvite, .cutOff(5, of: nil), .cutOff(100, of: 600), .damaged, .version(2),
        .expired(at: 1_763_718_000_000), .used, .revoked, .boundToAnother, .notEffective,
    ]
    static var failures: [LISPNode.Failure] {
        plain + invites.map { LISPNode.Failure.invite($0) }
            + JoinRefusal.allCases.map { LISPNode.Failure.refused($0) }
    }

    @Test("each failure has a code, what, and a next step on one line; none says timeout")
    func all() {
        var codes: Set<String> = []
        for failure in Self.failures {
            let error = AdminError(failure)
            #expect(!error.code.isEmpty && !error.what.isEmpty)
            if case .record = failure {} else { #expect(error.hint != nil, "\(failure)") }
            let text = error.description
            #expect(isPlain(text) && !text.contains("\n") && text.count < 200, "\(text)")
            #expect(
                !text.lowercased().contains("timeout") && !text.lowercased().contains("timed out"))
            codes.insert(error.code)
        }
        #expect(codes.count > 20)
    }

    @Test("what is wrong with an invite")
    func invites() throws {
        let run = try MeshRun.formed(2)
        let text = try #require(run.invite(by: 0, InviteWish()))
        func error(_ text: String) -> String {
            do throws(InviteError) {
                _ = try InviteString(text)
                return "fine"
            } catch {
                return AdminError(error).description
            }
        }
        #expect(error(text) == "fine")
        #expect(
            error(String(text.dropLast(40)))
                == "the invite is cut off: \(text.count - 40) of \(text.count) characters; "
                + "copy all of it; line breaks in it do not matter")
        var damaged = [Character](text)
        damaged[60] = damaged[60] == "A" ? "B" : "A"
        #expect(error(String(damaged)).hasPrefix("the invite is damaged"))
        #expect(
            error("hello")
                == "this is no invite: one begins with WHITHER1; whither invite, on a member, prints one"
        )
    }

    @Test("nobody answered: who was asked, how often, and what each said")
    func nobodyAnswered() throws {
        let run = try MeshRun.formed(2)
        let text = try #require(run.invite(by: 0, InviteWish()))
        run.world.crash(0)
        run.world.crash(1)
        let joiner = run.world.addMachine()
        run.world.start(joiner)
        let error = try #require(
            run.refusal(joiner, .join(text, name: nil), within: .milliseconds(10_500)))
        #expect(error.code == "no_member_answered")
        #expect(
            error.what
                == "no member let this node in: \(try run.path(0)) did not answer (asked 2 times), "
                + "\(try run.path(1)) did not answer")
        #expect(
            error.hint
                == "is one of them up, does UDP get through to that port, and is who made the invite still a member?"
        )
        #expect(run.node(joiner).joinAttempts.count == 3)
        #expect(!run.node(joiner).isJoining)
    }

    @Test("an invite that is used up: who said so; progress tells who was asked")
    func used() throws {
        let run = try MeshRun.formed(2)
        let text = try #require(run.invite(by: 0, InviteWish()))
        let first = run.world.addMachine()
        run.world.start(first)
        guard case .joined = run.ask(first, .join(text, name: MeshName("third"))) else {
            Issue.record("the first could not join")
            return
        }
        let second = run.world.addMachine()
        run.world.start(second)
        let error = try #require(run.refusal(second, .join(text, name: MeshName("fourth"))))
        #expect(error.code == "invite_used" && error.exit == .undone)
        let paths = [try run.path(0).description, try run.path(1).description]
        #expect(paths.contains(error.place ?? ""))
    }

    @Test("a node that joins shows whom it asked")
    func joining() throws {
        let run = try MeshRun.formed(2)
        let text = try #require(run.invite(by: 0, InviteWish()))
        run.world.crash(0)
        run.world.crash(1)
        let joiner = run.world.addMachine()
        run.world.start(joiner)
        _ = run.world.tell(joiner, .join(text, name: nil))
        // The second seed is called a second after the first.
        run.world.run(for: .seconds(2))
        let status = run.status(joiner)
        #expect(status.phase == .joining && status.isDegraded)
        #expect(status.health[0].what == "joining: asked \(try run.path(1)), which did not answer")
    }

    @Test("roles are read by their words, and a wrong one gets the nearest")
    func roles() throws {
        #expect(try Roles(words: ["admin", "member"]) == [.member, .admin])
        #expect(Roles(arrayLiteral: .admin, .member, .ttr).words == ["admin", "member", "ttr"])
        let error = #expect(throws: AdminError.self) { try Roles(words: ["admim"]) }
        #expect(error?.hint == "did you mean \"admin\"?")
    }

    @Test("a reason that somebody else wrote steers no terminal")
    func hostileReason() throws {
        let run = try MeshRun.formed(3)
        let key = try run.inside(2).key.publicKey
        let reason = "lost\u{1B}[2J\u{9B}31m\nnext"
        guard case .signed = run.ask(0, .revoke(.key(key), reason: reason, keeping: [])) else {
            Issue.record("not revoked")
            return
        }
        run.world.run(for: .seconds(5))
        let said = RevokedReport(of: run.node(0), name: "n2", key: key, reason: reason)
        let texts = [
            run.status(0).text, run.status(2).text, said?.text ?? "\u{1B}", said?.json ?? "\u{1B}",
            run.status(2).json,
        ]
        for text in texts { #expect(isPlain(text), "\(text)") }
    }
}
