package import LISP
package import TestKit

/// Makes random messages of every kind: values that our encoder can write.
package struct MessageGenerator {
    package var random: SeededRandom
    /// Only what another implementation has no reason to complain of: reserved bits zero, values in
    /// range, JSON that is JSON.
    package let isTame: Bool

    package init(seed: UInt64, isTame: Bool = false) {
        random = SeededRandom(seed: seed)
        self.isTame = isTame
    }

    package mutating func packet() -> ControlPacket {
        let message = message()
        if random.chance(oneIn: 3) {
            let isIPv4 = random.chance(oneIn: 2)
            var authentication: [UInt8] = []
            if !isTame, random.chance(oneIn: 4) {
                let data = random.octets(count: random.below(40))
                authentication = [2, 0, 0, 0, 0, 1, 0, UInt8(data.count)] + data
            }
            let packet = ControlPacket(
                encapsulating: message, flags: .init(rawValue: isTame ? 0 : random.bits() >> 4),
                authentication: authentication, from: isIPv4 ? ipv4() : ipv6(),
                to: isIPv4 ? ipv4() : ipv6(), sourcePort: UInt16(49152 + random.below(16384)))
            if let packet { return packet }
        }
        return ControlPacket(message)
    }

    package mutating func message() -> ControlMessage {
        switch random.below(isTame ? 6 : 8) {
        case 0: return .mapRequest(mapRequest())
        case 1: return .mapReply(mapReply())
        case 2: return .mapRegister(mapRegister())
        case 3, 4: return .mapNotify(mapNotify())
        case 5: return .info(info())
        case 6:
            return .sharedExtension(
                SharedExtension(
                    subtype: random.bits() & 0xFFF, content: random.octets(count: random.below(50)))
            )
        default:
            let type: UInt8 = random.pick([0, 6, 9, 10, 11, 12, 13, 14])
            let octets = [type << 4] + random.octets(count: random.below(50))
            return OpaqueMessage(octets: octets).map { .opaque($0) } ?? .mapReply(mapReply())
        }
    }

    mutating func mapRequest() -> MapRequest {
        let tameFlags: MapRequest.Flags = random.pick([[], .probe, .solicit, .authoritative])
        var request = MapRequest(
            flags: isTame ? tameFlags : .init(rawValue: random.bits() & 0x0FFF_E000),
            nonce: random.bits(),
            sourceEID: random.chance(oneIn: 4) ? .none : isTame ? ip() : eid().address,
            itrRLOCs: Few((0...random.below(4)).map { _ in isTame ? ip() : address() }),
            records: Few(
                (0..<(isTame ? 1 : random.below(4))).map { _ in
                    let (maskLength, address) = eid()
                    let notify: UInt8 = random.chance(oneIn: 2) ? 0 : MapRequest.Record.notify
                    return .init(
                        eid: address, maskLength: maskLength,
                        flags: isTame ? notify & 0 : random.bits())
                }))
        if !isTame, random.chance(oneIn: 4) { request.mapReplyRecord = record() }
        if !isTame, random.chance(oneIn: 4) { request.identity = identity() }
        if !isTame, random.chance(oneIn: 4) {
            request.trailing = random.octets(count: random.below(40))
        }
        return request
    }

    mutating func mapReply() -> MapReply {
        MapReply(
            flags: isTame
                ? random.pick([[], .probe, .echoNonce])
                : .init(rawValue: random.bits() & 0x0FFF_FF00),
            nonce: random.bits(), records: records(),
            trailing: isTame || random.chance(oneIn: 2)
                ? [] : random.octets(count: random.below(60)))
    }

    mutating func mapRegister() -> MapRegister {
        let flags: MapRegister.Flags = random.pick([
            [], .proxyReply, .merge, [.wantMapNotify, .useTTL], .security,
        ])
        return MapRegister(
            flags: isTame ? flags : .init(rawValue: random.bits() & 0x0FFF_FF00),
            nonce: random.bits(), authentication: authentication(), records: records(),
            identity: random.chance(oneIn: 3) ? identity() : nil)
    }

    mutating func mapNotify() -> MapNotify {
        MapNotify(
            isTame || random.chance(oneIn: 2) ? .notify : .acknowledgement,
            flags: isTame ? [] : .init(rawValue: random.bits() & 0x0FFF_FF00),
            nonce: random.bits(), authentication: authentication(), records: records(),
            identity: !isTame && random.chance(oneIn: 3) ? identity() : nil,
            rtrAuthentication: !isTame && random.chance(oneIn: 4)
                ? RTRAuthentication(
                    keyID: random.bits(), data: random.octets(count: random.below(33))) : nil)
    }

    mutating func info() -> InfoMessage {
        let isReply = random.chance(oneIn: 2)
        let (maskLength, address) = isTame ? (32, ipv4()) : eid()
        let traversal = LCAF(.natTraversal(natTraversal(depth: 1)))
        return InfoMessage(
            flags: isReply ? .reply : [], nonce: random.bits(), keyID: isTame ? 1 : random.bits(),
            authenticationData: random.octets(count: 20), ttl: random.bits(),
            reserved: isTame ? 0 : random.bits(), maskLength: maskLength, eid: address,
            subject: isReply
                ? .lcaf(traversal) : isTame || random.chance(oneIn: 2) ? .none : name())
    }

    private mutating func authentication() -> AuthenticationField {
        let algorithm = random.pick(AuthenticationAlgorithm.allCases)
        let length = isTame ? algorithm.length : random.below(40)
        return AuthenticationField(
            keyID: random.bits(), algorithmID: isTame ? algorithm.id : random.bits(),
            data: random.octets(count: length))
    }

    private mutating func identity() -> XTRIdentity {
        XTRIdentity(xtrHigh: random.bits(), xtrLow: random.bits(), site: random.bits())
    }

    private mutating func records() -> Few<EIDRecord> {
        Few((0..<random.below(5)).map { _ in record() })
    }

    private mutating func record() -> EIDRecord {
        let (maskLength, address) = eid()
        let action = random.pick(EIDRecord.Action.allCases)
        let tame = EIDRecord.Flags(
            action: action.rawValue < 6 ? action : .noAction,
            isAuthoritative: random.chance(oneIn: 2))
        return EIDRecord(
            eid: address, maskLength: maskLength, ttl: random.bits(),
            flags: isTame ? tame : .init(rawValue: random.bits()),
            versionWord: isTame ? random.bits() & 0xFFF : random.bits(),
            locators: (0..<random.below(4)).map { _ in
                LocatorRecord(
                    self.address(),
                    unicast: .init(priority: random.bits(), weight: random.bits()),
                    multicast: .init(priority: random.bits(), weight: random.bits()),
                    flags: .init(rawValue: isTame ? random.bits() & 7 : random.bits()))
            })
    }
}

extension MessageGenerator {
    /// A mask length and an address that can be an EID.
    mutating func eid() -> (maskLength: UInt8, address: Address) {
        let instance: UInt32 = random.chance(oneIn: 2) ? 0 : random.bits() >> 8
        switch random.below(isTame ? 5 : 8) {
        case 0:
            let prefix = Prefix(IPv4Address(rawValue: random.bits()), length: random.below(33))
            return prefix.map { EID(.ipv4($0), instance: instance).wire } ?? (0, .none)
        case 1:
            let host = IPv6Address(high: random.bits(), low: random.bits())
            let prefix = Prefix(host, length: random.below(129))
            return prefix.map { EID(.ipv6($0), instance: instance).wire } ?? (0, .none)
        case 2:
            let host = MACAddress(rawValue: random.bits())
            return EID(.mac(Prefix(host: host)), instance: instance).wire
        case 3: return (UInt8(random.below(31) * 8), name())
        case 4:
            let group = IPv4Address(rawValue: 0xE000_0000 | random.bits() >> 4)
            let source = Prefix(host: IPv4Address(rawValue: random.bits()))
            let eid = EID(
                source: .ipv4(source.shortened(to: random.pick([0, 32]))),
                group: .ipv4(Prefix(host: group)), instance: instance)
            return eid?.wire ?? (0, .none)
        case 5:
            return EID(.e164(Prefix(host: E164Number(rawValue: random.bits()))), instance: instance)
                .wire
        case 6: return EID(.instances(maskLength: UInt8(random.below(33))), instance: instance).wire
        default: return (random.bits(), address())
        }
    }

    mutating func ipv4() -> Address { .ipv4(IPv4Address(rawValue: random.bits())) }

    mutating func ipv6() -> Address {
        .ipv6(IPv6Address(high: 0x2001_0DB8 << 32 | random.bits() >> 32, low: random.bits()))
    }

    mutating func ip() -> Address { random.chance(oneIn: 2) ? ipv4() : ipv6() }

    mutating func name() -> Address {
        let letters = [UInt8]("abcdefghijklmnopqrstuvwxyz-0123456789".utf8)
        let octets = (0...random.below(20)).map { _ in random.pick(letters) }
        return OctetName(octets: octets).map { .distinguishedName($0) } ?? .none
    }

    /// Any address; LCAFs nest at most three deep.
    package mutating func address(depth: Int = 0) -> Address {
        switch random.below(depth >= 3 ? 6 : 9) {
        case 0, 1: return ipv4()
        case 2, 3: return ipv6()
        case 4: return name()
        case 5:
            if isTame { return ipv4() }
            return random.pick([
                .none, .mac(MACAddress(rawValue: random.bits())),
                .e164(E164Number(rawValue: random.bits())),
                OctetName(octets: [65, 66]).map { .dnsName($0) } ?? .none,
            ])
        default: return .lcaf(lcaf(depth: depth + 1))
        }
    }

    package mutating func lcaf(depth: Int) -> LCAF {
        let payload = payload(depth: depth)
        if isTame { return LCAF(payload) }
        return LCAF(
            payload, reserved1: random.bits(), flags: random.bits(), reserved2: random.bits())
    }

    private mutating func payload(depth: Int) -> LCAF.Payload {
        let tame = [1, 2, 3, 4, 5, 7, 9, 10, 12, 13, 14, 15]
        let type = isTame ? random.pick(tame) : 1 + random.below(20)
        switch type {
        case 1: return .afiList((0..<random.below(4)).map { _ in address(depth: depth) })
        case 2:
            return .instanceID(
                InstanceIDAddress(
                    instance: random.bits() >> 8, address: isTame ? ip() : address(depth: depth)))
        case 3:
            return .asNumber(ASNumberAddress(number: random.bits(), address: address(depth: depth)))
        case 4:
            return .applicationData(
                ApplicationData(
                    trafficAndProtocol: random.bits(), localPorts: random.bits(),
                    remotePorts: random.bits(), address: address(depth: depth)))
        case 5: return .geoCoordinates(geoCoordinates(depth: depth))
        case 6:
            return .opaqueKey(
                OpaqueKey(
                    fieldNumber: random.bits(), wildcards: random.bits(),
                    key: random.octets(count: random.below(20))))
        case 7: return .natTraversal(natTraversal(depth: depth))
        case 8:
            return .nonceLocator(NonceLocator(word: random.bits(), address: address(depth: depth)))
        case 9:
            return .multicastInfo(
                MulticastInfo(
                    instance: random.bits() >> 8, source: ipv4(), sourceMaskLength: 32,
                    group: ipv4(), groupMaskLength: 32, reserved: isTame ? 0 : random.bits()))
        case 10:
            return .explicitLocatorPath(
                (0..<random.below(4)).map { _ in
                    ExplicitHop(
                        isTame ? ip() : address(depth: depth),
                        flags: .init(rawValue: isTame ? random.bits() & 7 : random.bits()))
                })
        case 11:
            return .securityKey(
                SecurityKey(
                    algorithm: random.bits(),
                    keys: (0..<random.below(7)).map { _ in random.octets(count: random.below(40)) },
                    address: address(depth: depth), reserved3: random.bits(), flags: random.bits()))
        case 12:
            return .sourceDestinationKey(
                SourceDestinationKey(
                    source: ipv4(), sourceMaskLength: 24, destination: ipv4(),
                    destinationMaskLength: 24, reserved: isTame ? 0 : random.bits()))
        case 13:
            return .replicationList(
                (0..<random.below(4)).map { _ in
                    ReplicationEntry(
                        word: isTame ? random.bits() & 0xFF : random.bits(),
                        address: isTame ? ip() : address(depth: depth))
                })
        case 14:
            let text = [UInt8](#"{"name":"whither","number":\#(random.below(1000))}"#.utf8)
            let json = isTame ? text : random.octets(count: random.below(40))
            return .json(JSONData(json: json, address: isTame ? .none : address(depth: depth)))
        case 15:
            return .keyValue(KeyValue(key: address(depth: depth), value: address(depth: depth)))
        case 16:
            return .encapsulationFormat(
                EncapsulationFormat(
                    formats: .init(rawValue: random.bits()), address: address(depth: depth)))
        case 17: return .geoLocation(geoLocation(depth: depth))
        case 18:
            return .vendor(
                VendorData(word: random.bits(), octets: random.octets(count: random.below(30))))
        case 19:
            // A type 5 payload that is not RFC 8060's: no address begins with this AFI.
            return .opaque(
                type: 5, random.octets(count: 12) + [0x40, 0x05] + random.octets(count: 8))
        default:
            return .opaque(
                type: UInt8(18 + random.below(237)), random.octets(count: random.below(30)))
        }
    }

    private mutating func geoCoordinates(depth: Int) -> GeoCoordinates {
        if !isTame {
            return GeoCoordinates(
                latitude: random.bits(), longitude: random.bits(),
                altitude: Int32(bitPattern: random.bits()), address: address(depth: depth))
        }
        let latitude = UInt32(random.below(90)) << 16 | UInt32(random.below(60)) << 8 | 20
        let longitude = UInt32(random.below(180)) << 16 | UInt32(random.below(60)) << 8 | 30
        return GeoCoordinates(
            latitude: latitude | 0x8000_0000, longitude: longitude,
            altitude: random.chance(oneIn: 2) ? GeoCoordinates.noAltitude : 300, address: ipv4())
    }

    private mutating func geoLocation(depth: Int) -> GeoLocation {
        GeoLocation(
            flags: .init(rawValue: random.bits()), latitude: random.bits(),
            longitude: random.bits(),
            altitude: Int32(bitPattern: random.bits()), radius: random.bits(),
            uncertainty: random.bits(), reserved: random.bits(), address: address(depth: depth))
    }

    private mutating func natTraversal(depth: Int) -> NATTraversal {
        NATTraversal(
            mapServerPort: random.bits(), etrPort: random.bits(), globalETR: ip(), mapServer: ip(),
            privateETR: random.chance(oneIn: 2) ? .none : ip(),
            rtrs: (0..<random.below(3)).map { _ in isTame ? ip() : address(depth: depth) })
    }
}
