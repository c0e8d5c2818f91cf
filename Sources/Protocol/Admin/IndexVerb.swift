package import LISP
package import MappingSystem

/// `whither index`: the map-server set of an EID (RFC 9962 §5).
package struct IndexVerb {
    package var pull: PullHash
    /// Bits of the EID that are looked up (RFC 9962 §5.2); `nil`: as it was given.
    package var lookupLength: Int?

    package init(pull: PullHash, lookupLength: Int? = nil) {
        self.pull = pull
        self.lookupLength = lookupLength
    }

    package struct Failure: Error, CustomStringConvertible {
        package let description: String
    }

    /// - Throws: ``Failure`` if the EID has no bits to look up, or fewer than asked for.
    package func report(_ eid: EID) throws(Failure) -> Report {
        guard let lookupLength else { return report(text: pull.text(of: eid), eid: eid) }
        guard let shortened = eid.shortened(to: lookupLength) else {
            throw Failure(
                description: "\(eid) has no mask length, so --lookup-length cannot shorten it")
        }
        guard eid.maskLength ?? 0 >= lookupLength else {
            throw Failure(
                description: "\(eid) is shorter than --lookup-length \(lookupLength): register one "
                    + "record for each /\(lookupLength) that it covers (RFC 9962 section 5.2)")
        }
        return report(text: pull.text(of: shortened), eid: eid)
    }

    /// The index of a text as it stands.
    package func report(literal text: String) -> Report { report(text: text, eid: nil) }

    private func report(text: String, eid: EID?) -> Report {
        var fields: [Report.Field] = []
        if let eid { fields.append(.init("EID", .text(eid.description))) }
        fields += [
            .init("Hashed text", .text(text)), .init("Profile", .text(pull.profile.rawValue)),
            .init("Modulus", .number(pull.modulus)),
            .init("Map-Server set", .number(pull.index(ofText: text))),
        ]
        return .fields(fields)
    }
}

extension EID {
    fileprivate var maskLength: Int? {
        switch kind {
        case .ipv4(let prefix): return prefix.length
        case .ipv6(let prefix): return prefix.length
        case .mac(let prefix): return prefix.length
        case .e164(let prefix): return prefix.length
        default: return nil
        }
    }
}
