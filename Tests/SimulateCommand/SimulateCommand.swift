import ArgumentParser
import Simulator

@main
struct SimulateCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "whither-sim", abstract: "Run meshes in a simulated world.")
    func run() throws {}
}
