package import Clocks
import LISP
package import LISPNode
import Sessions
package import TestKit

extension World {
    package func run(for span: Span) { run(to: time + span.microseconds) }

    /// - Returns: whether the condition came true; it is looked at every `interval`.
    @discardableResult
    package func run(
        until condition: (World) -> Bool, within span: Span, every interval: Span = .seconds(1)
    ) -> Bool {
        let end = time + span.microseconds
        while failure == nil {
            if condition(self) { return true }
            guard time < end else { return false }
            run(to: min(end, time + interval.microseconds))
        }
        return false
    }

    /// Ends the run. The first reason counts.
    package func fail(_ reason: String) {
        guard failure == nil else { return }
        failure = Failure(
            reason: reason, seed: seed, elapsed: elapsed, events: events,
            lastEvents: ring.all.map { $0.line(endpoints, describe: hooks.describe) })
    }

    /// A line of one's own in the trace.
    package func note(_ text: String, machine: Int = -1) {
        trace(.note, machine, text: text)
    }

    package func after(_ span: Span, _ action: @escaping (World) -> Void) {
        let place: Int
        if let free = freeActions.popLast() {
            actions[free] = action
            place = free
        } else {
            actions.append(action)
            place = actions.count - 1
        }
        queue.insert(.action, place, at: time + max(0, span.microseconds))
    }

    /// Again and again, the first time after one interval.
    package func every(_ span: Span, _ action: @escaping (World) -> Void) {
        after(span) { world in
            action(world)
            world.every(span, action)
        }
    }

    /// - Returns: the number that its answer will have.
    @discardableResult
    package func tell(_ machine: Int, _ command: Command) -> UInt64 {
        commands += 1
        happen(.command(command, commands), at: machine)
        return commands
    }

    /// A packet from this machine for the overlay.
    package func inject(packet octets: [UInt8], instance: UInt32, at machine: Int) {
        happen(.packet(octets, instance: instance), at: machine)
    }

    /// Has a node do what no event would make it do, such as lie.
    package func act(
        on machine: Int, _ body: (inout Member, Now, inout SeededRandom) -> [Effect]
    ) {
        guard machines[machine].isRunning, machines[machine].blockedUntil <= time else { return }
        let now = now(of: machine)
        events += 1
        let effects = body(&members[machine], now, &machines[machine].random)
        hash.mix(UInt64(effects.count))
        hooks.afterEvent?(self, machine, .deadline, effects, now)
        perform(effects[...], of: machine)
        rearm(machine)
    }

    private func run(to end: Int64) {
        while failure == nil {
            let deadline = deadlines.first()
            if let entry = queue.first, entry.time <= min(deadline.time, end) {
                _ = queue.removeFirst()
                time = max(time, entry.time)
                let index = Int(entry.index)
                switch entry.kind {
                case .arrival: arrive(index)
                case .durable: finishWrites(of: index)
                case .resumption: resume(index)
                case .action: act(index)
                }
            } else if deadline.time <= end {
                time = max(time, deadline.time)
                expire(deadline.index)
            } else {
                break
            }
        }
        if failure == nil { time = max(time, end) }
    }

    private func act(_ place: Int) {
        guard let action = actions[place] else { return }
        actions[place] = nil
        freeActions.append(place)
        action(self)
    }

    /// A node that wants to be woken at once so often without time passing never sleeps again.
    private static var idleDeadlineLimit: Int { 1000 }

    private func expire(_ index: Int) {
        guard machines[index].isRunning else {
            deadlines[index] = DeadlineQueue.never
            return
        }
        if machines[index].blockedUntil > time || !machines[index].backlog.isEmpty {
            deadlines[index] = max(time + 1, machines[index].blockedUntil)
            return
        }
        let moment = Moment(microseconds: machines[index].monotone.local(at: time))
        guard moment >= Self.deadline(of: &members[index]) else {
            rearm(index)
            return
        }
        machines[index].idleDeadlines += 1
        if machines[index].idleDeadlines > Self.idleDeadlineLimit {
            fail("node \(index) wants its deadline again and again at the same moment")
            return
        }
        handle(.deadline, at: index)
        if deadlines[index] > time { machines[index].idleDeadlines = 0 }
    }

    /// By reference: to read a part of an element, a whole node would be copied.
    private static func deadline(of member: inout Member) -> Moment { member.nextDeadline }

    func rearm(_ index: Int) {
        guard machines[index].isRunning else {
            deadlines[index] = DeadlineQueue.never
            return
        }
        let deadline = Self.deadline(of: &members[index])
        deadlines[index] =
            deadline == .never
            ? DeadlineQueue.never
            : max(time, machines[index].monotone.world(of: deadline.microseconds))
    }

    /// An event for a machine: at once, or as soon as it is awake.
    func happen(_ event: Event, at index: Int) {
        guard machines[index].isRunning else { return }
        guard machines[index].blockedUntil > time || !machines[index].backlog.isEmpty else {
            handle(event, at: index)
            return
        }
        machines[index].backlog.append(event)
        peaks.backlog = max(peaks.backlog, machines[index].backlog.count)
        scheduleResumption(of: index)
    }

    func scheduleResumption(of index: Int) {
        guard !machines[index].isResuming else { return }
        machines[index].isResuming = true
        queue.insert(.resumption, index, at: max(time, machines[index].blockedUntil))
    }

    private func resume(_ index: Int) {
        machines[index].isResuming = false
        var done = 0
        while machines[index].isRunning, machines[index].blockedUntil <= time,
            done < machines[index].backlog.count, failure == nil
        {
            let event = machines[index].backlog[done]
            done += 1
            handle(event, at: index)
        }
        // A crash has emptied it.
        machines[index].backlog.removeFirst(min(done, machines[index].backlog.count))
        if machines[index].isRunning, !machines[index].backlog.isEmpty {
            scheduleResumption(of: index)
        }
    }

    func handle(_ event: Event, at index: Int) {
        let now = now(of: index)
        events += 1
        trace(event, at: index)
        hooks.beforeEvent?(self, index, event, now)
        var effects = members[index].handle(event, at: now, using: &machines[index].random)
        if let rewrite = hooks.rewrite { effects = rewrite(self, index, event, effects) }
        peaks.effects = max(peaks.effects, effects.count)
        hash.mix(UInt64(effects.count))
        hooks.afterEvent?(self, index, event, effects, now)
        if machines[index].isDoomed {
            let kept = machines[index].surroundings.below(effects.count + 1)
            perform(effects[..<kept], of: index)
            crash(index)
            return
        }
        perform(effects[...], of: index)
        if machines[index].serviceTime > 0 {
            machines[index].blockedUntil = time + machines[index].serviceTime
        }
        rearm(index)
    }

    private func perform(_ effects: ArraySlice<Effect>, of index: Int) {
        for effect in effects {
            switch effect {
            case .send(let datagram): send(datagram, from: index)
            case .deliver(let octets, let instance):
                trace(.delivered, index, octets: octets, number: UInt64(instance))
                hooks.deliver?(self, index, octets, instance)
            case .write(let writes, let batch): write(writes, batch: batch, at: index)
            case .reopen(let datagram, _): hooks.reopen?(self, index, datagram)
            case .answer(let answer, let number):
                trace(.answer, index, number: number)
                hooks.answer?(self, index, answer, number)
            case .notice(let notice):
                trace(.notice, index)
                hooks.notice?(self, index, notice)
            case .plaintext: break
            }
        }
    }
}
