package import Clocks
import LISP
package import Sessions
package import TestKit

/// Somebody who has no key, sees every datagram outside private networks, and sends what he likes
/// with any source.
package struct Outsider {
    /// How often he answers a datagram that he sees with one of his own.
    package struct Settings: Hashable, Sendable {
        /// The same again, at once.
        package var replay = Chance.never
        /// Something older, or the same later, up to ``laterWithin``.
        package var replayLater = Chance.never
        package var laterWithin = Span.minutes(30)
        /// The same from an address of his own.
        package var replayFromElsewhere = Chance.never
        /// The same to somebody else.
        package var misdirect = Chance.never
        /// A few bits changed.
        package var flip = Chance.never
        /// Pieces of two datagrams, cut off, or repeated.
        package var mutate = Chance.never
        /// Random octets in the name of another node.
        package var invent = Chance.never

        package init() {}
        package static let absent = Settings()
    }

    package internal(set) var settings = Settings.absent
    package internal(set) var injected = 0
    /// A datagram of his from one that he saw, if he knows the protocol; used in place of `mutate`.
    package var forge: (([UInt8], inout SeededRandom) -> [UInt8]?)?
    var random: SeededRandom
    /// Some of what he saw.
    var recorded: [Flight] = []

    static let memory = 256
    /// TEST-NET-3 (RFC 5737).
    static let host = IPv4Address(rawValue: 0xCB00_7142)

    init(random: SeededRandom) { self.random = random }

    var isActive: Bool { settings != .absent }

    mutating func record(_ flight: Flight) {
        if recorded.count < Self.memory {
            recorded.append(flight)
        } else if random.chance(oneIn: 4) {
            recorded[random.below(Self.memory)] = flight
        }
    }
}

/// Ways to spoil octets.
enum Damage {
    static func flip(_ octets: inout [UInt8], _ random: inout SeededRandom) {
        guard !octets.isEmpty else { return }
        for _ in 0...random.below(8) {
            octets[random.below(octets.count)] ^= 1 << UInt8(random.below(8))
        }
    }

    static func truncate(_ octets: inout [UInt8], _ random: inout SeededRandom) {
        guard !octets.isEmpty else { return }
        octets.removeLast(1 + random.below(octets.count))
    }

    static func mutate(
        _ octets: [UInt8], with other: [UInt8], _ random: inout SeededRandom
    ) -> [UInt8] {
        let head = octets.prefix(random.below(octets.count + 1))
        switch random.below(3) {
        case 0: return head + other.suffix(random.below(other.count + 1))
        case 1: return Array(head)
        default: return octets + random.octets(count: 1 + random.below(32))
        }
    }
}

extension World {
    package func setOutsider(_ settings: Outsider.Settings) { outsider.settings = settings }

    package func setForger(_ forge: @escaping ([UInt8], inout SeededRandom) -> [UInt8]?) {
        outsider.forge = forge
    }

    /// Sends anything in anybody's name.
    package func inject(_ octets: [UInt8], from source: Path, to destination: Path) {
        launchForged(
            octets, source: endpoints.id(of: source), destination: endpoints.id(of: destination),
            after: 1)
    }

    func observe(_ flight: Flight) {
        guard flight.network == nil else { return }
        outsider.record(flight)
        let settings = outsider.settings
        let soon = 1 + outsider.random.upTo(.milliseconds(50))
        if outsider.random.happens(settings.replay) { launchForged(flight, after: soon) }
        if outsider.random.happens(settings.replayLater) {
            let old = outsider.random.pick(outsider.recorded)
            launchForged(old, after: soon + outsider.random.upTo(settings.laterWithin))
        }
        if outsider.random.happens(settings.replayFromElsewhere) {
            var forged = flight
            let port = UInt16(1024 + outsider.random.below(64_512))
            forged.source = endpoints.id(of: Path(Outsider.host, port: port))
            launchForged(forged, after: soon)
        }
        if outsider.random.happens(settings.misdirect) {
            var forged = flight
            forged.destination = outsider.random.pick(outsider.recorded).destination
            launchForged(forged, after: soon)
        }
        if outsider.random.happens(settings.flip) {
            var forged = flight
            Damage.flip(&forged.octets, &outsider.random)
            launchForged(forged, after: soon)
        }
        if outsider.random.happens(settings.mutate) {
            var forged = flight
            let other = outsider.random.pick(outsider.recorded).octets
            forged.octets =
                outsider.forge?(flight.octets, &outsider.random)
                ?? Damage.mutate(flight.octets, with: other, &outsider.random)
            launchForged(forged, after: soon)
        }
        if outsider.random.happens(settings.invent) {
            var forged = flight
            forged.octets = outsider.random.octets(count: outsider.random.below(1400))
            forged.source = outsider.random.pick(outsider.recorded).source
            launchForged(forged, after: soon)
        }
    }

    private func launchForged(_ flight: Flight, after delay: Int64) {
        launchForged(
            flight.octets, source: flight.source, destination: flight.destination, after: delay)
    }

    private func launchForged(
        _ octets: [UInt8], source: UInt32, destination: UInt32, after delay: Int64
    ) {
        outsider.injected += 1
        launch(
            Flight(
                octets: octets, source: source, destination: destination, sender: -1, network: nil,
                isForged: true, epoch: faultEpoch), after: delay)
    }
}
