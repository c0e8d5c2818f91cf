import CPcap

/// A capture file of any kind that libpcap reads (pcap, pcapng), packet by packet.
package final class CaptureFile {
    private let handle: OpaquePointer
    private let linkType: Int32
    private var number = 0

    /// One captured frame.
    package struct Frame {
        /// Counted from 1, as other tools count.
        package let number: Int
        /// Seconds since 1970.
        package let time: Double
        /// The IP packet; `nil` if the frame holds something else.
        package let ipPacket: [UInt8]?
        /// The capture kept only the beginning of the frame.
        package let isCut: Bool
    }

    package enum Failure: Error, CustomStringConvertible {
        case unreadable(String)
        case linkType(path: String, name: String)

        package var description: String {
            switch self {
            case .unreadable(let reason): return reason
            case .linkType(let path, let name):
                return "\(path): frames of link type \(name) are not supported"
            }
        }
    }

    /// - Throws: ``Failure`` if there is no such file or it is no capture.
    package init(path: String) throws(Failure) {
        var message = [CChar](repeating: 0, count: Int(PCAP_ERRBUF_SIZE))
        guard let handle = pcap_open_offline(path, &message) else {
            let text = message.prefix { $0 != 0 }.map(UInt8.init(bitPattern:))
            let reason = String(decoding: text, as: UTF8.self)
            throw .unreadable(reason.hasPrefix(path) ? reason : "\(path): \(reason)")
        }
        linkType = pcap_datalink(handle)
        guard LinkLayer(rawValue: linkType) != nil else {
            let name = pcap_datalink_val_to_name(linkType).map { String(cString: $0) }
            pcap_close(handle)
            throw .linkType(path: path, name: name ?? "\(linkType)")
        }
        self.handle = handle
    }

    deinit { pcap_close(handle) }

    /// The next frame; `nil` at the end.
    /// - Throws: ``Failure`` if the file is damaged there.
    package func next() throws(Failure) -> Frame? {
        var header: UnsafeMutablePointer<pcap_pkthdr>?
        var octets: UnsafePointer<UInt8>?
        let result = pcap_next_ex(handle, &header, &octets)
        if result == PCAP_ERROR_BREAK { return nil }
        guard result == 1, let header = header?.pointee, let octets else {
            throw .unreadable("frame \(number + 1): \(String(cString: pcap_geterr(handle)))")
        }
        number += 1
        let frame = [UInt8](UnsafeBufferPointer(start: octets, count: Int(header.caplen)))
        return Frame(
            number: number,
            time: Double(header.ts.tv_sec) + Double(header.ts.tv_usec) / 1_000_000,
            ipPacket: LinkLayer(rawValue: linkType)?.ipPacket(in: frame),
            isCut: header.caplen < header.len)
    }
}

/// Link types of captures, and where in their frames the IP packet begins.
private enum LinkLayer {
    case ethernet, ip, cooked, cooked2, loopback

    init?(rawValue: Int32) {
        switch rawValue {
        case DLT_EN10MB: self = .ethernet
        case DLT_RAW, 14, 101, DLT_IPV4, DLT_IPV6: self = .ip
        case DLT_LINUX_SLL: self = .cooked
        case DLT_LINUX_SLL2: self = .cooked2
        case DLT_NULL, DLT_LOOP: self = .loopback
        default: return nil
        }
    }

    func ipPacket(in frame: [UInt8]) -> [UInt8]? {
        var start: Int
        switch self {
        case .ip: start = 0
        case .loopback: start = 4
        case .cooked: start = 16
        case .cooked2: start = 20
        case .ethernet:
            start = 14
            // Each 802.1Q tag moves the EtherType by four octets.
            while start <= frame.count, frame.count >= 14,
                frame[start - 2] == 0x81 && frame[start - 1] == 0
                    || frame[start - 2] == 0x88 && frame[start - 1] == 0xA8
            { start += 4 }
        }
        guard start < frame.count else { return nil }
        let version = frame[start] >> 4
        guard version == 4 || version == 6 else { return nil }
        return [UInt8](frame[start...])
    }
}
