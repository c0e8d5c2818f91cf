/// A datagram on its way.
struct Flight {
    var octets: [UInt8]
    /// Numbers of ``Endpoints``, as the destination will see them.
    var source: UInt32
    var destination: UInt32
    /// The machine that sent it; -1: the outsider.
    var sender: Int32
    /// The private network that it stays in.
    var network: Int?
    /// Sent by the outsider, or again by the network: proves nothing about its source.
    var isForged: Bool
    /// Forged ones of an earlier epoch of faults do not arrive any more.
    var epoch: UInt32
}

/// The datagrams on their way, each in a place that is used again.
struct Flights {
    private var places: [Flight] = []
    private var free: [UInt32] = []

    var count: Int { places.count - free.count }

    mutating func insert(_ flight: Flight) -> Int {
        if let place = free.popLast() {
            places[Int(place)] = flight
            return Int(place)
        }
        places.append(flight)
        return places.count - 1
    }

    mutating func remove(_ place: Int) -> Flight {
        let flight = places[place]
        places[place].octets = []
        free.append(UInt32(place))
        return flight
    }
}
