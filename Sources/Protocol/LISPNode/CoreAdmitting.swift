import Cryptography
import LISP
import Laboratory
import MappingSystem
import Sessions
import Trust

/// Somebody who shows an invite here.
struct Guest: Sendable {
    let nodeRecord: TrustObject
    let invite: TrustObject?
    /// What it is shown, once it has asked; what comes later it hears as a member.
    var chain: [ObjectID]?
    /// How many wait at one time is bounded by the sessions that join.
    static let maximum = 256
}

// The host's answers.
extension Core {
    mutating func showChain(
        from: UInt32, to number: UInt32, turn: inout Turn,
        using random: inout some RandomNumberGenerator
    ) {
        guard let guest = guests[number] else { return }
        let chain = guest.chain ?? standing.chain(of: key.publicKey)
        guests[number]?.chain = chain
        let total = UInt32(clamping: chain.count)
        guard from < total else { return }
        let next = chain[Int(from)...].prefix(Self.maximumShownAtOnce)
        guard let first = Batches.packed(next.compactMap { trust.object($0)?.octets }).first
        else { return }
        say(
            .chain(from: from, total: total, first), to: .joining(number), turn: &turn,
            using: &random)
    }

    /// More objects than fit into one message.
    private static let maximumShownAtOnce = 64

    mutating func redeem(
        _ proof: [UInt8], name: MeshName?, for number: UInt32, turn: inout Turn,
        using random: inout some RandomNumberGenerator
    ) {
        guard let guest = guests[number], let invite = guest.invite else { return }
        let joiner = guest.nodeRecord.signer
        if let member = standing.member(key: joiner) {
            // It has not heard that it is in already.
            welcome(member.key, to: number, turn: &turn)
            return
        }
        switch admit(joiner, by: invite, proof: proof, turn: &turn, using: &random) {
        case .success:
            adopt(guest.nodeRecord, turn: &turn)
            distribute(guest.nodeRecord, turn: &turn, using: &random)
            refreshStanding(turn: &turn, using: &random)
            claim(for: joiner, name: name, turn: &turn, using: &random)
            welcome(joiner, to: number, turn: &turn)
        case .failure(let refusal):
            say(.refused(refusal), to: .joining(number), turn: &turn, using: &random)
        }
    }

    private mutating func admit(
        _ joiner: Ed25519.PublicKey, by invite: TrustObject, proof: [UInt8], turn: inout Turn,
        using random: inout some RandomNumberGenerator
    ) -> Result<Void, JoinRefusal> {
        guard member?.roles.contains(.admitter) == true else { return .failure(.noAdmitter) }
        guard !standing.isRevoked(joiner) else { return .failure(.keyRevoked) }
        adopt(invite, turn: &turn)
        refreshStanding(turn: &turn, using: &random)
        let inviteID = invite.id(in: mesh)
        switch standing.redemption(of: inviteID, by: joiner) {
        case .possible, .redeemed: break
        case .used: return .failure(.used)
        case .expired: return .failure(.expired)
        case .revoked: return .failure(.revoked)
        case .boundToAnother: return .failure(.boundToAnother)
        case .unknown, .notEffective: return .failure(.unknownInvite)
        }
        guard
            let admission = Admission(
                of: joiner, by: inviteID, proof: proof,
                nonce: random.octets(Admission.nonceSize)),
            case .invite(let content) = invite.statement.kind,
            Redemption.isProved(
                proof, invite: inviteID, key: content.key, node: joiner, in: mesh)
        else { return .failure(.proof) }
        distribute(invite, turn: &turn, using: &random)
        switch sign(.admission(admission), turn: &turn, using: &random) {
        case .success: return .success(())
        case .failure: return .failure(.noAdmitter)
        }
    }

    /// An address of the pool, and the name if nobody has one like it.
    private mutating func claim(
        for joiner: Ed25519.PublicKey, name: MeshName?, turn: inout Turn,
        using random: inout some RandomNumberGenerator
    ) {
        if let index = standing.freeAddressIndex(for: joiner, in: mesh) {
            _ = sign(
                .claim(Claim(.address(index: index), for: joiner)), turn: &turn, using: &random)
        }
        if let name, standing.isFree(name, for: joiner) {
            _ = sign(.claim(Claim(.name(name), for: joiner)), turn: &turn, using: &random)
        }
        refreshStanding(turn: &turn, using: &random)
    }

    /// The objects that make a joiner a member, once they are durable here. What this node stands on
    /// was shown before.
    private func welcome(
        _ joiner: Ed25519.PublicKey, to number: UInt32, turn: inout Turn
    ) {
        let shown = Set(standing.chain(of: key.publicKey))
        let pieces = standing.chain(of: joiner).filter { !shown.contains($0) }
            .compactMap { trust.object($0)?.octets }
        for batch in Batches.packed(pieces) {
            turn.hold(.say(.admitted(batch), to: .joining(number)))
        }
    }

    /// Claims that members may have this node sign: everybody hears of each, and who has lost one asks
    /// once a minute.
    static let claimsAtOnce = 16
    static let claimsASecond = 1

    /// Signs a claim that a member asks for, if it is free.
    mutating func signClaim(
        _ what: Claim.What, for node: NodeID, turn: inout Turn,
        using random: inout some RandomNumberGenerator
    ) {
        guard member?.roles.contains(.admitter) == true, let subject = standing.member(node),
            claimBudget.take(
                burst: Self.claimsAtOnce, rate: Self.claimsASecond, at: turn.now.moment)
        else { return }
        let isFree: Bool
        switch what {
        case .name(let name): isFree = standing.isFree(name, for: subject.key)
        case .address(let index):
            // Who has one has not heard of it yet.
            isFree =
                subject.addresses.isEmpty
                && standing.isFree(addressIndex: index, for: subject.key, in: mesh)
        }
        guard isFree else { return }
        _ = sign(.claim(Claim(what, for: subject.key)), turn: &turn, using: &random)
    }
}

// What can still be claimed.
extension Standing {
    func isFree(_ name: MeshName, for key: Ed25519.PublicKey) -> Bool {
        !members.contains { member in
            member.key != key && member.names.contains { $0.skeleton == name.skeleton }
        }
    }

    func isFree(addressIndex: UInt8, for key: Ed25519.PublicKey, in mesh: MeshID) -> Bool {
        guard let pool = genesis?.pool,
            let address = mesh.address(of: key, index: addressIndex, pool: pool)
        else { return false }
        return !members.contains { $0.addresses.contains(address) }
    }

    /// The first of a node's addresses that nobody has; `nil` also if it has one already.
    func freeAddressIndex(for key: Ed25519.PublicKey, in mesh: MeshID) -> UInt8? {
        guard member(key: key)?.addresses.isEmpty ?? true else { return nil }
        return (0...Claim.maximumIndex).first { isFree(addressIndex: $0, for: key, in: mesh) }
    }
}
