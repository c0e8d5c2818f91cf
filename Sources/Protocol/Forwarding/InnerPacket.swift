import LISP

/// What forwarding reads of an IP packet where it stands: as much as ``InnerAddresses`` and
/// ``TunnelFields``, without allocating anything.
struct InnerPacket {
    let source: InnerAddress
    let destination: InnerAddress
    let flow: UInt64
    let fields: TunnelFields
    var isIPv4: Bool { source.space & InnerAddress.ipv4 != 0 }

    /// - Returns: `nil` if the octets begin with no whole IP header.
    @inline(__always)
    init?(_ packet: UnsafeRawBufferPointer, instance: UInt32) {
        guard packet.count >= IPv4Header.minimumSize, let base = packet.baseAddress else {
            return nil
        }
        let word = UInt32(bigEndian: base.loadUnaligned(as: UInt32.self))
        switch word >> 28 {
        case 4:
            let size = Int(word >> 24 & 0xF) * 4
            guard size >= IPv4Header.minimumSize, size <= packet.count else { return nil }
            let from = UInt32(bigEndian: base.loadUnaligned(fromByteOffset: 12, as: UInt32.self))
            let to = UInt32(bigEndian: base.loadUnaligned(fromByteOffset: 16, as: UInt32.self))
            let space = InnerAddress.ipv4 | UInt64(instance)
            source = InnerAddress(high: 0, low: UInt64(from), space: space)
            destination = InnerAddress(high: 0, low: UInt64(to), space: space)
            flow = (UInt64(from) << 32 | UInt64(to)) &* Self.multiplier
            fields = TunnelFields(
                timeToLive: base.load(fromByteOffset: 8, as: UInt8.self),
                trafficClass: UInt8(truncatingIfNeeded: word >> 16))
        case 6:
            guard packet.count >= IPv6Header.size else { return nil }
            func half(_ offset: Int) -> UInt64 {
                UInt64(bigEndian: base.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
            }
            let space = UInt64(instance)
            source = InnerAddress(high: half(8), low: half(16), space: space)
            destination = InnerAddress(high: half(24), low: half(32), space: space)
            flow = (source.low ^ destination.low ^ UInt64(word & 0xF_FFFF)) &* Self.multiplier
            fields = TunnelFields(
                timeToLive: base.load(fromByteOffset: 7, as: UInt8.self),
                trafficClass: UInt8(truncatingIfNeeded: word >> 20))
        default: return nil
        }
    }

    /// The same for all packets of a flow, and soon another for another: the flow label (RFC 6438), and the
    /// ports where they stand right behind the first header. Fragments go by their addresses.
    /// - Parameter packet: what this was read from.
    @inline(__always)
    func sourcePort(_ packet: UnsafeRawBufferPointer) -> UInt16 {
        guard let base = packet.baseAddress else { return 0 }
        var ports: UInt32 = 0
        let place: Int
        let next: UInt8
        if isIPv4 {
            let fragment = UInt16(
                bigEndian: base.loadUnaligned(fromByteOffset: 6, as: UInt16.self))
            place = Int(base.load(as: UInt8.self) & 0xF) * 4
            next = fragment & 0x3FFF == 0 ? base.load(fromByteOffset: 9, as: UInt8.self) : 0
        } else {
            place = IPv6Header.size
            next = base.load(fromByteOffset: 6, as: UInt8.self)
        }
        // TCP, UDP, DCCP, SCTP, UDP-Lite: the first four octets are both ports.
        let hasPorts = next == 6 || next == 17 || next == 33 || next == 132 || next == 136
        if hasPorts, packet.count >= place + 4 {
            ports = base.loadUnaligned(fromByteOffset: place, as: UInt32.self)
        }
        let mixed = (flow ^ flow >> 29 ^ UInt64(ports)) &* Self.multiplier
        return UInt16(truncatingIfNeeded: mixed >> 48)
    }

    private static let multiplier: UInt64 = 0x9E37_79B9_7F4A_7C15
}

extension TunnelFields {
    /// Writes what an inner header leaves the tunnel with (RFC 9300 §5.3, RFC 6040) where it stands.
    /// - Parameters:
    ///   - header: whole, with these fields in it.
    ///   - outer: of the packet that it came in.
    /// - Returns: whether the packet may be delivered.
    func decapsulate(_ header: UnsafeMutableRawPointer, from outer: TunnelFields) -> Bool {
        guard let fields = decapsulated(from: outer) else { return false }
        guard fields != self else { return true }
        let first = header.load(as: UInt8.self)
        if first >> 4 == 4 {
            func word(_ offset: Int) -> UInt16 {
                UInt16(bigEndian: header.loadUnaligned(fromByteOffset: offset, as: UInt16.self))
            }
            let (version, life) = (word(0), word(8))
            header.storeBytes(of: fields.trafficClass, toByteOffset: 1, as: UInt8.self)
            header.storeBytes(of: fields.timeToLive, toByteOffset: 8, as: UInt8.self)
            var checksum = InternetChecksum.adjusted(word(10), from: version, to: word(0))
            checksum = InternetChecksum.adjusted(checksum, from: life, to: word(8))
            header.storeBytes(of: checksum.bigEndian, toByteOffset: 10, as: UInt16.self)
        } else {
            let second = header.load(fromByteOffset: 1, as: UInt8.self)
            header.storeBytes(of: 0x60 | fields.trafficClass >> 4, as: UInt8.self)
            header.storeBytes(
                of: fields.trafficClass << 4 | second & 0xF, toByteOffset: 1, as: UInt8.self)
            header.storeBytes(of: fields.timeToLive, toByteOffset: 7, as: UInt8.self)
        }
        return true
    }
}
