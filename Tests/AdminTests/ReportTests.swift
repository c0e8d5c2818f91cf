import Admin
import Clocks
import Foundation
import LISP
import LISPNode
import Mappings
import Sessions
import Simulator
import Testing
import Trust

@Suite("Reports of nodes in a mesh")
struct ReportTests {
    @Test("status has all members by name, with what is known and nothing else")
    func status() throws {
        let run = try MeshRun.formed(4)
        let report = run.status()
        #expect(report.phase == .member)
        #expect(report.members.map(\.name) == ["n0", "n1", "n2", "n3"])
        #expect(report.members.map(\.state) == [.self, .up, .up, .up])
        #expect(report.memberCount == 4 && report.upMembers == 4)
        #expect(!report.isDegraded, "\(report.text)")
        let other = report.members[1]
        #expect(other.path == "direct")
        #expect(other.rloc == "\(try run.path(1))")
        #expect((other.lossRatio ?? 0) == 0 && other.mtu == nil)
        #expect(other.priority == 1 && other.weight == 100)
        #expect(other.octetsSent > 0 && other.octetsReceived > 0)
        #expect(try #require(other.heardSecondsAgo) < 180)
        #expect(other.node == (try run.inside(1).id.octets.hex))
        #expect(report.members[0].rloc == "\(try run.path(0))")
        let database = try #require(report.database)
        #expect(database.records == (try run.inside(0).records.count))
        #expect(database.isReconciled && database.agreed <= database.others)
        #expect(report.revocations?.count == 0)
    }

    @Test("a member that said that it stops is down, and that is no mistake of the network")
    func stopped() throws {
        let run = try MeshRun.formed(2)
        run.world.act(on: 1) { node, now, random in
            node.handle(.stopping, at: now, using: &random)
        }
        run.world.run(for: .milliseconds(50))
        let report = run.status()
        #expect(report.members.map(\.state) == [.self, .down])
        #expect(!report.isDegraded, "\(report.text)")
    }

    @Test("status as text: health first, one line a member, nothing cut without a width")
    func statusText() throws {
        let run = try MeshRun.formed(3)
        // What went so far is another test's.
        let text = run.status().text.replacing(/[0-9.]+K?\/[0-9.]+K? +push/, with: "S/R  push")
        #expect(
            text == """
                relief  mesh fdae:76b3:e75::/48  node n0  fdae:76b3:e75:ba1:217f:e8c7:ffec:377f  \
                up 4s  members 3 (3 up)
                health  ok    nothing is wrong that this node can see
                db      9 records, 14 trust objects, agreed with 2/2 reachable (newest 0s)   \
                revocations 0
                NAME  STATE  PATH    RLOC           RTT   LOSS  MTU   PRI/WGT  AGE  SENT/RECV  SRC
                n0    self   -       10.0.0.1:4341  -     -     1400  1/100    -    -          local
                n1    up     direct  10.0.1.1:4341  20ms  -     -     1/100    0s   S/R  push
                n2    up     direct  10.0.2.1:4341  20ms  -     -     1/100    0s   S/R  push
                """)
    }

    @Test("a terminal's width is kept, and what is cut is its widest column", arguments: [80, 100])
    func width(width: Int) throws {
        let run = try MeshRun.formed(3)
        let table = run.status().text(width: width).split(separator: "\n")
            .drop { !$0.hasPrefix("NAME") }
        #expect(table.count == 4)
        #expect(table.allSatisfy { $0.unicodeScalars.count <= width })
        #expect(run.status().text(width: 1).contains("n0"))
    }

    @Test("what the host knows is shown: disk, clock")
    func hostFacts() throws {
        let run = try MeshRun.formed(3)
        let report = run.status {
            $0.diskTrouble = "No space left on device\u{1B}[2J"
            $0.clockStep = (seconds: 3700, ago: .minutes(5))
        }
        #expect(report.health.map(\.code) == ["disk", "clock_stepped"])
        #expect(report.health.map(\.level) == [.bad, .warn])
        #expect(report.isDegraded)
        #expect(report.text.contains("health  bad   nothing can be written: No space left"))
        #expect(isPlain(report.text))
    }

    @Test("what keeps packets out of the overlay is shown, and what still works")
    func overlayFacts() throws {
        let run = try MeshRun.formed(3)
        let report = run.status {
            $0.overlayTrouble = "cannot add address fd00::1/128 to interface 5: No such device"
            $0.poolOverlap = "10.128.0.0/24 (via eth0)"
        }
        #expect(report.health.map(\.code) == ["overlay", "ipv4_overlaps"])
        #expect(report.health.map(\.level) == [.bad, .warn])
        #expect(
            report.health[1].what + ": " + (report.health[1].hint ?? "")
                == "the mesh's IPv4 pool 10.128.0.0/16 overlaps a route of this host, 10.128.0.0/24 "
                + "(via eth0): IPv4 inside does not work here, IPv6 does")
    }

    @Test("loss is what the wire lost of a member's packets, and nothing where little was sent")
    func loss() throws {
        let run = try MeshRun.formed(3) { $0.sweeps = .hours(1) }
        #expect(run.status().members.allSatisfy { $0.lossRatio == nil })
        run.world.link.loss = .percent(10)
        for _ in 0..<3000 {
            run.sendPacket(from: 0, to: 1)
            run.world.run(for: .milliseconds(20))
        }
        let report = run.status()
        let ratio = try #require(report.members[1].lossRatio)
        #expect(abs(ratio - 0.1) < 0.03, "\(ratio)")
        #expect(report.members[2].lossRatio == nil)
        #expect(report.text.contains("  \(Int((ratio * 100).rounded()))%"))
    }

    @Test("a machine's clock that is off, and one that was left without addresses")
    func clockAndLocators() throws {
        let run = try MeshRun.formed(3)
        var late = run.now(0)
        late.clock.milliseconds += 3_600_000
        let report = StatusReport(of: run.node(0), at: late, host: run.host())
        let line = try #require(report.health.first)
        #expect(line.code == "clock_disagrees" && line.level == .bad)
        #expect(line.what.hasPrefix("this machine's clock is 1h ahead of the mesh's"))
        run.world.setAddresses([], of: 2)
        run.world.run(for: .seconds(1))
        #expect(run.status(2).health.contains { $0.code == "no_locator" })
    }

    @Test("who falls silent gets stale, then down; who comes back is up")
    func silence() throws {
        let run = try MeshRun.formed(3)
        run.world.crash(2)
        run.world.run(for: .minutes(6))
        let report = run.status()
        #expect(report.members.map(\.state) == [.self, .up, .down])
        #expect(report.upMembers == 2)
        #expect(report.text.contains("last seen"))
        run.world.restart(2, .sameDisk)
        run.world.run(for: .minutes(2))
        #expect(run.status().members.map(\.state) == [.self, .up, .up])
    }

    @Test("all others silent is said")
    func alone() throws {
        let run = try MeshRun.formed(3)
        run.world.crash(1)
        run.world.crash(2)
        run.world.run(for: .minutes(8))
        let report = run.status()
        #expect(report.health.map(\.code) == ["alone"])
        #expect(report.health[0].what.hasPrefix("no other member answers since "))
        // 8 minutes, less than a touch since something was heard.
        #expect(
            ["(8m", "(7m"].contains { report.health[0].what.contains($0) }, "\(report.text)")
    }

    @Test("who was revoked is listed with its name; and knows it")
    func revoked() throws {
        let run = try MeshRun.formed(4)
        run.revoke(3, by: 0)
        run.world.run(for: .seconds(5))
        let report = run.status()
        #expect(report.members.map(\.name) == ["n0", "n1", "n2", "n3"])
        #expect(report.members.last?.state == .revoked)
        #expect(report.memberCount == 3)
        #expect(report.revocations?.count == 1 && report.revocations?.keys == ["n3"])
        #expect(report.text.contains("revocations 1 (n3), applied by all"))
        let itself = run.status(3)
        #expect(itself.phase == .revoked && itself.health.map(\.code) == ["revoked"])
        #expect(
            itself.members.map(\.state) == [.down, .down, .down, .revoked], "\(itself.text)")
        let said = RevokedReport(
            of: run.node(0), name: "n3", key: try run.inside(3).key.publicKey, reason: "lost")
        #expect(said?.isRevoked == true)
        #expect(said?.text == "revoked n3 (lost), applied by 2/2 other members")
    }

    @Test("who has not applied a revocation is named, also by who has started again since")
    func reach() throws {
        let run = try MeshRun.formed(4)
        run.world.crash(2)
        run.revoke(3, by: 0)
        run.world.run(for: .seconds(5))
        func notYet() -> [String]? { run.status().revocations?.notYet }
        #expect(notYet() == ["n2"])
        #expect(run.status().text.contains("revocations 1 (n3), not yet by n2"))
        let said = try #require(
            RevokedReport(
                of: run.node(0), name: "n3", key: try run.inside(3).key.publicKey, reason: ""))
        #expect(said.applied == 1 && said.others == 2 && said.notYet == ["n2"])
        #expect(said.text.contains("applied by 1/2 other members, not yet by n2: it hears"))
        run.world.restart(0, .sameDisk)
        run.world.run(for: .seconds(1))
        #expect(notYet()?.contains("n2") == true)
        run.world.run(for: .minutes(1))
        #expect(notYet() == ["n2"], "n1 holds the same, so it said so again")
        run.world.restart(2, .sameDisk)
        run.world.run(for: .minutes(1))
        #expect(notYet() == [])
    }

    @Test("a node that is revoked by who cannot reach it hears why from the others")
    func revokedElsewhere() throws {
        let run = try MeshRun.formed(4)
        run.world.clog(from: 0, to: 3)
        run.revoke(3, by: 0)
        run.world.run(for: .seconds(2))
        #expect(run.status(3).health.map(\.code) == ["revoked"], "\(run.status(3).text)")
        #expect(run.status(3).health[0].what.hasPrefix("n0 revoked this node's key at "))
    }

    @Test("of two that used one invite in two halves, one is out when they meet, and knows")
    func suspended() throws {
        // Who looks at all that is held knows the machines of the plan alone.
        let run = try MeshRun.formed(4) { $0.sweeps = .hours(1) }
        let text = try #require(run.invite(by: 0, InviteWish()))
        let joiners = [run.world.addMachine(), run.world.addMachine()]
        let partition = run.world.partition([[0, 1, joiners[0]], [2, 3, joiners[1]]])
        for (number, joiner) in joiners.enumerated() {
            run.world.start(joiner)
            guard case .joined = run.ask(joiner, .join(text, name: MeshName("j\(number)"))) else {
                Issue.record("\(joiner) could not join")
                return
            }
        }
        run.world.mend(partition)
        run.world.run(for: .minutes(2))
        let all = joiners.map { run.status($0) }
        #expect(all.count { $0.phase == .member } == 1)
        let out = try #require(all.first { $0.phase != .member })
        #expect(out.phase == .outside && out.health.map(\.code) == ["suspended"], "\(out.text)")
        #expect(out.text.contains("health  bad   this node joined by an invite that others"))
    }

    @Test("a node that has left says so")
    func left() throws {
        let run = try MeshRun.formed(3)
        guard case .signed = run.ask(2, .leave) else {
            Issue.record("it could not leave")
            return
        }
        let report = run.status(2)
        #expect(report.phase == .revoked)
        #expect(report.health.map(\.code) == ["revoked"])
        #expect(report.health[0].what == "this node has left the mesh")
        #expect(LeftReport(of: run.node(2))?.text.hasPrefix("left relief: the key k-") == true)
    }

    @Test("what went nowhere is a line of its own, if there was any")
    func drops() throws {
        let node = Node(Settings(), disk: [:])
        let now = Now(.start, clock: ClockReading(milliseconds: 1, quality: .synchronised))
        var host = HostFacts(version: "0.1", upSince: .start)
        let well = StatusReport(of: node, at: now, host: host)
        #expect(!well.text.contains("drops") && well.json.contains("\"drops\":{}"))
        host.drops = ["forbidden": 12, "no_room": 3, "replayed": 12]
        let report = StatusReport(of: node, at: now, host: host)
        #expect(report.text.hasSuffix("\ndrops   forbidden 12, replayed 12, no room 3"))
        #expect(report.json.contains("\"drops\":{\"forbidden\":12,\"no_room\":3,\"replayed\":12}"))
        #expect(try AdminJSON.value(StatusReport.self, from: report.json.utf8) == report)
    }

    @Test("a node in no mesh says what to do")
    func blank() {
        let node = Node(Settings(), disk: [:])
        let now = Now(.start, clock: ClockReading(milliseconds: 1, quality: .synchronised))
        let host = HostFacts(version: "0.1", upSince: .start)
        let report = StatusReport(of: node, at: now, host: host)
        #expect(report.phase == .blank && report.isDegraded)
        #expect(
            report.text == """
                no mesh  up 0s
                health  bad   this node is in no mesh: whither create NAME begins one, whither join INVITE joins one
                """)
        #expect(throws: AdminError(.noMesh)) { try WhyReport("n1", in: node, at: now, host: host) }
        #expect(throws: AdminError(.noMesh)) {
            try LookupReport(of: "n1", in: node, at: now, host: host)
        }
        #expect(throws: AdminError(.noMesh)) { try IDReport(of: node) }
        #expect(MembersReport(of: node, at: now, host: host).members.isEmpty)
        #expect(SessionsReport(of: node, at: now).text == "no sessions")
        #expect(
            MapCacheReport(of: node, at: now, host: host).text == "LISP mapping cache: 0 entries")
    }

    @Test("members: who let whom in, and what they may do")
    func members() throws {
        let run = try MeshRun.formed(3)
        let report = MembersReport(of: run.node(1), at: run.now(1), host: run.host())
        #expect(report.mesh == "relief")
        #expect(report.members[0].roles == ["admin", "member"])
        #expect(report.members[0].admittedBy == "root" && report.members[0].depth == 1)
        #expect(report.members[1].roles == ["member", "admitter"])
        #expect(report.members[1].state == .self)
        #expect(report.members[1].ipv4.count == 1)
        #expect(report.text.split(separator: "\n").count == 4)
    }

    @Test("sessions: index, cipher, lanes, path, counts")
    func sessions() throws {
        let run = try MeshRun.formed(3)
        let report = SessionsReport(of: run.node(0), at: run.now(0))
        #expect(report.sessions.map(\.name) == ["n1", "n2"])
        for session in report.sessions where session.isEstablished {
            #expect(session.cipher == "ChaCha20-Poly1305")
            #expect(session.localLanes == 16 && session.remoteLanes == 16)
            #expect(session.isProved && !session.isRelayed)
            let other = session.name == "n1" ? 1 : 2
            let mirror = SessionsReport(of: run.node(other), at: run.now(other)).sessions
                .first { $0.name == "n0" }
            #expect(mirror?.remoteIndex == session.localIndex)
            #expect(mirror?.isInitiator != session.isInitiator)
            #expect(session.packetsSent > 0 && session.octetsSent > session.packetsSent)
            #expect(try #require(session.rotatesInSeconds) <= 135)
        }
        #expect(isPlain(report.text) && report.text.contains("ChaCha20-Poly1305"))
    }

    @Test("map-cache and database in the shape of IOS: each mapping in one of them")
    func tables() throws {
        let run = try MeshRun.formed(3)
        let cache = MapCacheReport(of: run.node(0), at: run.now(0), host: run.host())
        let database = DatabaseReport(of: run.node(0), at: run.now(0), host: run.host())
        let core = try run.inside(0)
        #expect(cache.entries.count + database.entries.count == core.records.count)
        #expect(database.entries.contains { $0.eid == core.cryptoEID.description })
        #expect(!cache.entries.contains { $0.eid == core.cryptoEID.description })
        let other = try run.inside(1).cryptoEID.description
        let entry = try #require(cache.entries.first { $0.eid == other })
        #expect(entry.signer == "n1" && entry.locators.map(\.state) == [.up])
        #expect(try #require(entry.lifeSeconds) == 3600)
        let text = cache.text
        #expect(text.contains("LISP IPv6 Mapping Cache for EID-table default (IID 0), 2 entries"))
        #expect(text.contains("LISP IPv4 Mapping Cache for EID-table default (IID 0), 2 entries"))
        #expect(text.contains("expires: 01:00:00, via push from n1, complete"))
        #expect(text.contains("  Locator   Uptime    State  Pri/Wgt  Encap-IID\n  10.0.1.1"))
        #expect(
            database.text.contains(
                "LISP ETR IPv6 Mapping Database for EID-table default (IID 0), LSBs: 0x1"))
        #expect(database.text.contains("10.0.0.1  1/100    netlink  site-self, reachable"))
    }

    @Test("site: every registration, whose it is, and whether it is there")
    func site() throws {
        let run = try MeshRun.formed(3)
        run.world.run(for: .minutes(4))
        let report = SiteReport(of: run.node(0), at: run.now(0), host: run.host())
        #expect(report.registrations.count == (try run.inside(0).records.count))
        #expect(report.registrations.allSatisfy { $0.flags == ["fresh"] && $0.isRegistered })
        #expect(Set(report.registrations.map(\.site)) == ["n0", "n1", "n2"])
        #expect(
            report.registrations.filter { $0.site == "n0" }.allSatisfy {
                $0.lastRegisterer == "this node"
            })
        run.world.crash(2)
        run.world.run(for: .minutes(5))
        let later = SiteReport(of: run.node(0), at: run.now(0), host: run.host())
        #expect(later.registrations.allSatisfy { $0.isRegistered == ($0.site != "n2") })
        #expect(later.text.contains("[0]fd"))
    }

    @Test("an EID that was withdrawn stands in the site table, and is served no more")
    func withdrawn() throws {
        let run = try MeshRun.formed(3)
        let prefix = try run.inside(0).mesh.prefix.address
        let eid = EID(
            .ipv6(Prefix(host: IPv6Address(high: prefix.high | 9, low: 0)).shortened(to: 64)))
        guard case .registered = run.ask(0, .register(eid, ttl: 30)) else {
            Issue.record("not registered")
            return
        }
        #expect(
            DatabaseReport(of: run.node(0), at: run.now(0), host: run.host()).entries.contains {
                $0.eid == eid.description && $0.ttlMinutes == 30
            })
        _ = run.ask(0, .withdraw(eid))
        run.world.run(for: .seconds(3))
        let report = SiteReport(of: run.node(1), at: run.now(1), host: run.host())
        let line = try #require(report.registrations.first { $0.eid == eid.description })
        #expect(line.flags == ["withdrawn"] && !line.isRegistered)
        let lookup = try LookupReport(
            of: eid.description, in: run.node(1), at: run.now(1), host: run.host())
        #expect(!lookup.isFound)
    }

    @Test("lookup knows names, addresses and their absence")
    func lookup() throws {
        let run = try MeshRun.formed(3)
        func look(_ text: String) throws -> LookupReport {
            try LookupReport(of: text, in: run.node(0), at: run.now(0), host: run.host())
        }
        let named = try look("n1")
        #expect(named.isFound && named.member == "n1")
        #expect(named.eid == (try run.inside(1).cryptoEID.description))
        #expect(named.records.first?.signer == "n1" && named.records.first?.isFresh == true)
        #expect(named.text.contains("up/uw/mp/mw: 1/100/255/0, node: n1, up"))
        let address = try #require(
            try run.inside(0).standing.member(try run.inside(2).id)?.addresses.first)
        #expect(try look("\(address)").member == "n2")
        let absent = try look("[7]2001:db8::1")
        #expect(!absent.isFound && absent.records.isEmpty && absent.member == nil)
        #expect(absent.negativePrefix == "[7]::/0")
        #expect(absent.text.hasPrefix("no mapping for [7]2001:db8::1/128"))
        let error = #expect(throws: AdminError.self) { try look("10.1.0.0/99") }
        #expect(error?.code == "bad_eid" && error?.exit == .usage)
    }

    @Test("why goes from the name to the path, with a reason for each step")
    func why() throws {
        let run = try MeshRun.formed(3)
        let report = try WhyReport("n2", in: run.node(0), at: run.now(0), host: run.host())
        #expect(
            report.steps.map(\.what) == [
                "name", "EID", "record", "locator", "choice", "session", "MTU",
            ])
        #expect(report.chosen == "\(try run.path(2))")
        #expect(report.reason == "announced in its node record, and it answered there")
        #expect(report.steps.last?.says == "not measured")
        #expect(
            try WhyReport("n0", in: run.node(0), at: run.now(0), host: run.host()).reason.hasPrefix(
                "it is this node"))
        run.world.crash(2)
        run.world.run(for: .minutes(6))
        let down = try WhyReport("n2", in: run.node(0), at: run.now(0), host: run.host())
        #expect(down.chosen == nil)
        #expect(down.reason.contains("unanswered") || down.reason.contains("nothing was sent"))
    }

    @Test("ping says the path and the time, or why nothing came")
    func ping() throws {
        let run = try MeshRun.formed(3)
        let core = try run.inside(0)
        let member = try Resolver(core).member("n1")
        var report = PingReport(to: member, in: core)
        let line = report.add(
            roundTrip: .milliseconds(18), to: member, in: run.node(0), at: run.now(0),
            host: run.host())
        #expect(report.text(of: line) == "n1 1: direct  \(try run.path(1))  rtt 18ms  mtu -")
        let none = report.add(
            roundTrip: nil, to: member, in: run.node(0), at: run.now(0), host: run.host())
        #expect(report.text(of: none).hasPrefix("n1 2: no answer: "))
        #expect(report.received == 1)
        #expect(report.text.hasSuffix("1 of 2 answered, rtt min/median/max 18ms/18ms/18ms"))
    }

    @Test("create, invite, join and id")
    func beginnings() throws {
        let run = try MeshRun.formed(3)
        let roots = try #require(run.roots)
        var wish = InviteWish()
        wish.uses = 2
        wish.lifetime = .hours(24)
        let text = try #require(run.invite(by: 0, wish))
        let invite = try InviteReport(text, of: run.node(0), at: run.now(0))
        #expect(invite.text == text && invite.uses == 2 && invite.roles == ["member"])
        #expect(try #require(invite.expiresInSeconds) > 86_000)
        #expect(invite.seeds.first == "\(try run.path(0))")
        #expect(invite.note.hasPrefix("2 uses, for 23h59m, as member; asks 10.0.0.1:4341"))
        let created = try #require(
            CreatedReport(of: run.node(0), root: roots.root, nextRoot: roots.next, invite: invite))
        #expect(try RootWords(typed: created.rootWords).seed == roots.root)
        #expect(try RootWords(typed: created.nextRootWords).seed == roots.next)
        #expect(created.text.contains("you are       n0.relief.internal (admin)"))
        #expect(created.text.contains(text))
        let joined = try #require(
            JoinedReport(of: run.node(1), at: run.now(1), host: run.host(), seconds: 0.31))
        #expect(joined.text.hasPrefix("joined relief as n1.relief.internal  fd"))
        #expect(joined.text.contains("(0.3 s, admitted by n"))
        let id = try IDReport(of: run.node(1))
        #expect(id.heading.fullName == "n1.relief.internal" && id.names == ["n1"])
        #expect(id.keyName == "k-\(id.key.prefix(16))")
        #expect(id.text.contains(id.key))
    }
}
