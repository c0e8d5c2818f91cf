package import Cryptography

extension Standing {
    /// What somebody who knows only the mesh id must be shown to see what a key may do, and who may not
    /// do anything any more: genesis and rotations, then from the root to the key, then all revocations that
    /// count, each behind what its signer stands on. Parents come before children.
    package func chain(of key: Ed25519.PublicKey) -> [ObjectID] {
        let evaluation = storage.effect.evaluation
        var chain = ChainBuilder(evaluation: evaluation)
        for (place, entry) in evaluation.entries.enumerated() {
            if case .genesis = entry.kind { chain.append(place) }
        }
        for root in evaluation.roots.dropFirst() {
            for (place, entry) in evaluation.entries.enumerated() where entry.signer == root {
                if case .rotation = entry.kind { chain.append(place) }
            }
        }
        if let number = evaluation.number(of: key) { chain.visit(number) }
        for (place, entry) in evaluation.entries.enumerated() {
            guard case .revocation(let revocation) = entry.kind,
                evaluation.decides(revocation, entry.rank),
                let signer = evaluation.number(of: entry.signer)
            else { continue }
            chain.visit(signer)
            chain.append(place)
        }
        return chain.places.map { evaluation.entries[$0].id }
    }
}

private struct ChainBuilder {
    let evaluation: Evaluation
    private(set) var places: [Int] = []
    private var known: Set<Int> = []
    private var visited: Set<Int> = []

    init(evaluation: Evaluation) { self.evaluation = evaluation }

    mutating func append(_ place: Int) {
        if known.insert(place).inserted { places.append(place) }
    }

    /// All that makes a key what it is. Levels fall on the way up, or stay from an admission to its
    /// admitter, so a stack of work instead of recursion needs no bound.
    mutating func visit(_ number: Int) {
        var stack: [Step] = [.visit(number)]
        while let step = stack.popLast() {
            switch step {
            case .append(let place): append(place)
            case .visit(let number):
                guard visited.insert(number).inserted else { continue }
                let items = Set(evaluation.facts[number].map(\.item)).filter { $0 >= 0 }
                for item in items.sorted(by: >) {
                    let entry = evaluation.entries[item]
                    stack.append(.append(item))
                    if case .admission(let admission) = entry.kind,
                        let invite = evaluation.place(ofInvite: admission.invite)
                    {
                        stack.append(.append(invite))
                        if let inviter = evaluation.number(of: evaluation.entries[invite].signer) {
                            stack.append(.visit(inviter))
                        }
                    }
                    if let signer = evaluation.number(of: entry.signer) {
                        stack.append(.visit(signer))
                    }
                }
            }
        }
    }

    private enum Step {
        case visit(Int)
        case append(Int)
    }
}

// Which revocations matter: whoever is in a mesh can sign any number of others.
extension Standing {
    /// Whether a revocation by this signer is among those that have ended what it names.
    package func heeds(_ revocation: Revocation, by signer: Ed25519.PublicKey) -> Bool {
        let evaluation = storage.effect.evaluation
        switch revocation.subject {
        case .key(let key): return isRevoked(key)
        case .object(let id):
            return signer == root || evaluation.isRevoked(object: id)
        }
    }

    /// Those of some lists that a revocation or rotation asks for which decides something.
    package func heeded(keepLists hashes: [[UInt8]]) -> [[UInt8]] {
        guard !hashes.isEmpty else { return [] }
        let evaluation = storage.effect.evaluation
        var heeded: Set<[UInt8]> = []
        for entry in evaluation.entries {
            switch entry.kind {
            case .rotation(let rotation):
                if let hash = rotation.keepList { heeded.insert(hash) }
            case .revocation(let revocation):
                guard let hash = revocation.keepList, evaluation.decides(revocation, entry.rank)
                else { continue }
                heeded.insert(hash)
            default: continue
            }
        }
        return hashes.filter { heeded.contains($0) }
    }
}

extension Evaluation {
    /// Whether it is the one of all revocations of its subject whose keep list counts.
    fileprivate func decides(_ revocation: Revocation, _ rank: Rank) -> Bool {
        switch revocation.subject {
        case .key(let key): return number(of: key).flatMap { rulings[$0] }?.rank == rank
        case .object(let id): return place(of: id).flatMap { objectRulings[$0] }?.rank == rank
        }
    }

    fileprivate func isRevoked(object id: ObjectID) -> Bool {
        place(of: id).map { objectRulings[$0] != nil } ?? false
    }
}
