import FoundationEssentials

/// What the daemon answers: any number of lines of progress, then one result or one error.
///
///     {"progress":"asked 192.0.2.1:4341"}
///     {"result":{"joined":{"schema":1,…}}}
///     {"error":{"code":"invite_used","what":"…","hint":"…","exit":1}}
package enum AdminReply: Codable, Hashable, Sendable {
    case progress(String)
    case result(AdminResult)
    case error(AdminError)

    private enum CodingKeys: String, CodingKey { case progress, result, error }

    package func encode(to encoder: any Encoder) throws {
        var fields = encoder.container(keyedBy: CodingKeys.self)
        switch self {
        case .progress(let text): try fields.encode(text, forKey: .progress)
        case .result(let result): try fields.encode(result, forKey: .result)
        case .error(let error): try fields.encode(error, forKey: .error)
        }
    }

    package init(from decoder: any Decoder) throws {
        let fields = try decoder.container(keyedBy: CodingKeys.self)
        if let text = try fields.decodeIfPresent(String.self, forKey: .progress) {
            self = .progress(text)
        } else if let error = try fields.decodeIfPresent(AdminError.self, forKey: .error) {
            self = .error(error)
        } else {
            self = .result(try fields.decode(AdminResult.self, forKey: .result))
        }
    }

    /// Without the end of line.
    package var line: String { AdminJSON.line(self) }

    /// - Parameter line: the octets of one line.
    package init(line: some Sequence<UInt8>) throws(AdminError) {
        do {
            self = try AdminJSON.value(AdminReply.self, from: line)
        } catch {
            throw AdminError(
                "bad_reply", "the daemon's answer cannot be read",
                hint: "is it of another version than this command? whither down, then whither up")
        }
    }
}

/// A report on its way to the one who asked. The key of its JSON object names its kind.
package enum AdminResult: Codable, Hashable, Sendable {
    case done
    case created(CreatedReport)
    case database(DatabaseReport)
    case id(IDReport)
    case invite(InviteReport)
    case joined(JoinedReport)
    case left(LeftReport)
    case lookup(LookupReport)
    case mapCache(MapCacheReport)
    case members(MembersReport)
    case ping(PingReport)
    case revoked(RevokedReport)
    case sessions(SessionsReport)
    case site(SiteReport)
    case status(StatusReport)
    case why(WhyReport)

    /// `nil`: there is nothing to say.
    package var report: (any AdminReport)? {
        switch self {
        case .done: return nil
        case .created(let report): return report
        case .database(let report): return report
        case .id(let report): return report
        case .invite(let report): return report
        case .joined(let report): return report
        case .left(let report): return report
        case .lookup(let report): return report
        case .mapCache(let report): return report
        case .members(let report): return report
        case .ping(let report): return report
        case .revoked(let report): return report
        case .sessions(let report): return report
        case .site(let report): return report
        case .status(let report): return report
        case .why(let report): return report
        }
    }

    private enum CodingKeys: String, CodingKey {
        case done, created, database, id, invite, joined, left, lookup, mapCache, members, ping
        case revoked, sessions, site, status, why
    }

    private var key: CodingKeys {
        switch self {
        case .done: return .done
        case .created: return .created
        case .database: return .database
        case .id: return .id
        case .invite: return .invite
        case .joined: return .joined
        case .left: return .left
        case .lookup: return .lookup
        case .mapCache: return .mapCache
        case .members: return .members
        case .ping: return .ping
        case .revoked: return .revoked
        case .sessions: return .sessions
        case .site: return .site
        case .status: return .status
        case .why: return .why
        }
    }

    package func encode(to encoder: any Encoder) throws {
        var fields = encoder.container(keyedBy: CodingKeys.self)
        if let report {
            try report.encode(to: fields.superEncoder(forKey: key))
        } else {
            try fields.encode(true, forKey: key)
        }
    }

    package init(from decoder: any Decoder) throws {
        let fields = try decoder.container(keyedBy: CodingKeys.self)
        guard let key = fields.allKeys.first else {
            throw AdminError("bad_reply", "a result of no kind")
        }
        func read<Value: Decodable>(_ make: (Value) -> AdminResult) throws -> AdminResult {
            make(try fields.decode(Value.self, forKey: key))
        }
        switch key {
        case .done: self = .done
        case .created: self = try read(AdminResult.created)
        case .database: self = try read(AdminResult.database)
        case .id: self = try read(AdminResult.id)
        case .invite: self = try read(AdminResult.invite)
        case .joined: self = try read(AdminResult.joined)
        case .left: self = try read(AdminResult.left)
        case .lookup: self = try read(AdminResult.lookup)
        case .mapCache: self = try read(AdminResult.mapCache)
        case .members: self = try read(AdminResult.members)
        case .ping: self = try read(AdminResult.ping)
        case .revoked: self = try read(AdminResult.revoked)
        case .sessions: self = try read(AdminResult.sessions)
        case .site: self = try read(AdminResult.site)
        case .status: self = try read(AdminResult.status)
        case .why: self = try read(AdminResult.why)
        }
    }
}
