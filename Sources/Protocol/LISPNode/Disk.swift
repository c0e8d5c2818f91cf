import LISP
import Trust

/// The keys of the state that outlives the process. A key is a letter and what it is about.
enum DiskKey {
    /// Mesh id 32, identity seed 32.
    static let identity: [UInt8] = [UInt8(ascii: "i")]
    /// Data key 32, previous data key 32 or nothing.
    static let dataKeys: [UInt8] = [UInt8(ascii: "k")]
    /// The floor of mesh time, 8.
    static let floor: [UInt8] = [UInt8(ascii: "f")]
    /// How many revocations the invite had seen, 4. While partly joined.
    static let partlyJoined: [UInt8] = [UInt8(ascii: "p")]

    static let object = UInt8(ascii: "o")
    static let record = UInt8(ascii: "r")
    static let sequence = UInt8(ascii: "s")
    static let keepList = UInt8(ascii: "l")
    static let registration = UInt8(ascii: "g")
    static let path = UInt8(ascii: "a")
    static let reached = UInt8(ascii: "t")

    static func object(_ id: ObjectID) -> [UInt8] { [object] + id.octets }
    /// By what is named, not by content: a newer record takes the place of the older.
    static func record(_ key: [UInt8]) -> [UInt8] { [record] + key }
    static func sequence(of eid: EID) -> [UInt8] { [sequence] + eid.keyOctets }
    static func registration(of eid: EID) -> [UInt8] { [registration] + eid.keyOctets }
    static func keepList(_ hash: [UInt8]) -> [UInt8] { [keepList] + hash }
    static func path(to node: NodeID) -> [UInt8] { [path] + node.octets }
    /// The stamp of the node record under which a member has answered, 8.
    static func reached(_ node: NodeID) -> [UInt8] { [reached] + node.octets }
}

extension EID {
    /// One spelling for each EID: the mask length and the address as the wire has them.
    var keyOctets: [UInt8] {
        let (maskLength, address) = wire
        return [maskLength] + address.octets()
    }

    init?(keyOctets: [UInt8]) {
        guard let maskLength = keyOctets.first,
            let address = try? Address(octets: [UInt8](keyOctets.dropFirst())),
            let eid = try? EID(maskLength: maskLength, address: address)
        else { return nil }
        self = eid
    }
}
