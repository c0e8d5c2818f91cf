package import Clocks
package import LISP
import LISPNode
import Sessions
import TestKit

extension World {
    // MARK: - Processes

    /// Everybody who does not run.
    package func start() { for index in machines.indices { start(index) } }

    package func start(_ index: Int) {
        restart(index, machines[index].incarnation == 0 ? .first : .sameDisk)
    }

    /// A running process ends first, as in a crash.
    /// - Parameter snapshot: which snapshot an old disk comes from; 0 is the oldest.
    package func restart(_ index: Int, _ restart: Restart, snapshot: Int = 0) {
        if machines[index].isRunning { crash(index) }
        machines[index].disk.restore(restart, snapshot: snapshot)
        machines[index].incarnation += 1
        machines[index].isRunning = true
        machines[index].blockedUntil = time
        machines[index].asleepUntil = time
        machines[index].backlog = []
        machines[index].monotone = RunningClock(
            showing: 0, at: time, partsPerMillion: machines[index].monotoneDrift)
        machines[index].random = .derived(
            seed, 4, UInt64(index) | (chanceRepeats ? 1 : machines[index].incarnation) << 32)
        let member = factory(index, machines[index].disk.durable, restart)
        if index < members.count {
            members[index] = member
        } else {
            // Machines are started in any order, but members stand in theirs.
            while members.count < index {
                let other = members.count
                members.append(factory(other, [:], .first))
            }
            members.append(member)
        }
        trace(.restarted, index, number: UInt64(restart.rawValue), text: "\(restart)")
        hooks.restarted?(self, index, restart)
        handle(.start, at: index)
        happen(.locators(machines[index].attachments.map(\.address)), at: index)
    }

    /// - Parameter outcome: of writes that were not yet durable; `nil` draws one.
    package func crash(_ index: Int, unsynced outcome: SimulatedDisk.CrashOutcome? = nil) {
        guard machines[index].isRunning else { return }
        let drawn = machines[index].surroundings.pick(SimulatedDisk.CrashOutcome.allCases)
        let oldest = machines[index].disk.pending.first?.writes.count ?? 0
        let tear = machines[index].surroundings.below(oldest + 1)
        machines[index].disk.crash(outcome ?? drawn, tear: tear)
        machines[index].isRunning = false
        machines[index].isDoomed = false
        machines[index].backlog = []
        deadlines[index] = DeadlineQueue.never
        trace(.crashed, index)
        hooks.crashed?(self, index)
    }

    /// Its next event is its last: a random number of the effects, from none to all, is performed.
    package func crashAtNextEvent(_ index: Int) {
        machines[index].isDoomed = machines[index].isRunning
    }

    /// Events wait and then come in a burst.
    package func pause(_ index: Int, for span: Span) {
        guard machines[index].isRunning else { return }
        machines[index].blockedUntil = max(
            machines[index].blockedUntil, time + span.microseconds)
        trace(.paused, index, number: UInt64(bitPattern: span.microseconds))
    }

    /// The whole machine is suspended: its monotone clock stands still, its wall clock goes on, and
    /// what is sent to it is lost.
    package func sleep(_ index: Int, for span: Span) {
        guard machines[index].isRunning else { return }
        let wasUntil = max(time, machines[index].asleepUntil)
        let end = max(wasUntil, time + span.microseconds)
        machines[index].blockedUntil = max(machines[index].blockedUntil, end)
        machines[index].asleepUntil = end
        machines[index].monotone = RunningClock(
            showing: machines[index].monotone.local(at: wasUntil), at: end,
            partsPerMillion: machines[index].monotoneDrift)
        rearm(index)
        trace(.asleep, index, number: UInt64(bitPattern: span.microseconds))
    }

    /// What each event costs a slow machine from now on.
    package func slow(_ index: Int, _ span: Span) {
        machines[index].serviceTime = span.microseconds
        trace(.slowed, index, number: UInt64(bitPattern: span.microseconds))
    }

    /// What the battery-less clock forgets, too.
    package func losePower(_ index: Int) {
        crash(index)
        machines[index].clock.losePower(at: time)
    }

    /// Reaches into a node, for tests; its deadline is looked at again.
    package func withMember(_ index: Int, _ change: (inout Member) -> Void) {
        change(&members[index])
        rearm(index)
    }

    package func incarnation(of index: Int) -> UInt64 { machines[index].incarnation }

    // MARK: - Clocks

    package func clock(of index: Int) -> SimulatedClock { machines[index].clock }

    package func setClock(of index: Int, _ clock: SimulatedClock) {
        machines[index].clock = clock
        traceClock(index)
    }

    package func stepClock(of index: Int, by span: Span) {
        machines[index].clock.step(by: span, at: time)
        traceClock(index)
    }

    package func freezeClock(of index: Int, _ isFrozen: Bool = true) {
        if isFrozen {
            machines[index].clock.freeze(at: time)
        } else {
            machines[index].clock.thaw(at: time)
        }
        traceClock(index)
    }

    package func setQuality(of index: Int, _ quality: ClockQuality) {
        machines[index].clock.quality = quality
        traceClock(index)
    }

    /// Of both its clocks: wall and monotone are driven by one crystal.
    package func setDrift(of index: Int, partsPerMillion: Int) {
        machines[index].clock.setDrift(partsPerMillion, at: time)
        machines[index].monotoneDrift = Int64(partsPerMillion)
        machines[index].monotone.setRate(
            Int64(partsPerMillion), at: max(time, machines[index].asleepUntil))
        if index < members.count { rearm(index) }
        traceClock(index)
    }

    private func traceClock(_ index: Int) {
        let reading = machines[index].clock.reading(at: time)
        trace(
            .clockChanged, index, number: reading.milliseconds,
            text: "\(reading.milliseconds) ms, \(reading.quality)")
    }

    // MARK: - Disks

    package func disk(of index: Int) -> SimulatedDisk { machines[index].disk }

    package func setDiskDelay(of index: Int, _ delay: Span, spread: Span = .zero) {
        machines[index].disk.delay = delay
        machines[index].disk.spread = spread
    }

    /// Writes of a full disk stay undone until it is freed.
    package func fillDisk(of index: Int) {
        machines[index].disk.isFull = true
        trace(.diskFull, index)
    }

    package func freeDisk(of index: Int) {
        guard machines[index].disk.isFull else { return }
        machines[index].disk.isFull = false
        trace(.diskFreed, index)
        for place in machines[index].disk.pending.indices {
            let due = max(machines[index].disk.pending[place].time, time + 1000)
            machines[index].disk.pending[place].time = due
            queue.insert(.durable, index, at: due)
        }
    }

    /// Somebody copies one machine's disk to another, which then starts with it.
    package func copyDisk(of index: Int, to other: Int) {
        machines[other].disk.durable = machines[index].disk.durable
    }

    /// A machine's disk loses what it has, and has this from now on.
    package func replaceDisk(of index: Int, by contents: DiskContents) {
        machines[index].disk.durable = contents
    }

    package func takeSnapshot(of index: Int) { machines[index].disk.takeSnapshot(at: time) }

    func write(_ writes: [DiskWrite], batch: UInt64, at index: Int) {
        trace(.write, index, number: batch)
        for write in writes {
            hash.mix(write.key)
            hash.mix(write.value ?? [])
        }
        let spread = machines[index].disk.spread
        let delay =
            machines[index].disk.delay.microseconds + machines[index].surroundings.upTo(spread)
        let due = max(machines[index].disk.pending.last?.time ?? 0, time + max(1, delay))
        machines[index].disk.pending.append(
            SimulatedDisk.Pending(batch: batch, writes: writes, time: due))
        peaks.pendingBatches = max(peaks.pendingBatches, machines[index].disk.pending.count)
        queue.insert(.durable, index, at: due)
    }

    func finishWrites(of index: Int) {
        guard !machines[index].disk.isFull, let oldest = machines[index].disk.pending.first,
            oldest.time <= time
        else { return }
        machines[index].disk.pending.removeFirst()
        machines[index].disk.apply(oldest.writes)
        happen(.written(batch: oldest.batch), at: index)
    }

    // MARK: - Addresses

    package func addresses(of index: Int) -> [Address] {
        machines[index].attachments.map(\.address)
    }

    /// The machine moves; its node hears of it at once.
    /// - Parameter nat: the number of a NAT that it stands behind.
    package func setAddresses(_ addresses: [Address], of index: Int, behind nat: Int? = nil) {
        assign(addresses, to: index, behind: nat)
        trace(
            .moved, index, number: UInt64(addresses.count),
            text: addresses.list)
        happen(.locators(addresses), at: index)
    }

    package func setPorts(of index: Int, data: UInt16, control: UInt16) {
        machines[index].ports = (data, control)
        let addresses = machines[index].attachments.map(\.address)
        assign(addresses, to: index, behind: machines[index].attachments.first?.nat)
    }

    package func ports(of index: Int) -> (data: UInt16, control: UInt16) { machines[index].ports }

    /// - Returns: its number.
    @discardableResult
    package func addNAT(
        _ kind: NAT.Kind, host: Address, timeout: Span = .seconds(30), hairpins: Bool = false
    ) -> Int {
        let path = Path(host, port: 0)
        precondition(path != nil, "a NAT has an IPv4 or IPv6 address")
        let address = path?.host ?? IPv6Address(high: 0, low: 0)
        nats.append(
            NAT(
                kind, host: address, timeout: timeout, hairpins: hairpins,
                random: .derived(seed, 6, UInt64(nats.count))))
        endpoints.setOwner(.nat(nats.count - 1), of: address)
        return nats.count - 1
    }

    /// Lets in only answers to what the machine sends from now on.
    /// - Parameters:
    ///   - timeout: `nil`: it has no firewall any more.
    ///   - passes: whatever comes from this of the ports that flows leave from is let in.
    package func setFirewall(of index: Int, timeout: Span?, passes: UInt16? = nil) {
        machines[index].firewall = timeout.map {
            Firewall(timeout: $0, passes: passes.map { Self.firstFlowPort + $0 })
        }
        trace(.moved, index, text: timeout == nil ? "no firewall" : "firewall")
    }

    package func rebind(_ nat: Int) {
        nats[nat].rebind()
        trace(.rebound, -1, number: UInt64(nat))
    }

    func assign(_ addresses: [Address], to index: Int, behind nat: Int?) {
        for old in machines[index].attachments {
            if case .machine(index, _) = endpoints.owner(of: old.data) {
                endpoints.setOwner(.nobody, of: endpoints.paths[Int(old.data)].host)
            }
        }
        let ports = machines[index].ports
        machines[index].attachments = addresses.compactMap { address in
            guard let data = Path(address, port: ports.data),
                let control = Path(address, port: ports.control)
            else { return nil }
            endpoints.setOwner(.machine(index, network: nat), of: data.host)
            return Machine.Attachment(
                address: address, data: endpoints.id(of: data), control: endpoints.id(of: control),
                isIPv4: data.isIPv4, nat: nat)
        }
    }
}
