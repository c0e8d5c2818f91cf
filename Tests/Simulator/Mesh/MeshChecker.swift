package import Clocks
import Cryptography
package import LISP
package import LISPNode
import MappingSystem
import Mappings
import Sessions
import Trust

/// Sees everything in a world of nodes and says what must never be. It trusts nothing that a node
/// has concluded: it checks signatures itself, and remembers what each node has held.
package final class MeshChecker {
    private let world: World<Node>
    /// Whose state may be anything.
    private let liars: Set<Int>
    /// What was checked here, by what nodes call it. Octets are compared each time, so that a node which
    /// calls something else by the same id is found out.
    private var records: [RecordID: Verdict] = [:]
    private var objects: [ObjectID: [UInt8]] = [:]
    /// Keys of the store have numbers.
    private var storeKeys: [[UInt8]: Int] = [:]
    /// Of each machine's running process: the sequence of each record it has held, by number; 0: none.
    private var sequences: [[UInt64]]
    private var lastDigests: [[UInt8]]
    private var lastTrust: [[UInt8]]
    /// Which key has which EID by its own right; nobody gives any of them away.
    private var owners: [EID: Ed25519.PublicKey] = [:]
    /// Sealed packets by sender, receiver index and counter: what was sealed there.
    private var sealed: [Seal: UInt64] = [:]
    /// Which message gave an index out last.
    private var givenOut: [UInt32: UInt64] = [:]
    /// What owners were told is registered: the sequence, and the key of the store.
    package private(set) var registered: [[UInt8]: UInt64] = [:]
    /// Things that were looked at, so that a run which looked at nothing does not pass for a good one.
    package private(set) var checks = Checks()
    /// A benchmark does without, for a while.
    var isWatching = true
    /// Called after a process has begun.
    var restarted: ((Int, Restart) -> Void)?

    package struct Checks: Hashable, Sendable {
        package var records = 0
        package var objects = 0
        package var sealed = 0
        package var delivered = 0
        package var registrations = 0
    }

    /// What a record says, which was read and verified once.
    private struct Verdict {
        let octets: [UInt8]
        let eid: EID
        let signer: Ed25519.PublicKey
        let sequence: UInt64
        /// Of its key in the store.
        let number: Int
    }

    /// So many verdicts at one time; then everything is read again.
    private static let rememberedVerdicts = 1 << 16

    private struct Seal: Hashable {
        var sender: Int
        var receiver: Path
        var index: UInt32
        /// Of the message that gave the index out.
        var since: UInt64
        var counter: UInt64
    }

    /// Prefixes of legacy sites, whose packets may come out too.
    package var legacy: [EID] = []

    package init(_ world: World<Node>, liars: Set<Int> = []) {
        self.world = world
        self.liars = liars
        sequences = Array(repeating: [], count: world.machineCount)
        lastDigests = Array(repeating: [], count: world.machineCount)
        lastTrust = lastDigests
    }

    /// Watches the world from now on.
    package func watch(every sweeps: Span = .seconds(1)) {
        world.hooks.afterEvent = { [unowned self] world, machine, _, effects, _ in
            if isWatching { inspect(machine, effects) }
        }
        world.hooks.restarted = { [unowned self] _, machine, restart in
            while sequences.count <= machine {
                sequences.append([])
                lastDigests.append([])
                lastTrust.append([])
            }
            sequences[machine] = []
            lastDigests[machine] = []
            lastTrust[machine] = []
            restarted?(machine, restart)
        }
        world.every(sweeps) { [unowned self] _ in if isWatching { sweep() } }
    }

    private func inspect(_ machine: Int, _ effects: [Effect]) {
        for effect in effects {
            switch effect {
            case .send(let datagram): inspect(datagram, from: machine)
            case .deliver(let packet, let instance): inspect(packet, instance, at: machine)
            // Liars say that they hold what they do not.
            case .answer(.registered(let eid, let others), _) where others > liars.count:
                inspect(registration: eid, at: machine)
            case .write, .answer, .notice, .plaintext, .reopen: break
            }
        }
    }
}

// What each node holds.
extension MeshChecker {
    /// Looks at all running nodes.
    package func sweep() {
        for machine in 0..<world.machineCount { noteOwner(&world.members[machine]) }
        for machine in 0..<world.machineCount
        where world.isRunning(machine) && !liars.contains(machine) {
            sweep(&world.members[machine], machine)
        }
    }

    /// By reference, as all that is done once a second with every node: a copy retains all its parts.
    private func noteOwner(_ node: inout Node) {
        guard let eid = node.core?.cryptoEID, owners[eid] == nil else { return }
        owners[eid] = node.core?.key.publicKey
    }

    private func sweep(_ node: inout Node, _ machine: Int) {
        if let trust = node.core?.trust.digest, trust != lastTrust[machine] {
            lastTrust[machine] = trust
            node.core.map { sweep(trustOf: $0, machine) }
        }
        if let digest = node.core?.records.digest, digest != lastDigests[machine] {
            lastDigests[machine] = digest
            node.core.map { sweep(recordsOf: $0, machine) }
        }
    }

    private func sweep(trustOf core: Core, _ machine: Int) {
        for bucket in UInt8.min ... .max {
            for id in core.trust.ids(inBucket: bucket) {
                guard let object = core.trust.object(id) else { continue }
                checks.objects += 1
                if objects[id] == object.octets { continue }
                guard object.isSigned(in: core.mesh) else {
                    world.fail("node \(machine) holds a trust object that nobody signed")
                    return
                }
                if objects.count >= Self.rememberedVerdicts { objects = [:] }
                objects[id] = object.octets
            }
        }
    }

    private func sweep(recordsOf core: Core, _ machine: Int) {
        let time = core.clock.time(at: world.now(of: machine))
        for hour in core.records.hours {
            for id in core.records.recordIDs(inHour: hour) {
                checks.records += 1
                guard let verdict = verdict(on: id, in: core, machine) else { return }
                sweep(verdict, core, machine, time)
            }
        }
    }

    /// - Returns: `nil` if the record is not what it should be.
    private func verdict(on id: RecordID, in core: Core, _ machine: Int) -> Verdict? {
        guard let octets = core.records.octets(id) else {
            world.fail("node \(machine) lists a record that it cannot show")
            return nil
        }
        if let known = records[id], known.octets == octets { return known }
        guard let record = try? SignedRecord(octets: octets) else {
            world.fail("node \(machine) lists a record that it cannot show")
            return nil
        }
        guard record.isSigned(in: core.mesh) else {
            world.fail("node \(machine) holds a record that nobody signed")
            return nil
        }
        let number = storeKeys[record.storeKey] ?? storeKeys.count
        storeKeys[record.storeKey] = number
        let verdict = Verdict(
            octets: octets, eid: record.eid, signer: record.signature.signer,
            sequence: record.signature.sequence, number: number)
        if records.count >= Self.rememberedVerdicts { records = [:] }
        records[id] = verdict
        return verdict
    }

    private func sweep(_ record: Verdict, _ core: Core, _ machine: Int, _ time: UInt64) {
        let sequence = record.sequence
        while sequences[machine].count <= record.number { sequences[machine].append(0) }
        let before = sequences[machine][record.number]
        if sequence < before {
            world.fail("node \(machine) went back from \(before) to \(sequence) of \(record.eid)")
        }
        sequences[machine][record.number] = sequence
        // A sweep comes once a second, and expiry once a minute.
        if sequence + RecordStore.heldFor + 120_000 < time {
            world.fail("node \(machine) holds a record that expired long ago")
        }
        if sequence > time + RecordStore.tolerance {
            world.fail("node \(machine) holds a record from the future")
        }
        if core.standing.isRevoked(record.signer) {
            world.fail("node \(machine) holds a record of a key that it knows is revoked")
        }
        if let owner = owners[record.eid], owner != record.signer {
            world.fail("node \(machine) holds a record of \(record.eid) that is not its owner's")
        }
    }
}

// What passes between them.
extension MeshChecker {
    /// No nonce twice under one key: a sealed packet names the receiver's index and the counter.
    private func inspect(_ datagram: Datagram, from machine: Int) {
        // Then other keys may have the index that these had.
        guard !world.chanceRepeats else { return }
        let start = datagram.port == .data ? 8 : 4
        let octets = datagram.octets
        guard octets.count >= start + 12 + 16,
            datagram.port == .data ? octets[0] == 9 : octets.starts(with: [0xF5, 0x7E])
        else { return }
        func number(_ range: Range<Int>) -> UInt64 {
            octets[range].reduce(0) { $0 << 8 | UInt64($1) }
        }
        let index = UInt32(number(start + 1..<start + 4))
        var content = TraceHash()
        content.mix(octets)
        // An opener, an answer or a joiner's message gives the index to new keys: among thousands of sessions
        // one gets by chance what another had.
        if [1, 2, 6].contains(octets[start]) { givenOut[index] = content.value }
        guard octets[start] == 3 else { return }
        checks.sealed += 1
        let seal = Seal(
            sender: machine, receiver: datagram.remote, index: index,
            since: givenOut[index] ?? 0, counter: number(start + 4..<start + 12))
        if let before = sealed.updateValue(content.value, forKey: seal), before != content.value {
            world.fail("node \(machine) sealed two packets under one key and counter")
        }
        // Keys live for three minutes; what is older cannot be repeated under them.
        if sealed.count > 1 << 20 { sealed.removeAll(keepingCapacity: true) }
        if givenOut.count > 1 << 20 { givenOut.removeAll(keepingCapacity: true) }
    }

    /// A packet that came out must have come from a member that the receiver believes in.
    private func inspect(_ packet: [UInt8], _ instance: UInt32, at machine: Int) {
        checks.delivered += 1
        guard let core = world.members[machine].core, let inner = TestPacket(packet) else {
            world.fail("node \(machine) delivered what is no packet")
            return
        }
        let source = inner.source
        if inner.number >= Liars.falsePackets {
            world.fail("node \(machine) delivered what a liar sent in the name of \(source)")
        }
        if case .ipv6(let address) = source,
            legacy.contains(where: { $0.contains(EID(.ipv6(Prefix(host: address)))) })
        {
            return
        }
        let owner = (0..<world.machineCount).first {
            world.members[$0].core.map { Address.ipv6($0.cryptoAddress) } == source
        }
        guard let owner, let sender = world.members[owner].core else {
            world.fail("node \(machine) delivered a packet from nobody: \(source)")
            return
        }
        if core.standing.isRevoked(sender.key.publicKey) {
            world.fail(
                "node \(machine) delivered a packet of node \(owner), which it knows is revoked")
        }
    }
}

// What owners were promised.
extension MeshChecker {
    /// Somebody else said that it holds the record: then it is on a disk there.
    private func inspect(registration eid: EID, at machine: Int) {
        guard let core = world.members[machine].core,
            let record = core.records.record(eid, by: core.key.publicKey)
        else { return }
        checks.registrations += 1
        let key = record.storeKey
        registered[key] = record.signature.sequence
        let holders = (0..<world.machineCount).filter { other in
            other != machine && sequence(of: key, onDiskOf: other) >= record.signature.sequence
        }
        if holders.isEmpty {
            world.fail("node \(machine) was told that \(eid) is held, and no disk has it")
        }
    }

    private func sequence(of key: [UInt8], onDiskOf machine: Int) -> UInt64 {
        let octets = world.disk(of: machine).durable[Core.diskKey(ofRecord: key)]
        let record = octets.flatMap { try? SignedRecord(octets: $0) }
        return record?.signature.sequence ?? 0
    }

    /// When all is quiet and everybody runs: equal stores, equal trust, and everything that was
    /// promised is there.
    /// - Parameter machines: those that are members still.
    package func checkEqual(_ machines: [Int]) {
        guard let first = machines.first, let one = world.members[first].core else { return }
        for machine in machines.dropFirst() {
            guard let other = world.members[machine].core else {
                world.fail("node \(machine) is in no mesh")
                return
            }
            if other.trust.digest != one.trust.digest {
                world.fail(
                    "nodes \(first) and \(machine) hold other trust objects: "
                        + Self.difference(one, other).joined(separator: ", "))
            }
            if other.records.digest != one.records.digest {
                world.fail(
                    "nodes \(first) and \(machine) hold other records: "
                        + (difference(first, machine) + difference(machine, first))
                        .joined(separator: ", "))
            }
            let (ours, theirs) = (one.standing.members.map(\.id), other.standing.members.map(\.id))
            if ours != theirs {
                world.fail("nodes \(first) and \(machine) believe in other members")
            }
        }
    }

    /// Records that one has and the other has not, and what the other would make of them.
    private func difference(_ one: Int, _ other: Int) -> [String] {
        guard let ours = world.members[one].core, let theirs = world.members[other].core else {
            return []
        }
        return ours.records.hours.flatMap { ours.records.recordIDs(inHour: $0) }.sorted()
            .filter { !theirs.records.contains($0) }.compactMap { id in
                guard let octets = ours.records.octets(id),
                    let record = try? SignedRecord(octets: octets)
                else { return nil }
                let owner = (0..<world.machineCount).first {
                    world.members[$0].core?.key.publicKey == record.signature.signer
                }
                var copy = theirs.records
                let now = world.now(of: other)
                let offer = copy.offer(
                    octets, from: .own, rights: theirs.standing,
                    meshTime: theirs.clock.time(at: now),
                    at: now.moment)
                return """
                    \(record.eid) of node \(owner ?? -1), \(record.signature.sequence), \
                    is at \(one) and at \(other) would be \(offer)
                    """
            }
    }

    /// What one of two has and the other has not.
    private static func difference(_ one: Core, _ other: Core) -> [String] {
        (UInt8.min ... .max).flatMap { bucket -> [String] in
            let ours = Set(one.trust.ids(inBucket: bucket))
            let theirs = Set(other.trust.ids(inBucket: bucket))
            return ours.symmetricDifference(theirs).sorted().map { id in
                let holder = ours.contains(id) ? one : other
                let type = holder.trust.object(id)?.statement.type ?? 255
                let lacking = ours.contains(id) ? other : one
                let octets = holder.trust.object(id)?.octets ?? []
                var copy = lacking.trust
                let reason = (try? TrustObject(octets: octets)).map { copy.insert($0) }
                return "type \(type), refused as \(String(describing: reason))"
            }
        }
    }

    package func areEqual(_ machines: [Int]) -> Bool {
        guard let first = machines.first, let one = world.members[first].core else { return false }
        return machines.allSatisfy { machine in
            guard world.isRunning(machine), let core = world.members[machine].core else {
                return false
            }
            return core.trust.digest == one.trust.digest
                && core.records.digest == one.records.digest
        }
    }
}
