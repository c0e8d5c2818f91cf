package import LISP

/// Explicit Congestion Notification: the low two bits of the traffic class (RFC 3168 §5).
package enum ECN: UInt8, Hashable, Sendable, CaseIterable {
    case notECT = 0
    case ect1 = 1
    case ect0 = 2
    case ce = 3

    package init(trafficClass: UInt8) {
        switch trafficClass & 3 {
        case 0: self = .notECT
        case 1: self = .ect1
        case 2: self = .ect0
        default: self = .ce
        }
    }

    /// What the inner packet leaves the tunnel with (RFC 6040 §4.2).
    /// - Returns: `nil` to drop: congestion was met and the inner packet cannot carry the mark.
    package static func decapsulated(inner: ECN, outer: ECN) -> ECN? {
        switch (inner, outer) {
        case (.notECT, .ce): return nil
        case (.notECT, _): return .notECT
        case (.ce, _), (_, .ce): return .ce
        case (.ect1, _), (_, .ect1): return .ect1
        case (.ect0, .ect0), (.ect0, .notECT): return .ect0
        }
    }
}

/// The fields that an encapsulation copies between the inner and the outer IP header.
package struct TunnelFields: Hashable, Sendable {
    /// TTL or Hop Limit.
    package var timeToLive: UInt8
    /// DSCP and ECN.
    package var trafficClass: UInt8

    package init(timeToLive: UInt8, trafficClass: UInt8) {
        self.timeToLive = timeToLive
        self.trafficClass = trafficClass
    }

    package init(_ header: IPHeader) {
        self.init(timeToLive: header.timeToLive, trafficClass: header.trafficClass)
    }

    /// For the outer header: all copied (RFC 9300 §5.3; ECN in normal mode, RFC 6040 §4.1).
    package var encapsulated: TunnelFields { self }

    /// For the inner header, `self`, when the outer one is taken off: the lower TTL, the outer DSCP,
    /// ECN by RFC 6040 (RFC 9300 §5.3).
    /// - Returns: `nil` to drop.
    package func decapsulated(from outer: TunnelFields) -> TunnelFields? {
        let inner = ECN(trafficClass: trafficClass)
        guard
            let ecn = ECN.decapsulated(inner: inner, outer: ECN(trafficClass: outer.trafficClass))
        else { return nil }
        return TunnelFields(
            timeToLive: min(timeToLive, outer.timeToLive),
            trafficClass: outer.trafficClass & 0xFC | ecn.rawValue)
    }

    /// For the new outer header when an RTR takes one off and puts one on: one hop less than the old
    /// outer one had.
    /// - Returns: `nil` to drop: the mark cannot be carried, or no hop is left.
    package func reencapsulated(from outer: TunnelFields) -> TunnelFields? {
        guard var fields = decapsulated(from: outer), fields.timeToLive > 1 else { return nil }
        fields.timeToLive -= 1
        return fields.encapsulated
    }
}

extension IPHeader {
    /// The header with other fields; IPv4's checksum follows the change (RFC 1624).
    package func with(_ fields: TunnelFields) -> IPHeader {
        switch self {
        case .ipv4(var header):
            let versionWord = UInt16(0x40 | UInt8(header.size / 4)) << 8
            header.checksum = InternetChecksum.adjusted(
                header.checksum, from: versionWord | UInt16(header.trafficClass),
                to: versionWord | UInt16(fields.trafficClass))
            header.checksum = InternetChecksum.adjusted(
                header.checksum, from: UInt16(header.ttl) << 8 | UInt16(header.protocol),
                to: UInt16(fields.timeToLive) << 8 | UInt16(header.protocol))
            header.trafficClass = fields.trafficClass
            header.ttl = fields.timeToLive
            return .ipv4(header)
        case .ipv6(var header):
            header.trafficClass = fields.trafficClass
            header.hopLimit = fields.timeToLive
            return .ipv6(header)
        }
    }
}
