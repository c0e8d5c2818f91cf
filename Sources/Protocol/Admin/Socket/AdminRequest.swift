import FoundationEssentials

/// What the command asks of the daemon: one JSON object on a line of the Unix socket.
///
///     {"verb":"ping","who":"clinic","count":4}
package enum AdminRequest: Hashable, Sendable {
    case create(Create)
    case invite(Invite)
    case join(Join)
    case leave
    case status
    case show(Table)
    case lookup(String)
    case ping(Ping)
    case id
    case revoke(Revoke)
    case why(String)
    /// Until the node is a member and has compared what it holds with others.
    case wait(seconds: Double?)
    /// The daemon ends.
    case down
    /// Its settings are read again.
    case reload

    package struct Create: Codable, Hashable, Sendable {
        package var name: String
        /// What somebody has said that the node be called.
        package var nodeName: String?
        /// What its host is called: if nobody has said anything.
        package var hostName: String?
        /// An IPv4 prefix; `nil`: one that no local route overlaps.
        package var ipv4: String?
        package var onlyAdminsAdmit = false
        /// The first invite makes an admin.
        package var secondAdmin = false
        package init(name: String) { self.name = name }
    }

    package struct Invite: Codable, Hashable, Sendable {
        package var uses: UInt16 = 1
        /// `nil`: for ever.
        package var lifeSeconds: Double?
        /// As ``Roles`` names them; none: a member.
        package var roles: [String] = []
        /// The only key that it is for, in base32.
        package var forKey: String?
        package init() {}
    }

    package struct Join: Codable, Hashable, Sendable {
        package var invite: String
        /// What somebody has said that the node be called.
        package var nodeName: String?
        /// What its host is called: if nobody has said anything.
        package var hostName: String?
        /// Of the identity, 32 octets; `nil`: a new one.
        package var seed: [UInt8]?
        package init(invite: String) { self.invite = invite }
    }

    package enum Table: String, Codable, Hashable, Sendable, CaseIterable {
        case mapCache = "map-cache"
        case database, site, members, sessions
    }

    package struct Ping: Codable, Hashable, Sendable {
        package var who: String
        package var count = 4
        package init(who: String) { self.who = who }
    }

    package struct Revoke: Codable, Hashable, Sendable {
        /// A name, a key or an id.
        package var who: String
        package var reason = ""
        /// What becomes of what it signed; without a word nothing is revoked if others need that.
        package var signed: Signed?
        /// What stands on the paper of the root key, which then signs instead of this node's.
        package var root: String?
        package init(who: String) { self.who = who }

        package enum Signed: String, Codable, Hashable, Sendable {
            /// Whom it let in stays, with all that it gave them; its invites let nobody in any more.
            case kept
            /// All that is void.
            case void
        }
    }

    private enum Verb: String, CaseIterable {
        case create, invite, join, leave, status, show, lookup, ping, id, revoke, why, wait, down
        case reload
    }

    package static let verbs = Verb.allCases.map(\.rawValue)
}

extension AdminRequest: Codable {
    private enum CodingKeys: String, CodingKey { case verb, table, who, seconds }

    package func encode(to encoder: any Encoder) throws {
        var fields = encoder.container(keyedBy: CodingKeys.self)
        try fields.encode(verb.rawValue, forKey: .verb)
        switch self {
        case .create(let value): try value.encode(to: encoder)
        case .invite(let value): try value.encode(to: encoder)
        case .join(let value): try value.encode(to: encoder)
        case .show(let table): try fields.encode(table, forKey: .table)
        case .lookup(let who), .why(let who): try fields.encode(who, forKey: .who)
        case .ping(let value): try value.encode(to: encoder)
        case .revoke(let value): try value.encode(to: encoder)
        case .wait(let seconds): try fields.encodeIfPresent(seconds, forKey: .seconds)
        case .leave, .status, .id, .down, .reload: break
        }
    }

    package init(from decoder: any Decoder) throws {
        let fields = try decoder.container(keyedBy: CodingKeys.self)
        let word = try fields.decode(String.self, forKey: .verb)
        guard let verb = Verb(rawValue: word) else { throw AdminError.badRequest(word) }
        switch verb {
        case .create: self = .create(try Create(from: decoder))
        case .invite: self = .invite(try Invite(from: decoder))
        case .join: self = .join(try Join(from: decoder))
        case .leave: self = .leave
        case .status: self = .status
        case .show: self = .show(try fields.decode(Table.self, forKey: .table))
        case .lookup: self = .lookup(try fields.decode(String.self, forKey: .who))
        case .ping: self = .ping(try Ping(from: decoder))
        case .id: self = .id
        case .revoke: self = .revoke(try Revoke(from: decoder))
        case .why: self = .why(try fields.decode(String.self, forKey: .who))
        case .wait: self = .wait(seconds: try fields.decodeIfPresent(Double.self, forKey: .seconds))
        case .down: self = .down
        case .reload: self = .reload
        }
    }

    private var verb: Verb {
        switch self {
        case .create: return .create
        case .invite: return .invite
        case .join: return .join
        case .leave: return .leave
        case .status: return .status
        case .show: return .show
        case .lookup: return .lookup
        case .ping: return .ping
        case .id: return .id
        case .revoke: return .revoke
        case .why: return .why
        case .wait: return .wait
        case .down: return .down
        case .reload: return .reload
        }
    }
}

// What is left out of a request has its usual value, so that one can be written by hand.

extension AdminRequest.Create {
    package init(from decoder: any Decoder) throws {
        let fields = try decoder.container(keyedBy: CodingKeys.self)
        self.init(name: try fields.decode(String.self, forKey: .name))
        nodeName = try fields.decodeIfPresent(String.self, forKey: .nodeName)
        hostName = try fields.decodeIfPresent(String.self, forKey: .hostName)
        ipv4 = try fields.decodeIfPresent(String.self, forKey: .ipv4)
        onlyAdminsAdmit = try fields.decodeIfPresent(Bool.self, forKey: .onlyAdminsAdmit) ?? false
        secondAdmin = try fields.decodeIfPresent(Bool.self, forKey: .secondAdmin) ?? false
    }
}

extension AdminRequest.Invite {
    package init(from decoder: any Decoder) throws {
        let fields = try decoder.container(keyedBy: CodingKeys.self)
        uses = try fields.decodeIfPresent(UInt16.self, forKey: .uses) ?? 1
        lifeSeconds = try fields.decodeIfPresent(Double.self, forKey: .lifeSeconds)
        roles = try fields.decodeIfPresent([String].self, forKey: .roles) ?? []
        forKey = try fields.decodeIfPresent(String.self, forKey: .forKey)
    }
}

extension AdminRequest.Ping {
    package init(from decoder: any Decoder) throws {
        let fields = try decoder.container(keyedBy: CodingKeys.self)
        self.init(who: try fields.decode(String.self, forKey: .who))
        count = try fields.decodeIfPresent(Int.self, forKey: .count) ?? 4
    }
}

extension AdminRequest.Revoke {
    package init(from decoder: any Decoder) throws {
        let fields = try decoder.container(keyedBy: CodingKeys.self)
        self.init(who: try fields.decode(String.self, forKey: .who))
        reason = try fields.decodeIfPresent(String.self, forKey: .reason) ?? ""
        signed = try fields.decodeIfPresent(Signed.self, forKey: .signed)
        root = try fields.decodeIfPresent(String.self, forKey: .root)
    }
}

extension AdminRequest {
    /// Without the end of line.
    package var line: String { AdminJSON.line(self) }

    /// The longest that is read: an invite has some 700 characters.
    package static let maximumSize = 65_536

    /// - Parameter line: the octets of one line.
    package init(line: some Sequence<UInt8>) throws(AdminError) {
        let octets = [UInt8](line)
        guard octets.count <= Self.maximumSize else { throw .badRequest(nil) }
        do {
            self = try AdminJSON.value(AdminRequest.self, from: octets)
        } catch let error as AdminError {
            throw error
        } catch {
            throw .badRequest(nil)
        }
    }
}
