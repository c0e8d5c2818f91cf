import Sessions

/// What passed a machine's sockets.
package struct Traffic: Hashable, Sendable {
    package internal(set) var datagramsIn: UInt64 = 0
    package internal(set) var datagramsOut: UInt64 = 0
    /// Of UDP payload.
    package internal(set) var octetsIn: UInt64 = 0
    package internal(set) var octetsOut: UInt64 = 0
    /// With IP and UDP headers: 28 octets with IPv4, 48 with IPv6.
    package internal(set) var wireOctetsIn: UInt64 = 0
    package internal(set) var wireOctetsOut: UInt64 = 0

    static func header(_ isIPv4: Bool) -> Int { isIPv4 ? 28 : 48 }
}

/// What a machine and a path had to do with each other until the path answered, or so far.
package struct Contact: Hashable, Sendable {
    package internal(set) var octetsIn: UInt32 = 0
    package internal(set) var octetsOut: UInt32 = 0
    package internal(set) var datagramsIn: UInt32 = 0
    package internal(set) var datagramsOut: UInt32 = 0
    /// A datagram that was really sent from there came after one had been sent there. The counts
    /// stand still from then on.
    package internal(set) var hasAnswered = false
}

/// Contacts by machine and endpoint: open addressing, because a large world has millions.
struct Contacts {
    private var keys = [UInt64](repeating: 0, count: 1 << 12)
    private var values = [Contact](repeating: Contact(), count: 1 << 12)
    private var count = 0

    subscript(machine: Int, endpoint: UInt32) -> Contact? {
        let place = self.place(Self.key(machine, endpoint))
        return keys[place] == 0 ? nil : values[place]
    }

    mutating func update(_ machine: Int, _ endpoint: UInt32, _ change: (inout Contact) -> Void) {
        let key = Self.key(machine, endpoint)
        var place = self.place(key)
        if keys[place] == 0 {
            if (count + 1) * 2 > keys.count {
                grow()
                place = self.place(key)
            }
            keys[place] = key
            count += 1
        }
        if !values[place].hasAnswered { change(&values[place]) }
    }

    /// Those of one machine, by endpoint.
    func all(of machine: Int) -> [(endpoint: UInt32, contact: Contact)] {
        var found: [(endpoint: UInt32, contact: Contact)] = []
        for (place, key) in keys.enumerated() where Int(key >> 32) == machine + 1 {
            found.append((UInt32(truncatingIfNeeded: key), values[place]))
        }
        return found.sorted { $0.endpoint < $1.endpoint }
    }

    private static func key(_ machine: Int, _ endpoint: UInt32) -> UInt64 {
        UInt64(machine + 1) << 32 | UInt64(endpoint)
    }

    private func place(_ key: UInt64) -> Int {
        let mixed = (key ^ key >> 29) &* 0xBF58_476D_1CE4_E5B9
        var place = Int(truncatingIfNeeded: mixed >> 32) & (keys.count - 1)
        while keys[place] != 0, keys[place] != key { place = (place + 1) & (keys.count - 1) }
        return place
    }

    private mutating func grow() {
        let (oldKeys, oldValues) = (keys, values)
        keys = [UInt64](repeating: 0, count: oldKeys.count * 2)
        values = [Contact](repeating: Contact(), count: oldKeys.count * 2)
        for (old, key) in oldKeys.enumerated() where key != 0 {
            let place = self.place(key)
            keys[place] = key
            values[place] = oldValues[old]
        }
    }
}
