/// An open-addressing hash table of handles. What a handle stands for lies elsewhere: whoever asks
/// brings the hash and the comparison, and the table has 4 octets a slot.
struct HandleIndex: Sendable {
    private var slots = PagedArray<Handle>(repeating: .nowhere, count: 8)
    private var count = 0

    private var mask: Int { slots.count - 1 }

    private func slot(of hash: UInt64) -> Int { Int(truncatingIfNeeded: hash) & mask }

    func find(hash: UInt64, where matches: (Handle) -> Bool) -> Handle? {
        var slot = slot(of: hash)
        while true {
            let handle = slots[slot]
            if handle == .nowhere { return nil }
            if matches(handle) { return handle }
            slot = (slot + 1) & mask
        }
    }

    /// - Parameter hashOf: the hash of any handle that is in the table.
    mutating func insert(_ handle: Handle, hash: UInt64, hashOf: (Handle) -> UInt64) {
        // At most three quarters full: probes stay short.
        if (count + 1) * 4 > slots.count * 3 { grow(hashOf) }
        place(handle, hash: hash)
        count += 1
    }

    private mutating func place(_ handle: Handle, hash: UInt64) {
        var slot = slot(of: hash)
        while slots[slot] != .nowhere { slot = (slot + 1) & mask }
        slots[slot] = handle
    }

    private mutating func grow(_ hashOf: (Handle) -> UInt64) {
        let old = slots
        slots = PagedArray(repeating: .nowhere, count: old.count * 2)
        for index in 0..<old.count where old[index] != .nowhere {
            place(old[index], hash: hashOf(old[index]))
        }
    }

    /// - Parameter hashOf: the hash of any handle that is in the table.
    mutating func remove(_ handle: Handle, hash: UInt64, hashOf: (Handle) -> UInt64) {
        var hole = slot(of: hash)
        while slots[hole] != handle {
            if slots[hole] == .nowhere { return }
            hole = (hole + 1) & mask
        }
        count -= 1
        // Those behind the hole move up if they may stand there, so that no probe stops too early.
        var next = (hole + 1) & mask
        while slots[next] != .nowhere {
            let home = slot(of: hashOf(slots[next]))
            if (next - home) & mask >= (next - hole) & mask {
                slots[hole] = slots[next]
                hole = next
            }
            next = (next + 1) & mask
        }
        slots[hole] = .nowhere
    }
}

/// Spreads a value over 64 bits (the finalizer of SplitMix64).
func mixed(_ value: UInt64) -> UInt64 {
    var value = value
    value = (value ^ value >> 30) &* 0xBF58_476D_1CE4_E5B9
    value = (value ^ value >> 27) &* 0x94D0_49BB_1331_11EB
    return value ^ value >> 31
}
