import Clocks
import LISP
import LISPNode
import MappingSystem
import Mappings
import Sessions
import Simulator
import Testing
import Trust

/// Somebody without any key, at an address of his own.
@Suite("Meshes: what is not sealed")
struct MeshPlainTests {
    static let stranger = Path(IPv4Address(rawValue: 0xCB00_7107), port: 4342)

    private func ask(
        _ run: MeshRun, _ machine: Int, for eid: EID, from source: Path = stranger,
        itrRLOC: Address? = nil
    ) throws -> [[UInt8]] {
        let heard = run.listen(at: source)
        let (length, address) = eid.wire
        let request = MapRequest(
            nonce: 7, sourceEID: .none, itrRLOCs: [itrRLOC ?? source.address],
            records: [.init(eid: address, maskLength: length)])
        // As long as a Map-Request in an ECM is: an answer may be three times as long.
        var packet = ControlPacket(.mapRequest(request)).octets()
        packet += [UInt8](repeating: 0, count: 200)
        run.world.inject(packet, from: source, to: try run.path(machine, LISPPort.control))
        run.world.run(for: .seconds(1))
        run.world.hooks.sent = nil
        return heard.octets
    }

    private func record(_ octets: [[UInt8]]) throws -> EIDRecord {
        let packet = try ControlPacket(octets: try #require(octets.first))
        guard case .mapReply(let reply) = packet.message, reply.nonce == 7 else {
            Issue.record("a Map-Reply answers a Map-Request")
            throw WireError.truncated("Map-Reply", at: 0)
        }
        return try #require(reply.records.first)
    }

    @Test(
        "whoever asks from where it is gets the plain record, whoever asks in another's name nothing"
    )
    func spoofedITRLocatorUnanswered() throws {
        let run = try MeshRun.formed(2)
        let eid = try run.inside(1).cryptoEID
        let answer = try record(try ask(run, 0, for: eid))
        #expect(try answer.prefix == eid && answer.ttl > 0 && answer.locators.count == 1)
        // No signature locator: a JSON locator ends OpenOverlayRouter's process.
        #expect(answer.locators.allSatisfy { $0.locator.afi == AFI.ipv4 })
        let victim = Address.ipv4(IPv4Address(rawValue: 0xCB00_7109))
        let before = try run.inside(0).counters.plainRefused
        let heard = run.listen(at: Path(IPv4Address(rawValue: 0xCB00_7109), port: 4342))
        #expect(try ask(run, 0, for: eid, itrRLOC: victim).isEmpty && heard.octets.isEmpty)
        #expect(try run.inside(0).counters.plainRefused == before + 1)
    }

    @Test("all answers to one question are at most three times as long as it is")
    func answersAreNoFlood() throws {
        let run = try MeshRun.formed(16)
        let mesh = try run.inside(0).mesh
        let group = try #require(PushGroup.eid(of: PushGroup.address(of: mesh)))
        let (length, address) = group.wire
        let request = MapRequest(
            nonce: 7, sourceEID: .none, itrRLOCs: [Self.stranger.address],
            records: Few((0..<8).map { _ in .init(eid: address, maskLength: length) }))
        let packet = ControlPacket(.mapRequest(request)).octets()
        let heard = run.listen(at: Self.stranger)
        run.world.inject(packet, from: Self.stranger, to: try run.path(0, LISPPort.control))
        run.world.run(for: .seconds(1))
        let octets = heard.octets.map(\.count).reduce(0, +)
        #expect(octets > 0 && octets <= 3 * packet.count)
        #expect(heard.octets.count > 1)
        // All of them would have been more.
        let one = heard.octets[0].count
        #expect(one * 8 > 3 * packet.count)
    }

    @Test("a stranger hears that there is no mapping only from who has seen all there is")
    func negativeReplyOnlyWhenReconciled() throws {
        let run = try MeshRun.formed(2)
        let nobody = try EID("192.0.2.1/32")
        let negative = try record(try ask(run, 1, for: nobody))
        #expect(negative.locators.isEmpty && negative.flags.action == .nativelyForward)
        // Alone after a restart it cannot know what happened meanwhile.
        let cut = run.world.partition([[0], [1]])
        run.world.restart(1, .sameDisk)
        run.world.run(for: .seconds(30))
        #expect(try !run.inside(1).isReconciled)
        #expect(try ask(run, 1, for: nobody).isEmpty)
        #expect(run.ask(1, .lookup(nobody)) == .notReconciled)
        run.world.mend(cut)
        run.world.run(for: .minutes(1))
        #expect(try !ask(run, 1, for: nobody).isEmpty)
    }

    @Test("who asks for the group hears the RLOCs of all members, in one list")
    func groupIsAnsweredWithMergedList() throws {
        let run = try MeshRun.formed(3)
        let group = try #require(PushGroup.eid(of: PushGroup.address(of: try run.inside(0).mesh)))
        for machine in 0..<3 {
            let answer = try record(try ask(run, machine, for: group))
            let listed = answer.locators.flatMap { locator -> [Address] in
                guard case .lcaf(let lcaf) = locator.locator,
                    case .replicationList(let entries) = lcaf.payload
                else { return [] }
                return entries.map(\.address)
            }
            let all = (0..<3).flatMap { run.world.addresses(of: $0) }
            #expect(listed.count == 3 && all.allSatisfy(listed.contains), "machine \(machine)")
        }
    }

    @Test("a plain packet with a member's inner source is dropped, from wherever it comes")
    func plainPacketWithMemberSourceDropped() throws {
        let run = try MeshRun.formed(2)
        run.checkReachable(within: .seconds(20))
        let packet = TestPacket(
            from: try run.inside(1).cryptoAddress, to: try run.inside(0).cryptoAddress, number: 999)
        let before = try run.inside(0).counters.plainRefused
        for (count, source) in [try run.path(1), Self.stranger].enumerated() {
            for header in [DataHeader(), DataHeader(instance: 0)] {
                run.world.inject(
                    header.octets() + packet.octets, from: source, to: try run.path(0))
            }
            run.world.run(for: .seconds(1))
            #expect(try run.inside(0).counters.plainRefused == before + 2 * (count + 1))
        }
        #expect(!run.arrived.contains(999))
    }

    @Test("Algorithm 0 counts for nothing outside the seal")
    func algorithmZeroOutsideSealRefused() throws {
        let run = try MeshRun.formed(2)
        let owner = try run.inside(1)
        var content = SignedRecord.Content(
            eid: owner.cryptoEID, ttl: 60, locators: [],
            sequence: owner.clock.time(at: run.world.now(of: 1)) + 1000)
        content.action = .drop
        let record = try SignedRecord(signing: content, by: owner.key, in: owner.mesh)
        let register = MapRegister(
            flags: [.proxyReply, .wantMapNotify], nonce: 1,
            records: [try EIDRecord(octets: record.octets)])
        let packet = ControlPacket(.mapRegister(register)).octets()
        let before = try run.inside(0)
        let heard = run.listen(at: Self.stranger)
        run.world.inject(
            packet, from: Self.stranger, to: try run.path(0, LISPPort.control))
        run.world.run(for: .seconds(1))
        let after = try run.inside(0)
        #expect(after.records.digest == before.records.digest && heard.octets.isEmpty)
        #expect(after.counters.plainRefused == before.counters.plainRefused + 1)
        // The very same is taken when it is sealed.
        try run.say(
            .control(MeshMessage.lisp(.mapRegister(register)).octets), from: 1, to: 0)
        run.world.run(for: .milliseconds(50))
        #expect(try run.inside(0).records.contains(RecordID(of: record.octets)))
    }
}
