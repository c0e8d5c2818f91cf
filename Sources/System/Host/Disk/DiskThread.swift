import Glibc
package import LISPNode

/// Makes writes durable, in their order, beside the loop. All that came while one commit was under way is
/// the next: the slower the disk, the larger the groups.
///
///     waiting ── written ──▶ durable(batch)
///        ▲  └── refused ──▶ trouble(…) once ── every second: again, in smaller groups ──┐
///        └──────────────────────────────────────────────────────────── trouble(nil) ◀──┘
///
/// While the disk takes nothing, memory is bounded by the node: 256 batches behind, it takes nothing more
/// from others (``Node/maximumBehind``).
package final class DiskThread: Sendable {
    private struct State {
        var waiting: [(writes: [DiskWrite], batch: UInt64)] = []
        var isStopping = false
        /// Whether all was written, once the thread has ended.
        var result: Bool?
    }

    private let state = Watched(State())

    /// After ``stop()``, how long a disk that refuses is asked again.
    package static let patience = 3
    /// Batches in one transaction: more would make the first of them wait for nothing.
    private static let largestGroup = 4096

    /// - Parameters:
    ///   - identity: what must come back when the database is lost; from ``StateDirectory``.
    ///   - durable: everything up to this batch is on the disk.
    ///   - trouble: the disk takes nothing, told once; `nil` when it does again.
    ///
    /// Both are called from the disk's own thread.
    init(
        _ database: Database, identity: IdentityKeeper?,
        durable: @escaping @Sendable (UInt64) -> Void,
        trouble: @escaping @Sendable (DiskTrouble?) -> Void
    ) {
        let state = state
        _ = HostThread("disk") {
            Self.run(state, database, identity, durable, trouble)
        }
    }

    package convenience init(
        _ database: Database, durable: @escaping @Sendable (UInt64) -> Void,
        trouble: @escaping @Sendable (DiskTrouble?) -> Void
    ) {
        self.init(database, identity: nil, durable: durable, trouble: trouble)
    }

    /// Batches must come in ascending order.
    package func write(_ writes: [DiskWrite], batch: UInt64) {
        state.change { $0.waiting.append((writes, batch)) }
    }

    /// Writes what is left, for at most ``patience`` seconds if the disk refuses, and closes the database.
    /// - Returns: whether all was written.
    @discardableResult
    package func stop() -> Bool {
        state.change { $0.isStopping = true }
        return state.wait(
            milliseconds: nil, until: { $0.result != nil }, then: { $0.result ?? false })
    }

    private static func run(
        _ state: Watched<State>, _ database: Database, _ identity: IdentityKeeper?,
        _ durable: (UInt64) -> Void, _ trouble: (DiskTrouble?) -> Void
    ) {
        var present: DiskTrouble?
        var group = largestGroup
        var failuresAtEnd = 0
        while true {
            let (batches, isAll, isStopping) = state.wait(
                milliseconds: identity?.dueIn(), until: { !$0.waiting.isEmpty || $0.isStopping },
                then: {
                    (Array($0.waiting.prefix(group)), $0.waiting.count <= group, $0.isStopping)
                })
            do {
                if let last = batches.last {
                    let writes = batches.map(\.writes)
                    try identity?.prepare(for: writes)
                    try database.apply(writes)
                    // If that is refused all of it is written once more, which changes nothing.
                    try identity?.settle(writes, in: database)
                    state.change { $0.waiting.removeFirst(batches.count) }
                    durable(last.batch)
                    group = min(group * 2, largestGroup)
                    identity?.wrote(writes)
                } else if isStopping {
                    try identity?.refresh(from: database)
                    break
                }
                try identity?.refreshIfDue(from: database)
                // A few small ones that found room are no end of it.
                if present != nil, isAll {
                    present = nil
                    trouble(nil)
                }
            } catch {
                let new = DiskTrouble(error)
                if present.map({ !$0.isSameKind(as: new) }) ?? true { trouble(new) }
                present = new
                // Where there is room for little, the oldest have it.
                group = max(1, batches.count / 2)
                failuresAtEnd += isStopping ? 1 : 0
                if failuresAtEnd > patience { break }
                sleep(1)
            }
        }
        database.close()
        state.change { $0.result = $0.waiting.isEmpty }
    }
}
