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
    package static func octets(_ text: some Collection<UInt8>) -> [UInt8]? {
        let characters = text.map(CChar.init(bitPattern:))
        var octets = [UInt8](repeating: 0, count: characters.count)
        var count = 0
        let result = sodium_base642bin(
            &octets, octets.count, characters, characters.count, nil, &count, nil,
            Int32(sodium_base64_VARIANT_URLSAFE_NO_PADDING))
        return result == 0 ? [UInt8](octets.prefix(count)) : nil
    }
}
