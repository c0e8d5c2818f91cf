import Admin
import ArgumentParser
import Host
import LISP

struct Lig: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Ask a Map-Resolver for the mapping of an EID (RFC 6835). No daemon is needed.",
        discussion: """
            whither lig EID to MAP-RESOLVER [source EID] [count N]
            EIDs: 10.1.0.1  [1000]fd00::1  'dino'. The resolver may be any LISP node that answers, one \
            of whither's too; ADDRESS:PORT if its port is not 4342. Exit code 1: nobody answered.
            """)

    @Argument(help: "The EID, \"to\", the resolver; then source and count as words, if you like.")
    var words: [String]

    @Option(help: ArgumentHelp("In the name of this EID.", valueName: "EID"))
    var source: String?

    @Option(help: ArgumentHelp("How many questions.", valueName: "N"))
    var count: Int?

    @Option(help: ArgumentHelp("The EID is of this instance.", valueName: "N"))
    var instanceID: UInt32?

    @OptionGroup var answer: AnswerOptions

    func run() throws {
        var words = words
        let eid = try eid(words.removeFirst())
        var (to, source, count) = ("", self.source, self.count ?? 1)
        while !words.isEmpty {
            let word = words.removeFirst()
            guard ["to", "source", "count"].contains(word) else {
                throw wrong(
                    word == "pubsub"
                        ? "lig does not subscribe to changes"
                        : "\"\(word)\" is none of to, source, count")
            }
            guard !words.isEmpty else { throw wrong("something must stand behind \"\(word)\"") }
            let value = words.removeFirst()
            switch word {
            case "to": to = value
            case "source": source = value
            default:
                guard let number = Int(value) else { throw wrong("count must be a number") }
                count = number
            }
        }
        guard 1...1000 ~= count else { throw wrong("count must be 1 to 1000") }
        guard !to.isEmpty else { throw wrong("say whom to ask: lig EID to MAP-RESOLVER") }
        guard let resolver = HostAddress.path(of: to, port: LISPPort.control) else {
            throw AdminError(
                "bad_resolver", "there is no host \"\(to)\"",
                hint: "write 192.0.2.1, 2001:db8::1 or a name, and :PORT if it is not 4342",
                exit: .usage)
        }
        let question = LigQuestion(eid, source: try source.map(self.eid), to: resolver)
        var report = LigReport(question)
        let socket = try LigSocket()
        for _ in 0..<count {
            report.questions.append(try socket.ask(question) { StandardStream.note($0) })
        }
        try StandardStream.answer((answer.json ? report.json : report.text) + "\n")
        if report.answered == 0 { throw ExitCode.undone }
    }

    private func eid(_ text: String) throws -> EID {
        var eid: EID
        do throws(EIDTextError) {
            eid = try EID(text)
        } catch {
            throw wrong("\"\(text)\" is no EID: \(error)")
        }
        guard let instanceID else { return eid }
        guard !text.hasPrefix("[") || eid.instance == instanceID else {
            throw wrong("\"\(text)\" is not of instance \(instanceID)")
        }
        eid.instance = instanceID
        return eid
    }

    private func wrong(_ what: String) -> AdminError {
        AdminError("bad_words", what, hint: "whither lig --help", exit: .usage)
    }
}
