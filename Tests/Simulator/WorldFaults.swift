import Clocks
import LISP
import Sessions
import TestKit

extension World {
    /// The safety phase begins, or other faults take the place of those there were.
    package func apply(_ new: Faults) {
        faultEpoch += 1
        faults = new
        link = new.link
        outsider.settings = new.outsider
        for index in machines.indices { spoilClock(of: index) }
        tick(faultEpoch)
        if let span = new.snapshots { snapshot(every: span, faultEpoch) }
    }

    /// The liveness phase begins: the network is whole, disks have room, clocks with a battery are
    /// right, and everybody runs. Clocks without one stay as they are.
    package func heal() {
        faultEpoch += 1
        faults = Faults()
        let delay = link.delay
        link = .perfect(delay: min(delay, .milliseconds(100)))
        links = [:]
        outsider.settings = .absent
        partitions = []
        for pair in clogged.keys.sorted() {
            unclog(from: Int(pair >> 32), to: Int(UInt32(truncatingIfNeeded: pair)))
        }
        trace(.healed, -1)
        for index in machines.indices {
            machines[index].serviceTime = 0
            machines[index].blockedUntil = min(machines[index].blockedUntil, time)
            wake(index)
            machines[index].isDoomed = false
            setDiskDelay(of: index, .milliseconds(1), spread: .milliseconds(4))
            freeDisk(of: index)
            if machines[index].clock.hasBattery {
                let quality = machines[index].clock.quality
                setClock(
                    of: index,
                    SimulatedClock(
                        showing: Int64(milliseconds), at: elapsed, quality: quality))
            } else {
                freezeClock(of: index, false)
            }
            if !machines[index].backlog.isEmpty { releaseBacklog(of: index) }
            if !machines[index].isRunning { start(index) }
        }
    }

    private func wake(_ index: Int) {
        guard machines[index].asleepUntil > time else { return }
        machines[index].monotone = RunningClock(
            showing: machines[index].monotone.local(at: machines[index].asleepUntil), at: time,
            partsPerMillion: machines[index].monotoneDrift)
        machines[index].asleepUntil = time
        rearm(index)
    }

    private func releaseBacklog(of index: Int) {
        machines[index].isResuming = false
        scheduleResumption(of: index)
    }

    private func spoilClock(of index: Int) {
        if faults.driftAtMost > 0 {
            let drift = faultRandom.below(2 * faults.driftAtMost + 1) - faults.driftAtMost
            setDrift(of: index, partsPerMillion: drift)
        }
        if faultRandom.happens(faults.withoutBattery) {
            setClock(
                of: index,
                .withoutBattery(
                    showing: faultRandom.chance(oneIn: 2) ? 0 : epoch - 30 * 86_400_000))
        } else if faultRandom.happens(faults.withoutSynchronisation) {
            setQuality(of: index, .chip)
        }
        if faults.offsetAtMost > .zero { stepClock(of: index, by: within(faults.offsetAtMost)) }
    }

    /// Between minus and plus the span.
    private func within(_ span: Span) -> Span {
        Span(microseconds: faultRandom.upTo(span * 2) - span.microseconds)
    }

    private func snapshot(every span: Span, _ epoch: UInt32) {
        after(span) { world in
            guard world.faultEpoch == epoch else { return }
            for index in world.machines.indices { world.takeSnapshot(of: index) }
            world.snapshot(every: span, epoch)
        }
    }

    private func tick(_ epoch: UInt32) {
        after(.seconds(1)) { world in
            guard world.faultEpoch == epoch else { return }
            world.strike()
            world.tick(epoch)
        }
    }

    /// Later, unless the faults have ended or changed.
    private func later(_ span: Span, _ action: @escaping (World) -> Void) {
        let epoch = faultEpoch
        after(span) { if $0.faultEpoch == epoch { action($0) } }
    }

    private func strikes(_ mean: Span?) -> Bool {
        guard let mean, mean.microseconds > 0 else { return false }
        return Int64(faultRandom.next() % UInt64(mean.microseconds)) < 1_000_000
    }

    /// One second's faults.
    private func strike() {
        guard !machines.isEmpty else { return }
        if strikes(faults.crashes) { strikeProcess(anyone()) }
        if strikes(faults.pauses) { pause(anyone(), for: span(faults.pausedAtMost)) }
        if strikes(faults.sleeps) { sleep(anyone(), for: span(faults.asleepAtMost)) }
        if strikes(faults.slowness) {
            let index = anyone()
            slow(index, span(faults.slowestEvent))
            later(span(.minutes(2))) { $0.slow(index, .zero) }
        }
        if strikes(faults.partitions) { strikePartition() }
        if strikes(faults.flaps) { flap(anyone(), anyone(), times: 1 + faultRandom.below(8)) }
        if strikes(faults.swizzles) { swizzle(anyone()) }
        if strikes(faults.clockSteps) {
            stepClock(of: anyone(), by: within(faults.steppedAtMost))
        }
        if strikes(faults.freezes) {
            let index = anyone()
            freezeClock(of: index)
            later(span(.minutes(5))) { $0.freezeClock(of: index, false) }
        }
        if strikes(faults.moves) { strikeAddress(of: anyone()) }
        if strikes(faults.rebinds), !nats.isEmpty { rebind(faultRandom.below(nats.count)) }
        if strikes(faults.fullDisks) {
            let index = anyone()
            fillDisk(of: index)
            later(span(.minutes(2))) { $0.freeDisk(of: index) }
        }
        if strikes(faults.slowDisks) {
            let index = anyone()
            setDiskDelay(of: index, .seconds(1))
            later(span(.minutes(2))) {
                $0.setDiskDelay(of: index, .milliseconds(1), spread: .milliseconds(4))
            }
        }
    }

    private func anyone() -> Int { faultRandom.below(machines.count) }
    private func span(_ most: Span) -> Span { Span(microseconds: faultRandom.upTo(most)) }

    private func strikeProcess(_ index: Int) {
        guard isRunning(index) else { return }
        if faultRandom.chance(oneIn: 4) {
            losePower(index)
        } else {
            crashAtNextEvent(index)
        }
        let restart: Restart =
            faultRandom.happens(faults.noDisk)
            ? .noDisk : faultRandom.happens(faults.oldDisk) ? .oldDisk : .sameDisk
        let snapshot = faultRandom.below(SimulatedDisk.snapshotLimit)
        later(span(faults.downAtMost)) { $0.restart(index, restart, snapshot: snapshot) }
    }

    private func strikePartition() {
        var sides: [[Int]] = [[], []]
        for index in machines.indices { sides[faultRandom.below(2)].append(index) }
        if faultRandom.chance(oneIn: 3) {
            // A bridge: one machine hears both sides.
            let bridge = anyone()
            for side in sides.indices { sides[side].removeAll { $0 == bridge } }
        } else if faultRandom.chance(oneIn: 3) {
            let lonely = anyone()
            sides = [[lonely], machines.indices.filter { $0 != lonely }]
        }
        if faultRandom.chance(oneIn: 2) { sides.swapAt(0, 1) }
        let id = partition(sides, shape: faultRandom.chance(oneIn: 3) ? .oneWay : .full)
        later(span(faults.partitionedAtMost)) { $0.mend(id) }
    }

    /// A link that goes and comes.
    private func flap(_ left: Int, _ right: Int, times: Int) {
        guard left != right, times > 0 else { return }
        let id = partition([[left], [right]])
        later(span(.seconds(5))) { world in
            world.mend(id)
            world.later(world.span(.seconds(5))) { $0.flap(left, right, times: times - 1) }
        }
    }

    /// Swizzle-clogging (FoundationDB): a machine's links stop one by one and come back in another
    /// order.
    private func swizzle(_ index: Int) {
        let others = machines.indices.filter { $0 != index && faultRandom.chance(oneIn: 2) }
        var pause = Span.zero
        for other in others.shuffled(using: &faultRandom) {
            pause = pause + span(.seconds(2))
            later(pause) {
                $0.clog(from: index, to: other)
                $0.clog(from: other, to: index)
            }
        }
        for other in others.shuffled(using: &faultRandom) {
            pause = pause + span(.seconds(2))
            later(pause) {
                $0.unclog(from: index, to: other)
                $0.unclog(from: other, to: index)
            }
        }
    }

    /// A new address in another block, or the home address again.
    private func strikeAddress(of index: Int) {
        guard machines[index].attachments.allSatisfy({ $0.nat == nil }) else { return }
        let away = IPv4Address(
            rawValue: 0x6440_0001 + UInt32(truncatingIfNeeded: index) << 8
                + UInt32(faultRandom.below(200)))
        let address =
            faultRandom.chance(oneIn: 3) ? Self.defaultAddress(of: index) : .ipv4(away)
        setAddresses([address], of: index)
    }
}
