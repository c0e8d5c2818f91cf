import Clocks
import Laboratory
import MappingSystem
import Sessions
import Trust

// A process that ends says so, inside the seal. Nothing rests on it: it ends a session that the next packet
// or the next process would begin again, and whoever does not hear it finds the silence out.
extension Core {
    mutating func sayGoodbye(turn: inout Turn, using random: inout some RandomNumberGenerator) {
        for node in sessions.established {
            say(.goodbye(bootID: bootID), to: .member(node), turn: &turn, using: &random)
        }
    }

    /// - Parameter bootID: of the process that ends. One that is not in the present session is late: the
    ///   node is back.
    mutating func takeGoodbye(
        _ bootID: [UInt8], of node: NodeID, turn: inout Turn,
        using random: inout some RandomNumberGenerator
    ) {
        guard
            sessions.session(with: node)?.bootID == bootID || isPlanted(.goodbyeOfFormerProcess)
        else { return }
        stopped.insert(node)
        withSessions(turn: &turn, using: &random) { sessions, _, _, _ in sessions.close(node) }
        turn.send(.notice(.memberStopped(node)))
    }
}
