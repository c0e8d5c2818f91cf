import AllocationCount
import Clocks
import Cryptography
import Forwarding
import LISP
import TestKit
import Testing

@testable import Sessions

@Suite("The fast path: one packet")
struct FastPathTests {
    static func keys(
        _ cipher: PacketCipher, lanes: UInt8 = 2, since: Moment = .start
    ) -> SessionKeys {
        let secret = [UInt8](repeating: 9, count: 32)
        return SessionKeys(
            cipher, send: secret, receive: secret, local: 0xABCDEF, remote: 0xABCDEF,
            isInitiator: true, since: since, localLanes: lanes, remoteLanes: lanes)
    }

    static let life = KeyLife(SessionSettings())

    @Test("what is sealed in place is what the sessions seal", arguments: PacketCipher.available)
    func sealsAsTheTwin(cipher: PacketCipher) {
        var random = SeededRandom(seed: 1)
        var wire = FastWire(cipher, mtu: 60_000)
        var twin = Self.keys(cipher)
        for _ in 0..<300 {
            let size = 40 + random.below(random.chance(oneIn: 10) ? 9000 : 200)
            let packet =
                random.chance(oneIn: 2)
                ? FastWire.ipv6(size: size) : FastWire.ipv4(size: size, class: random.bits())
            let expected = twin.seal(packet, lane: 1, instance: 0, on: .data)
            let (verdict, datagram) = wire.seal(packet)
            #expect(datagram == expected)
            guard case .send(let outgoing) = verdict else {
                Issue.record("\(verdict)")
                return
            }
            #expect(outgoing.path == FastWire.path && outgoing.port == .data)
            #expect(outgoing.size == packet.count + 36)
            #expect(
                outgoing.trafficClass
                    == (packet[0] >> 4 == 4 ? packet[1] : 0) && outgoing.timeToLive == 64)
        }
    }

    @Test(
        "what the sessions open is opened in place, in any order and once",
        arguments: PacketCipher.available, [UInt64(1), 2, 3])
    func opensAsTheTwin(cipher: PacketCipher, seed: UInt64) {
        var random = SeededRandom(seed: seed)
        var wire = FastWire(cipher)
        var sending = Self.keys(cipher)
        var twin = Self.keys(cipher)
        var sent: [[UInt8]] = []
        for number in 0..<4000 {
            let packet = FastWire.ipv6(size: 40 + number % 60)
            sent.append(
                sending.seal(
                    packet, lane: UInt8(random.below(2)), instance: 0, on: .data))
            // Now and then an old one, one damaged, one cut.
            let back = random.chance(oneIn: 4) ? random.below(min(sent.count, 3000)) : 0
            var datagram = sent[sent.count - 1 - back]
            switch random.below(8) {
            case 0: datagram[random.below(datagram.count)] ^= UInt8(1 << random.below(8))
            case 1: datagram.removeLast(random.below(datagram.count))
            default: break
            }
            let isOurs =
                datagram.count >= 36 && datagram[..<4] == [9, 0, 0, 0] && datagram[8] == 3
                && datagram[7] == 0 && datagram[9...11] == [0xAB, 0xCD, 0xEF]
                && datagram[12] != 255
            let expected = twin.open(datagram, at: 8)
            let (verdict, opened) = wire.open(datagram)
            guard isOurs else {
                #expect(verdict == .consult && opened == datagram)
                continue
            }
            if let expected {
                #expect(
                    verdict == .deliver(size: expected.plaintext.count, instance: 0),
                    "seed \(seed), packet \(number)")
                #expect(opened == expected.plaintext)
            } else {
                #expect(
                    verdict == .drop(.forged) || verdict == .drop(.replayed),
                    "seed \(seed), packet \(number): \(verdict)")
            }
        }
        #expect(wire.opener.drops[.replayed] > 100 && wire.opener.drops[.forged] > 50)
    }

    @Test("no octets trap: every length, every octet changed")
    func damagedPackets() {
        for cipher in PacketCipher.available {
            var wire = FastWire(cipher)
            let (_, whole) = wire.seal(FastWire.ipv6(size: 60))
            for size in 0..<whole.count {
                let verdict = wire.open([UInt8](whole.prefix(size))).0
                #expect(verdict == .consult || verdict == .drop(.forged))
            }
            for index in whole.indices {
                for bit in 0..<8 {
                    var changed = whole
                    changed[index] ^= 1 << bit
                    let verdict = wire.open(changed).0
                    #expect(verdict == .consult || verdict == .drop(.forged), "octet \(index)")
                }
            }
            #expect(wire.open(whole).0 == .deliver(size: 60, instance: 0))
            #expect(wire.open(whole).0 == .drop(.replayed))
            // And what the TUN device gives: whatever it is.
            var random = SeededRandom(seed: 4)
            for size in 0..<100 {
                for first in [UInt8(0x45), 0x4F, 0x60, 0x00, random.bits()] {
                    var packet = random.octets(count: size)
                    if size > 0 { packet[0] = first }
                    let verdict = wire.seal(packet).0
                    #expect(verdict == .consult || verdict == .drop(.malformed))
                }
            }
        }
    }

    @Test("only what belongs to the peer and is for this host comes out")
    func explanations() {
        var wire = FastWire(.chaCha20Poly1305)
        func passed(_ packet: [UInt8]) -> Verdict {
            // The sealing side has no such scruples.
            var twin = Self.keys(.chaCha20Poly1305)
            for _ in 0..<count { _ = twin.seal([], lane: 0, instance: 0, on: .data) }
            count += 1
            return wire.open(twin.seal(packet, lane: 0, instance: 0, on: .data)).0
        }
        var count = 0
        let unknown = IPv6Address(high: 5, low: 5)
        #expect(passed(FastWire.ipv6()) == .deliver(size: 100, instance: 0))
        #expect(passed(FastWire.ipv4()) == .deliver(size: 100, instance: 0))
        #expect(passed(FastWire.ipv6(from: FastWire.foreign)) == .drop(.foreignSource))
        #expect(passed(FastWire.ipv6(to: FastWire.foreign)) == .drop(.foreignDestination))
        #expect(
            passed(FastWire.ipv6(from: unknown))
                == .explain(size: 100, instance: 0, index: 0xABCDEF))
        #expect(
            passed(FastWire.ipv6(to: unknown)) == .explain(size: 100, instance: 0, index: 0xABCDEF))
        #expect(passed([]) == .drop(.malformed))
        #expect(passed([0x60, 1, 2]) == .drop(.malformed))
        #expect(wire.sealer.drops[.malformed] == 0 && wire.opener.drops[.malformed] == 2)
    }

    @Test("packets without a way are the node's, and those too large are told about")
    func sealingVerdicts() {
        var wire = FastWire(.chaCha20Poly1305, mtu: 1300)
        let unknown = IPv6Address(high: 5, low: 5)
        let group = IPv6Address(high: 0xFF05 << 48, low: 5)
        #expect(wire.seal(FastWire.ipv6(to: unknown)).0 == .consult)
        #expect(wire.seal(FastWire.ipv6(to: group)).0 == .consult)
        #expect(wire.seal(FastWire.ipv6(from: unknown)).0 == .consult)
        #expect(wire.seal(FastWire.ipv6(to: FastWire.foreign)).0 == .drop(.noMapping))
        #expect(
            wire.seal(FastWire.ipv6(to: FastWire.here)).0 == .deliver(size: 100, instance: 0))
        #expect(wire.seal(FastWire.ipv6(size: 1301)).0 == .tooBig(mtu: 1300))
        let (verdict, datagram) = wire.seal(FastWire.ipv6(size: 1300))
        guard case .send = verdict else {
            Issue.record("\(verdict)")
            return
        }
        // The packet too large took no number.
        #expect(datagram[12..<20] == [1, 0, 0, 0, 0, 0, 0, 0])
        let late = Moment(microseconds: 0) + .seconds(180)
        #expect(wire.seal(FastWire.ipv6(), at: late).0 == .consult)
        #expect(wire.open(datagram, at: late).0 == .drop(.oldKeys))
        #expect(wire.open(datagram).0 == .deliver(size: 1300, instance: 0))
    }

    @Test("what is known of flows ends when the table says so")
    func flowsEnd() {
        let sample = SessionSample(
            .chaCha20Poly1305, secret: [UInt8](repeating: 9, count: 32), path: FastWire.path)
        let end = Moment.start + .seconds(10)
        var wire = FastWire(sample.sender, sample.receiver, flowsUntil: end)
        let (_, first) = wire.seal(FastWire.ipv6(), at: end - .microseconds(1))
        #expect(wire.seal(FastWire.ipv6(), at: end).0 == .consult)
        #expect(
            wire.open(first, at: end).0 == .explain(size: 100, instance: 0, index: 0xABCDEF))
    }

    @Test("a packet from elsewhere is told about; one of the keys before is not")
    func heard() {
        let elsewhere = Path(IPv4Address(rawValue: 0xC000_0207), port: 999)
        var wire = FastWire(.chaCha20Poly1305)
        let datagrams = (0..<4).map { _ in wire.seal(FastWire.ipv6()).1 }
        _ = wire.open(datagrams[1])
        #expect(wire.opener.heard == nil)
        _ = wire.open(datagrams[2], from: elsewhere)
        #expect(
            wire.opener.heard
                == Heard(
                    index: 0xABCDEF, path: elsewhere, isRelayed: false, size: 136, isNewest: true))
        _ = wire.open(datagrams[0], from: elsewhere)
        #expect(wire.opener.heard?.isNewest == false)
        _ = wire.open(datagrams[3])
        #expect(wire.opener.heard == nil)
        _ = wire.open(datagrams[3], from: elsewhere)
        #expect(wire.opener.heard == nil)
    }

    @Test("another port of a host is the same path only if the table says so")
    func anyPort() {
        let otherPort = Path(IPv4Address(rawValue: 0xC000_0201), port: 50_000)
        let otherHost = Path(IPv4Address(rawValue: 0xC000_0202), port: FastWire.path.port)
        for takesAnyPort in [false, true] {
            let sample = SessionSample(
                .chaCha20Poly1305, secret: [UInt8](repeating: 9, count: 32), path: FastWire.path)
            var receiver = sample.receiver
            receiver.takesAnyPort = takesAnyPort
            var wire = FastWire(sample.sender, receiver)
            for (remote, isHeard) in [
                (FastWire.path, false), (otherPort, !takesAnyPort), (otherHost, true),
            ] {
                _ = wire.open(wire.seal(FastWire.ipv6()).1, from: remote)
                #expect((wire.opener.heard != nil) == isHeard, "\(remote), \(takesAnyPort)")
            }
            // Whoever is relayed has no port of its own.
            let datagram = wire.seal(FastWire.ipv6()).1
            let room = UnsafeMutableRawBufferPointer.allocate(
                byteCount: datagram.count, alignment: 1)
            defer { room.deallocate() }
            room.copyBytes(from: datagram)
            _ = wire.opener.open(
                room, remote: otherPort, isRelayed: true, trafficClass: 0, timeToLive: 64,
                at: FastWire.now, using: wire.far)
            #expect(wire.opener.heard?.isRelayed == true)
        }
        // Without a path every packet is news.
        let sample = SessionSample(
            .chaCha20Poly1305, secret: [UInt8](repeating: 9, count: 32), path: FastWire.path)
        var receiver = sample.receiver
        receiver.path = nil
        receiver.takesAnyPort = true
        var wire = FastWire(sample.sender, receiver)
        _ = wire.open(wire.seal(FastWire.ipv6()).1)
        #expect(wire.opener.heard != nil)
    }

    @Test("on a way that is too narrow for IPv6, its packets are cut, and IPv4's are too big")
    func narrow() {
        let sample = SessionSample(
            .chaCha20Poly1305, secret: [UInt8](repeating: 9, count: 32), path: FastWire.path)
        var wire = FastWire(sample.sender, sample.receiver, mtu: 1280, whole: 1216)
        for (packet, isCut) in [
            (FastWire.ipv6(size: 1216), false), (FastWire.ipv6(size: 1217), true),
            (FastWire.ipv6(size: 1280), true), (FastWire.ipv4(size: 1216), false),
        ] {
            guard case .send(let outgoing) = wire.seal(packet).0 else {
                Issue.record("\(packet.count) octets were not sealed")
                continue
            }
            #expect(outgoing.isCut == isCut)
        }
        #expect(wire.seal(FastWire.ipv4(size: 1217)).0 == .tooBig(mtu: 1216))
        #expect(wire.seal(FastWire.ipv6(size: 1281)).0 == .tooBig(mtu: 1280))
    }

    @Test("flows leave from many ports, each from one, only if the table says so")
    func sourcePorts() {
        var sources: Set<Outgoing.Source> = []
        for isSpread in [false, true] {
            let sample = SessionSample(
                .chaCha20Poly1305, secret: [UInt8](repeating: 9, count: 32), path: FastWire.path)
            var sender = sample.sender
            sender.isSpread = isSpread
            var wire = FastWire(sender, sample.receiver)
            for size in 60..<100 {
                // A port of UDP is the flow's own.
                var packet = FastWire.ipv6(size: size, next: 17)
                packet[41] = UInt8(size)
                var last: Outgoing.Source?
                for length in [0, 7] {
                    let octets = packet + [UInt8](repeating: 0, count: length)
                    guard case .send(let outgoing) = wire.seal(octets).0 else {
                        Issue.record("a packet was not sealed")
                        return
                    }
                    #expect(last == nil || last == outgoing.source)
                    last = outgoing.source
                    sources.insert(outgoing.source)
                }
            }
            if !isSpread { #expect(sources == [.fixed]) }
        }
        #expect(sources.count > 30)
    }

    @Test("TTL, DSCP and ECN leave the tunnel as the rules say, checksums with them")
    func tunnelFields() throws {
        var random = SeededRandom(seed: 8)
        var wire = FastWire(.chaCha20Poly1305)
        for _ in 0..<2000 {
            let (trafficClass, ttl): (UInt8, UInt8) = (random.bits(), random.bits())
            let packet =
                random.chance(oneIn: 2)
                ? FastWire.ipv6(class: trafficClass, ttl: ttl)
                : FastWire.ipv4(class: trafficClass, ttl: ttl)
            let outer = TunnelFields(timeToLive: random.bits(), trafficClass: random.bits())
            let (_, datagram) = wire.seal(packet)
            let (verdict, opened) = wire.open(
                datagram, class: outer.trafficClass, ttl: outer.timeToLive)
            var reader = OctetReader(packet.span.bytes)
            let header = try IPHeader(from: &reader)
            guard let fields = TunnelFields(header).decapsulated(from: outer) else {
                #expect(verdict == .drop(.congestion))
                continue
            }
            var written = OctetWriter()
            header.with(fields).write(to: &written)
            #expect(opened == written.octets + packet.dropFirst(written.octets.count))
        }
    }

    @Test("no packet is allocated for, either way", arguments: PacketCipher.available)
    func allocations(cipher: PacketCipher) {
        guard allocation_count_is_on() == 1 else { return }
        var wire = FastWire(cipher)
        let packet = FastWire.ipv4(size: 1000)
        let room = Room()
        let table = (wire.near, wire.far)
        func round(_ count: Int) -> UInt64 {
            let before = allocation_count_now().allocations
            for _ in 0..<count {
                let inner = room.packet(packet.count)
                packet.withUnsafeBytes { inner.copyMemory(from: $0) }
                guard
                    case .send(let outgoing) = wire.sealer.seal(
                        inner, at: FastWire.now, using: table.0),
                    let base = inner.baseAddress
                else { return .max }
                let datagram = UnsafeMutableRawBufferPointer(
                    start: base - Sealer.head, count: outgoing.size)
                guard
                    case .deliver = wire.opener.open(
                        datagram, remote: FastWire.path, trafficClass: 0, timeToLive: 60,
                        at: FastWire.now, using: table.1)
                else { return .max }
            }
            return allocation_count_now().allocations - before
        }
        _ = round(100)
        #expect(round(10_000) == 0)
    }

    @Test("a packet that is too large is answered once, if it may be")
    func tooBig() throws {
        let wire = FastWire(.chaCha20Poly1305)
        func answer(_ packet: [UInt8]) -> [UInt8]? {
            packet.withUnsafeBytes { ICMPTooBig.packet(for: $0, mtu: 1300, from: wire.near) }
        }
        let six = try #require(answer(FastWire.ipv6(size: 1400)))
        var reader = OctetReader(six.span.bytes)
        let header6 = try IPv6Header(from: &reader)
        #expect(header6.source == FastWire.here && header6.destination == FastWire.here)
        #expect(six.count == 1280 && Int(header6.payloadLength) == six.count - 40)
        #expect(six[40] == 2 && six[44..<48] == [0, 0, 5, 20])
        #expect(six[48...] == FastWire.ipv6(size: 1400)[..<(1280 - 48)])
        var sum = InternetChecksum()
        sum.add(octets: [UInt8](six[8..<40]))
        sum.add(UInt32(six.count - 40))
        sum.add(UInt32(58))
        sum.add(octets: [UInt8](six[40...]))
        #expect(sum.value == 0)

        let four = try #require(answer(FastWire.ipv4(size: 1400)))
        let header4 = try IPv4Header(octets: [UInt8](four[..<20]))
        // From where the packet was to go: a host drops what comes in from its own IPv4 address.
        #expect(header4.source == FastWire.there4 && header4.destination == FastWire.here4)
        #expect(header4.checksum == header4.expectedChecksum && four.count == 576)
        #expect(four[20...21] == [3, 4] && four[26...27] == [5, 20])
        var body = InternetChecksum()
        body.add(octets: [UInt8](four[20...]))
        #expect(body.value == 0)

        // What may be fragmented is answered like what may not.
        #expect(answer(FastWire.ipv4(size: 1400, fragment: 0)) != nil)
        #expect(answer(FastWire.ipv4(size: 1400, fragment: 0x2001)) == nil)
        var error = FastWire.ipv4(size: 1400, protocol: 1)
        error[20] = 3
        #expect(answer(error) == nil)
        error[20] = 8
        #expect(answer(error) != nil)
        var error6 = FastWire.ipv6(size: 1400, next: 58)
        error6[40] = 2
        #expect(answer(error6) == nil)
        error6[40] = 128
        #expect(answer(error6) != nil)
        #expect(answer([]) == nil && answer([0x60]) == nil)
    }
}
