package import Cryptography
package import LISP

/// Begins a mesh; signed by the first root.
package struct Genesis: Hashable, Sendable {
    package var name: MeshName
    package var commitment: RootCommitment
    /// Where IPv4 EIDs are taken from.
    package var pool: Prefix<IPv4Address>
    /// Bit 0: members are no admitters.
    package var policy: UInt32 = 0

    /// Mask lengths of a pool. Every member leads the pool into the overlay: no shorter one, or whoever begins
    /// a mesh could take all IPv4 of those who join it; no longer one, which would have too few addresses.
    package static let poolLengths = 8...29

    package init(name: MeshName, commitment: RootCommitment, pool: Prefix<IPv4Address>) {
        self.name = name
        self.commitment = commitment
        self.pool = pool
    }

    init(from fields: inout Fields) throws(WireError) {
        guard let name = try fields.takeName() else { throw fields.missing(.names) }
        self.name = name
        commitment = try fields.needCommitment()
        pool = try fields.need(.pool) { reader throws(WireError) in
            let address = IPv4Address(rawValue: try reader.read("IPv4 pool"))
            let length: UInt8 = try reader.read("mask length of pool")
            guard Self.poolLengths ~= Int(length), let pool = Prefix(address, length: Int(length)),
                pool.address == address
            else {
                throw .invalid("mask length of pool", value: Int(length), at: 4)
            }
            return pool
        }
        policy = try fields.need(.policy)
    }

    func write(to fields: inout Fields) {
        fields.set(names: [name])
        fields.set(.commitment, commitment.octets)
        let address = Address.ipv4(pool.address).octets().dropFirst(2)
        fields.set(.pool, address + [UInt8(pool.length)])
        fields.set(.policy, policy)
    }
}

/// Replaces the root by the key that it had committed to; signed by that key.
package struct Rotation: Hashable, Sendable {
    package var commitment: RootCommitment
    /// Of the objects that the old root signed: as in a ``Revocation``.
    package var keepList: [UInt8]?

    package init(commitment: RootCommitment) { self.commitment = commitment }

    init(from fields: inout Fields) throws(WireError) {
        commitment = try fields.needCommitment()
        keepList = try fields.take(.keepList, size: SHA256.size)
    }

    func write(to fields: inout Fields) {
        fields.set(.commitment, commitment.octets)
        fields.set(.keepList, keepList)
    }
}

/// What makes ground positions on the ring worthless; signed by a steward.
package struct Salt: Hashable, Sendable {
    package var epoch: UInt32
    /// 32 octets.
    package var random: [UInt8]

    package static let randomSize = 32

    /// - Returns: `nil` if there are not 32 random octets.
    package init?(epoch: UInt32, random: [UInt8]) {
        guard random.count == Self.randomSize else { return nil }
        self.epoch = epoch
        self.random = random
    }

    init(from fields: inout Fields) throws(WireError) {
        (epoch, random) = try fields.need(.salt) { reader throws(WireError) in
            (
                try reader.read("epoch"),
                try reader.readOctets("random", count: Self.randomSize)
            )
        }
    }

    func write(to fields: inout Fields) {
        fields.set(.salt, withUnsafeBytes(of: epoch.bigEndian) { [UInt8]($0) } + random)
    }
}

/// Where a node is and how to talk to it; signed by the node, the greatest stamp counts.
package struct NodeRecord: Hashable, Sendable {
    package var dataKey: X25519.PublicKey
    package var locators: [Locator] = []
    /// Grows with each restart that lost state.
    package var incarnation: UInt32
    /// Which of its 32 candidates on the ring are active and pending: bit j is candidate j.
    package var activePartitions: UInt32 = 0
    package var pendingPartitions: UInt32 = 0

    /// A locator has no port in LISP; here it has two.
    package struct Locator: Hashable, Sendable {
        /// IPv4 or IPv6.
        package var address: Address
        package var dataPort: UInt16
        package var controlPort: UInt16
        package var preference: LocatorRecord.Preference

        package init(
            _ address: Address, dataPort: UInt16 = LISPPort.data,
            controlPort: UInt16 = LISPPort.control, preference: LocatorRecord.Preference
        ) {
            self.address = address
            self.dataPort = dataPort
            self.controlPort = controlPort
            self.preference = preference
        }
    }

    package init(dataKey: X25519.PublicKey, incarnation: UInt32) {
        self.dataKey = dataKey
        self.incarnation = incarnation
    }

    init(from fields: inout Fields) throws(WireError) {
        guard
            let key = X25519.PublicKey(octets: try fields.need(.dataKey, size: X25519.keySize))
        else { throw fields.missing(.dataKey) }
        dataKey = key
        incarnation = try fields.need(.incarnation)
        let partitions = try fields.take(.partitions) { reader throws(WireError) in
            let bits: UInt64 = try reader.read("partitions")
            guard bits != 0 else { throw .invalid("partitions", value: 0, at: 0) }
            return bits
        }
        activePartitions = UInt32(truncatingIfNeeded: (partitions ?? 0) >> 32)
        pendingPartitions = UInt32(truncatingIfNeeded: partitions ?? 0)
        let locators = try fields.take(.locators) { reader throws(WireError) in
            var locators: [Locator] = []
            while reader.remaining > 0 { locators.append(try Locator(from: &reader)) }
            return locators
        }
        self.locators = locators ?? []
    }

    func write(to fields: inout Fields) {
        fields.set(.dataKey, dataKey.octets)
        fields.set(.incarnation, incarnation)
        let bits = UInt64(activePartitions) << 32 | UInt64(pendingPartitions)
        if bits != 0 { fields.set(.partitions, bits) }
        var writer = OctetWriter()
        for locator in locators { locator.write(to: &writer) }
        fields.set(.locators, writer.octets)
    }
}

extension NodeRecord.Locator: WireValue {
    package init(from reader: inout OctetReader) throws(WireError) {
        let start = reader.offset
        address = try Address(from: &reader)
        guard address.afi == AFI.ipv4 || address.afi == AFI.ipv6 else {
            throw .unsupported("AFI of RLOC", value: Int(address.afi), at: start)
        }
        dataPort = try reader.read("data port")
        controlPort = try reader.read("control port")
        preference = .init(
            priority: try reader.read("priority"), weight: try reader.read("weight"))
    }

    package func write(to writer: inout OctetWriter) {
        address.write(to: &writer)
        writer.write(dataPort)
        writer.write(controlPort)
        writer.write(preference.priority)
        writer.write(preference.weight)
    }
}

extension Fields {
    mutating func needCommitment() throws(WireError) -> RootCommitment {
        guard let commitment = RootCommitment(octets: try need(.commitment, size: 32)) else {
            throw missing(.commitment)
        }
        return commitment
    }
}
