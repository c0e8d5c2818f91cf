import LISP
import MappingSystem
import Mappings
import Sessions
import Trust

extension Core {
    /// The disk has what these waited for.
    mutating func release(
        _ releases: [Release], turn: inout Turn, using random: inout some RandomNumberGenerator
    ) {
        // What one member is told goes in as few messages as it fits.
        var told: [(node: NodeID, ids: [UInt64])] = []
        for release in releases {
            switch release {
            case .answer(let answer, let number): turn.send(.answer(answer, number))
            case .acknowledge(let ids, let node):
                if let index = told.firstIndex(where: { $0.node == node }) {
                    told[index].ids += ids
                } else {
                    told.append((node, ids))
                }
            case .say(let message, let peer):
                say(message, to: peer, turn: &turn, using: &random)
            case .ownDurable(let number):
                own(.durable(write: number), turn: &turn, using: &random)
            }
        }
        for (node, ids) in told {
            for message in Batches.acknowledged(ids) {
                say(message, to: .member(node), turn: &turn, using: &random)
            }
        }
    }

    /// Everything that a join which failed has left on the disk.
    var joinDiskKeys: [[UInt8]] { [DiskKey.identity, DiskKey.dataKeys] }
}
