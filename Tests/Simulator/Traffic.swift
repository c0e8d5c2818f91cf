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
    private struct Place {
        /// 0: free.
        var key: UInt64 = 0
        var contact = Contact()
    }

    private var places = [Place](repeating: Place(), count: 1 << 12)
    private var count = 0
    /// By machine: the endpoints that it has to do with.
    private var endpoints: [[UInt32]] = []
    /// By machine, a bit for each endpoint: the many that have answered cost no look into the table.
    private var answered: [[UInt64]] = []

    subscript(machine: Int, endpoint: UInt32) -> Contact? {
        let place = places[find(Self.key(machine, endpoint))]
        return place.key == 0 ? nil : place.contact
    }

    @inline(__always)
    mutating func update(_ machine: Int, _ endpoint: UInt32, _ change: (inout Contact) -> Void) {
        guard !hasAnswered(machine, endpoint) else { return }
        let key = Self.key(machine, endpoint)
        var place = find(key)
        if places[place].key == 0 {
            if (count + 1) * 2 > places.count {
                grow()
                place = find(key)
            }
            places[place].key = key
            count += 1
            while endpoints.count <= machine { endpoints.append([]) }
            endpoints[machine].append(endpoint)
        }
        change(&places[place].contact)
        if places[place].contact.hasAnswered { markAnswered(machine, endpoint) }
    }

    private func hasAnswered(_ machine: Int, _ endpoint: UInt32) -> Bool {
        let word = Int(endpoint >> 6)
        guard machine < answered.count, word < answered[machine].count else { return false }
        return answered[machine][word] >> UInt64(endpoint & 63) & 1 == 1
    }

    private mutating func markAnswered(_ machine: Int, _ endpoint: UInt32) {
        let word = Int(endpoint >> 6)
        while answered.count <= machine { answered.append([]) }
        while answered[machine].count <= word { answered[machine].append(0) }
        answered[machine][word] |= 1 << UInt64(endpoint & 63)
    }

    /// Those of one machine that have not answered, by endpoint.
    func unanswered(of machine: Int) -> [(endpoint: UInt32, contact: Contact)] {
        guard machine < endpoints.count else { return [] }
        return endpoints[machine].filter { !hasAnswered(machine, $0) }.sorted().compactMap {
            endpoint in
            self[machine, endpoint].map { (endpoint, $0) }
        }
    }

    /// Those of one machine, by endpoint.
    func all(of machine: Int) -> [(endpoint: UInt32, contact: Contact)] {
        guard machine < endpoints.count else { return [] }
        return endpoints[machine].sorted().compactMap { endpoint in
            self[machine, endpoint].map { (endpoint, $0) }
        }
    }

    private static func key(_ machine: Int, _ endpoint: UInt32) -> UInt64 {
        UInt64(machine + 1) << 32 | UInt64(endpoint)
    }

    private func find(_ key: UInt64) -> Int {
        let mixed = (key ^ key >> 29) &* 0xBF58_476D_1CE4_E5B9
        var place = Int(truncatingIfNeeded: mixed >> 32) & (places.count - 1)
        while places[place].key != 0, places[place].key != key {
            place = (place + 1) & (places.count - 1)
        }
        return place
    }

    private mutating func grow() {
        let old = places
        places = [Place](repeating: Place(), count: old.count * 2)
        for place in old where place.key != 0 { places[find(place.key)] = place }
    }
}
