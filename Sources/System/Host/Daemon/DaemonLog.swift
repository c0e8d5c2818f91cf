import Admin
import Glibc
import Logging
import Synchronization

/// What the daemon says: names that programs may look for. Docs/Operating.md tells what each means.
package enum DaemonEvent: String, Hashable, Sendable, CaseIterable {
    case captureFull = "capture.full"
    case claimLost = "claim.lost"
    case clockDisagrees = "clock.disagrees"
    case clockStepped = "clock.stepped"
    case deviceLost = "device.lost"
    case diskTrouble = "disk.trouble"
    case diskWell = "disk.well"
    case identitySecondCopy = "identity.second-copy"
    case locatorsChanged = "locators.changed"
    case memberJoined = "member.joined"
    case memberLeft = "member.left"
    case memberStopped = "member.stopped"
    case membershipBack = "membership.back"
    case membershipEnded = "membership.ended"
    case overlayFailed = "overlay.failed"
    case pathMoved = "path.moved"
    case reconciled
    case revoked
    case sessionBegan = "session.began"
    case sessionEnded = "session.ended"
    case settingsNeedRestart = "settings.need-restart"
    case settingsReloaded = "settings.reloaded"
    case settingsWrong = "settings.wrong"
    case started
    case stateDamaged = "state.damaged"
    case stateNote = "state.note"
    case stateUnwritable = "state.unwritable"
    case stopped
    case underlayUnreadable = "underlay.unreadable"
}

/// What the daemon says of itself: an event with a stable name and a few fields, one line each, to
/// standard error, where systemd or the file of the launcher takes it.
///
///     level=notice event=member.joined member=clinic
package struct DaemonLog: Sendable {
    private let logger: Logger
    private let level: LevelBox

    package init(_ settings: DaemonSettings.Log) {
        let level = LevelBox(settings.level.logger)
        self.level = level
        logger = Logger(label: "whither") { _ in
            LineHandler(format: settings.format, level: level)
        }
    }

    package func setLevel(_ level: DaemonSettings.Log.Level) { self.level.value = level.logger }

    package func info(_ event: DaemonEvent, _ fields: [String: String] = [:]) {
        write(.info, event, fields)
    }

    package func notice(_ event: DaemonEvent, _ fields: [String: String] = [:]) {
        write(.notice, event, fields)
    }

    package func warning(_ event: DaemonEvent, _ fields: [String: String] = [:]) {
        write(.warning, event, fields)
    }

    package func error(_ event: DaemonEvent, _ fields: [String: String] = [:]) {
        write(.error, event, fields)
    }

    private func write(_ level: Logger.Level, _ event: DaemonEvent, _ fields: [String: String]) {
        logger.log(level: level, "\(event.rawValue)", metadata: fields.mapValues { .string($0) })
    }
}

extension DaemonSettings.Log.Level {
    fileprivate var logger: Logger.Level {
        switch self {
        case .error: return .error
        case .warning: return .warning
        case .notice: return .notice
        case .info: return .info
        case .debug: return .debug
        }
    }
}

/// From which level on lines are written; a reload may change it.
private final class LevelBox: Sendable {
    private let level: Mutex<Logger.Level>
    init(_ level: Logger.Level) { self.level = Mutex(level) }

    var value: Logger.Level {
        get { level.withLock { $0 } }
        set { level.withLock { $0 = newValue } }
    }
}

/// A line an event, for people and `grep`, or one JSON object.
private struct LineHandler: LogHandler {
    let format: DaemonSettings.Log.Format
    let level: LevelBox
    var metadata = Logger.Metadata()

    var logLevel: Logger.Level {
        get { level.value }
        set { level.value = newValue }
    }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        let fields = (event.metadata ?? [:]).merging(metadata) { new, _ in new }
            .map { ($0.key, "\($0.value)") }.sorted { $0.0 < $1.0 }
        let all = [("level", "\(event.level)"), ("event", "\(event.message)")] + fields
        let line: String
        switch format {
        case .text:
            line = all.map { "\($0.0)=\(quotedIfNeeded($0.1))" }.joined(separator: " ")
        case .json:
            line = AdminJSON.line(Dictionary(all) { first, _ in first })
        }
        var octets = [UInt8]((priority(event.level) + line + "\n").utf8)
        _ = Glibc.write(STDERR_FILENO, &octets, octets.count)
    }

    /// systemd reads it in front of a line (sd-daemon(3)).
    private func priority(_ level: Logger.Level) -> String {
        guard getenv("JOURNAL_STREAM") != nil else { return "" }
        switch level {
        case .critical, .error: return "<3>"
        case .warning: return "<4>"
        case .notice: return "<5>"
        case .info: return "<6>"
        case .debug, .trace: return "<7>"
        }
    }

    private func quotedIfNeeded(_ text: String) -> String {
        let isPlain = text.utf8.allSatisfy { 33...126 ~= $0 && $0 != 0x22 && $0 != 0x3D }
        return isPlain && !text.isEmpty ? text : quoted(text)
    }

    private func quoted(_ text: String) -> String {
        var result = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": result += "\\\""
            case "\\": result += "\\\\"
            case _ where scalar.value < 32 || 127..<160 ~= scalar.value:
                let digits = String(scalar.value, radix: 16)
                result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result + "\""
    }
}
