package import Clocks
import Cryptography
package import LISP
import LISPNode
import Mappings
import TestKit
import Trust

/// What members do all day: they send packets, register and withdraw, move, are revoked, and join again
/// when they have lost everything.
package struct MeshWork: Sendable {
    /// Between two things that somebody does.
    package var pause = Span.milliseconds(700)
    /// At most so many keys are revoked in a run.
    package var revocations = 1
    /// What owners want to be registered: machine and EID; withdrawn ones are in the other.
    package var wanted: [Wanted] = []
    package var withdrawn: [Wanted] = []

    package struct Wanted: Hashable, Sendable {
        package let machine: Int
        package let eid: EID
        /// Of the machine's process: one that lost its disk has another key.
        package let owner: [UInt8]
    }

    /// The last command about each, until it is answered: a crash may have come before it.
    private var open: [UInt64: (Wanted, isWithdrawal: Bool)] = [:]

    package init() {}

    mutating func begin(_ command: UInt64, _ wanted: Wanted, isWithdrawal: Bool) {
        forget(where: { $0 == wanted })
        open[command] = (wanted, isWithdrawal)
    }

    mutating func finish(_ command: UInt64, _ answer: Answer) {
        guard let (wanted, isWithdrawal) = open.removeValue(forKey: command) else { return }
        switch answer {
        case .done where isWithdrawal: withdrawn.append(wanted)
        case .registered where !isWithdrawal: self.wanted.append(wanted)
        default: break
        }
    }

    /// Nothing is known of what these want.
    mutating func forget(where isForgotten: (Wanted) -> Bool) {
        wanted.removeAll(where: isForgotten)
        withdrawn.removeAll(where: isForgotten)
        open = open.filter { !isForgotten($0.value.0) }
    }
}

extension MeshRun {
    /// Begins to work, until the world is told otherwise.
    package func beginWork(_ work: MeshWork = MeshWork()) {
        self.work = work
        isWorking = true
        for machine in members where machine != 0 { grantRange(to: machine) }
        liars?.begin()
        workAgain()
    }

    /// Liars go on, but sign nothing new any more.
    package func endWork() {
        isWorking = false
        liars?.areInventive = false
    }

    private func workAgain() {
        world.after(work.pause) { [unowned self] _ in
            guard isWorking else { return }
            doSomething()
            workAgain()
        }
    }

    /// The /64 of a machine's key, out of the mesh's /48.
    private func range(of core: Core) -> EID {
        let prefix = core.mesh.prefix.address
        let number =
            UInt64(core.key.publicKey.octets[0]) << 8 | UInt64(core.key.publicKey.octets[1])
        let address = IPv6Address(high: prefix.high | number, low: 0)
        return EID(.ipv6(Prefix(host: address).shortened(to: 64)))
    }

    private func grantRange(to machine: Int) {
        guard let core = core(machine), world.isRunning(0), self.core(0)?.member != nil else {
            return
        }
        var grant = Grant(to: core.key.publicKey, roles: [])
        grant.ranges = [range(of: core)]
        _ = world.tell(0, .state(.grant(grant)))
    }

    private func eid(_ number: Int, of core: Core) -> EID {
        guard case .ipv6(let prefix) = range(of: core).kind else { return core.cryptoEID }
        let address = IPv6Address(high: prefix.address.high, low: UInt64(number))
        return EID(.ipv6(Prefix(host: address)))
    }

    private func doSomething() {
        let members = members
        guard let machine = members.isEmpty ? nil : chance.pick(members), let core = core(machine)
        else { return }
        switch chance.below(20) {
        case 0..<8: sendPacket(from: machine)
        case 8..<12:
            let eid = eid(chance.below(4), of: core)
            guard core.standing.covers(eid, by: core.key.publicKey) else {
                grantRange(to: machine)
                return
            }
            let wanted = MeshWork.Wanted(
                machine: machine, eid: eid, owner: core.key.publicKey.octets)
            work.begin(
                world.tell(machine, .register(eid, ttl: UInt32(1 + chance.below(60)))), wanted,
                isWithdrawal: false)
        case 12..<14:
            guard let wanted = work.wanted.last(where: { $0.machine == machine }),
                wanted.owner == core.key.publicKey.octets
            else { return }
            work.begin(
                world.tell(machine, .withdraw(wanted.eid)), wanted, isWithdrawal: true)
        case 14: _ = world.tell(machine, .lookup(core.cryptoEID))
        case 15: rejoinTheLost()
        case 16 where machine != 0 && work.revocations > 0 && members.count > 3:
            guard chance.chance(oneIn: 10), world.isRunning(0), self.core(0)?.member != nil else {
                return
            }
            work.revocations -= 1
            revoke(machine, by: 0)
        default: sendPacket(from: machine)
        }
    }

    /// Machines that lost their disk are in no mesh; their people paste the invite again.
    package func rejoinTheLost() {
        guard let inviteText else { return }
        for machine in 1..<world.machineCount
        where world.isRunning(machine) && core(machine) == nil {
            _ = world.tell(machine, .join(inviteText, name: nil))
        }
    }

    /// After the end of all work and faults: what is wanted is found by everybody, what is withdrawn
    /// by nobody.
    package func checkServed() {
        let members = honest
        for wanted in work.wanted where members.contains(wanted.machine) {
            guard let owner = core(wanted.machine),
                owner.key.publicKey.octets == wanted.owner
            else { continue }
            for machine in members {
                guard let core = core(machine) else { continue }
                let time = core.clock.time(at: world.now(of: machine))
                guard
                    case .mapping(let served) = core.records.lookup(
                        wanted.eid, rights: core.standing, meshTime: time),
                    served.record.eid == wanted.eid,
                    served.record.signature.signer == owner.key.publicKey
                else {
                    world.fail(
                        "node \(machine) does not find \(wanted.eid) of node \(wanted.machine)")
                    return
                }
            }
        }
        for withdrawn in work.withdrawn where members.contains(withdrawn.machine) {
            for machine in members {
                guard let core = core(machine) else { continue }
                let time = core.clock.time(at: world.now(of: machine))
                if case .mapping(let served) = core.records.lookup(
                    withdrawn.eid, rights: core.standing, meshTime: time),
                    served.record.eid == withdrawn.eid
                {
                    world.fail("node \(machine) finds \(withdrawn.eid), which was withdrawn")
                    return
                }
            }
        }
    }

    /// Everybody reaches everybody, by crypto-EID, within a few tries.
    package func checkReachable(within span: Span, every interval: Span = .seconds(5)) {
        var waiting: [(from: Int, to: Int, numbers: [UInt64])] = []
        for from in honest {
            for to in honest where from != to { waiting.append((from, to, [])) }
        }
        let end = world.elapsed + span
        repeat {
            for index in waiting.indices {
                if let number = sendPacket(from: waiting[index].from, to: waiting[index].to) {
                    waiting[index].numbers.append(number)
                }
            }
            world.run(for: interval)
            waiting.removeAll { $0.numbers.contains(where: arrived.contains) }
        } while !waiting.isEmpty && world.elapsed < end && world.failure == nil
        if let missing = waiting.first {
            for machine in [missing.from, missing.to] {
                world.note(state(of: machine), machine: machine)
            }
            world.fail(
                "\(missing.numbers.count) packets of node \(missing.from) to node \(missing.to) did not arrive"
            )
        }
    }
}
