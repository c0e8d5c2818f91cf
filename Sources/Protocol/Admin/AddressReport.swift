import LISP

extension Address {
    /// One line if it has one, otherwise its parts.
    var report: Report {
        switch self {
        case .none: return "none"
        case .ipv4(let address): return .text(address.description)
        case .ipv6(let address): return .text(address.description)
        case .mac(let address): return .text(address.description)
        case .e164(let number): return .text(number.description)
        case .dnsName(let name): return .text(name.description)
        case .distinguishedName(let name): return .text("'\(name)'")
        case .lcaf(let lcaf): return lcaf.report
        }
    }
}

extension LCAF {
    fileprivate var report: Report {
        if case .instanceID(let value) = payload, case .text(let inner) = value.address.report,
            reserved1 | flags | reserved2 == 0
        {
            return .text("[\(value.instance)]\(value.address == .none ? "" : inner)")
        }
        var fields = [
            Report.Field("LCAF", .text(Self.name(ofType: type))), .init("Type", .number(type)),
        ]
        if reserved1 != 0 { fields.append(.init("Rsvd1", .hex(reserved1))) }
        if flags != 0 { fields.append(.init("LCAF flags", .hex(flags))) }
        if reserved2 != 0 { fields.append(.init("Rsvd2", .hex(reserved2))) }
        return .fields(fields + payload.fields)
    }
}

extension LCAF.Payload {
    fileprivate var fields: [Report.Field] {
        switch self {
        case .afiList(let addresses):
            return [.init("Address", .list(addresses.map(\.report)))]
        case .instanceID(let value):
            return [
                .init("Instance-ID", .number(value.instance)),
                .init("Address", value.address.report),
            ]
        case .asNumber(let value):
            return [
                .init("AS Number", .number(value.number)), .init("Address", value.address.report),
            ]
        case .applicationData(let data):
            return [
                .init("TOS, TC or flow label", .hex(data.trafficAndProtocol >> 8)),
                .init("Protocol", .number(data.trafficAndProtocol & 0xFF)),
                .init("Local ports", Self.range(data.localPorts)),
                .init("Remote ports", Self.range(data.remotePorts)),
                .init("Address", data.address.report),
            ]
        case .geoCoordinates(let geo):
            let point = GeoPoint(geo).map { [Report.Field("Place", .text($0.description))] }
            return
                (point ?? [
                    .init("Latitude", .hex(geo.latitude)), .init("Longitude", .hex(geo.longitude)),
                    .init("Altitude", .text("\(geo.altitude)")),
                ]) + [.init("Address", geo.address.report)]
        case .opaqueKey(let key):
            return [
                .init("Key Field Num", .number(key.fieldNumber)),
                .init("Key Wildcard Fields", .hex(key.wildcards)), .init("Key", .octets(key.key)),
            ]
        case .natTraversal(let nat):
            return [
                .init("MS UDP Port Number", .number(nat.mapServerPort)),
                .init("ETR UDP Port Number", .number(nat.etrPort)),
                .init("Global ETR RLOC", nat.globalETR.report),
                .init("MS RLOC", nat.mapServer.report),
                .init("Private ETR RLOC", nat.privateETR.report),
                .init("RTR RLOCs", .list(nat.rtrs.map(\.report))),
            ]
        case .nonceLocator(let value):
            return [.init("Nonce", .hex(value.word)), .init("Address", value.address.report)]
        case .multicastInfo(let info): return info.fields
        case .explicitLocatorPath(let hops):
            return [.init("Reencap Hop", .list(hops.map(\.report)))]
        case .securityKey(let key):
            return [
                .init("Key Algorithm", .number(key.algorithm)),
                .init("Rsvd4 and R", .hex(key.flags)),
                .init("Key Material", .list(key.keys.map { .octets($0) })),
                .init("Address", key.address.report),
            ]
        case .sourceDestinationKey(let key):
            return [
                .init("Source", key.source.report),
                .init("Source-ML", .number(key.sourceMaskLength)),
                .init("Destination", key.destination.report),
                .init("Dest-ML", .number(key.destinationMaskLength)),
            ]
        case .replicationList(let entries):
            return [.init("RLE entry", .list(entries.map(\.report)))]
        case .json(let data):
            let text = String(validating: data.json, as: UTF8.self)
            return [
                .init("JSON", text.map { .text($0) } ?? .octets(data.json)),
                .init("Address", data.address.report),
            ]
        case .keyValue(let pair):
            return [.init("Key", pair.key.report), .init("Value", pair.value.report)]
        case .encapsulationFormat(let value):
            return [
                .init(
                    "Formats",
                    .letters(
                        value.formats,
                        [
                            ("U", .gue), ("G", .geneve), ("N", .nvgre), ("v", .vxlanGPE),
                            ("V", .vxlan), ("l", .layer2LISP), ("L", .lisp),
                        ])),
                .init("Address", value.address.report),
            ]
        case .geoLocation(let geo): return geo.fields
        case .vendor(let data):
            return [
                .init("OUI", .text("0x\(data.organization.hex(width: 6))")),
                .init("Octets", .octets(data.octets)),
            ]
        case .opaque(_, let octets):
            return [.init("Octets", .octets(octets))]
        }
    }

    private static func range(_ ports: UInt32) -> Report {
        "\(ports >> 16) to \(ports & 0xFFFF)"
    }
}

extension MulticastInfo {
    fileprivate var fields: [Report.Field] {
        [
            .init("Instance-ID", .number(instance)),
            .init("Source", source.report), .init("Source MaskLen", .number(sourceMaskLength)),
            .init("Group", group.report), .init("Group MaskLen", .number(groupMaskLength)),
        ] + (padding.map { [.init("Padding", .hex($0))] } ?? [])
    }
}

extension GeoLocation {
    fileprivate var fields: [Report.Field] {
        if let point = GeoPoint(self) { return [.init("Place", .text(point.description))] }
        return [
            .init(
                "Flags",
                .letters(
                    flags,
                    [
                        ("U", .uncertainty), ("N", .north), ("E", .east), ("A", .altitude),
                        ("M", .metres), ("R", .radius), ("K", .kilometres),
                    ])),
            .init("Location Uncertainty", .number(uncertainty)),
            .init("Latitude", .hex(latitude)), .init("Longitude", .hex(longitude)),
            .init("Altitude", .text("\(altitude)")), .init("Radius", .number(radius)),
            .init("Address", address.report),
        ]
    }
}

extension ExplicitHop {
    fileprivate var report: Report {
        .fields([
            .init("Flags", .letters(flags, [("L", .lookup), ("P", .probe), ("S", .strict)])),
            .init("Address", address.report),
        ])
    }
}

extension ReplicationEntry {
    fileprivate var report: Report {
        var fields = [
            Report.Field("Level Value", .number(level)), .init("RTR/ETR", address.report),
        ]
        if let name { fields.append(.init("Name", .text("'\(name)'"))) }
        return .fields(fields)
    }
}
