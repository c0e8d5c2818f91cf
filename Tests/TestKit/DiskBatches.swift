/// Writes that two processes know alike: what a batch of a seed holds.
package enum DiskBatches {
    /// - Returns: key and value, `nil` to remove: of 200 keys, and the batch's own number.
    package static func pairs(of batch: UInt64, seed: UInt64) -> [(key: [UInt8], value: [UInt8]?)] {
        var random = SeededRandom(seed: seed &* 1_000_003 &+ batch)
        var pairs: [(key: [UInt8], value: [UInt8]?)] = (0..<random.below(6)).map { _ in
            let key = [random.pick([UInt8](0x61...0x7a)), UInt8(random.below(8))]
            return (key, random.chance(oneIn: 5) ? nil : random.octets(count: random.below(400)))
        }
        pairs.append((number, withUnsafeBytes(of: batch.bigEndian) { [UInt8]($0) }))
        return pairs
    }

    /// Under which each batch writes its number.
    package static let number: [UInt8] = [0x7b]

    /// What is there after all batches up to this one.
    package static func state(through last: UInt64, seed: UInt64) -> [[UInt8]: [UInt8]] {
        var state: [[UInt8]: [UInt8]] = [:]
        guard last > 0 else { return state }
        for batch in 1...last {
            for (key, value) in pairs(of: batch, seed: seed) { state[key] = value }
        }
        return state
    }
}
