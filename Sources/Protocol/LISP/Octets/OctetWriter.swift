/// Builds one datagram from big-endian fields, front to back.
///
/// Writing cannot fail. One writer can serve many datagrams: ``removeAll()`` keeps its memory, so a
/// writer that has seen the largest datagram allocates no more.
package struct OctetWriter {
    package private(set) var octets: [UInt8] = []
    package let compatibility: Compatibility

    package init(compatibility: Compatibility = [], capacity: Int = 0) {
        self.compatibility = compatibility
        octets.reserveCapacity(capacity)
    }

    package var count: Int { octets.count }

    @inline(__always)
    package mutating func write<Value: FixedWidthInteger & BitwiseCopyable>(_ value: Value) {
        withUnsafeBytes(of: value.bigEndian) { octets.append(contentsOf: $0) }
    }

    package mutating func write(octets more: some Collection<UInt8>) {
        octets.append(contentsOf: more)
    }

    package mutating func removeAll() {
        octets.removeAll(keepingCapacity: true)
    }

    /// Puts a 16-bit value over two octets written before, such as a Length known only now.
    package mutating func patch(_ value: UInt16, at offset: Int) {
        octets[offset] = UInt8(truncatingIfNeeded: value >> 8)
        octets[offset + 1] = UInt8(truncatingIfNeeded: value)
    }
}
