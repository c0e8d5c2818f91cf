import Foundation

/// The time of day of one host's programs, which can be set while they run. The kernel seems to call it
/// synchronised. Clocks that count from the start of the machine go on as they are.
final class FakeClock {
    private let file: String

    /// Built beside the tests.
    private static let library = Guest.built("libFakeClock.so")

    static let day = 86_400.0
    static let year = 365 * day

    /// - Parameter file: keeps how much it is off.
    init(_ file: String) throws {
        self.file = file
        guard FileManager.default.fileExists(atPath: Self.library) else {
            throw SystemFailure("\(Self.library) is not there: swift build --build-tests makes it")
        }
        try Data(count: 8).write(to: URL(filePath: file))
    }

    /// `NAME=value` for a command.
    var environment: [String] {
        [Guest.preload(Self.library), "WHITHER_FAKE_CLOCK=\(file)"]
    }

    /// - Parameter seconds: ahead of this machine's, or behind it.
    func set(_ seconds: Double) throws {
        var octets = Int64(seconds)
        // In place: the programs have the file in their memory.
        let handle = try FileHandle(forWritingTo: URL(filePath: file))
        try handle.write(contentsOf: withUnsafeBytes(of: &octets) { Data($0) })
        try handle.close()
    }
}
