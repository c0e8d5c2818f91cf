import LISP
import Sessions

/// All paths that ever occurred, each with a small number, and who has their addresses.
struct Endpoints {
    enum Owner: Hashable {
        case nobody
        /// A machine; a private network's number if the address is good only there.
        case machine(Int, network: Int?)
        case nat(Int)
    }

    private(set) var paths: [Path] = []
    private var hostOf: [Int32] = []
    private var hosts: [IPv6Address: Int32] = [:]
    private var owners: [Owner] = []
    /// Open addressing: number + 1, or 0.
    private var table = [UInt32](repeating: 0, count: 1 << 10)

    mutating func id(of path: Path) -> UInt32 {
        var place = Self.hash(path) & (table.count - 1)
        while table[place] != 0 {
            let id = table[place] - 1
            if paths[Int(id)] == path { return id }
            place = (place + 1) & (table.count - 1)
        }
        let id = UInt32(paths.count)
        paths.append(path)
        hostOf.append(host(path.host))
        table[place] = id + 1
        if paths.count * 2 > table.count { grow() }
        return id
    }

    func owner(of id: UInt32) -> Owner { owners[Int(hostOf[Int(id)])] }

    /// Whoever had the address loses it.
    mutating func setOwner(_ owner: Owner, of address: IPv6Address) {
        owners[Int(host(address))] = owner
    }

    private mutating func host(_ address: IPv6Address) -> Int32 {
        if let known = hosts[address] { return known }
        hosts[address] = Int32(owners.count)
        owners.append(.nobody)
        return Int32(owners.count - 1)
    }

    private static func hash(_ path: Path) -> Int {
        var mixed = path.host.high &* 0x9E37_79B9_7F4A_7C15
        mixed ^= path.host.low &+ UInt64(path.port) << 48
        mixed = mixed &* 0xBF58_476D_1CE4_E5B9
        return Int(truncatingIfNeeded: mixed >> 32)
    }

    private mutating func grow() {
        table = [UInt32](repeating: 0, count: table.count * 2)
        for (id, path) in paths.enumerated() {
            var place = Self.hash(path) & (table.count - 1)
            while table[place] != 0 { place = (place + 1) & (table.count - 1) }
            table[place] = UInt32(id) + 1
        }
    }
}
