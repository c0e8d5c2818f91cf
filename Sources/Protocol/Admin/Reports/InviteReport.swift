package import Clocks
import Cryptography
import LISP
package import LISPNode
import Sessions
import Trust

/// An invite, and what it is good for.
package struct InviteReport: AdminReport {
    package var schema = 1
    package var mesh: String?
    /// What the other side pastes behind `whither join`.
    package var invite: String
    package var uses: UInt16
    package var roles: [String]
    package var ranges: [String]
    /// Mesh time, seconds since 1970; `nil`: never.
    package var expires: Double?
    package var expiresInSeconds: Double?
    /// The only key that it is for.
    package var boundKey: String?
    /// Who will be asked.
    package var seeds: [String]

    /// - Parameter text: as the node answered it.
    package init(_ text: String, of node: Node, at now: Now) throws(AdminError) {
        let string: InviteString
        do throws(InviteError) {
            string = try InviteString(text)
        } catch {
            throw AdminError(error)
        }
        mesh = node.core?.meshName
        invite = text
        uses = string.invite.uses
        roles = string.invite.roles.words
        ranges = string.invite.ranges.map(\.description)
        boundKey = string.invite.boundKey.map(KeyText.text)
        seeds = string.seeds.compactMap { Path($0.address, port: $0.port)?.description }
        let end = string.invite.notAfter
        guard end != 0 else { return }
        expires = Double(end / 1000)
        let time = node.core?.meshTime(at: now) ?? now.clock.milliseconds
        expiresInSeconds = Double(end > time ? end - time : 0) / 1000
    }

    /// The invite alone, so that it can be piped into `whither join -`.
    package func text(width: Int?) -> String { invite }

    /// What to say beside it, on standard error.
    package var note: String {
        let end = expiresInSeconds.map { "for \(DurationText.text(seconds: $0))" } ?? "for ever"
        var words =
            "\(uses) \(uses == 1 ? "use" : "uses"), \(end), as \(roles.joined(separator: ", "))"
        if let boundKey { words += ", for the key \(boundKey) only" }
        words +=
            seeds.isEmpty
            ? "; it names no address to ask, as this node has none"
            : "; asks \(seeds.joined(separator: ", "))"
        return words.printable
    }
}
