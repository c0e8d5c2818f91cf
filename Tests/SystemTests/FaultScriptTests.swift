import Foundation
import Simulator
import Testing

extension SystemTests {
    @Suite("One fault script, simulated and real", .serialized)
    struct FaultScriptTests {
        /// `WHITHER_FAULT_SEED=7`, or `WHITHER_FAULT_SEEDS=10..<20`.
        static let seeds: [UInt64] = {
            let words = ProcessInfo.processInfo.environment
            if let seed = words["WHITHER_FAULT_SEED"].flatMap({ UInt64($0) }) { return [seed] }
            let bounds = (words["WHITHER_FAULT_SEEDS"] ?? "").components(separatedBy: "..<")
                .compactMap { UInt64($0) }
            guard bounds.count == 2, bounds[0] < bounds[1] else { return [1, 2] }
            return Array(bounds[0]..<bounds[1])
        }()

        @Test(
            "what was answered holds, all are equal, everybody reaches everybody",
            arguments: seeds)
        func script(seed: UInt64) throws {
            let script = FaultScript(seed: seed)
            let (run, _) = MeshRun.play(script)
            #expect(run.world.failure == nil, "\(script)\(run.world.failure?.description ?? "")")
            let answered = try ScriptedBench().play(script)
            #expect(answered > 0, "nothing was answered, so nothing could be lost\n\(script)")
        }
    }
}
