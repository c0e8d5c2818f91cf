import LISP
package import LISPNode
package import Sessions

/// What a run cannot give, in words.
package struct MeshTrouble: Error, CustomStringConvertible {
    package let description: String
}

// What a test begins with, and what it looks at.
extension MeshRun {
    /// A mesh of so many machines, all in, equal and without faults.
    package static func formed(
        _ nodes: Int, seed: UInt64 = 1, _ change: (inout Plan) -> Void = { _ in }
    ) throws -> MeshRun {
        var plan = Plan(seed: seed)
        plan.nodes = nodes
        change(&plan)
        let run = MeshRun(plan)
        guard run.form(), run.converge(within: .minutes(1)) else {
            throw MeshTrouble(description: "seed \(seed): \(run.failure)")
        }
        return run
    }

    /// For messages.
    package var failure: String { world.failure.map(\.description) ?? "nothing is wrong" }

    /// The core of a machine that is in the mesh.
    package func inside(_ machine: Int) throws -> Core {
        guard let core = core(machine) else {
            throw MeshTrouble(description: "machine \(machine) is in no mesh: \(failure)")
        }
        return core
    }

    /// Where a machine's node listens.
    package func path(_ machine: Int, _ port: UInt16 = LISPPort.data) throws -> Path {
        guard let path = world.addresses(of: machine).first.flatMap({ Path($0, port: port) }) else {
            throw MeshTrouble(description: "machine \(machine) has no address")
        }
        return path
    }
}
