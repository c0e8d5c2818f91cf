import Clocks
import Cryptography
import LISP
import TestKit
import Testing
import Trust

@testable import Sessions

@Suite("Sessions: joining")
struct JoiningTests {
    static let inviteKey = Wire.key(20)

    static func invite(_ key: Ed25519.PublicKey = inviteKey.publicKey) -> TrustObject {
        let statement = Statement(
            .invite(Invite(key: key, roles: .member)), stamp: Wire.meshStart)
        guard let object = try? TrustObject(signing: statement, by: Wire.root, in: Wire.mesh) else {
            preconditionFailure("an invite can be signed")
        }
        return object
    }

    private func join(
        _ wire: inout Wire, invite: TrustObject = invite(), key: Ed25519.SecretKey = inviteKey,
        expecting: [UInt8] = [], skew: Int64 = 0
    ) -> Peer {
        var peer = Peer.joining(0)
        let path = wire.nodes[1].path
        wire.act(0) { node, time in
            var time = time
            time.meshTime = UInt64(Int64(time.meshTime) + skew)
            let (joining, effects) = node.table.join(
                through: path, on: .data, invite: invite, inviteKey: key, expecting: expecting,
                at: time, using: &node.random)
            peer = joining
            return effects
        }
        return peer
    }

    private func memberPeer(_ wire: Wire) -> Peer? {
        for case .joinOpened(let peer, _, _) in wire.nodes[1].effects { return peer }
        return nil
    }

    @Test("joiner and member show their node records and talk", arguments: UInt64(0)..<6)
    func joins(seed: UInt64) throws {
        var wire = Wire(seed: seed)
        wire.loss = seed == 0 ? 0 : 300
        wire.nodes[1].directory.invites = [Self.invite().octets]
        let peer = join(&wire)
        let payload = Payload.control([16, 0, 1, 5])
        wire.act(0) { node, time in
            node.table.send(
                payload, to: peer, at: time, directory: &node.directory, using: &node.random)
        }
        wire.run(for: .seconds(40))
        let other = try #require(memberPeer(wire), "seed \(seed)")
        let own = try TrustObject(octets: wire.nodes[0].identity.nodeRecord)
        let theirs = try TrustObject(octets: wire.nodes[1].identity.nodeRecord)
        #expect(wire.nodes[1].has(.joinOpened(other, nodeRecord: own, invite: Self.invite())))
        #expect(wire.nodes[0].has(.joinOpened(peer, nodeRecord: theirs, invite: nil)))
        #expect(wire.nodes[0].has(.established(peer)) && wire.nodes[1].has(.established(other)))
        if seed == 0 { #expect(wire.nodes[1].delivered == [payload]) }
        wire.loss = 0
        wire.act(1) { node, time in
            node.table.send(
                payload, to: other, at: time, directory: &node.directory, using: &node.random)
        }
        wire.run(for: .seconds(1))
        #expect(wire.nodes[0].delivered == [payload])
        wire.run(for: .seconds(200))
        #expect(wire.nodes[0].has(.ended(peer, .expired)))
        #expect(wire.nodes[1].has(.ended(other, .expired)))
        #expect(wire.nodes[1].table.halfOpen == 0)
    }

    @Test(
        "an invite that may not be redeemed, or whose key the joiner lacks, is not answered at all")
    func invitesAreChecked() {
        var wire = Wire()
        var peer = join(&wire)
        wire.run(for: .seconds(70))
        #expect(wire.nodes[1].sent == [])
        #expect(wire.nodes[0].has(.ended(peer, .unanswered)))
        wire.nodes[1].directory.invites = [Self.invite().octets]
        peer = join(&wire, key: Wire.key(21))
        wire.run(for: .seconds(70))
        #expect(wire.nodes[1].sent == [])
        #expect(wire.nodes[1].table.halfOpen == 0)
        // And one of another size neither.
        let short = wire.log[0].datagram.octets
        wire.inject([UInt8](short.dropLast()), into: 1, from: wire.nodes[0].path)
        #expect(wire.nodes[1].sent == [])
    }

    @Test("a joiner whose clock is off is told the time, and joins")
    func clockIsTold() {
        var wire = Wire()
        wire.nodes[1].directory.invites = [Self.invite().octets]
        _ = join(&wire, skew: -1_700_000_000_000)
        wire.run(for: .seconds(1))
        #expect(memberPeer(wire) != nil)
        #expect(wire.nodes[1].sent[0].octets.count < 80)
    }

    @Test("a seed that is another node, or shows another's record, learns nothing of the joiner")
    func joinerRefusesFalseSeed() {
        // Another node than the string names.
        var wire = Wire()
        wire.nodes[1].directory.invites = [Self.invite().octets]
        var peer = join(&wire, expecting: [1, 2, 3, 4])
        wire.run(for: .seconds(70))
        #expect(wire.nodes[0].sent.allSatisfy { step($0) == 1 })
        #expect(wire.nodes[0].has(.ended(peer, .refused)))
        // The right node id, but the record's data key is not the seed's.
        wire = Wire()
        wire.nodes[1].directory.invites = [Self.invite().octets]
        let id = wire.nodes[1].id
        wire.nodes[1].identity.dataKey = Wire.dataKey(99)
        wire.nodes[1].table = SessionTable(wire.nodes[1].identity, settings: Wire.settings)
        peer = join(&wire, expecting: [UInt8](id.octets.prefix(4)))
        wire.run(for: .seconds(70))
        #expect(wire.nodes[0].sent.allSatisfy { step($0) == 1 })
        #expect(wire.nodes[0].has(.ended(peer, .refused)))
        // The right one.
        wire = Wire()
        wire.nodes[1].directory.invites = [Self.invite().octets]
        peer = join(&wire, expecting: [UInt8](id.octets.prefix(4)))
        wire.run(for: .seconds(1))
        #expect(wire.nodes[0].has(.established(peer)))
    }

    private func step(_ datagram: Datagram) -> UInt8 { datagram.octets[12] }

    @Test("under load a joiner shows a cookie")
    func cookies() {
        var settings = Wire.settings
        settings.openersUnderLoad = 0
        var wire = Wire(settings: settings)
        wire.nodes[1].directory.invites = [Self.invite().octets]
        _ = join(&wire)
        wire.run(for: .seconds(1))
        #expect(wire.nodes[1].sent.first?.form == 4)
        #expect(memberPeer(wire) != nil)
    }

    @Test("who has an invite opens only so many sessions with it at a time")
    func manyGuests() {
        var wire = Wire()
        wire.nodes[1].directory.invites = [Self.invite().octets]
        for _ in 0..<SessionLimit.joins + 40 {
            _ = join(&wire)
            wire.run(for: .milliseconds(100))
        }
        #expect(wire.nodes[1].table.joins.count == SessionLimit.joins)
        wire.run(for: .seconds(200))
        #expect(wire.nodes[1].table.joins.isEmpty)
        #expect(wire.nodes[1].table.joinAnswers.isEmpty && wire.nodes[1].table.indices.isEmpty)
    }

    @Test("requests are bounded: half-open handshakes end, copies get the same answer")
    func bounded() {
        var wire = Wire()
        wire.nodes[1].directory.invites = [Self.invite().octets]
        _ = join(&wire)
        wire.cut = { _ in true }
        let request = wire.log[0].datagram.octets
        for _ in 0..<20 { wire.inject(request, into: 1, from: wire.nodes[0].path) }
        #expect(wire.nodes[1].table.halfOpen == 1)
        #expect(Set(wire.nodes[1].sent).count == 1)
        #expect(wire.nodes[1].sent[0].octets.count <= request.count)
        wire.flying = []
        wire.run(for: .seconds(20))
        #expect(wire.nodes[1].table.halfOpen == 0)
    }
}
