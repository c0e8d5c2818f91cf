/// Reads big-endian fields from the octets of one datagram, front to back.
///
/// It borrows the octets (no copy, no allocation) and cannot outlive them. Every read is checked
/// against the end of the datagram or of the innermost enclosing length, and a failed read names its
/// field. Offsets in errors count from the start of the datagram.
package struct OctetReader: ~Escapable {
    private let octets: RawSpan
    /// The octet that is read next.
    package private(set) var offset: Int
    /// Where reading stops: the end of the datagram, or of the enclosing length.
    package private(set) var end: Int
    /// How many LCAFs enclose the present position.
    var depth = 0
    /// The address that is read next is the last thing in the datagram.
    var addressIsLast = false
    package let compatibility: Compatibility

    @_lifetime(copy octets)
    package init(_ octets: RawSpan, compatibility: Compatibility = []) {
        self.octets = octets
        self.offset = 0
        self.end = octets.byteCount
        self.compatibility = compatibility
    }

    /// The number of octets before `end`.
    package var remaining: Int { end &- offset }

    @inline(__always)
    package mutating func read<Value: FixedWidthInteger & BitwiseCopyable>(
        _ field: String, as type: Value.Type = Value.self
    ) throws(WireError) -> Value {
        guard remaining >= MemoryLayout<Value>.size else {
            throw .truncated(field, at: offset)
        }
        let value = octets.unsafeLoadUnaligned(fromByteOffset: offset, as: Value.self)
        offset &+= MemoryLayout<Value>.size
        return Value(bigEndian: value)
    }

    /// - Parameter count: how many octets to copy out; from the wire, so anything from 0.
    package mutating func readOctets(_ field: String, count: Int) throws(WireError) -> [UInt8] {
        guard count <= remaining else { throw .truncated(field, at: offset) }
        if count == 0 { return [] }
        let piece = octets.extracting(offset..<offset &+ count)
        offset &+= count
        return piece.withUnsafeBytes { [UInt8]($0) }
    }

    package mutating func readRest() -> [UInt8] {
        (try? readOctets("rest", count: remaining)) ?? []
    }

    /// The octets up to a zero octet, which is read too but not returned.
    package mutating func readTerminated(_ field: String) throws(WireError) -> [UInt8] {
        var length = 0
        while offset &+ length < end {
            if octet(at: offset &+ length) == 0 {
                let text = try readOctets(field, count: length)
                offset &+= 1
                return text
            }
            length &+= 1
        }
        throw .truncated(field, at: offset)
    }

    /// The octet `ahead` places from here, unread; `nil` behind the end.
    package func peek(ahead: Int = 0) -> UInt8? {
        offset &+ ahead < end ? octet(at: offset &+ ahead) : nil
    }

    /// Bounds what follows to `length` octets.
    /// - Returns: the bound that was in force, for ``leave(_:of:)``.
    mutating func enter(_ field: String, length: Int) throws(WireError) -> Int {
        guard length <= remaining else { throw .truncated(field, at: offset) }
        let outer = end
        end = offset &+ length
        return outer
    }

    /// Ends what ``enter(_:length:)`` began; everything inside must have been read.
    mutating func leave(_ outer: Int, of field: String) throws(WireError) {
        try finish(field)
        end = outer
    }

    /// - Throws: ``WireError/leftOver(_:count:at:)`` unless everything before `end` was read.
    package func finish(_ field: String) throws(WireError) {
        guard remaining == 0 else { throw .leftOver(field, count: remaining, at: offset) }
    }

    /// A place to return to with ``rewind(to:)``, when two spellings are tried one after the other.
    struct Mark { fileprivate var offset: Int, end: Int, depth: Int }
    var mark: Mark { Mark(offset: offset, end: end, depth: depth) }
    mutating func rewind(to mark: Mark) {
        offset = mark.offset
        end = mark.end
        depth = mark.depth
    }

    private func octet(at offset: Int) -> UInt8 {
        octets.unsafeLoad(fromByteOffset: offset, as: UInt8.self)
    }
}
