import Host
import TestKit
import Testing

@Suite("Capture files")
struct CaptureFileTests {
    /// An IPv4 packet with nothing in it.
    static let packet = [UInt8](hex: "45000014 00000000 40110000 0a000001 0a000002")

    @Test(
        "link layers are taken off",
        arguments: [
            (1, "ffffffffffff 000000000000 0800"), (1, "ffffffffffff 000000000000 8100 0005 0800"),
            (1, "ffffffffffff 000000000000 88a8 0005 8100 0006 0800"), (101, ""), (228, ""),
            (113, "0000 0001 0006 000000000000 0000 0800"),
            (276, "0800 0000 00000002 0001 00 06 000000000000 0000"), (0, "02000000"),
        ])
    func linkLayers(linkType: UInt32, head: String) throws {
        let file = try TemporaryFile(Self.capture(linkType, [[UInt8](hex: head) + Self.packet]))
        let capture = try CaptureFile(path: file.path)
        let frame = try #require(try capture.next())
        #expect(frame.ipPacket == Self.packet && frame.number == 1 && !frame.isCut)
        #expect(frame.time == 1.5)
        #expect(try capture.next() == nil)
    }

    @Test("frames that hold no IP are counted and have no packet")
    func otherFrames() throws {
        let arp = [UInt8](hex: "ffffffffffff 000000000000 0806 0001")
        let file = try TemporaryFile(
            Self.capture(1, [arp, [], [1], [UInt8](repeating: 0x81, count: 14)]))
        let capture = try CaptureFile(path: file.path)
        for number in 1...4 {
            let frame = try #require(try capture.next())
            #expect(frame.number == number && frame.ipPacket == nil)
        }
    }

    @Test("tags without an end are no packet")
    func endlessTags() throws {
        let tags = [UInt8](
            hex: "ffffffffffff 000000000000 \(String(repeating: "8100 0005 ", count: 20))")
        let file = try TemporaryFile(Self.capture(1, [tags]))
        #expect(try #require(try CaptureFile(path: file.path).next()).ipPacket == nil)
    }

    @Test("what is no capture, or of no use, says so with its path")
    func errors() throws {
        #expect(throws: CaptureFile.Failure.self) { try CaptureFile(path: "/no/such/file") }
        #expect(throws: CaptureFile.Failure.self) { try CaptureFile(path: Checkout.root) }
        let text = try TemporaryFile([UInt8]("this is no capture file at all".utf8))
        #expect { try CaptureFile(path: text.path) } throws: { "\($0)".contains(text.path) }
        let radio = try TemporaryFile(Self.capture(105, []))
        #expect { try CaptureFile(path: radio.path) } throws: {
            "\($0)" == "\(radio.path): frames of link type IEEE802_11 are not supported"
        }
    }

    @Test("a capture that was cut off is read up to there")
    func cutOff() throws {
        let whole = Self.capture(101, [Self.packet, Self.packet])
        let file = try TemporaryFile([UInt8](whole.dropLast(3)))
        let capture = try CaptureFile(path: file.path)
        #expect(try capture.next() != nil)
        #expect(throws: CaptureFile.Failure.self) { try capture.next() }
    }

    /// A pcap file of version 2.4, all frames at 1.5 s.
    static func capture(_ linkType: UInt32, _ frames: [[UInt8]]) -> [UInt8] {
        func word(_ value: UInt32) -> [UInt8] {
            withUnsafeBytes(of: value.bigEndian) { [UInt8]($0) }
        }
        var octets = [UInt8](hex: "a1b2c3d4 0002 0004 00000000 00000000 00040000") + word(linkType)
        for frame in frames {
            let length = word(UInt32(frame.count))
            octets += word(1) + word(500_000) + length + length + frame
        }
        return octets
    }
}
