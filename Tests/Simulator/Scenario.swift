package import Clocks
import LISPNode

/// What `whither-sim` can run.
package struct Scenario: Sendable {
    package let name: String
    package let summary: String
    package let defaultNodes: Int
    package let defaultMinutes: Int
    package let run: @Sendable (Options) -> Outcome

    package init(
        _ name: String, _ summary: String, nodes: Int, minutes: Int,
        run: @escaping @Sendable (Options) -> Outcome
    ) {
        (self.name, self.summary, self.run) = (name, summary, run)
        (defaultNodes, defaultMinutes) = (nodes, minutes)
    }

    package struct Options: Sendable {
        package var seed: UInt64
        package var nodes: Int
        package var minutes: Int
        /// Each event is printed by this.
        package var line: (@Sendable (String) -> Void)?

        package init(
            seed: UInt64, nodes: Int, minutes: Int, line: (@Sendable (String) -> Void)? = nil
        ) {
            (self.seed, self.nodes, self.minutes, self.line) = (seed, nodes, minutes, line)
        }
    }

    package struct Outcome: Sendable {
        package let events: Int
        package let simulated: Span
        package let traceHash: UInt64
        package let peaks: Peaks
        package let failure: Failure?
        /// What the scenario measured, a line each.
        package var figures: [String]

        package init(_ world: World<some SimulatedNode>, figures: [String] = []) {
            self.figures = figures
            events = world.events
            simulated = world.elapsed
            traceHash = world.traceHash
            peaks = world.peaks
            failure = world.failure
        }
    }

    /// Every one, in the order in which they are listed.
    package static let all: [Scenario] = [
        mesh, liars, split, spread, quiet, throughput, thousand, gossip, faulty, trap, idle,
    ]
    package static func named(_ name: String) -> Scenario? { all.first { $0.name == name } }
}
