package import Clocks
package import Cryptography
package import LISP
package import MappingSystem
package import Mappings
package import Sessions
package import Trust

/// What a person or a program asks of a node.
package enum Command: Hashable, Sendable {
    /// Begins a mesh of which this node is the first member and admin.
    case create(MeshPlan)
    /// Joins with an invite string, under a name if it is free.
    /// - seed: of the identity, 32 octets; `nil`: a new one.
    case join(String, name: MeshName?, seed: [UInt8]? = nil)
    case invite(InviteWish)
    /// Ends a key or an object; objects of the key that are listed stay.
    /// - root: the seed of the mesh's root key, to sign with that instead of the node's own, 32 octets.
    case revoke(
        Revocation.Subject, reason: String, keeping: [ObjectID], root: [UInt8]? = nil)
    /// Ends this node's own key.
    case leave
    /// Registers an EID here, at this node's own RLOCs.
    case register(EID, ttl: UInt32)
    /// Registers an EID at given locators.
    case registerAt(EID, ttl: UInt32, [LocatorRecord])
    case withdraw(EID)
    case lookup(EID)
    /// Asks a member for a sign of life, and how far away it is.
    case ping(NodeID)
    /// Signs a statement with this node's key: a grant, a salt, the time.
    case state(Statement.Kind)
    /// Takes objects that were signed elsewhere, such as by a root key that is kept on paper.
    case publish([TrustObject])
}

package struct MeshPlan: Hashable, Sendable {
    package var name: MeshName
    package var nodeName: MeshName?
    /// Where IPv4 EIDs are taken from.
    package var pool: Prefix<IPv4Address>
    /// Members may not let others in.
    package var onlyAdminsAdmit = false

    package init(name: MeshName, nodeName: MeshName? = nil, pool: Prefix<IPv4Address>) {
        self.name = name
        self.nodeName = nodeName
        self.pool = pool
    }
}

package struct InviteWish: Hashable, Sendable {
    package var uses: UInt16 = 1
    /// How long it can be used; none: for ever.
    package var lifetime: Span?
    package var roles: Roles = .member
    package var ranges: [EID] = []
    package var boundKey: Ed25519.PublicKey?

    package init() {}
}

package enum Answer: Hashable, Sendable {
    /// The root keys' seeds are nowhere else: they are for paper.
    case created(MeshID, root: [UInt8], nextRoot: [UInt8])
    case joined(NodeID)
    case invite(String)
    /// The object is signed, kept, and on its way to the others.
    case signed(ObjectID)
    /// Held durably here and by so many others.
    case registered(EID, others: Int)
    case found(Lookup)
    case pong(Pong)
    /// This node has not compared its store with anybody's yet, so that absence means nothing.
    case notReconciled
    case done
    case failed(Failure)
}

/// Why a command was not done.
package enum Failure: Error, Hashable, Sendable {
    case noMesh, alreadyInMesh
    case invite(InviteError)
    /// Why the last member that was asked said no.
    case refused(JoinRefusal)
    /// Nobody who was asked answered, or showed a chain that holds.
    case noMemberAnswered
    /// What was shown does not reach the mesh id of the invite.
    case falseSeed
    /// The key that would have to sign may not.
    case notAllowed
    case trustObject(TrustObjectError)
    case record(SignedRecordError)
    /// Another node has this identity too; this one signs nothing any more.
    case secondCopy
    case revoked
    /// There is no such member, or it is this node.
    case noMember
    /// It said nothing in time.
    case unanswered
    /// As many as a node may have, or as may wait at one time.
    case tooMany
    /// The disk did not take it in time.
    case notWritten
}

/// What people should hear of without asking.
package enum Notice: Hashable, Sendable {
    case memberJoined(NodeID)
    case memberLeft(NodeID)
    /// It said that it stops, and may come back.
    case memberStopped(NodeID)
    case sessionBegan(NodeID)
    case sessionEnded(NodeID)
    case pathMoved(NodeID)
    /// A key of this node's own was used by somebody else as well.
    case secondCopy
    /// Mesh time was moved by so many milliseconds.
    case clockStepped(UInt64)
    /// The machine's synchronised clock and the mesh disagree by so many milliseconds.
    case clockDisagrees(UInt64)
    /// A name or address went to another claim.
    case lostClaim
    case reconciled
    /// The mesh revoked this node's key.
    case revoked
    /// A file of the state could not be read and was left out.
    case damagedState(key: [UInt8])
}

package struct Settings: Hashable, Sendable {
    package var dataPort: UInt16 = LISPPort.data
    package var controlPort: UInt16 = LISPPort.control
    /// Minutes, of this node's own registrations.
    package var ttl: UInt32 = 60
    package var sessions = SessionSettings()
    /// Packets leave from many ports where there is no NAT, and may come from many.
    package var spreadsPorts = true
    /// Control messages are shown as they were before they were sealed: `Effect.plaintext`.
    package var showsPlaintext = false
    /// Milliseconds since 1970: mesh time is never before it. The program's makers lived then.
    package var release: UInt64 = 0
    /// Sites that speak plain RFC 9300.
    package var legacy: [LegacyXTR] = []

    package init() {}
}
