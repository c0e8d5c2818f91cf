import CPcap
import Glibc

/// Writes IP packets to a capture file that Wireshark reads; bounded, so that one that is forgotten
/// fills no disk.
package final class CaptureWriter {
    private let handle: OpaquePointer
    private let dumper: OpaquePointer
    private let limit: Int
    private var size = 24
    package private(set) var isFull = false

    package static let usualLimit = 64 << 20
    private static let frameHead = 16

    /// - Parameter path: what is there is lost; only its owner can read it.
    package init(path: String, limit: Int = usualLimit) throws(HostError) {
        let descriptor = try Self.emptyFile(path)
        guard let file = fdopen(descriptor, "w") else {
            close(descriptor)
            throw .last("cannot write the capture \(path)")
        }
        guard let handle = pcap_open_dead(DLT_RAW, 65_535) else {
            fclose(file)
            throw HostError("cannot begin the capture \(path)", code: ENOMEM)
        }
        guard let dumper = pcap_dump_fopen(handle, file) else {
            pcap_close(handle)
            throw .last("cannot begin the capture \(path)")
        }
        self.handle = handle
        self.dumper = dumper
        self.limit = limit
        pcap_dump_flush(dumper)
    }

    /// Somebody else may have put something there first, to read what is written or to keep whoever opens it
    /// waiting: it is looked at before it is emptied.
    private static func emptyFile(_ path: String) throws(HostError) -> Int32 {
        let descriptor = open(
            path, O_WRONLY | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw .last("cannot write the capture \(path)") }
        do throws(HostError) {
            var status = stat()
            guard fstat(descriptor, &status) == 0 else {
                throw .last("cannot look at the capture \(path)")
            }
            guard status.st_mode & S_IFMT == S_IFREG else {
                throw HostError("the capture \(path) is there already, and is no regular file")
            }
            guard status.st_uid == geteuid() else {
                throw HostError("the capture \(path) is there already, and is somebody else's file")
            }
            guard status.st_nlink == 1 else {
                throw HostError("the capture \(path) is there already, and has another name too")
            }
            guard fchmod(descriptor, 0o600) == 0, ftruncate(descriptor, 0) == 0 else {
                throw .last("cannot begin the capture \(path)")
            }
        } catch {
            close(descriptor)
            throw error
        }
        return descriptor
    }

    deinit {
        pcap_dump_close(dumper)
        pcap_close(handle)
    }

    /// - Returns: whether this was the packet that there was no room for any more.
    package func write(_ packet: [UInt8]) -> Bool {
        guard !isFull else { return false }
        guard size + Self.frameHead + packet.count <= limit else {
            isFull = true
            return true
        }
        size += Self.frameHead + packet.count
        var header = pcap_pkthdr()
        gettimeofday(&header.ts, nil)
        header.caplen = UInt32(packet.count)
        header.len = UInt32(packet.count)
        packet.withUnsafeBufferPointer { octets in
            pcap_dump(
                UnsafeMutableRawPointer(dumper).assumingMemoryBound(to: UInt8.self), &header,
                octets.baseAddress)
        }
        // Whoever looks on sees it at once, and a process that is killed has lost nothing.
        pcap_dump_flush(dumper)
        return false
    }
}
