import Admin
import Foundation
import Glibc
import Host
import Simulator
import Synchronization
import TestKit

/// A ``FaultScript`` with real processes: node 0 of the script is host 1.
///
/// Loss and splits are rules of the bridge, so that no host knows of them. Power that goes is `kill -9`: what
/// the kernel has not written to the disk outlives it.
final class ScriptedBench {
    let bench: Bench
    private let answered = Answered()
    private var deeds: [HostThread] = []
    private var loss = 0
    /// Ports of the bridge from which nothing goes to the others, and back neither unless it is one-way.
    private var splits: [FaultScript.Fault] = []

    /// What was answered, by several threads.
    private final class Answered: Sendable {
        struct Deeds: Sendable {
            var invites: [String] = []
            var isRevoked = false
            var hasJoined = false
        }
        let deeds = Mutex(Deeds())
    }

    init() throws {
        bench = try Bench(FaultScript.machines, family: .ipv4)
        try bench.mesh(FaultScript.members)
        first = try bench[1].invite("--uses", "\(FaultScript.inviteUses)")
    }

    private let first: String
    private func guest(_ node: Int) -> Guest { bench[node + 1] }

    /// Plays it, waits, and says what does not hold.
    /// - Returns: how many deeds were answered before the end of the script.
    func play(_ script: FaultScript) throws -> Int {
        let start = monotonicSeconds
        for (time, step) in script.timeline {
            let pause = start + time - monotonicSeconds
            if pause > 0 { usleep(UInt32(pause * 1e6)) }
            switch step {
            case .begin(let fault): try begin(fault)
            case .end(let fault): try end(fault)
            case .deed(let deed): begin(deed)
            }
        }
        let late = monotonicSeconds - start - FaultScript.length
        let before = answered.deeds.withLock { $0 }
        for deed in deeds { deed.join() }
        print(
            "script \(script.seed): over \(rounded(late, 1)) s late; answered \(before.invites.count)"
                + " invites, revocation \(before.isRevoked), join \(before.hasJoined)")
        try finish(script)
        return before.invites.count + (before.isRevoked ? 1 : 0) + (before.hasJoined ? 1 : 0)
    }

    private func begin(_ fault: FaultScript.Fault) throws {
        switch fault.kind {
        case .loss(let percent):
            loss = percent
            try setRules()
        case .split:
            splits.append(fault)
            try setRules()
        case .killed(let node), .powerless(let node): try guest(node).kill9()
        case .frozen(let node): try signal(node, SIGSTOP)
        case .unplugged(let node): try bench.ip(in: "\(node + 1)", ["link set eth0 down"])
        case .moved(let node): try move(node, from: node + 1, to: node + 51)
        }
    }

    private func end(_ fault: FaultScript.Fault) throws {
        switch fault.kind {
        case .loss:
            loss = 0
            try setRules()
        case .split:
            splits.removeAll { $0 == fault }
            try setRules()
        case .killed(let node), .powerless(let node): try guest(node).up()
        case .frozen(let node): try signal(node, SIGCONT)
        case .unplugged(let node): try bench.ip(in: "\(node + 1)", ["link set eth0 up"])
        case .moved(let node): try move(node, from: node + 51, to: node + 1)
        }
    }

    private func signal(_ node: Int, _ number: Int32) throws {
        guard let process = guest(node).process else {
            throw guest(node).failure("\(guest(node).name) does not run")
        }
        kill(process, number)
    }

    private func move(_ node: Int, from: Int, to: Int) throws {
        try bench.ip(
            in: "\(node + 1)",
            ["addr del 10.99.0.\(from)/24 dev eth0", "addr add 10.99.0.\(to)/24 dev eth0"])
    }

    private func setRules() throws {
        var rules: [String] = []
        for case .split(let side, let isOneWay) in splits.map(\.kind) {
            let others = (0..<FaultScript.machines).filter { !side.contains($0) }
            guard !side.isEmpty, !others.isEmpty else { continue }
            rules.append("iifname \(Self.ports(side)) oifname \(Self.ports(others)) drop;")
            if !isOneWay {
                rules.append("iifname \(Self.ports(others)) oifname \(Self.ports(side)) drop;")
            }
        }
        if loss > 0 { rules.append("numgen random mod 100 < \(loss) drop;") }
        let table = """
            table bridge faults { chain way { type filter hook forward priority 0;
            \(rules.joined(separator: "\n")) }; }
            """
        // In one piece: no datagram comes between the old rules and the new.
        try bench.run(
            in: "hub", "nft", "-f", "-",
            input: "table bridge faults\ndelete table bridge faults\n\(table)\n")
    }

    private static func ports(_ nodes: [Int]) -> String {
        "{ \(nodes.map { "\"port\($0 + 1)\"" }.joined(separator: ", ")) }"
    }

    /// On a thread of its own: it may take longer than until the next fault.
    private func begin(_ deed: FaultScript.Deed) {
        let answered = answered
        let last = answered.deeds.withLock { $0.invites.last } ?? first
        switch deed.kind {
        case .invite(let node):
            let guest = guest(node)
            deeds.append(
                HostThread("invite") {
                    guard let text = try? guest.invite("--uses", "\(FaultScript.inviteUses)") else {
                        return
                    }
                    answered.deeds.withLock { $0.invites.append(text) }
                })
        case .revoke:
            let (guest, victim) = (guest(0), guest(FaultScript.victim).name)
            deeds.append(
                HostThread("revoke") {
                    guard (try? guest.whither("revoke", victim, "--all")) != nil else { return }
                    answered.deeds.withLock { $0.isRevoked = true }
                })
        case .join:
            let guest = guest(FaultScript.newcomer)
            deeds.append(
                HostThread("join") {
                    guard (try? guest.join(last)) != nil else { return }
                    answered.deeds.withLock { $0.hasJoined = true }
                })
        }
    }

    // MARK: - When all is over

    private func finish(_ script: FaultScript) throws {
        let deeds = answered.deeds.withLock { $0 }
        let old = (0..<FaultScript.members).filter { $0 != FaultScript.victim }.map(guest)
        let newcomer = guest(FaultScript.newcomer)
        var isOut = false
        for guest in old where guest.process == nil {
            throw guest.failure("\(guest.name) has ended by itself\n\(script)")
        }
        if deeds.isRevoked {
            try expect(old, "lacks the revocation that was answered\n\(script)") {
                $0.revocations?.count == 1
            }
        } else {
            try guest(0).whither("revoke", guest(FaultScript.victim).name, "--all")
            // Whom it has let in goes with it, and begins again.
            isOut =
                try deeds.hasJoined
                && wait(atMost: 5, every: 0.2) {
                    try newcomer.status().health.contains { $0.code == "no_member" }
                } != nil
            if isOut {
                try newcomer.down()
                try bench.run(in: "\(newcomer.number)", "rm", "-rf", newcomer.state)
            }
        }
        // Whom the revoked node let in, not having heard that it is, is a member to nobody else.
        let victimName = guest(FaultScript.victim).name
        let isIsland =
            try !isOut && deeds.isRevoked && deeds.hasJoined
            && newcomer.status().members.contains { $0.name == victimName && $0.state == .up }
            && !old[0].status().members.contains { $0.name == newcomer.name }
        if isIsland { try newcomer.whither("leave", "--yes") }
        if !deeds.hasJoined || isIsland || isOut { try newcomer.join(deeds.invites.last ?? first) }
        let last = guest(FaultScript.last)
        try last.join(deeds.invites.last ?? first)
        let all = old + [newcomer, last]
        try bench.expectEqual(all, members: all.count, within: 60)
        let names = Set(all.map(\.name))
        try expect(all, "does not know all names, or of no revocation\n\(script)") {
            Set($0.members.filter { $0.state != .revoked }.map(\.name)) == names
                && $0.revocations?.count == 1
        }
        for here in all {
            for there in all where there !== here { try here.reach(there, patience: 20) }
        }
        for here in all {
            let log = here.log
            for word in ["atal error", "rogram crashed", "amaged", "second-copy"]
            where log.contains(word) {
                throw here.failure("\(here.name) says \"\(word)\"\n\(script)\n\(log)")
            }
        }
        let victim = guest(FaultScript.victim)
        if victim.process != nil, try victim.ping(old[0].ipv6, seconds: 1).status == 0 {
            throw victim.failure("\(victim.name) is revoked and has an answer\n\(script)")
        }
    }

    private func expect(
        _ guests: [Guest], _ what: String, _ isSo: (StatusReport) -> Bool
    ) throws {
        for guest in guests {
            guard try wait(atMost: 60, every: 0.2, until: { isSo(try guest.status()) }) != nil
            else {
                throw guest.failure("\(guest.name) \(what)")
            }
        }
    }
}
