import Admin
import ArgumentParser
import LISP
import MappingSystem

struct Index: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Print the map-server set of an EID in pull mode (RFC 9962).",
        discussion: """
            EIDs: 10.1.0.0/16  [1000]fd00::2222/128  0000-1111-2222  +14087182001  'dino'
            48-51-12-N-2-20-55-E/100  (10.0.0.1, 224.1.1.1)  (*, 224.1.1.1)  [1000]
            """)

    @Argument(help: "The EID, as [iid]address/length.")
    var eid: String

    @Option(help: ArgumentHelp("How many map-server sets there are.", valueName: "N"))
    var modulus: UInt32

    @OptionGroup var hash: HashOptions

    @Option(help: ArgumentHelp("Look up the first N bits of the EID.", valueName: "N"))
    var lookupLength: Int?

    @Flag(help: "Hash the argument as it stands, whatever it is.")
    var literal = false

    @Flag(help: "Print one JSON object.")
    var json = false

    func run() throws {
        if let lookupLength, !(0...128 ~= lookupLength) {
            throw ValidationError("--lookup-length must be 0 to 128")
        }
        if literal, lookupLength != nil {
            throw ValidationError("--lookup-length needs an EID, so it does not go with --literal")
        }
        let verb = IndexVerb(pull: try hash.pull(modulus: modulus), lookupLength: lookupLength)
        do {
            let report = literal ? verb.report(literal: eid) : try verb.report(try EID(eid))
            try StandardStream.answer((json ? report.withSchema.json : report.plainText) + "\n")
        } catch let error as EIDTextError {
            throw ValidationError(error.description)
        } catch let error as IndexVerb.Failure {
            throw ValidationError(error.description)
        }
    }
}
