package import TestKit

/// Damages octets in the ways that find mistakes in decoders: where lengths, counts, types and AFIs
/// stand, not just anywhere.
package struct Mutator {
    /// What lengths, counts and AFIs are when they are wrong.
    private static let words: [UInt16] = [
        0, 1, 2, 6, 8, 16, 17, 16387, 0x7FFF, 0x8000, 0xFFFF, 0xFFFE, 255, 256,
    ]

    package static func mutate(
        _ octets: [UInt8], with other: [UInt8], _ random: inout SeededRandom
    ) -> [UInt8] {
        var octets = octets
        for _ in 0...random.below(4) {
            guard !octets.isEmpty else { return random.octets(count: 1 + random.below(8)) }
            let place = random.below(octets.count)
            switch random.below(9) {
            case 0: octets[place] ^= 1 << UInt8(random.below(8))
            case 1: octets[place] = random.bits()
            case 2: octets[place] &+= random.chance(oneIn: 2) ? 1 : 255
            case 3 where place + 1 < octets.count:
                let word = random.pick(words)
                octets[place] = UInt8(truncatingIfNeeded: word >> 8)
                octets[place + 1] = UInt8(truncatingIfNeeded: word)
            case 4: octets.removeSubrange(place..<min(octets.count, place + 1 + random.below(8)))
            case 5: octets.insert(contentsOf: random.octets(count: 1 + random.below(8)), at: place)
            case 6:
                let piece = octets[place..<min(octets.count, place + 1 + random.below(40))]
                octets.insert(contentsOf: [UInt8](piece), at: random.below(octets.count))
            case 7: octets.removeLast(octets.count - place)
            default:
                if !other.isEmpty {
                    octets.replaceSubrange(place..., with: other[random.below(other.count)...])
                }
            }
        }
        return octets
    }
}
