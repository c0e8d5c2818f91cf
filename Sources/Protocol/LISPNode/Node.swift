package import Clocks
package import LISP
package import Sessions

/// A whole node as a value: the same in the daemon and in the simulator.
package struct Node: Sendable {
    /// - Parameter disk: every key that was durable when the last process ended; none at first.
    package init(_ settings: Settings, disk: [[UInt8]: [UInt8]]) {}

    package mutating func handle(
        _ event: Event, at now: Now, using random: inout some RandomNumberGenerator
    ) -> [Effect] { [] }

    /// When `Event.deadline` must come next, at the latest.
    package var nextDeadline: Moment { .never }
}

package struct Settings: Hashable, Sendable {
    package init() {}
}

package enum Command: Hashable, Sendable {
    case nothing
}

package enum Answer: Hashable, Sendable {
    case done
}

package enum Notice: Hashable, Sendable {
    case nothing
}
