import Cryptography
import LISP
import Laboratory

/// The objects of a set, sorted and numbered, and who signed what about whom.
struct Book {
    let ground: Ground
    var mesh: MeshID { ground.mesh }
    var entries: [Entry] { ground.entries }
    var keys: [Ground.Key] { ground.keys }
    /// By place.
    var signers: [Int] { ground.signers }
    var subjects: [Int] { ground.subjects }
    /// Of invites; and of everything, if there is a revocation of an object.
    private(set) var places: [ObjectID: Int] = [:]
    /// By place: that of the invite of an admission.
    private(set) var inviteOf: [Int]
    /// By key.
    private(set) var grants: [[Int]] = []
    private(set) var invites: [[Int]] = []
    private(set) var admissions: [[Int]] = []
    private(set) var revocations: [[Int]] = []
    /// Revocations of a key, or of an object that the key signed.
    private(set) var accusations: [[Int]] = []
    /// By the place of an invite.
    private(set) var admissionsUnder: [Int: [Int]] = [:]
    private(set) var revocationCount = 0
    private(set) var genesis: Genesis?
    private(set) var roots: [Int] = []
    /// What became of the objects of each old root.
    private(set) var rotations: [(root: Int, ruling: Ruling)] = []
    private let lists: KeepLists

    init(of ground: Ground, lists: KeepLists) {
        self.ground = ground
        self.lists = lists
        let none = [[Int]](repeating: [], count: ground.keys.count)
        (grants, invites, admissions, revocations, accusations) = (none, none, none, none, none)
        inviteOf = Array(repeating: Ground.nobody, count: ground.entries.count)
        let namesObjects = ground.entries.contains { $0.form == .revocation && $0.subject == nil }
        for (place, entry) in ground.entries.enumerated()
        where namesObjects || entry.form == .invite {
            places[entry.id] = place
        }
        for place in ground.entries.indices { enter(place) }
        findRoots()
    }

    private mutating func enter(_ place: Int) {
        let signer = signers[place]
        let entry = entries[place]
        switch entry.form {
        case .grant: grants[signer].append(place)
        case .invite: invites[signer].append(place)
        case .admission:
            admissions[signer].append(place)
            if let id = entry.invite, let invite = places[id], entries[invite].form == .invite {
                inviteOf[place] = invite
                admissionsUnder[invite, default: []].append(place)
            }
        case .revocation:
            revocationCount += 1
            revocations[signer].append(place)
            if let accused = accused(by: place) { accusations[accused].append(place) }
        case .genesis, .nodeRecord, .claim, .rotation, .salt, .time: break
        }
    }

    func giver(of item: Int) -> Entry? { ground.giver(of: item, inviteOf: inviteOf) }

    func subject(of place: Int) -> Int? {
        subjects[place] == Ground.nobody ? nil : subjects[place]
    }

    /// The key that a revocation is about, or that signed the object it is about.
    func accused(by place: Int) -> Int? {
        guard case .revocation(let revocation) = entries[place].kind else { return nil }
        switch revocation.subject {
        case .key: return subject(of: place)
        case .object: return object(of: place).map { signers[$0] }
        }
    }

    /// The object that a revocation is about. What ended a key or a root cannot be taken back.
    func object(of place: Int) -> Int? {
        guard case .revocation(let revocation) = entries[place].kind,
            case .object(let id) = revocation.subject, let object = places[id]
        else { return nil }
        switch entries[object].form {
        case .grant, .invite, .admission, .claim, .salt, .time: return object
        case .genesis, .nodeRecord, .revocation, .rotation: return nil
        }
    }

    /// From the genesis on, each root is the key that the one before had committed to. Of several
    /// rotations by one key the lowest (stamp, id) counts.
    private mutating func findRoots() {
        guard let first = entries.firstIndex(where: { $0.form == .genesis }),
            case .genesis(let genesis) = entries[first].kind
        else { return }
        self.genesis = genesis
        roots = [signers[first]]
        var successors: [RootCommitment: Int] = [:]
        for (place, entry) in entries.enumerated() {
            guard entry.form == .rotation else { continue }
            let key = RootCommitment(to: entry.signer)
            if successors[key] == nil { successors[key] = place }
        }
        var commitment = genesis.commitment
        while let place = successor(to: commitment, in: successors),
            case .rotation(let rotation) = entries[place].kind, !roots.contains(signers[place])
        {
            if let old = roots.last {
                let ruling = Ruling(
                    depth: Ruling.rotationDepth, rank: entries[place].rank,
                    kept: kept(rotation.keepList, otherwise: .none))
                rotations.append((old, ruling))
            }
            roots.append(signers[place])
            commitment = rotation.commitment
        }
    }

    private func successor(
        to commitment: RootCommitment, in successors: [RootCommitment: Int]
    ) -> Int? {
        isPlanted(.rotationByAnyKey)
            ? successors.values.filter { !roots.contains(signers[$0]) }.min()
            : successors[commitment]
    }

    /// While a list is not here, all counts as kept.
    private func kept(_ hash: [UInt8]?, otherwise: Ruling.Kept) -> Ruling.Kept {
        guard let hash else { return otherwise }
        return lists[hash].map { .list(Set($0)) } ?? .all
    }

    func ruling(of place: Int, depth: Int) -> Ruling? {
        guard case .revocation(let revocation) = entries[place].kind else { return nil }
        let isOwn = subjects[place] == signers[place]
        return Ruling(
            depth: depth, rank: entries[place].rank,
            kept: kept(revocation.keepList, otherwise: isOwn ? .all : .none))
    }
}

extension Ruling {
    /// Whether an object of the revoked key stays.
    func keeps(_ id: ObjectID) -> Bool {
        isPlanted(.revokedObjectsStay) || (kept.contains(id) && !isPlanted(.keepListIgnored))
    }
}
