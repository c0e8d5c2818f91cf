import AllocationCount
import CSodium
import Clocks
import Cryptography
import Forwarding
import LISP
import Sessions

/// How fast one thread seals and opens packets with its tables, beside libsodium alone on the same octets.
struct PacketBenchmark {
    let seconds: Double

    private static let sizes = [64, 1400]
    /// Packets that are sealed before they are opened: a datagram opens once.
    private static let batch = 512
    private static let path = Path(IPv4Address(rawValue: 0xC000_0201), port: 4341)
    private static let here = IPv6Address(high: 0xFD00 << 48, low: 1)
    private static let there = IPv6Address(high: 0xFD00 << 48, low: 2)

    func run() {
        print(
            "packets                            octets  what     Mpps  Gbit/s     ns  allocations")
        for cipher in PacketCipher.available {
            for size in Self.sizes { run(cipher, size) }
        }
    }

    private func run(_ cipher: PacketCipher, _ size: Int) {
        let stride = Sealer.headroom + size + Sealer.tailroom
        let room = UnsafeMutableRawPointer.allocate(
            byteCount: stride * Self.batch, alignment: 64)
        defer { room.deallocate() }
        let packet = Self.packet(size)
        func fill() {
            for number in 0..<Self.batch {
                (room + number * stride + Sealer.headroom).copyMemory(
                    from: packet, byteCount: size)
            }
        }
        var seal = Figure()
        var open = Figure()
        var state = Pair(cipher)
        let end = ContinuousClock.now + .seconds(seconds)
        while ContinuousClock.now < end {
            // New keys well before these are used up.
            if state.used > 1 << 28 { state = Pair(cipher) }
            fill()
            state.used += Self.batch
            seal.measure(Self.batch) { Self.seal(&state, room, stride, size, Self.batch) }
            open.measure(Self.batch) { Self.open(&state, room, stride, size, Self.batch) }
        }
        let name = cipher == .aes256GCM ? "AES-256-GCM" : "ChaCha20-Poly1305"
        seal.row("seal, \(name)", size)
        open.row("open, \(name)", size)
        var sealAlone = Figure()
        var openAlone = Figure()
        let bare = Bare(cipher)
        defer { bare.free() }
        let stop = ContinuousClock.now + .seconds(seconds)
        while ContinuousClock.now < stop {
            fill()
            sealAlone.measure(Self.batch) { bare.seal(room, stride, size, Self.batch) }
            openAlone.measure(Self.batch) { bare.open(room, stride, size, Self.batch) }
        }
        sealAlone.row("libsodium alone, seal", size)
        openAlone.row("libsodium alone, open", size)
    }

    /// Both ends of a session with their tables.
    private struct Pair {
        var sealer = Sealer()
        var opener = Opener()
        let near: ForwardingTable
        let far: ForwardingTable
        var used = 0

        init(_ cipher: PacketCipher) {
            let sample = SessionSample(
                cipher, secret: (0..<32).map { _ in UInt8.random(in: .min ... .max) },
                path: PacketBenchmark.path)
            near = Self.table(sample.sender, own: PacketBenchmark.here)
            far = Self.table(sample.receiver, own: PacketBenchmark.there)
        }

        private static func table(
            _ session: ForwardedSession, own: IPv6Address
        ) -> ForwardingTable {
            var contents = FlowTable.Contents(seed: .random(in: .min ... .max))
            contents.own = [OwnRange(EID(.ipv6(Prefix(host: own))))].compactMap { $0 }
            // Among others, as in a mesh.
            for number in UInt64(0)..<1000 {
                let address = InnerAddress(
                    IPv6Address(high: PacketBenchmark.here.high, low: 2 + number), instance: 0)
                contents.routes.append(.init(to: address, isHere: false, shares: [(0, 1)]))
            }
            contents.sources = [
                .init(InnerAddress(PacketBenchmark.here, instance: 0), slot: 0, isRight: true)
            ]
            return ForwardingTable(
                FlowTable(contents), SessionRows([session]) { _ in .known(1500) },
                flowsUntil: .never)
        }
    }

    private static func packet(_ size: Int) -> [UInt8] {
        IPv6Header(
            trafficClass: 0, flowLabel: 1, payloadLength: UInt16(size - 40), nextHeader: 17,
            hopLimit: 64, source: here, destination: there
        ).octets() + (0..<size - 40).map { UInt8(truncatingIfNeeded: $0) }
    }

    @inline(never)
    private static func seal(
        _ pair: inout Pair, _ room: UnsafeMutableRawPointer, _ stride: Int, _ size: Int,
        _ count: Int
    ) {
        for number in 0..<count {
            let packet = UnsafeMutableRawBufferPointer(
                start: room + number * stride + Sealer.headroom, count: size)
            guard case .send = pair.sealer.seal(packet, at: .start, using: pair.near) else {
                fatalError("a packet that can be sealed was not")
            }
        }
    }

    @inline(never)
    private static func open(
        _ pair: inout Pair, _ room: UnsafeMutableRawPointer, _ stride: Int, _ size: Int,
        _ count: Int
    ) {
        for number in 0..<count {
            let datagram = UnsafeMutableRawBufferPointer(
                start: room + number * stride + Sealer.headroom - Sealer.head,
                count: size + Sealer.head + Sealer.tag)
            guard
                case .deliver = pair.opener.open(
                    datagram, remote: path, trafficClass: 0, timeToLive: 64, at: .start,
                    using: pair.far)
            else { fatalError("a datagram that can be opened was not") }
        }
    }

    /// libsodium on the same octets, and nothing else.
    private struct Bare {
        let cipher: PacketCipher
        private let key = [UInt8](repeating: 5, count: 32)
        private let state: UnsafeMutablePointer<crypto_aead_aes256gcm_state>
        private let room: UnsafeMutableRawPointer

        init(_ cipher: PacketCipher) {
            self.cipher = cipher
            room = .allocate(
                byteCount: MemoryLayout<crypto_aead_aes256gcm_state>.size, alignment: 16)
            state = room.assumingMemoryBound(to: crypto_aead_aes256gcm_state.self)
            if cipher == .aes256GCM { _ = crypto_aead_aes256gcm_beforenm(state, key) }
        }

        func free() { room.deallocate() }

        @inline(never)
        func seal(_ room: UnsafeMutableRawPointer, _ stride: Int, _ size: Int, _ count: Int) {
            for number in 0..<count {
                let head = (room + number * stride + Sealer.headroom - Sealer.head)
                    .assumingMemoryBound(to: UInt8.self)
                let text = head + Sealer.head
                // The last 12 octets of the head serve as the nonce; every batch has the same.
                switch cipher {
                case .aes256GCM:
                    _ = crypto_aead_aes256gcm_encrypt_afternm(
                        text, nil, text, UInt64(size), head, UInt64(Sealer.head), nil, head + 8,
                        state)
                case .chaCha20Poly1305:
                    _ = crypto_aead_chacha20poly1305_ietf_encrypt(
                        text, nil, text, UInt64(size), head, UInt64(Sealer.head), nil, head + 8,
                        key)
                }
            }
        }

        @inline(never)
        func open(_ room: UnsafeMutableRawPointer, _ stride: Int, _ size: Int, _ count: Int) {
            for number in 0..<count {
                let head = (room + number * stride + Sealer.headroom - Sealer.head)
                    .assumingMemoryBound(to: UInt8.self)
                let text = head + Sealer.head
                let sealed = UInt64(size + Sealer.tag)
                let result: Int32
                switch cipher {
                case .aes256GCM:
                    result = crypto_aead_aes256gcm_decrypt_afternm(
                        text, nil, nil, text, sealed, head, UInt64(Sealer.head), head + 8, state)
                case .chaCha20Poly1305:
                    result = crypto_aead_chacha20poly1305_ietf_decrypt(
                        text, nil, nil, text, sealed, head, UInt64(Sealer.head), head + 8, key)
                }
                precondition(result == 0, "what was sealed opens")
            }
        }
    }

    /// Times of batches; the median counts.
    private struct Figure {
        private var times: [Double] = []
        private var packets = 0
        private var allocations: UInt64 = 0

        init() { times.reserveCapacity(1 << 20) }

        mutating func measure(_ count: Int, _ work: () -> Void) {
            let before = allocation_count_now().allocations
            let (seconds, fraction) = ContinuousClock().measure(work).components
            allocations += allocation_count_now().allocations - before
            packets += count
            times.append((Double(seconds) + Double(fraction) / 1e18) / Double(count))
        }

        func row(_ what: String, _ size: Int) {
            let time = times.sorted()[times.count / 2]
            let columns = [
                what.padded(34), "\(size)".padded(7, left: true), "         ",
                (1e-6 / time).text(2).padded(5, left: true),
                (Double(size) * 8e-9 / time).text(2).padded(8, left: true),
                (time * 1e9).text(0).padded(7, left: true),
                (Double(allocations) / Double(packets)).text(4).padded(13, left: true),
            ]
            print(columns.joined())
        }
    }
}
