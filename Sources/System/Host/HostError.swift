import Glibc

/// What this host's kernel refused, said so that a person knows what to do.
package struct HostError: Error, Hashable, CustomStringConvertible {
    /// What was wanted: "UDP port 4341 is taken by another program".
    package var what: String
    /// The kernel's reason; 0 if `what` says all.
    package var code: Int32

    package init(_ what: String, code: Int32 = 0) {
        self.what = what
        self.code = code
    }

    /// With the reason that the C library left for the calling thread.
    static func last(_ what: String) -> HostError { HostError(what, code: errno) }

    package var description: String {
        code == 0 ? what : "\(what): \(Self.reason(code))"
    }

    /// The text of an error number.
    package static func reason(_ code: Int32) -> String {
        var text = [CChar](repeating: 0, count: 128)
        guard strerror_r(code, &text, text.count) == 0 else { return "error \(code)" }
        return String(decoding: text.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
    }
}
