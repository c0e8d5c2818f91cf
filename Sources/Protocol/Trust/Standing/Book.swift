import Cryptography
import LISP
import Laboratory

/// The objects of a set, sorted and numbered, and who signed what about whom.
struct Book {
    let mesh: MeshID
    let entries: [Entry]
    private(set) var keys: [Ed25519.PublicKey] = []
    private(set) var numbers: [Ed25519.PublicKey: Int] = [:]
    private(set) var places: [ObjectID: Int] = [:]
    /// By place: who signed it, and whom it is about if that is a key.
    private(set) var signers: [Int] = []
    private(set) var subjects: [Int?] = []
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

    init(of unsorted: [Entry], lists: KeepLists, mesh: MeshID) {
        self.mesh = mesh
        self.lists = lists
        entries = unsorted.sorted { $0.rank < $1.rank }
        for (place, entry) in entries.enumerated() { places[entry.id] = place }
        for entry in entries {
            signers.append(number(entry.signer))
            subjects.append(subjectKey(of: entry.kind).map { number($0) })
        }
        let none = [[Int]](repeating: [], count: keys.count)
        (grants, invites, admissions, revocations, accusations) = (none, none, none, none, none)
        for place in entries.indices { enter(place) }
        findRoots()
    }

    private mutating func number(_ key: Ed25519.PublicKey) -> Int {
        if let number = numbers[key] { return number }
        keys.append(key)
        numbers[key] = keys.count - 1
        return keys.count - 1
    }

    private func subjectKey(of kind: Statement.Kind) -> Ed25519.PublicKey? {
        switch kind {
        case .grant(let grant): return grant.subject
        case .admission(let admission): return admission.node
        case .claim(let claim): return claim.subject
        case .revocation(let revocation):
            guard case .key(let key) = revocation.subject else { return nil }
            return key
        case .genesis, .invite, .nodeRecord, .rotation, .salt, .time: return nil
        }
    }

    private mutating func enter(_ place: Int) {
        let signer = signers[place]
        switch entries[place].kind {
        case .grant: grants[signer].append(place)
        case .invite: invites[signer].append(place)
        case .admission(let admission):
            admissions[signer].append(place)
            if let invite = places[admission.invite] {
                admissionsUnder[invite, default: []].append(place)
            }
        case .revocation:
            revocationCount += 1
            revocations[signer].append(place)
            if let accused = accused(by: place) { accusations[accused].append(place) }
        case .genesis, .nodeRecord, .claim, .rotation, .salt, .time: break
        }
    }

    /// The key that a revocation is about, or that signed the object it is about.
    func accused(by place: Int) -> Int? {
        guard case .revocation(let revocation) = entries[place].kind else { return nil }
        switch revocation.subject {
        case .key: return subjects[place]
        case .object: return object(of: place).map { signers[$0] }
        }
    }

    /// The object that a revocation is about. What ended a key or a root cannot be taken back.
    func object(of place: Int) -> Int? {
        guard case .revocation(let revocation) = entries[place].kind,
            case .object(let id) = revocation.subject, let object = places[id]
        else { return nil }
        switch entries[object].kind {
        case .grant, .invite, .admission, .claim, .salt, .time: return object
        case .genesis, .nodeRecord, .revocation, .rotation: return nil
        }
    }

    /// From the genesis on, each root is the key that the one before had committed to. Of several
    /// rotations by one key the lowest (stamp, id) counts.
    private mutating func findRoots() {
        guard let first = entries.indices.first(where: { isGenesis($0) }),
            case .genesis(let genesis) = entries[first].kind
        else { return }
        self.genesis = genesis
        roots = [signers[first]]
        var successors: [RootCommitment: Int] = [:]
        for (place, entry) in entries.enumerated() {
            guard case .rotation = entry.kind else { continue }
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

    private func isGenesis(_ place: Int) -> Bool {
        if case .genesis = entries[place].kind { return true }
        return false
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
