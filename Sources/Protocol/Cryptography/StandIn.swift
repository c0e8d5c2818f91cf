import Laboratory

/// Cheap functions of the same shape as the cryptographic ones, for large simulations: whoever has
/// other keys or other octets gets another result, as long as nobody tries hard. The same on every
/// machine. Nothing reaches them in a product (`StandIns.areUsed` is the constant `false` there).
enum StandIn {
    /// Mixes octets eight at a time, as SplitMix64 mixes its state.
    struct Mixer {
        private var state: UInt64

        init(_ seed: UInt64) { state = seed }

        @inline(__always)
        mutating func mix(_ word: UInt64) {
            state = (state ^ word) &* 0x9E37_79B9_7F4A_7C15
            state ^= state >> 29
        }

        mutating func mix(_ octets: UnsafeRawBufferPointer) {
            var offset = 0
            while offset + 8 <= octets.count {
                mix(octets.loadUnaligned(fromByteOffset: offset, as: UInt64.self).littleEndian)
                offset += 8
            }
            var last: UInt64 = 0
            while offset < octets.count {
                last = last << 8 | UInt64(octets[offset])
                offset += 1
            }
            mix(last)
            mix(UInt64(octets.count))
        }

        mutating func mix(_ octets: [UInt8]) { octets.withUnsafeBytes { mix($0) } }

        mutating func next() -> UInt64 {
            state &+= 0x9E37_79B9_7F4A_7C15
            var mixed = state
            mixed = (mixed ^ mixed >> 30) &* 0xBF58_476D_1CE4_E5B9
            mixed = (mixed ^ mixed >> 27) &* 0x94D0_49BB_1331_11EB
            return mixed ^ mixed >> 31
        }

        /// - Parameter count: a multiple of 8.
        mutating func octets(count: Int) -> [UInt8] {
            [UInt8](unsafeUninitializedCapacity: count) { room, written in
                var offset = 0
                while offset < count {
                    UnsafeMutableRawBufferPointer(room).storeBytes(
                        of: next().bigEndian, toByteOffset: offset, as: UInt64.self)
                    offset += 8
                }
                written = count
            }
        }
    }

    /// What a stand-in takes the place of: no two give the same for the same input.
    enum Use: UInt64 {
        case hash = 1
        case mac, agreement, publicKey, signature, seal
    }

    /// - Parameter count: a multiple of 8.
    static func octets(_ use: Use, _ pieces: [[UInt8]], count: Int = 32) -> [UInt8] {
        var mixer = Mixer(use.rawValue)
        for piece in pieces { mixer.mix(piece) }
        return mixer.octets(count: count)
    }

    /// The plaintext stays legible; the tag is over everything.
    static func seal(
        _ plaintext: [UInt8], to sealed: UnsafeMutablePointer<UInt8>,
        head: UnsafePointer<UInt8>?, headSize: Int, key: [UInt8], nonce: UInt64
    ) {
        plaintext.withUnsafeBufferPointer { plaintext in
            guard let base = plaintext.baseAddress, !plaintext.isEmpty else { return }
            sealed.update(from: base, count: plaintext.count)
        }
        var mixer = Mixer(Use.seal.rawValue)
        mixer.mix(key)
        mixer.mix(nonce)
        mixer.mix(UnsafeRawBufferPointer(start: head, count: headSize))
        mixer.mix(UnsafeRawBufferPointer(start: sealed, count: plaintext.count))
        let tag = UnsafeMutableRawPointer(sealed + plaintext.count)
        tag.storeBytes(of: mixer.next().bigEndian, as: UInt64.self)
        tag.storeBytes(of: mixer.next().bigEndian, toByteOffset: 8, as: UInt64.self)
    }

    /// - Parameters:
    ///   - size: with the tag, 16 or more.
    ///   - plaintext: room for all but the tag.
    static func open(
        _ sealed: UnsafePointer<UInt8>, size: Int, to plaintext: UnsafeMutablePointer<UInt8>?,
        head: UnsafePointer<UInt8>?, headSize: Int, key: [UInt8], nonce: UInt64
    ) -> Bool {
        var mixer = Mixer(Use.seal.rawValue)
        mixer.mix(key)
        mixer.mix(nonce)
        mixer.mix(UnsafeRawBufferPointer(start: head, count: headSize))
        mixer.mix(UnsafeRawBufferPointer(start: sealed, count: size - 16))
        let tag = UnsafeRawPointer(sealed + (size - 16))
        guard tag.loadUnaligned(as: UInt64.self).bigEndian == mixer.next(),
            tag.loadUnaligned(fromByteOffset: 8, as: UInt64.self).bigEndian == mixer.next()
        else { return false }
        plaintext?.update(from: sealed, count: size - 16)
        return true
    }

    static func seal(
        _ plaintext: [UInt8], _ key: [UInt8], _ nonce: [UInt8], _ data: [UInt8]
    ) -> [UInt8] {
        plaintext + octets(.seal, [key, nonce, data, plaintext], count: 16)
    }

    /// - Parameter sealed: 16 octets or more.
    static func open(
        _ sealed: [UInt8], _ key: [UInt8], _ nonce: [UInt8], _ data: [UInt8]
    ) -> [UInt8]? {
        let plaintext = [UInt8](sealed.dropLast(16))
        return seal(plaintext, key, nonce, data) == sealed ? plaintext : nil
    }
}
