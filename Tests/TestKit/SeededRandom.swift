/// SplitMix64: the same numbers for the same seed, on every machine (Steele, Lea, Flood 2014).
package struct SeededRandom: RandomNumberGenerator {
    private var state: UInt64

    package init(seed: UInt64) { state = seed }

    package mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ mixed >> 30) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ mixed >> 27) &* 0x94D0_49BB_1331_11EB
        return mixed ^ mixed >> 31
    }
}

extension SeededRandom {
    package mutating func below(_ bound: Int) -> Int { Int(next() % UInt64(bound)) }

    package mutating func chance(oneIn count: Int) -> Bool { below(count) == 0 }

    package mutating func bits<Value: FixedWidthInteger & UnsignedInteger>(
        _ type: Value.Type = Value.self
    ) -> Value {
        Value(truncatingIfNeeded: next())
    }

    package mutating func octets(count: Int) -> [UInt8] { (0..<count).map { _ in bits() } }

    package mutating func pick<Choice>(_ choices: [Choice]) -> Choice {
        choices[below(choices.count)]
    }
}
