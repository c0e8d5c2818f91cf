/// Something that a person asked for and does not get: what, where, and the nearest right thing. It is
/// one line.
package struct AdminError: Error, Codable, Hashable, Sendable {
    /// For programs; never changes its meaning.
    package var code: String
    /// What is wrong, and why.
    package var what: String
    /// A file with line and column, an argument, an address.
    package var place: String?
    /// What to do now.
    package var hint: String?
    package var exit: Exit

    package enum Exit: Int, Codable, Hashable, Sendable {
        /// Not done, or not running, though the words were right.
        case undone = 1
        /// The words or the input are wrong.
        case usage = 2
        /// With `--check`: it runs, and not well.
        case degraded = 3
    }

    private enum CodingKeys: String, CodingKey {
        case code, what
        case place = "where"
        case hint, exit
    }

    package init(
        _ code: String, _ what: String, at place: String? = nil, hint: String? = nil,
        exit: Exit = .undone
    ) {
        self.code = code
        self.what = what
        self.place = place
        self.hint = hint
        self.exit = exit
    }
}

extension AdminError: CustomStringConvertible {
    /// `where: what; hint`
    package var description: String {
        let head = place.map { "\($0): " } ?? ""
        let tail = hint.map { "; \($0)" } ?? ""
        return (head + what + tail).split(whereSeparator: \.isNewline).joined(separator: " ")
            .printable
    }
}

extension AdminError {
    /// The socket is not there, or nobody listens.
    package static func notRunning(mesh: String? = nil) -> AdminError {
        AdminError(
            "not_running", "whither is not running\(mesh.map { " for \($0)" } ?? "")",
            hint: "start it with: whither up")
    }

    /// What a node is asked that the mesh has put out.
    package init(outside line: HealthLine) {
        self.init(line.code, line.what, hint: line.hint)
    }

    /// A verb of a newer or an older program.
    package static func badRequest(_ verb: String?) -> AdminError {
        let nearest = verb.flatMap { NearestWord.nearest(to: $0, among: AdminRequest.verbs) }
        let what =
            verb.map { "there is no request \"\($0.cut(to: 40))\"" }
            ?? "the request is no JSON object with a verb"
        return AdminError(
            "bad_request", what, hint: nearest.map { "did you mean \"\($0)\"?" }, exit: .usage)
    }
}
