/// How a NAT changes an xTR's address, and through whom to reach it; LCAF type 7 (RFC 8060 §4.4).
///
///     | MS UDP port:16 | ETR UDP port:16 |
///     | AFI:16 | global ETR RLOC… | AFI:16 | MS RLOC… | AFI:16 | private ETR RLOC… |
///     | { AFI:16 | RTR RLOC… }* |
package struct NATTraversal: Hashable, Sendable, WireValue {
    package var mapServerPort: UInt16
    package var etrPort: UInt16
    package var globalETR: Address
    package var mapServer: Address
    package var privateETR: Address
    package var rtrs: [Address]
    /// The Length of ``Compatibility/constantLCAFLength``, if it is not the payload's.
    package var statedLength: UInt16?

    package init(
        mapServerPort: UInt16, etrPort: UInt16, globalETR: Address, mapServer: Address,
        privateETR: Address, rtrs: [Address], statedLength: UInt16? = nil
    ) {
        self.mapServerPort = mapServerPort
        self.etrPort = etrPort
        self.globalETR = globalETR
        self.mapServer = mapServer
        self.privateETR = privateETR
        self.rtrs = rtrs
        self.statedLength = statedLength
    }

    package init(from reader: inout OctetReader) throws(WireError) {
        mapServerPort = try reader.read("MS UDP Port Number")
        etrPort = try reader.read("ETR UDP Port Number")
        globalETR = try Address(from: &reader, "Global ETR RLOC Address")
        mapServer = try Address(from: &reader, "MS RLOC Address")
        privateETR = try Address(from: &reader, "Private ETR RLOC Address")
        rtrs = []
        while reader.remaining > 0 {
            rtrs.append(try Address(from: &reader, "RTR RLOC Address"))
        }
    }

    /// Reads up to the end of what encloses the LCAF, whatever its Length says.
    init(from reader: inout OctetReader, statedLength: UInt16) throws(WireError) {
        let length = reader.remaining
        try self.init(from: &reader)
        if length != Int(statedLength) { self.statedLength = statedLength }
    }

    package func write(to writer: inout OctetWriter) {
        writer.write(mapServerPort)
        writer.write(etrPort)
        globalETR.write(to: &writer)
        mapServer.write(to: &writer)
        privateETR.write(to: &writer)
        for rtr in rtrs { rtr.write(to: &writer) }
    }
}
