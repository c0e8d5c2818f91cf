import Admin
import Clocks
import LISP
import LISPNode
import Sessions
import Simulator
import Testing
import Trust

// Meshes to report about. Equal seeds make equal reports, but for what a machine's ciphers decide,
// which the runs fix.
extension MeshRun {
    func node(_ machine: Int) -> Node { world.members[machine] }
    func now(_ machine: Int) -> Now { world.now(of: machine) }

    func host(_ machine: Int = 0) -> HostFacts {
        var host = HostFacts(version: "0.1", upSince: .start)
        host.processID = 4711
        host.tun = .init(name: "whither0", mtu: 1400)
        host.stateDirectory = "/var/lib/whither/relief"
        return host
    }

    func status(_ machine: Int = 0, _ change: (inout HostFacts) -> Void = { _ in }) -> StatusReport
    {
        var host = host(machine)
        change(&host)
        return StatusReport(of: node(machine), at: now(machine), host: host)
    }

    /// Changes the command's line to what a machine said to the last one.
    func refusal(_ machine: Int, _ command: Command, within span: Span = .minutes(3)) -> AdminError?
    {
        guard case .failed(let failure) = ask(machine, command, within: span) else { return nil }
        return AdminError(failure, asked: node(machine).joinAttempts)
    }
}

/// Nothing in it steers a terminal.
func isPlain(_ text: String) -> Bool {
    text.unicodeScalars.allSatisfy { $0 == "\n" || $0.value >= 0x20 && !(0x7F..<0xA0 ~= $0.value) }
}
