import Cryptography
import TestKit
import Testing

/// Other people's vectors: the libraries are right, and we call them rightly.
@Suite("Hashes and MACs")
struct CryptographyTests {
    @Test("SHA-256 of FIPS 180-4's examples")
    func sha256() {
        #expect(
            SHA256.hash([]).hexText
                == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")
        #expect(
            SHA256.hash([UInt8]("abc".utf8)).hexText
                == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
    }

    @Test("HMAC-SHA-256 of RFC 4231, HMAC-SHA-1 of RFC 2202")
    func hmac() {
        let data = [UInt8]("what do ya want for nothing?".utf8)
        let key = [UInt8]("Jefe".utf8)
        #expect(
            HMAC.sha256(key: key, data).hexText
                == "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843")
        #expect(HMAC.sha1(key: key, data).hexText == "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79")
        let longKey = [UInt8](repeating: 0xAA, count: 131)
        let test = [UInt8]("Test Using Larger Than Block-Size Key - Hash Key First".utf8)
        #expect(
            HMAC.sha256(key: longKey, test).hexText
                == "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54")
        #expect(
            HMAC.sha256(key: key, pieces: [data[..<5], [], data[5...]])
                == HMAC.sha256(key: key, data))
    }

    @Test("HKDF-SHA-256 of RFC 5869, test cases 1 and 3")
    func hkdf() {
        let inputKey = [UInt8](repeating: 0x0B, count: 22)
        #expect(
            HKDF.sha256(
                salt: [UInt8](hex: "000102030405060708090a0b0c"), inputKey: inputKey,
                info: [UInt8](hex: "f0f1f2f3f4f5f6f7f8f9"), length: 42
            ).hexText
                == "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865"
        )
        #expect(
            HKDF.sha256(salt: [], inputKey: inputKey, length: 42).hexText
                == "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8"
        )
    }

    @Test("comparison in constant time is comparison")
    func comparison() {
        #expect(equalInConstantTime([], []) && equalInConstantTime([1, 2], [1, 2]))
        #expect(!equalInConstantTime([1, 2], [1, 3]) && !equalInConstantTime([1], [1, 2]))
    }
}

extension [UInt8] {
    fileprivate var hexText: String {
        map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }
}
