package import LISP
package import Sessions

/// A question to a Map-Resolver: what `lig` sends (RFC 6835 §4.1).
package struct LigQuestion: Hashable, Sendable {
    package var eid: EID
    /// In whose name; `nil`: nobody's.
    package var source: EID?
    package var resolver: Path

    package init(_ eid: EID, source: EID? = nil, to resolver: Path) {
        self.eid = eid
        self.source = source
        self.resolver = resolver
    }

    /// An Encapsulated Map-Request (RFC 9301 §5.8).
    /// - Parameter local: where the answer shall come to.
    /// - Returns: `nil` if the EID cannot be asked for so.
    package func octets(nonce: UInt64, from local: Path) -> [UInt8]? {
        let (maskLength, address) = eid.wire
        let request = MapRequest(
            nonce: nonce, sourceEID: source?.wire.address ?? .none, itrRLOCs: [local.address],
            records: [.init(eid: address, maskLength: maskLength)])
        let (from, to) = innerAddresses(local)
        return ControlPacket(
            encapsulating: .mapRequest(request), from: from, to: to, sourcePort: local.port
        )?.octets()
    }

    /// The inner header is for the mapping system's routers: from the source EID, or the asker, to the
    /// EID; where that is no IP address, to the resolver. Both must be of one family.
    private func innerAddresses(_ local: Path) -> (Address, Address) {
        switch (eid.kind, source?.kind, local.address) {
        case (.ipv4(let eid), .ipv4(let source)?, _):
            return (.ipv4(source.address), .ipv4(eid.address))
        case (.ipv4(let eid), _, .ipv4(let local)): return (.ipv4(local), .ipv4(eid.address))
        case (.ipv4(let eid), _, _): return (.ipv4(Self.dummy), .ipv4(eid.address))
        case (.ipv6(let eid), .ipv6(let source)?, _):
            return (.ipv6(source.address), .ipv6(eid.address))
        // IPv4 as IPv6 maps it.
        case (.ipv6(let eid), _, _): return (.ipv6(local.host), .ipv6(eid.address))
        default:
            guard local.isIPv4 == resolver.isIPv4 else {
                return (.ipv6(local.host), .ipv6(resolver.host))
            }
            return (local.address, resolver.address)
        }
    }

    /// The IPv4 dummy address (RFC 7600 §4.8), for who has none.
    private static let dummy = IPv4Address(rawValue: 0xC000_0008)
}

/// What came of `lig`, in the shape that lispers.net gave it.
package struct LigReport: AdminReport {
    package var schema = 1
    package var eid: String
    package var resolver: String
    package var questions: [Question] = []

    /// One question; it is repeated until something comes.
    package struct Question: Codable, Hashable, Sendable {
        /// How often it was sent.
        package var requests = 0
        package var waitedSeconds = 0.0
        package var replies: [Reply] = []
        /// What the network said against it.
        package var reason: String?

        package init() {}
    }

    package struct Reply: Codable, Hashable, Sendable {
        /// Who answered: the resolver, a Map-Server or the site itself.
        package var from: String
        package var rttSeconds: Double
        package var records: [Record]
    }

    package struct Record: Codable, Hashable, Sendable {
        package var eid: String
        package var ttlText: String
        package var ttlMinutes: UInt32
        /// From an ETR of the site.
        package var isAuthoritative: Bool
        /// What a packet meets, if there are no locators.
        package var action: String?
        package var locators: [Locator]
    }

    package struct Locator: Codable, Hashable, Sendable {
        package var rloc: String
        package var priority: UInt8
        package var weight: UInt8
        package var multicastPriority: UInt8
        package var multicastWeight: UInt8
        /// Local, probed, reachable: a capital letter is a bit that is set.
        package var flags: String
    }

    package init(_ question: LigQuestion) {
        eid = question.eid.description
        resolver = question.resolver.description
    }

    package var answered: Int { questions.count { !$0.replies.isEmpty } }

    package func text(width: Int?) -> String {
        questions.flatMap { question in
            ["Send map-request to \(resolver) for EID \(eid) ..."]
                + question.replies.flatMap(\.lines)
                + (question.replies.isEmpty ? [Self.silence(question, of: resolver)] : [])
        }.map(\.printable).joined(separator: "\n")
    }

    private static func silence(_ question: Question, of resolver: String) -> String {
        "No answer from \(resolver) to \(question.requests) map-requests in "
            + "\(DurationText.roundTrip(seconds: question.waitedSeconds))"
            + (question.reason.map { ": \($0)" } ?? "")
    }
}

extension LigReport.Reply {
    package init(_ reply: MapReply, from path: Path, rttSeconds: Double) {
        from = path.description
        self.rttSeconds = rttSeconds
        records = reply.records.map { LigReport.Record($0) }
    }

    fileprivate var lines: [String] {
        ["Received map-reply from \(from), rtt \(DurationText.roundTrip(seconds: rttSeconds))"]
            + records.flatMap(\.lines)
    }
}

extension LigReport.Record {
    fileprivate init(_ record: EIDRecord) {
        eid = (try? record.prefix.description) ?? "\(record.eid.oneLine)/\(record.maskLength)"
        ttlMinutes = record.ttl
        ttlText = Self.text(ttl: record.ttl)
        isAuthoritative = record.flags.isAuthoritative
        action = record.locators.isEmpty ? record.flags.action.text : nil
        locators = record.locators.map { LigReport.Locator($0) }
    }

    /// lispers.net sends seconds with the highest bit set.
    private static func text(ttl: UInt32) -> String {
        if ttl == .max { return "as the receiver likes" }
        if ttl >> 31 != 0 { return DurationText.text(seconds: Double(ttl & 0x7FFF_FFFF)) }
        return DurationText.text(seconds: Double(ttl) * 60)
    }

    fileprivate var lines: [String] {
        ["EID-prefix: \(eid), ttl: \(ttlText), rloc-set:"]
            + (action.map { ["  Empty, map-reply action: \($0)"] } ?? locators.map(\.line))
    }
}

extension LigReport.Locator {
    fileprivate init(_ locator: LocatorRecord) {
        rloc = locator.locator.oneLine
        (priority, weight) = (locator.unicast.priority, locator.unicast.weight)
        multicastPriority = locator.multicast.priority
        multicastWeight = locator.multicast.weight
        flags =
            (locator.flags.contains(.local) ? "L" : "l")
            + (locator.flags.contains(.probed) ? "P" : "p")
            + (locator.flags.contains(.reachable) ? "R" : "r")
    }

    fileprivate var line: String {
        "  RLOC: \(rloc), up/uw/mp/mw: \(priority)/\(weight)/\(multicastPriority)/"
            + "\(multicastWeight), flags: \(flags)"
    }
}
