import Clocks
import MappingSystem
import Sessions
import Trust

/// Whether what leaves from other ports than the data port arrives. A firewall that lets in only answers to
/// what was sent drops it, though there is no NAT: so nobody sends from many ports before a sealed message
/// has come through from one of them, and has been answered.
///
///     nothing ── sent ──▶ trying ── answered ──▶ open ── a minute, traffic ──▶ checking ── answered ──▶ open
///     trying, checking ── unanswered ──▶ shut ── an hour ──▶ trying
///     open, checking ── nearly all is lost ──▶ shut
///     open, checking ── nothing came, says the peer ──▶ nothing
///
/// Whoever's path moves begins again.
struct PortTrials: Sendable {
    private struct Trial: Sendable {
        var state: State
        /// In the last message; an answer has it.
        var number: UInt8
        /// When it goes on by itself, or while it is open, when traffic makes it go on.
        var until: Moment
    }

    private enum State: Sendable {
        case trying(left: Int)
        case open
        case checking(left: Int)
        case shut
    }

    private var trials: [NodeID: Trial] = [:]
    /// Who goes on by itself, and when; few, since an answer takes a round trip.
    private var waiting: [(until: Moment, node: NodeID)] = []
    private(set) var nextDeadline = Moment.never

    /// Messages of a first trial, and of one that has succeeded before, whose failure more depends on.
    static let tries = 2
    static let checks = 4
    /// For an answer.
    static let patience = Span.seconds(2)
    /// A firewall's memory may have been what let the first one in, and it may come to stand there later:
    /// then everything is lost, which no report of losses shows.
    static let checkInterval = Span.minutes(1)
    static let shutFor = Span.minutes(60)

    /// Whether packets to a node may leave from many ports.
    func isOpen(to node: NodeID) -> Bool {
        switch trials[node]?.state {
        case .open, .checking: return true
        case .trying, .shut, nil: return false
        }
    }

    /// - Returns: the number of the message to send now; `nil` if there was a trial already. It is drawn: the peer
    ///   may still tell of the last message of an earlier trial.
    mutating func begin(
        _ node: NodeID, at now: Moment, using random: inout some RandomNumberGenerator
    ) -> UInt8? {
        guard trials[node] == nil else { return nil }
        let number = UInt8.random(in: 0...MeshMessage.Sighting.greatestTrial, using: &random)
        set(.trying(left: Self.tries - 1), number: number, until: now + Self.patience, of: node)
        return number
    }

    /// Packets were sent to a node.
    /// - Returns: the number of the message to send now.
    mutating func check(_ node: NodeID, at now: Moment) -> UInt8? {
        guard let trial = trials[node], case .open = trial.state, now >= trial.until else {
            return nil
        }
        return send(.checking(left: Self.checks - 1), trial, to: node, at: now)
    }

    /// The first of those whose time has come.
    /// - Returns: its number, and that of the message to it if there is one.
    mutating func next(at now: Moment) -> (node: NodeID, number: UInt8?)? {
        guard nextDeadline <= now,
            let node = waiting.filter({ $0.until <= now }).min(by: {
                ($0.until, $0.node) < ($1.until, $1.node)
            })?
            .node, let trial = trials[node]
        else { return nil }
        switch trial.state {
        case .trying(let left) where left > 0:
            return (node, send(.trying(left: left - 1), trial, to: node, at: now))
        case .checking(let left) where left > 0:
            return (node, send(.checking(left: left - 1), trial, to: node, at: now))
        case .shut: return (node, send(.trying(left: 0), trial, to: node, at: now))
        case .trying, .checking, .open:
            set(.shut, number: trial.number, until: now + Self.shutFor, of: node)
            return (node, nil)
        }
    }

    private mutating func send(_ state: State, _ trial: Trial, to node: NodeID, at now: Moment)
        -> UInt8
    {
        let number = (trial.number + 1) & MeshMessage.Sighting.greatestTrial
        set(state, number: number, until: now + Self.patience, of: node)
        return number
    }

    /// A node says which message came last. One that was sent before may be late.
    /// - Returns: whether packets may leave from many ports now, and could not before.
    mutating func answered(_ number: UInt8, by node: NodeID, at now: Moment) -> Bool {
        guard let trial = trials[node], trial.number == number else { return false }
        switch trial.state {
        case .trying, .checking:
            let wasOpen = isOpen(to: node)
            set(.open, number: number, until: now + Self.checkInterval, of: node)
            return !wasOpen
        case .open, .shut: return false
        }
    }

    /// A node says that nothing came since it knows this path.
    /// - Returns: whether packets were sent to it from many ports.
    mutating func nothingCame(to node: NodeID) -> Bool {
        guard isOpen(to: node) else { return false }
        forget(node)
        return true
    }

    /// A node says how many of the packets to it came.
    /// - Returns: whether that is less than one of ten, and packets may not leave from many ports any more.
    mutating func heardLoss(of node: NodeID, expected: UInt64, received: UInt64, at now: Moment)
        -> Bool
    {
        guard isOpen(to: node), received < expected / 10, let trial = trials[node]
        else { return false }
        set(.shut, number: trial.number, until: now + Self.shutFor, of: node)
        return true
    }

    mutating func forget(_ node: NodeID) {
        guard trials.removeValue(forKey: node) != nil else { return }
        stopWaiting(node)
    }

    mutating func forgetAll() { self = PortTrials() }

    private mutating func set(_ state: State, number: UInt8, until: Moment, of node: NodeID) {
        trials[node] = Trial(state: state, number: number, until: until)
        stopWaiting(node)
        if case .open = state { return }
        waiting.append((until, node))
        nextDeadline = min(nextDeadline, until)
    }

    private mutating func stopWaiting(_ node: NodeID) {
        guard let place = waiting.firstIndex(where: { $0.node == node }) else { return }
        waiting.swapAt(place, waiting.count - 1)
        waiting.removeLast()
        nextDeadline = waiting.lazy.map(\.until).min() ?? .never
    }
}
