import Admin
import ArgumentParser
import Glibc
import Host

struct Demo: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Show a mesh of four nodes on this machine, from nothing to revocation.",
        discussion: """
            Makes network namespaces on a bridge of their own, creates a mesh in the first, joins two \
            with an invite, pings every pair, stops the creator, joins the fourth through what is \
            left, revokes one, and cleans up. Nothing of this machine's network is touched. Needs root.
            """)

    @Flag(help: "Leave it running, with a word on how to look around.")
    var keep = false

    @Flag(help: "Only take away what an earlier one with --keep left.")
    var remove = false

    @Flag(help: "Print one JSON object.")
    var json = false

    func run() throws {
        guard geteuid() == 0 else {
            StandardStream.note(
                "the demo makes network namespaces and TUN devices, which needs root: "
                    + "sudo whither demo")
            throw ExitCode.undone
        }
        DemoBench.removeStale()
        if remove { return }
        let show = DemoShow(isQuiet: json)
        signal(SIGINT) { _ in DemoShow.wasInterrupted.store(true, ordering: .relaxed) }
        signal(SIGTERM) { _ in DemoShow.wasInterrupted.store(true, ordering: .relaxed) }
        var failure: String?
        do {
            try show.run()
        } catch {
            failure = DemoShow.wasInterrupted.load(ordering: .relaxed) ? "interrupted" : "\(error)"
        }
        if keep {
            show.tellHowToLook()
        } else {
            show.bench.remove()
        }
        if json { try StandardStream.answer(show.report(failure).json + "\n") }
        if let failure {
            StandardStream.note("the demo failed: \(failure)")
            throw ExitCode.undone
        }
    }
}
