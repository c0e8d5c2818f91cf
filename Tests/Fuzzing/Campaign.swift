package import LISP
import TestKit

/// A run of random cases: messages of our own making and other people's, whole and damaged.
package struct Campaign {
    package let seed: UInt64
    /// Octets to start from beside generated ones.
    package let corpus: [[UInt8]]

    package struct Result: Sendable {
        package var cases = 0
        package var accepted = 0
    }

    package struct Failure: Error, CustomStringConvertible {
        package let seed: UInt64
        package let octets: [UInt8]
        package let compatibility: Compatibility
        package let isData: Bool
        package let violation: CodecCheck.Violation

        package var description: String {
            let compat = compatibility.isEmpty ? "" : " --compat lispers.net"
            let data = isData ? " --data" : ""
            return """
                seed \(seed): \(octets.hex) \(violation)
                replay: swift run -c release whither-fuzz --seed \(seed) --cases 1
                or: whither decode\(data)\(compat) \(octets.hex)
                """
        }
    }

    package init(seed: UInt64, corpus: [[UInt8]]) {
        self.seed = seed
        self.corpus = corpus
    }

    /// Runs the cases with seeds `seed` to `seed + count - 1`.
    /// - Throws: ``Failure`` at the first violation.
    package func run(count: Int) throws(Failure) -> Result {
        var result = Result()
        for number in 0..<UInt64(count) {
            result.cases += 1
            if try run(seed: seed &+ number) { result.accepted += 1 }
        }
        return result
    }

    /// - Returns: whether the decoder accepted the octets.
    private func run(seed: UInt64) throws(Failure) -> Bool {
        var random = SeededRandom(seed: seed)
        let compatibility: Compatibility = random.chance(oneIn: 4) ? .lispersNet : []
        let isData = random.chance(oneIn: 8)
        var octets = original(&random, compatibility)
        let isDamaged = !random.chance(oneIn: 8)
        if isData {
            octets =
                [random.pick([0, 0x08, 0x0C, 0x80, random.bits()]), 0, 0, random.bits()]
                + random.pick([[0xFF, 0xFF, 0xFF, 0], random.octets(count: 4)])
                + (octets.count > 32 ? [UInt8](octets.dropFirst(4)) : octets)
        }
        if isDamaged {
            octets = Mutator.mutate(octets, with: original(&random, compatibility), &random)
        }
        do throws(CodecCheck.Violation) {
            return isData
                ? try CodecCheck.checkData(octets)
                : try CodecCheck.checkControl(octets, compatibility: compatibility)
        } catch {
            throw Failure(
                seed: seed, octets: octets, compatibility: isData ? [] : compatibility,
                isData: isData, violation: error)
        }
    }

    private func original(
        _ random: inout SeededRandom, _ compatibility: Compatibility
    ) -> [UInt8] {
        if !corpus.isEmpty, random.chance(oneIn: 2) { return random.pick(corpus) }
        var generator = MessageGenerator(seed: random.next())
        return generator.packet().octets(compatibility: compatibility)
    }
}
