package import LISP

/// Which sessions packets to an exact inner destination go to, and whose inner sources are right: what
/// the node has found out, to be read by packet threads. Nothing is changed in it, and to read it
/// allocates nothing and counts no reference.
package final class FlowTable: Sendable {
    /// What it is made of.
    package struct Contents: Sendable {
        /// Addresses and prefixes of this node: a few, looked through one after another.
        package var own: [OwnRange] = []
        package var routes: [Route] = []
        package var sources: [Source] = []
        /// Random and the node's own, so that nobody can choose addresses that meet in one place.
        package var seed: UInt64

        package init(seed: UInt64) { self.seed = seed }

        package struct Route: Sendable {
            package var destination: InnerAddress
            package var isHere: Bool
            /// Slots of sessions, or -1 where there is none; none at all: nothing is mapped.
            package var shares: [(slot: Int, weight: Int)]

            package init(
                to destination: InnerAddress, isHere: Bool, shares: [(slot: Int, weight: Int)]
            ) {
                self.destination = destination
                self.isHere = isHere
                self.shares = shares
            }
        }

        package struct Source: Sendable {
            package var address: InnerAddress
            package var slot: Int
            package var isRight: Bool

            package init(_ address: InnerAddress, slot: Int, isRight: Bool) {
                self.address = address
                self.slot = slot
                self.isRight = isRight
            }
        }
    }

    /// Where packets to a destination go.
    enum Route {
        case unknown, here, nowhere
        /// The slot of a session; -1: there is none.
        case session(Int)
    }

    private struct RouteEntry {
        var high: UInt64 = 0
        var low: UInt64 = 0
        var space: UInt64 = 0
        /// Of its shares.
        var first: Int32 = 0
        var count: Int32 = 0
        var total: Int = 0
        var kind = Kind.empty

        enum Kind: UInt8 { case empty, mapped, here }
    }

    private struct SourceEntry {
        var high: UInt64 = 0
        var low: UInt64 = 0
        var space: UInt64 = 0
        /// -1: empty.
        var slot: Int32 = -1
        var isRight = false
    }

    private struct Share {
        var slot: Int32
        var weight: Int
    }

    private nonisolated(unsafe) let routes: UnsafeMutableBufferPointer<RouteEntry>
    private nonisolated(unsafe) let sources: UnsafeMutableBufferPointer<SourceEntry>
    private nonisolated(unsafe) let shares: UnsafeMutableBufferPointer<Share>
    private nonisolated(unsafe) let own: UnsafeMutableBufferPointer<OwnRange>
    private let seed: UInt64
    /// For messages that this host gets in its own name.
    let ipv4: IPv4Address?
    let ipv6: IPv6Address?

    package init(_ contents: Contents) {
        seed = contents.seed
        own = .allocate(capacity: contents.own.count)
        _ = own.initialize(from: contents.own)
        shares = .allocate(capacity: contents.routes.reduce(0) { $0 + $1.shares.count })
        routes = .allocate(capacity: Self.capacity(for: contents.routes.count))
        routes.initialize(repeating: RouteEntry())
        sources = .allocate(capacity: Self.capacity(for: contents.sources.count))
        sources.initialize(repeating: SourceEntry())
        ipv4 = contents.own.lazy.compactMap(\.ipv4Host).first
        ipv6 = contents.own.lazy.compactMap(\.ipv6Host).first
        var used = 0
        for route in contents.routes {
            let address = route.destination
            var entry = RouteEntry(high: address.high, low: address.low, space: address.space)
            entry.kind = route.isHere ? .here : .mapped
            entry.first = Int32(used)
            entry.count = Int32(route.shares.count)
            for share in route.shares {
                (shares.baseAddress.unsafelyUnwrapped + used).initialize(
                    to: Share(slot: Int32(share.slot), weight: share.weight))
                entry.total += share.weight
                used += 1
            }
            var place = hash(address) & (routes.count - 1)
            while routes[place].kind != .empty { place = (place + 1) & (routes.count - 1) }
            routes[place] = entry
        }
        for source in contents.sources where source.slot >= 0 {
            let address = source.address
            var place = hash(address, slot: source.slot) & (sources.count - 1)
            while sources[place].slot >= 0 { place = (place + 1) & (sources.count - 1) }
            sources[place] = SourceEntry(
                high: address.high, low: address.low, space: address.space,
                slot: Int32(source.slot), isRight: source.isRight)
        }
    }

    deinit {
        routes.deallocate()
        sources.deallocate()
        shares.deallocate()
        own.deallocate()
    }

    /// At most half full, so that a search ends soon.
    private static func capacity(for count: Int) -> Int {
        var capacity = 16
        while capacity < count * 2 { capacity *= 2 }
        return capacity
    }

    @inline(__always)
    private func hash(_ address: InnerAddress, slot: Int = 0) -> Int {
        var mixed = (address.high ^ seed) &* 0x9E37_79B9_7F4A_7C15
        mixed = (mixed ^ mixed >> 32 ^ address.low) &* 0xBF58_476D_1CE4_E5B9
        mixed =
            (mixed ^ mixed >> 29 ^ address.space ^ UInt64(slot) << 40 ^ seed)
            &* 0x94D0_49BB_1331_11EB
        return Int(truncatingIfNeeded: (mixed ^ mixed >> 32) >> 1)
    }

    private func entry(of address: InnerAddress) -> UnsafeMutablePointer<RouteEntry>? {
        guard let base = routes.baseAddress else { return nil }
        var place = hash(address) & (routes.count - 1)
        while base[place].kind != .empty {
            if base[place].low == address.low, base[place].high == address.high,
                base[place].space == address.space
            {
                return base + place
            }
            place = (place + 1) & (routes.count - 1)
        }
        return nil
    }

    func route(to address: InnerAddress, flow: UInt64) -> Route {
        guard let entry = entry(of: address) else { return isOwn(address) ? .here : .unknown }
        if entry.pointee.kind == .here { return .here }
        guard let shares = shares.baseAddress, entry.pointee.count > 0 else { return .nowhere }
        var point = Int(flow >> 33) % max(entry.pointee.total, 1)
        for place in Int(entry.pointee.first)..<Int(entry.pointee.first + entry.pointee.count) {
            if point < shares[place].weight { return .session(Int(shares[place].slot)) }
            point -= shares[place].weight
        }
        return .nowhere
    }

    /// - Returns: `nil` if that is not known here.
    func isHere(_ address: InnerAddress) -> Bool? {
        if isOwn(address) { return true }
        return entry(of: address).map { $0.pointee.kind == .here }
    }

    private func isOwn(_ address: InnerAddress) -> Bool {
        guard let base = own.baseAddress else { return false }
        for place in 0..<own.count where base[place].contains(address) { return true }
        return false
    }

    /// - Returns: `nil` if that is not known here.
    func isRight(_ address: InnerAddress, slot: Int) -> Bool? {
        guard let base = sources.baseAddress else { return nil }
        var place = hash(address, slot: slot) & (sources.count - 1)
        while base[place].slot >= 0 {
            if base[place].low == address.low, base[place].high == address.high,
                base[place].space == address.space, Int(base[place].slot) == slot
            {
                return base[place].isRight
            }
            place = (place + 1) & (sources.count - 1)
        }
        return nil
    }
}

/// An address or a prefix of this node.
package struct OwnRange: Hashable, Sendable {
    private let first: InnerAddress
    private let highMask: UInt64
    private let lowMask: UInt64

    /// - Returns: `nil` unless the EID is of IPv4 or IPv6.
    package init?(_ eid: EID) {
        func ones(_ length: Int) -> UInt64 {
            length <= 0 ? 0 : length >= 64 ? .max : .max << (64 - UInt64(length))
        }
        switch eid.kind {
        case .ipv4(let prefix):
            first = InnerAddress(prefix.address, instance: eid.instance)
            highMask = .max
            lowMask = ones(prefix.length + 32)
        case .ipv6(let prefix):
            first = InnerAddress(prefix.address, instance: eid.instance)
            highMask = ones(prefix.length)
            lowMask = ones(prefix.length - 64)
        default: return nil
        }
    }

    @inline(__always)
    func contains(_ address: InnerAddress) -> Bool {
        first.space == address.space && first.low == address.low & lowMask
            && first.high == address.high & highMask
    }

    fileprivate var ipv4Host: IPv4Address? {
        guard lowMask == .max, first.space & InnerAddress.ipv4 != 0 else { return nil }
        return IPv4Address(rawValue: UInt32(truncatingIfNeeded: first.low))
    }

    fileprivate var ipv6Host: IPv6Address? {
        guard lowMask == .max, first.space & InnerAddress.ipv4 == 0 else { return nil }
        return IPv6Address(high: first.high, low: first.low)
    }
}
