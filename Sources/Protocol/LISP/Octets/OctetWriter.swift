/// Builds one datagram from big-endian fields, front to back.
///
/// Writing cannot fail. One writer can serve many datagrams: ``removeAll()`` keeps its memory, so a
/// writer that has seen the largest datagram allocates no more.
package struct OctetWriter {
    /// What was written, and behind it room for more.
    private var storage: [UInt8]
    /// How many octets were written.
    package private(set) var count = 0
    package let compatibility: Compatibility

    package init(compatibility: Compatibility = [], capacity: Int = 128) {
        self.compatibility = compatibility
        storage = [UInt8](repeating: 0, count: capacity)
    }

    /// A copy of what was written.
    package var octets: [UInt8] { [UInt8](storage[..<count]) }

    @inline(__always)
    package mutating func write<Value: FixedWidthInteger & BitwiseCopyable>(_ value: Value) {
        let start = reserve(MemoryLayout<Value>.size)
        storage.withUnsafeMutableBytes {
            $0.storeBytes(of: value.bigEndian, toByteOffset: start, as: Value.self)
        }
    }

    package mutating func write(octets more: [UInt8]) {
        let start = reserve(more.count)
        storage.withUnsafeMutableBytes { room in
            more.withUnsafeBytes {
                UnsafeMutableRawBufferPointer(rebasing: room[start..<start + more.count])
                    .copyMemory(from: $0)
            }
        }
    }

    package mutating func removeAll() { count = 0 }

    /// Puts a 16-bit value over two octets written before, such as a Length known only now.
    package mutating func patch(_ value: UInt16, at offset: Int) {
        precondition(offset + 2 <= count, "only what was written can be patched")
        storage[offset] = UInt8(truncatingIfNeeded: value >> 8)
        storage[offset + 1] = UInt8(truncatingIfNeeded: value)
    }

    /// Makes room for more octets, which count as written.
    /// - Returns: where they begin.
    @inline(__always)
    private mutating func reserve(_ size: Int) -> Int {
        let start = count
        count += size
        if count > storage.count { grow() }
        return start
    }

    @inline(never)
    private mutating func grow() {
        let room = max(count, storage.count * 2) - storage.count
        storage.append(contentsOf: repeatElement(0, count: room))
    }
}
