import Clocks
import Cryptography
import LISP
import Mappings
import Sessions
import Trust

extension Core {
    /// A command to a node that is in a mesh, or about to join one.
    mutating func handle(
        _ command: Command, _ number: UInt64, turn: inout Turn,
        using random: inout some RandomNumberGenerator
    ) {
        guard member != nil else {
            let isRevoked = standing.isRevoked(key.publicKey)
            turn.send(.answer(.failed(isRevoked ? .revoked : .noMesh), number))
            return
        }
        switch command {
        case .create, .join: turn.send(.answer(.failed(.alreadyInMesh), number))
        case .invite(let wish):
            switch invite(wish, turn: &turn, using: &random) {
            case .success(let text): turn.hold(.answer(.invite(text), number))
            case .failure(let failure): turn.send(.answer(.failed(failure), number))
            }
        case .revoke(let subject, let reason, let kept, let root):
            var revocation = Revocation(of: subject)
            revocation.reason = reason
            let list = [ObjectID](Set(kept).sorted().prefix(Self.maximumKeepList))
            let packed = list.flatMap(\.octets)
            if !list.isEmpty { revocation.keepList = SHA256.hash(packed) }
            let signer = root.flatMap { Ed25519.SecretKey(seed: $0) }
            state(.revocation(revocation), by: signer, number, turn: &turn, using: &random)
            if let hash = revocation.keepList, trust.insert(keepList: list) {
                turn.write(DiskKey.keepList(hash), packed)
                trustChanged = true
            }
        case .leave:
            let revocation = Revocation(of: .key(key.publicKey))
            state(.revocation(revocation), number, turn: &turn, using: &random)
        case .register(let eid, let ttl):
            register(eid, ttl: ttl, at: nil, number, turn: &turn, using: &random)
        case .registerAt(let eid, let ttl, let locators):
            register(eid, ttl: ttl, at: locators, number, turn: &turn, using: &random)
        case .withdraw(let eid):
            withdraw(eid, number, turn: &turn, using: &random)
        case .lookup(let eid):
            let found = records.lookup(eid, rights: standing, meshTime: meshTime(turn))
            if case .negative = found, !isReconciled {
                turn.send(.answer(.notReconciled, number))
            } else {
                turn.send(.answer(.found(found), number))
            }
        case .ping(let node): ping(node, number, turn: &turn, using: &random)
        case .state(let kind): state(kind, number, turn: &turn, using: &random)
        case .publish(let objects):
            for object in objects where !adopt(object, turn: &turn).isEmpty {
                distribute(object, turn: &turn, using: &random)
            }
            turn.hold(.answer(.done, number))
        }
    }

    private mutating func state(
        _ kind: Statement.Kind, by signer: Ed25519.SecretKey? = nil, _ number: UInt64,
        turn: inout Turn, using random: inout some RandomNumberGenerator
    ) {
        switch sign(kind, by: signer, turn: &turn, using: &random) {
        case .success(let object):
            turn.hold(.answer(.signed(object.id(in: mesh)), number))
        case .failure(let failure): turn.send(.answer(.failed(failure), number))
        }
    }

    /// Of ids in a keep list (trust.md 10).
    static let maximumKeepList = 65_536

    private mutating func invite(
        _ wish: InviteWish, turn: inout Turn, using random: inout some RandomNumberGenerator
    ) -> Result<String, Failure> {
        // With roles that this node has not, the invite would be nobody's.
        guard let member, member.roles.isSuperset(of: wish.roles.union(.inviter)) else {
            return .failure(.notAllowed)
        }
        let secret = random.octets(InviteString.secretSize)
        guard let inviteKey = InviteString.key(secret: secret, mesh: mesh) else {
            return .failure(.notAllowed)
        }
        var content = Invite(key: inviteKey.publicKey, roles: wish.roles)
        content.ranges = wish.ranges
        content.uses = max(wish.uses, 1)
        content.boundKey = wish.boundKey
        content.membersSeen = UInt32(clamping: standing.members.count)
        content.revocationsSeen = UInt32(clamping: standing.revocationCount)
        if let lifetime = wish.lifetime {
            let (end, isNever) = meshTime(turn).addingReportingOverflow(
                UInt64(clamping: lifetime.milliseconds))
            content.notAfter = isNever ? .max : end
        }
        return sign(.invite(content), turn: &turn, using: &random).flatMap { object in
            InviteString(mesh: mesh, secret: secret, object: object, seeds: seeds)
                .map { .success($0.text) } ?? .failure(.notAllowed)
        }
    }

    /// This node first, then others that are there now.
    private var seeds: [InviteString.Seed] {
        let others = sessions.established.compactMap { standing.member($0) }
            .filter { $0.roles.contains(.admitter) }
        let all = ([member].compactMap { $0 } + others).compactMap { member -> InviteString.Seed? in
            guard let locator = member.nodeRecord?.locators.first else { return nil }
            return InviteString.Seed(
                locator.address, port: locator.dataPort, node: member.id)
        }
        return [InviteString.Seed](all.prefix(InviteString.maximumSeeds))
    }
}
