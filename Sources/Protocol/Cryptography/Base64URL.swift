import CSodium

/// Base64 with the URL-safe alphabet and no padding (RFC 4648 §5), by libsodium.
package enum Base64URL {
    package static func text(_ octets: [UInt8]) -> String {
        let variant = Int32(sodium_base64_VARIANT_URLSAFE_NO_PADDING)
        var text = [CChar](repeating: 0, count: sodium_base64_encoded_len(octets.count, variant))
        sodium_bin2base64(&text, text.count, octets, octets.count, variant)
        return String(decoding: text.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self)
    }

    /// - Returns: `nil` unless all of the text is Base64 whose unused bits are zero.
    package static func octets(_ text: ArraySlice<UInt8>) -> [UInt8]? {
        if text.isEmpty { return [] }
        // libsodium takes `-` and `_` with an eighth bit for themselves.
        guard text.allSatisfy({ $0 < 0x80 }) else { return nil }
        var isWhole = false
        let octets = [UInt8](unsafeUninitializedCapacity: text.count) { room, count in
            guard let base = room.baseAddress else { return }
            text.withUnsafeBytes { text in
                let characters = text.bindMemory(to: CChar.self)
                isWhole =
                    sodium_base642bin(
                        base, room.count, characters.baseAddress, characters.count,
                        nil, &count, nil, Int32(sodium_base64_VARIANT_URLSAFE_NO_PADDING)) == 0
            }
        }
        return isWhole ? octets : nil
    }
}
