import TestKit

/// What goes wrong with a mesh of five, what its people do meanwhile, and when: a value that is made from a
/// seed and played twice, in a ``World`` (`MeshRun.play`) and with real processes (`Bench.play`).
///
/// Nodes 0 to 4 are in the mesh before it begins. Node 4 is revoked on the way, node 5 joins on the way,
/// and node 6 when all is over, with the last invite that was answered.
package struct FaultScript: Hashable, Sendable {
    package let seed: UInt64
    package private(set) var faults: [Fault] = []
    /// By time.
    package private(set) var deeds: [Deed] = []

    /// Seconds.
    package static let length = 24.0
    package static let members = 5
    package static let victim = 4
    package static let newcomer = 5
    package static let last = 6
    package static let machines = 7
    /// Enough for two who join, and begin again.
    package static let inviteUses: UInt16 = 5

    /// Something that is wrong for a while.
    package struct Fault: Hashable, Sendable {
        package var kind: Kind
        /// Seconds since the beginning.
        package var begin: Double
        package var end: Double
    }

    package enum Kind: Hashable, Sendable {
        /// Of a hundred datagrams so many are lost.
        case loss(Int)
        /// These nodes and all others; one way: the others do not hear these.
        case split([Int], isOneWay: Bool)
        /// Ended by `kill -9`, and started when it is over.
        case killed(Int)
        /// The same, and what the disk had not written is gone. With real processes as `killed`.
        case powerless(Int)
        /// Does nothing, and then all at once.
        case frozen(Int)
        /// Its link is down.
        case unplugged(Int)
        /// It has another address.
        case moved(Int)

        /// Whom it strikes; `nil`: all.
        package var node: Int? {
            switch self {
            case .loss, .split: return nil
            case .killed(let node), .powerless(let node), .frozen(let node), .unplugged(let node),
                .moved(let node):
                return node
            }
        }

        var leavesItAble: Bool {
            switch self {
            case .killed, .powerless, .frozen: return false
            case .loss, .split, .unplugged, .moved: return true
            }
        }
    }

    /// What is answered holds for ever. What is not is done again when all is over.
    package struct Deed: Hashable, Sendable {
        package var kind: Kind
        package var time: Double

        package enum Kind: Hashable, Sendable {
            /// For so many as ``inviteUses``.
            case invite(by: Int)
            /// Node 4's key, by the creator.
            case revoke
            /// Node 5, with the last invite that was answered.
            case join
        }
    }

    package enum Step: Hashable, Sendable {
        case begin(Fault)
        case end(Fault)
        case deed(Deed)
    }

    package init(seed: UInt64) {
        self.seed = seed
        var random = SeededRandom(seed: seed ^ 0x5343_5249_5054)
        func add(_ kind: Kind, _ begin: Double, _ length: Double) {
            faults.append(Fault(kind: kind, begin: begin, end: min(begin + length, Self.length)))
        }
        add(.loss(5 + random.below(26)), random.seconds(0, 14), random.seconds(4, 10))
        for start in [1.0, 12] {
            let side = (0..<Self.members).filter { _ in random.chance(oneIn: 2) }
            add(
                .split(side, isOneWay: random.chance(oneIn: 3)),
                start + random.seconds(0, 4), random.seconds(2, 7))
        }
        for node in 0..<Self.members {
            var time = random.seconds(0.5, 9)
            while time < Self.length - 3 {
                let kinds: [Kind] = [
                    .killed(node), .powerless(node), .frozen(node), .unplugged(node), .moved(node),
                ]
                let length = random.seconds(0.5, 5)
                add(random.pick(kinds), time, length)
                time += length + random.seconds(2, 9)
            }
        }
        for _ in 0..<6 {
            let time = random.seconds(0, Self.length - 1)
            let able = (0..<Self.victim).filter { isAble($0, at: time) }
            if !able.isEmpty {
                deeds.append(Deed(kind: .invite(by: random.pick(able)), time: time))
            }
        }
        deeds.append(Deed(kind: .join, time: random.seconds(2, Self.length - 4)))
        let moments = stride(from: 4, to: Self.length - 1, by: 0.25).filter { isAble(0, at: $0) }
        if !moments.isEmpty { deeds.append(Deed(kind: .revoke, time: random.pick(moments))) }
        deeds.sort { $0.time < $1.time }
    }

    private func isAble(_ node: Int, at time: Double) -> Bool {
        !faults.contains {
            $0.kind.node == node && !$0.kind.leavesItAble && $0.begin - 0.2 < time
                && time < $0.end + 1
        }
    }

    /// All of it in order.
    package var timeline: [(time: Double, step: Step)] {
        let all: [(time: Double, step: Step)] =
            faults.flatMap { [($0.begin, Step.begin($0)), ($0.end, .end($0))] }
            + deeds.map { ($0.time, .deed($0)) }
        // What is at the same time stays in this order, which is the seed's.
        return all.enumerated().sorted {
            ($0.element.time, $0.offset) < ($1.element.time, $1.offset)
        }
        .map(\.element)
    }
}

extension FaultScript: CustomStringConvertible {
    /// For the message of a test that failed: a line a step.
    package var description: String {
        let lines = timeline.map { time, step in
            "  \(Double(Int(time * 100)) / 100) s \(step.words)"
        }
        return "fault script \(seed):\n" + lines.joined(separator: "\n")
    }
}

extension FaultScript.Step {
    fileprivate var words: String {
        switch self {
        case .begin(let fault): return "\(fault.kind)"
        case .end(let fault): return "no more \(fault.kind)"
        case .deed(let deed): return "\(deed.kind)"
        }
    }
}

extension SeededRandom {
    fileprivate mutating func seconds(_ least: Double, _ most: Double) -> Double {
        least + (most - least) * Double(next() >> 11) / Double(1 << 53)
    }
}
