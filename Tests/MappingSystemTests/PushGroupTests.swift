import Cryptography
import LISP
import Mappings
import TestKit
import Testing
import Trust

@testable import MappingSystem

@Suite("The group of a mesh")
struct PushGroupTests {
    /// The mesh of the vector in `Docs/Trust.md`.
    private static let mesh = MeshID(
        octets: [UInt8](
            hex: "42e3fd8d1e309946ba8ddd545ce1096040b9e93cc2ce1c8d8779912ffd9044bb"))

    @Test("It is made from the mesh's prefix (RFC 3306 §4): ff3, scope 8, length 48, prefix, 4342")
    func address() throws {
        let mesh = try #require(Self.mesh)
        #expect(PushGroup.address(of: mesh).description == "ff38:30:fd42:e3fd:8d1e::10f6")
    }

    @Test("Members register (0::/0, G), written as RFC 8378 has it")
    func membership() throws {
        let mesh = try #require(Self.mesh)
        let eid = try #require(PushGroup.eid(of: PushGroup.address(of: mesh)))
        let (maskLength, address) = eid.wire
        #expect(maskLength == 128)
        #expect(
            address.octets()
                == [UInt8](
                    hex: """
                        4003 0000 0900 002c 00000000 0000 00 80
                        0002 00000000000000000000000000000000
                        0002 ff380030fd42e3fd8d1e0000000010f6
                        """))
        let rloc = try #require(Address(rloc: "192.0.2.1"))
        #expect(
            PushGroup.locator([rloc]).octets()
                == [UInt8](hex: "0164 0164 0001 4003 0000 0d00 000a 00000080 0001 c0000201"))
    }

    @Test("A registration is an IP packet to the group, with the record as its signer wrote it")
    func registration() throws {
        let mesh = try #require(Self.mesh)
        let key = try #require(Ed25519.SecretKey(seed: [UInt8](repeating: 7, count: 32)))
        let rloc = try #require(Address(rloc: "192.0.2.1"))
        let record = try SignedRecord(
            signing: .init(
                eid: mesh.cryptoEID(of: key.publicKey), ttl: 60,
                locators: [LocatorRecord(rloc, unicast: .init(priority: 1, weight: 100))],
                sequence: 1_763_718_000_000), by: key, in: mesh)
        let source = try #require(IPv6Address("fd42:e3fd:8d1e::1"))
        let packet = PushGroup.registration(
            of: record.octets, id: RecordID(of: record.octets), to: PushGroup.address(of: mesh),
            from: source)
        let datagram = try #require(try UDPDatagram(ipPacket: packet))
        #expect(datagram.destination == .ipv6(PushGroup.address(of: mesh)))
        #expect(datagram.destinationPort == LISPPort.control)
        guard case .mapRegister(let register) = try ControlMessage(octets: datagram.payload) else {
            Issue.record("not a Map-Register")
            return
        }
        #expect(register.nonce == RecordID(of: record.octets).rawValue)
        #expect(register.flags == [.proxyReply, .merge])
        #expect(register.records.map { $0.octets() } == [record.octets])
        var reader = OctetReader(packet.span.bytes)
        let ip = try IPHeader(from: &reader)
        let udp = try UDPHeader(from: &reader)
        #expect(udp.checksumIsRight(in: ip, payload: datagram.payload) == true)
    }

    @Test("What is no multicast address has no group")
    func noGroup() throws {
        for text in ["[0]10.0.0.1/32", "[0]fd00::1/128", "[0]224.0.0.0/4"] {
            #expect(PushGroup.eid(ofDestination: try EID(text)) == nil)
        }
        let group = try #require(PushGroup.eid(ofDestination: try EID("[7]224.1.1.1/32")))
        #expect(group.instance == 7)
    }
}
