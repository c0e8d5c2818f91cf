import Foundation
import Host
import Testing

@Suite("What the daemon says")
struct DaemonEventTests {
    @Test("Docs/Operating.md has every event, and no other")
    func documented() throws {
        let root = URL(filePath: #filePath).deletingLastPathComponent()
            .deletingLastPathComponent().deletingLastPathComponent()
        let text = try String(
            contentsOf: root.appending(path: "Docs/Operating.md"), encoding: .utf8)
        let table = text.split(separator: "\n", omittingEmptySubsequences: false)
            .drop { $0 != "| event | |" }.prefix { $0.hasPrefix("|") }
        // In the first column, between backticks.
        let named = table.flatMap { line in
            line.split(separator: "|")[0].split(separator: "`", omittingEmptySubsequences: false)
                .enumerated().filter { $0.offset % 2 == 1 }.map { String($0.element) }
        }
        #expect(named.sorted() == DaemonEvent.allCases.map(\.rawValue).sorted())
    }

    @Test("every event is written somewhere")
    func written() throws {
        let root = URL(filePath: #filePath).deletingLastPathComponent()
            .deletingLastPathComponent().deletingLastPathComponent()
        let folder = root.appending(path: "Sources/System/Host/Daemon")
        let code = try ["Loop", "Daemon"].map {
            try String(contentsOf: folder.appending(path: "\($0).swift"), encoding: .utf8)
        }.joined()
        for event in DaemonEvent.allCases {
            #expect(code.contains(".\(event)"), "\(event)")
        }
    }
}
