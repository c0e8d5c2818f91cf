package import LISP
package import MappingSystem

/// What to say about messages beside their fields.
package struct MessageReporter {
    /// Shows the map-server set of each EID that is asked for or registered, if there is one.
    package var pull: PullHash?
    /// Checks MACs, if there is one.
    package var authentication: MessageAuthentication?
    /// What the messages were read with.
    package var compatibility: Compatibility

    package init(
        pull: PullHash? = nil, authentication: MessageAuthentication? = nil,
        compatibility: Compatibility = []
    ) {
        self.pull = pull
        self.authentication = authentication
        self.compatibility = compatibility
    }
}

extension MessageReporter {
    package func report(_ packet: ControlPacket) -> Report {
        var fields: [Report.Field] = []
        if let encapsulation = packet.encapsulation {
            let checksum = packet.innerChecksumIsRight(compatibility: compatibility)
            fields.append(
                .init(
                    ControlMessage.name(ofType: Encapsulation.type),
                    .fields(report(encapsulation, of: packet, checksumIsRight: checksum))))
        }
        fields.append(.init(packet.message.name, .fields(report(packet.message))))
        return .fields(fields)
    }

    private func report(
        _ encapsulation: Encapsulation, of packet: ControlPacket, checksumIsRight: Bool?
    ) -> [Report.Field] {
        let flags: [(String, Encapsulation.Flags)] = [
            ("S", .security), ("D", .ddt), ("E", .toETR), ("M", .toMapServer), ("R", .toRTR),
            ("N", .fromRTR),
        ]
        var fields = [Report.Field.flags(encapsulation.allFlags, flags)]
        if !encapsulation.authentication.isEmpty {
            fields.append(.init("Authentication Data", .octets(encapsulation.authentication)))
            if let authentication, encapsulation.authentication[0] == 2 {
                fields.append(
                    .init(
                        "MS-RTR MAC",
                        verdict { () throws(AuthenticationFailure) in
                            try authentication.verifyForRTR(packet)
                            return .wholeMessage
                        }))
            }
        }
        return fields + [
            .init("Inner IP", encapsulation.ip.report),
            .init("Inner UDP", encapsulation.udp.report(checksumIsRight)),
        ]
    }

    private func report(_ message: ControlMessage) -> [Report.Field] {
        switch message {
        case .mapRequest(let request): return report(request)
        case .mapReply(let reply): return report(reply)
        case .mapRegister(let register): return report(register)
        case .mapNotify(let notify): return report(notify)
        case .info(let info): return report(info)
        case .sharedExtension(let shared):
            return [
                .init("Sub-type", .number(shared.subtype)),
                .init("Octets", .octets(shared.content)),
            ]
        case .opaque(let opaque):
            return [.init("Type", .number(opaque.type)), .init("Octets", .octets(opaque.octets))]
        }
    }

    private func report(_ request: MapRequest) -> [Report.Field] {
        let flags: [(String, MapRequest.Flags)] = [
            ("A", .authoritative), ("M", .mapData), ("P", .probe), ("S", .solicit),
            ("p", .proxyITR), ("s", .solicited), ("R", .mobileNode), ("I", .identity),
            ("L", .localXTR), ("D", .dontReply),
        ]
        var fields: [Report.Field] = [
            .flags(request.allFlags, flags), .init("Nonce", .hex(request.nonce)),
            .init("Source EID", host(request.sourceEID)),
            .init("ITR-RLOCs", .list(request.itrRLOCs.map(\.report))),
        ]
        fields.append(
            .init(
                "Record",
                .list(
                    request.records.map { record in
                        var fields = [eid(record.eid, maskLength: record.maskLength)]
                        fields += set(of: try? record.prefix)
                        if record.flags & MapRequest.Record.notify != 0 {
                            fields.append(.init("N", .flag(true)))
                        }
                        if record.flags & 0x7F != 0 {
                            fields.append(.init("Reserved", .hex(record.flags & 0x7F)))
                        }
                        return .fields(fields)
                    })))
        if let record = request.mapReplyRecord {
            fields.append(.init("Map-Reply Record", .fields(report(record))))
        }
        fields += report(request.identity)
        return fields + trailing("Trailing octets", request.trailing)
    }

    private func report(_ reply: MapReply) -> [Report.Field] {
        let flags: [(String, MapReply.Flags)] = [
            ("P", .probe), ("E", .echoNonce), ("S", .security),
        ]
        let name = reply.flags.contains(.security) ? "Authentication Data" : "Trailing octets"
        return [
            .flags(reply.flags, flags), .init("Nonce", .hex(reply.nonce)),
            records(reply.records),
        ] + trailing(name, reply.trailing)
    }

    private func report(_ register: MapRegister) -> [Report.Field] {
        let flags: [(String, MapRegister.Flags)] = [
            ("P", .proxyReply), ("S", .security), ("I", .identity), ("R", .throughRTR),
            ("E", .eidNotify), ("T", .useTTL), ("a", .merge), ("m", .mobileNode),
            ("M", .wantMapNotify),
        ]
        return [
            .flags(register.allFlags, flags), .init("Nonce", .hex(register.nonce)),
            report(register.authentication, of: .mapRegister(register)),
            records(register.records, withSets: true),
        ] + report(register.identity)
    }

    private func report(_ notify: MapNotify) -> [Report.Field] {
        var fields: [Report.Field] = [
            .flags(notify.allFlags, [("I", .identity), ("R", .rtrAuthentication)]),
            .init("Nonce", .hex(notify.nonce)),
            report(notify.authentication, of: .mapNotify(notify)), records(notify.records),
        ]
        fields += report(notify.identity)
        if let proof = notify.rtrAuthentication {
            fields.append(
                .init(
                    "MS-RTR authentication",
                    .fields([
                        .init("Key ID", .number(proof.keyID)),
                        .init("Authentication Data", .octets(proof.data)),
                    ])))
        }
        return fields
    }

    private func report(_ info: InfoMessage) -> [Report.Field] {
        var fields = [
            Report.Field.flags(info.flags, [("R", .reply)]), .init("Nonce", .hex(info.nonce)),
            .init("Key ID", .number(info.keyID)),
            .init("Authentication Data", .octets(info.authenticationData)),
        ]
        if let authentication {
            fields.append(
                .init(
                    "MAC",
                    verdict { () throws(AuthenticationFailure) in
                        try authentication.verify(.info(info))
                    }))
        }
        fields.append(.init("TTL", .number(info.ttl)))
        if info.reserved != 0 { fields.append(.init("Reserved", .hex(info.reserved))) }
        fields.append(
            info.eid == .none
                ? .init("EID-Prefix", "none") : eid(info.eid, maskLength: info.maskLength))
        return fields + [.init(info.isReply ? "NAT Traversal" : "Host", info.subject.report)]
    }
}

extension MessageReporter {
    private func records(_ records: Few<EIDRecord>, withSets: Bool = false) -> Report.Field {
        .init("EID-record", .list(records.map { .fields(report($0, withSet: withSets)) }))
    }

    private func report(_ record: EIDRecord, withSet: Bool = false) -> [Report.Field] {
        var fields = [eid(record.eid, maskLength: record.maskLength)]
        if withSet { fields += set(of: try? record.prefix) }
        fields += [
            .init("Record TTL", .number(record.ttl)),
            .init("ACT", .text(record.flags.action.name)),
            .init("A", .flag(record.flags.isAuthoritative)),
            .init("Map-Version Number", .number(record.mapVersion)),
        ]
        if record.flags.reserved != 0 {
            fields.append(.init("Reserved", .hex(record.flags.reserved)))
        }
        if record.versionWord >> 12 != 0 {
            fields.append(.init("Rsvd", .number(record.versionWord >> 12)))
        }
        fields.append(.init("Locator", .list(record.locators.map(report))))
        return fields
    }

    private func report(_ record: LocatorRecord) -> Report {
        let flags = Report.Field.flags(
            record.flags, [("L", .local), ("p", .probed), ("R", .reachable)])
        let (unicast, multicast) = (record.unicast, record.multicast)
        let fields: [Report.Field] = [
            .init("RLOC", record.locator.report), .init("Priority", .number(unicast.priority)),
            .init("Weight", .number(unicast.weight)),
            .init("M Priority", .number(multicast.priority)),
            .init("M Weight", .number(multicast.weight)), flags,
        ]
        guard case .text(let rloc) = record.locator.report else { return .fields(fields) }
        return .summary(
            "\(rloc), priority \(unicast.priority), weight \(unicast.weight), "
                + "multicast \(multicast.priority)/\(multicast.weight), "
                + "flags \(flags.value.plainText.isEmpty ? "none" : flags.value.plainText)",
            fields)
    }

    private func eid(_ address: Address, maskLength: UInt8) -> Report.Field {
        guard let eid = try? EID(maskLength: maskLength, address: address) else {
            return .init(
                "EID-Prefix",
                .fields([
                    .init("Address", address.report), .init("EID mask-len", .number(maskLength)),
                ]))
        }
        return .init("EID-Prefix", .text(eid.description))
    }

    private func host(_ address: Address) -> Report {
        (try? EID(host: address)).map { .text($0.description) } ?? address.report
    }

    private func set(of eid: EID?) -> [Report.Field] {
        guard let pull, let eid else { return [] }
        return [
            .init("Map-Server set", .number(pull.index(of: eid))),
            .init("Hashed text", .text(pull.text(of: eid))),
        ]
    }

    private func report(_ identity: XTRIdentity?) -> [Report.Field] {
        guard let identity else { return [] }
        return [
            .init(
                "xTR-ID",
                .text(
                    "0x\(identity.xtrHigh.hex(width: 16))\(identity.xtrLow.hex(width: 16))")),
            .init("Site-ID", .number(identity.site)),
        ]
    }

    private func report(
        _ field: AuthenticationField, of message: ControlMessage
    ) -> Report.Field {
        let algorithm = AuthenticationAlgorithm(id: field.algorithmID, length: field.data.count)
        var fields: [Report.Field] = [
            .init("Key ID", .number(field.keyID)),
            .init("Algorithm ID", .number(field.algorithmID)),
        ]
        if let algorithm { fields.append(.init("Algorithm", .text(algorithm.name))) }
        fields.append(.init("Authentication Data", .octets(field.data)))
        if let authentication {
            fields.append(
                .init(
                    "MAC",
                    verdict { () throws(AuthenticationFailure) in
                        try authentication.verify(message)
                    }))
        }
        return .init("Authentication", .fields(fields))
    }

    private func verdict(
        _ verify: () throws(AuthenticationFailure) -> AuthenticationCoverage
    ) -> Report {
        do throws(AuthenticationFailure) {
            return try verify() == .wholeMessage
                ? "right" : "right, without xTR-ID and Site-ID"
        } catch {
            switch error {
            case .mismatch: return "wrong under this key"
            case .noAlgorithm, .notAuthenticated: return "none"
            case .unknownAlgorithm: return "of an unknown algorithm or length"
            }
        }
    }

    private func trailing(_ label: String, _ octets: [UInt8]) -> [Report.Field] {
        octets.isEmpty ? [] : [.init(label, .octets(octets))]
    }
}

extension EIDRecord.Action {
    /// RFC 9301 §5.4 and §12.3.
    fileprivate var name: String {
        switch self {
        case .noAction: return "No-Action"
        case .nativelyForward: return "Natively-Forward"
        case .sendMapRequest: return "Send-Map-Request"
        case .drop: return "Drop/No-Reason"
        case .dropPolicyDenied: return "Drop/Policy-Denied"
        case .dropAuthFailure: return "Drop/Auth-Failure"
        case .unassigned6, .unassigned7: return "unassigned \(rawValue)"
        }
    }
}

extension IPHeader {
    var report: Report {
        let traffic = trafficClass == 0 ? "" : ", traffic class 0x\(trafficClass.hex(width: 2))"
        return .summary(
            "\(source.plain) -> \(destination.plain), protocol \(self.protocol), TTL \(timeToLive)"
                + traffic,
            [
                .init("Source", .text(source.plain)),
                .init("Destination", .text(destination.plain)),
                .init("Protocol", .number(self.protocol)), .init("TTL", .number(timeToLive)),
                .init("Traffic class", .number(trafficClass)),
            ])
    }
}

extension UDPHeader {
    func report(_ checksumIsRight: Bool?) -> Report {
        let verdict = checksumIsRight.map { $0 ? "right" : "wrong" } ?? "none"
        return .summary(
            "\(sourcePort) -> \(destinationPort), checksum \(verdict)",
            [
                .init("Source port", .number(sourcePort)),
                .init("Destination port", .number(destinationPort)),
                .init("Length", .number(length)), .init("Checksum", .text(verdict)),
            ])
    }
}

extension Address {
    /// An IP address.
    var plain: String {
        if case .text(let text) = report { return text }
        return "?"
    }
}

extension MessageReporter {
    package func report(_ packet: DataPacket) -> Report {
        let header = packet.header
        var fields: [Report.Field] = [
            .flags(
                header.flags.subtracting(.key),
                [
                    ("N", .nonce), ("L", .locatorStatus), ("E", .echoNonce), ("V", .mapVersion),
                    ("I", .instance), ("P", .nextProtocol),
                ]),
            .init("KK", .number(header.keyID)),
        ]
        if let nonce = header.nonce {
            fields.append(.init("Nonce", .text("0x\(nonce.hex(width: 6))")))
        }
        if let (source, destination) = header.mapVersions {
            fields.append(.init("Source Map-Version", .number(source)))
            fields.append(.init("Dest Map-Version", .number(destination)))
        }
        if let next = header.nextProtocol {
            fields.append(.init("Next Protocol", .number(next.rawValue)))
        }
        fields.append(.init("Instance-ID", .number(header.instance)))
        if let bits = header.locatorStatusBits {
            fields.append(.init("Locator-Status-Bits", .hex(bits)))
        }
        let all: [Report.Field] = [.init("LISP data header", .fields(fields))]
        switch packet.content {
        case .ip(let ip, let payload):
            return .fields(
                all + [
                    .init("Inner IP", ip.report), .init("Inner payload", "\(payload.count) octets"),
                ])
        case .control(let ip, let udp, let control):
            let isRight = udp.checksumIsRight(
                in: ip, payload: control.octets(compatibility: compatibility))
            return .fields(
                all + [
                    .init("Inner IP", ip.report), .init("Inner UDP", udp.report(isRight)),
                    .init("Control", report(control)),
                ])
        case .bareControl(let control):
            return .fields(all + [.init("Control", report(control))])
        case .opaque(let octets):
            return .fields(all + [.init("Payload", .octets(octets))])
        }
    }
}
