package import Cryptography

extension Standing {
    /// What somebody who knows only the mesh id must be shown to see what a key may do, and who may not
    /// do anything any more: genesis and rotations, then from the root to the key, then all revocations,
    /// each behind what its signer stands on. Parents come before children.
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
            guard case .revocation = entry.kind, let signer = evaluation.number(of: entry.signer)
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
