import AllocationCount
import Clocks
import Cryptography
import Glibc
import LISP
import Mappings
import TestKit
import Trust

/// What a store of many records takes and does, on one core. Each record has a signer of its own,
/// its crypto-EID and one locator: the most that hangs on a record.
struct StoreBenchmark {
    let records: Int
    private let mesh: MeshID
    private static let now: UInt64 = 1_790_000_000_000

    init(records: Int) {
        self.records = records
        let root = Self.key(0).publicKey
        mesh = MeshID(firstRoot: root, commitment: RootCommitment(to: root))
    }

    func run() {
        print("\nstore of \(records) records, a signer each")
        var all: [[UInt8]] = []
        all.reserveCapacity(records)
        let signing = seconds { for number in 0..<records { all.append(octets(number)) } }
        row("octets of a record", Double(all.reduce(0) { $0 + $1.count }) / Double(records), "", 1)
        row("records signed", rate(records, signing), "/s")
        let bare = bareVerifications(size: all[0].count)
        row("libsodium verifies alone", bare, "/s")

        let rights = EverybodyMay()
        let before = (allocation_count_now().live, residentOctets())
        var store = RecordStore(mesh: mesh)
        let taking = seconds {
            for octets in all {
                _ = store.offer(
                    octets, from: .disk, rights: rights, meshTime: Self.now, at: .start)
            }
        }
        precondition(store.count == records, "every record is taken")
        let allocated = Double(allocation_count_now().live - before.0) / Double(records)
        row("octets a record, by malloc", allocated, "", 1)
        let resident = Double(residentOctets() - before.1) / Double(records)
        row("octets a record, resident", resident, "", 1)
        row("new records", rate(records, taking), "/s")
        row("  of the rate of verifies alone", rate(records, taking) / bare * 100, "%")

        var random = SeededRandom(seed: 1)
        let ids = all.map(RecordID.init(of:)).shuffled(using: &random)
        let rounds = max(1, 1_000_000 / records)
        var touched = 0
        let touching = seconds {
            for round in 0..<rounds {
                for id in ids where store.touch(id, at: .start + .seconds(round)) { touched += 1 }
            }
        }
        precondition(touched == rounds * records, "every record is touched")
        row("touches", rate(touched, touching), "/s")
        let sample = all.prefix(100_000)
        let known = seconds {
            for octets in sample {
                _ = store.offer(
                    octets, from: .disk, rights: rights, meshTime: Self.now, at: .start)
            }
        }
        row("offers of what is held", rate(sample.count, known), "/s")
        let copy = store
        let copying = seconds {
            store.touch(ids[0], at: .start + .seconds(9))
            precondition(copy.count == store.count)
        }
        row("first change of a copied store", copying * 1e6, "µs")
        let digesting = seconds { precondition(store.digest.count == 32) }
        row("digest of all, all hours changed", digesting * 1e3, "ms", 1)
    }

    /// Of messages as long as a record's signed octets.
    private func bareVerifications(size: Int) -> Double {
        let count = min(records, 20_000)
        let key = Self.key(1)
        let messages = (0..<64).map { [UInt8](repeating: UInt8($0), count: size - 90 + 50) }
        let signatures = messages.map(key.signature(of:))
        var valid = 0
        let time = seconds {
            for number in 0..<count
            where key.publicKey.verifies(signatures[number & 63], of: messages[number & 63]) {
                valid += 1
            }
        }
        precondition(valid == count, "every signature is right")
        return rate(count, time)
    }

    private func octets(_ number: Int) -> [UInt8] {
        let key = Self.key(number)
        let locator = LocatorRecord(
            .ipv4(IPv4Address(rawValue: UInt32(truncatingIfNeeded: number))),
            unicast: .init(priority: 1, weight: 100), flags: .reachable)
        let content = SignedRecord.Content(
            eid: mesh.cryptoEID(of: key.publicKey), ttl: 1440, locators: [locator],
            sequence: Self.now - UInt64(number % 24) * 3_600_000)
        return (try? SignedRecord(signing: content, by: key, in: mesh))?.octets ?? []
    }

    private static func key(_ number: Int) -> Ed25519.SecretKey {
        let seed = SHA256.hash(withUnsafeBytes(of: number) { [UInt8]($0) })
        guard let key = Ed25519.SecretKey(seed: seed) else {
            preconditionFailure("a hash has 32 octets")
        }
        return key
    }

    private func seconds(_ work: () -> Void) -> Double {
        let (seconds, fraction) = ContinuousClock().measure(work).components
        return Double(seconds) + Double(fraction) / 1e18
    }

    private func rate(_ count: Int, _ seconds: Double) -> Double { Double(count) / seconds }

    private func row(_ name: String, _ value: Double, _ unit: String, _ decimals: Int = 0) {
        print("  " + name.padded(36), value.text(decimals).padded(12, left: true), unit)
    }

    private func residentOctets() -> Int {
        guard let file = fopen("/proc/self/statm", "r") else { return 0 }
        defer { fclose(file) }
        var line = [CChar](repeating: 0, count: 128)
        guard fgets(&line, 128, file) != nil else { return 0 }
        let text = String(
            decoding: line.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
        let pages = text.split(separator: " ").dropFirst().first.flatMap { Int($0) } ?? 0
        return pages * Int(getpagesize())
    }
}

/// Trust costs nothing here: it is not what is measured.
private struct EverybodyMay: RegistrationRights {
    func isKnown(_ key: Ed25519.PublicKey) -> Bool { true }
    func isRevoked(_ key: Ed25519.PublicKey) -> Bool { false }
    func covers(_ eid: EID, by key: Ed25519.PublicKey) -> Bool { true }
    func holders(of eid: EID) -> [Ed25519.PublicKey] { [] }
    func isRegistrar(_ key: Ed25519.PublicKey, of eid: EID) -> Bool { false }
}
