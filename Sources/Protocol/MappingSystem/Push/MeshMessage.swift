package import LISP
package import Mappings
package import Sessions
package import Trust

/// What members say to each other inside the seal, beside LISP's own messages.
///
///     plaintext: { kind:8 | length:16 | content… }*
///
/// Kind 1 is a LISP message as it would stand in UDP. A plaintext whose first four bits are 4 or 6 is
/// no list but one IP packet: a control packet, encapsulated as RFC 9962 §4.1 sends it to a group.
package enum MeshMessage: Hashable, Sendable {
    /// Kind 1.
    case lisp(ControlMessage)
    /// Kind 16: what the sender holds, in two hashes.
    case summary(Summary)
    /// Kind 17: the digests of the buckets of trust objects from `first` through `last`; one that
    /// is not listed is empty.
    case buckets(first: UInt8, last: UInt8, [BucketDigest])
    /// Kind 18: all ids that the sender has from `first` through `last`.
    case objectIDs(first: ObjectID, last: ObjectID, [ObjectID])
    /// Kind 19.
    case objectsWanted([ObjectID])
    /// Kind 20: trust objects, octet for octet.
    case objects([[UInt8]])
    /// Kind 21: the digests of the hours of `seq` from `first` through `last`, as kind 17.
    case hours(first: UInt32, last: UInt32, [HourDigest])
    /// Kind 22: all records that the sender has of an hour, from `first` through `last`.
    case recordIDs(hour: UInt32, first: RecordID, last: RecordID, [RecordID])
    /// Kind 23.
    case recordsWanted([RecordID])
    /// Kind 24: signed records, octet for octet.
    case records([[UInt8]])
    /// Kind 25: what the sender now holds durably: record ids, and the first 8 octets of object ids.
    case acknowledged([UInt64])
    /// Kind 26: records of the sender that have not changed: a Map-Register of unchanged octets.
    case touch([RecordID])
    /// Kind 27: a keep list by its hash, from an index on.
    case keepListWanted(hash: [UInt8], from: UInt32)
    /// Kind 28: a piece of one.
    case keepList(hash: [UInt8], from: UInt32, total: UInt32, [ObjectID])
    /// Kind 29: a node asks an admitter to sign a claim for it.
    case claimWanted(Claim.What)
    /// Kind 32: a joiner asks to be shown why it should believe, from an object on.
    case chainWanted(from: UInt32)
    /// Kind 33: a piece of the chain.
    case chain(from: UInt32, total: UInt32, [[UInt8]])
    /// Kind 34: a joiner that believes uses its invite.
    case redeem(proof: [UInt8], name: MeshName?)
    /// Kind 35: the objects that make it a member.
    case admitted([[UInt8]])
    /// Kind 36: why not.
    case refused(JoinRefusal)
    /// Kind 37: the process of this boot id ends. A hint: whoever does not hear it finds out later.
    case goodbye(bootID: [UInt8])
    /// Kind 38: from where the receiver's packets come to the sender.
    case seen(Sighting)

    /// Where one node sees another.
    package struct Sighting: Hashable, Sendable {
        package var path: Path
        /// The receiver shall say where it sees the sender.
        package var wantsAnswer: Bool
        /// The sender's copy of the receiver's node record lists ``path``: whatever comes from another
        /// port of that address is taken to come from there.
        package var isLocator: Bool
        package var trial = Trial.noneCame

        /// A message that left from another port than the sender's data port shows whether such ones come.
        package enum Trial: Hashable, Sendable {
            /// Since the sender knows the receiver's path.
            case noneCame
            /// This is one; its number comes back in the answer.
            case this(UInt8)
            /// The last that came.
            case came(UInt8)
        }

        /// Of a trial: four bits.
        package static let greatestTrial: UInt8 = 15

        package init(
            _ path: Path, wantsAnswer: Bool, isLocator: Bool, trial: Trial = .noneCame
        ) {
            self.path = path
            self.wantsAnswer = wantsAnswer
            self.isLocator = isLocator
            self.trial = trial
        }
    }

    package struct Summary: Hashable, Sendable {
        /// 32 octets each.
        package var trust: [UInt8]
        package var records: [UInt8]
        /// The receiver shall say what it holds.
        package var wantsAnswer: Bool

        package init(trust: [UInt8], records: [UInt8], wantsAnswer: Bool) {
            self.trust = trust
            self.records = records
            self.wantsAnswer = wantsAnswer
        }
    }

    package struct BucketDigest: Hashable, Sendable {
        package var bucket: UInt8
        package var digest: UInt64

        package init(bucket: UInt8, digest: UInt64) {
            self.bucket = bucket
            self.digest = digest
        }
    }

    package struct HourDigest: Hashable, Sendable {
        package var hour: UInt32
        package var digest: UInt64

        package init(hour: UInt32, digest: UInt64) {
            self.hour = hour
            self.digest = digest
        }
    }

    /// So that a sealed message fits every path of 1,280 octets.
    package static let maximumSize = 1180

    package static let bootIDSize = 16
}

/// Why a member does not let a joiner in.
package enum JoinRefusal: UInt8, Error, Hashable, Sendable, CaseIterable {
    case used = 1
    case expired, revoked, boundToAnother, unknownInvite
    /// The one who was asked may not admit.
    case noAdmitter
    /// The proof is not the invite key's.
    case proof
    /// The joiner's key was revoked.
    case keyRevoked
}
