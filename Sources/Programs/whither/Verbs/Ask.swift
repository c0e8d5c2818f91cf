import Admin
import ArgumentParser
import Glibc
import Host

// Verbs that ask the daemon, and print what it says.

/// A verb that is one question, whose answer is printed as it comes.
protocol Question: ParsableCommand {
    var places: Places { get }
    var answer: AnswerOptions { get }
    var request: AdminRequest { get throws }
}

extension Question {
    func run() throws { try Client(places: places).show(request, answer) }
}

struct Invite: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Make an invite: one text, to be pasted behind whither join.",
        discussion: """
            Any member that is up redeems it, this node need not be. The invite goes to standard \
            output and nothing else, so that it can be piped.
            """)

    @Option(help: ArgumentHelp("How many nodes may join with it.", valueName: "N"))
    var uses: UInt16 = 1

    @Option(
        help: ArgumentHelp(
            "How long it holds: 30m, 2h, 7d; for ever if not said.", valueName: "time"))
    var expires: String?

    @Option(
        name: .customLong("for"),
        help: ArgumentHelp("The only key that it is for, as whither id shows it.", valueName: "key")
    )
    var key: String?

    @Option(
        help: ArgumentHelp(
            "A role beside member: admin, gateway… May be said again.", valueName: "role"))
    var role: [String] = []

    @OptionGroup var places: Places
    @OptionGroup var answer: AnswerOptions

    func run() throws {
        var wish = AdminRequest.Invite()
        wish.uses = uses
        wish.roles = role
        wish.forKey = key
        if let expires {
            wish.lifeSeconds = Double(try DurationText.span(expires).milliseconds) / 1000
        }
        let client = Client(places: places)
        guard case .invite(let report) = try client.ask(.invite(wish)) else { return }
        if !answer.json { StandardStream.note(report.note) }
        try client.show(report, answer)
    }
}

struct Status: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Show this node and its mesh on one screen.",
        discussion: "Exit codes: 0 fine; 1 not running; 3 with --check: it runs, and not well.")

    @Flag(help: "Exit with 3 if anything is wrong.")
    var check = false

    @OptionGroup var places: Places
    @OptionGroup var answer: AnswerOptions

    func run() throws {
        let client = Client(places: places)
        guard case .status(let report) = try client.ask(.status) else { return }
        try client.show(report, answer)
        if check, report.isDegraded { throw ExitCode.degraded }
    }
}

struct Show: Question {
    static let configuration = CommandConfiguration(
        abstract: "Show a table: map-cache, database, site, members or sessions.")

    @Argument(help: "map-cache, database, site, members or sessions.")
    var table: AdminRequest.Table

    @OptionGroup var places: Places
    @OptionGroup var answer: AnswerOptions

    var request: AdminRequest { .show(table) }
}

extension AdminRequest.Table: ExpressibleByArgument {}

struct Lookup: Question {
    static let configuration = CommandConfiguration(
        abstract: "Print the mapping of an EID or a name.")

    @Argument(help: "10.77.0.5, [1000]fd00::1, or a node's name.")
    var eid: String

    @OptionGroup var places: Places
    @OptionGroup var answer: AnswerOptions

    var request: AdminRequest { .lookup(eid) }
}

struct Why: Question {
    static let configuration = CommandConfiguration(
        abstract: "Say why packets to a node go where they go, from name to path.")

    @Argument(help: "A name, a key, an id or an EID.")
    var who: String

    @OptionGroup var places: Places
    @OptionGroup var answer: AnswerOptions

    var request: AdminRequest { .why(who) }
}

struct ID: Question {
    static let configuration = CommandConfiguration(
        commandName: "id", abstract: "Print this node's key, ids, addresses, name and roles.",
        discussion:
            "A machine that has not joined yet has no key: --next makes the one that it will have.")

    @Flag(help: "The key with which this machine joins next, for whither invite --for elsewhere.")
    var next = false

    @OptionGroup var places: Places
    @OptionGroup var answer: AnswerOptions

    var request: AdminRequest { .id }

    func run() throws {
        guard next else { return try Client(places: places).show(request, answer) }
        let key = KeyText.text(try NextKey.make(in: places.folders.stateRoot))
        try StandardStream.answer(answer.json ? "{\"schema\":1,\"key\":\"\(key)\"}\n" : key + "\n")
    }
}

struct Ping: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Ask a member for a sign of life: the path, the round trip, the MTU.")

    @Argument(help: "A name, a key, an id or an EID.")
    var who: String

    @Option(name: .shortAndLong, help: ArgumentHelp("How often.", valueName: "N"))
    var count = 4

    @OptionGroup var places: Places
    @OptionGroup var answer: AnswerOptions

    func run() throws {
        var wish = AdminRequest.Ping(who: who)
        wish.count = count
        let client = Client(places: places)
        // Each line as it comes; the report has all of them once more.
        let result = try client.ask(.ping(wish)) { line in
            if !answer.json { try StandardStream.answer(line + "\n") }
        }
        guard case .ping(let report) = result else { return }
        if answer.json {
            try client.show(report, answer)
        } else {
            try StandardStream.answer(report.summary + "\n")
        }
        if report.received == 0 { throw ExitCode.undone }
    }
}

struct Revoke: Question {
    static let configuration = CommandConfiguration(
        abstract: "End a member's key, for ever.",
        discussion:
            """
            Everybody who hears of it cuts it off at once. Needs the role revoker, as admins have. If \
            others are members by it, or have roles or names by it, say what becomes of that.
            """
    )

    @Argument(help: "A name, a key or an id.")
    var who: String

    @Option(help: ArgumentHelp("Why, for those who ask later.", valueName: "text"))
    var reason = ""

    @Flag(help: "Whom it let in stays, with what it gave them; its invites end.")
    var keep = false

    @Flag(help: "Whom it let in goes too, and all that it signed is void.")
    var all = false

    @Flag(
        help:
            "Sign with the mesh's root key, whose paper is typed on standard input, not with this node's."
    )
    var root = false

    @OptionGroup var places: Places
    @OptionGroup var answer: AnswerOptions

    var request: AdminRequest {
        get throws { .revoke(try wish()) }
    }

    private func wish() throws -> AdminRequest.Revoke {
        var wish = AdminRequest.Revoke(who: who)
        wish.reason = reason
        if keep { wish.signed = .kept }
        if all { wish.signed = .void }
        if root {
            if isatty(STDIN_FILENO) == 1 {
                StandardStream.note(
                    "type the line that begins with R1, from the paper of the root key")
            }
            guard let typed = readLine() else {
                throw AdminError(
                    "no_root_words", "nothing was typed on standard input", exit: .usage)
            }
            wish.root = typed
        }
        return wish
    }

    func validate() throws {
        guard keep, all else { return }
        throw ValidationError("--keep or --all: not both")
    }
}

struct Wait: Question {
    static let configuration = CommandConfiguration(
        abstract: "Wait until this node is a member that has heard all there is.")

    @Option(help: ArgumentHelp("At most so long: 30s, 5m.", valueName: "time"))
    var timeout = "30s"

    @OptionGroup var places: Places
    @OptionGroup var answer: AnswerOptions

    var request: AdminRequest {
        get throws {
            .wait(seconds: Double(try DurationText.span(timeout).milliseconds) / 1000)
        }
    }
}
