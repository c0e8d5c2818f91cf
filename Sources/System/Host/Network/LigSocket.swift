package import Admin
import Clocks
import Glibc
import LISP
package import Sessions

/// Asks a Map-Resolver from a port of its own; no daemon is needed.
package final class LigSocket {
    private let port: UDPPort
    private let batch = ReceiveBatch()
    private let clock = SystemClock()
    private var random = SystemRandomNumberGenerator()

    /// A question that nobody answers is sent so often, a second apart (RFC 9301 §5.3).
    private static let requests = 4
    private static let interval = 1.0
    /// After the last one.
    private static let patience = 2.0

    package init() throws(HostError) { port = try UDPPort(port: 0, fragments: true) }

    /// - Parameter progress: called when a question must be repeated.
    package func ask(
        _ question: LigQuestion, progress: (String) -> Void
    ) throws(HostError) -> LigReport.Question {
        let source = try LocalSource.address(towards: question.resolver, port: port.port)
        var result = LigReport.Question()
        var sent: [(nonce: UInt64, at: Double)] = []
        let start = now
        while result.requests < Self.requests {
            // Each has its own nonce, so that an answer tells which one it took how long for.
            let nonce = random.next()
            guard let octets = question.octets(nonce: nonce, from: source) else {
                throw HostError("the question is too long for a datagram")
            }
            sent.append((nonce, now))
            let outcome = port.send([Datagram(octets, on: .control, remote: question.resolver)])
            if outcome.sent == 0 { result.reason = HostError.reason(outcome.lastReason) }
            result.requests += 1
            let isLast = result.requests == Self.requests
            let until = now + (isLast ? Self.patience : Self.interval)
            try wait(until: until, for: sent, &result)
            if !result.replies.isEmpty { break }
            if !isLast { progress("no answer from \(question.resolver) yet, asking again") }
        }
        result.waitedSeconds = now - start
        return result
    }

    private func wait(
        until end: Double, for sent: [(nonce: UInt64, at: Double)],
        _ result: inout LigReport.Question
    ) throws(HostError) {
        while result.replies.isEmpty {
            let left = end - now
            guard left > 0 else { return }
            var watched = pollfd(fd: port.descriptor, events: Int16(POLLIN), revents: 0)
            guard poll(&watched, 1, Int32(left * 1000) + 1) > 0 else { continue }
            // What ICMP says is no answer either, and others may still answer.
            let isTrouble = watched.revents & Int16(POLLIN) == 0
            let count = isTrouble ? 0 : try port.receive(into: batch)
            if isTrouble { result.reason = takeReason() ?? result.reason }
            let came = now
            for index in 0..<count {
                let datagram = batch.datagram(index, port: .control)
                guard let packet = try? ControlPacket(octets: datagram.octets),
                    case .mapReply(let reply) = packet.message,
                    let request = sent.first(where: { $0.nonce == reply.nonce })
                else { continue }
                result.replies.append(
                    .init(reply, from: datagram.remote, rttSeconds: came - request.at))
            }
        }
    }

    /// Empties the socket's queue of errors.
    private func takeReason() -> String? {
        var code: Int32 = 0
        var size = socklen_t(MemoryLayout<Int32>.size)
        getsockopt(port.descriptor, SOL_SOCKET, SO_ERROR, &code, &size)
        var octet: UInt8 = 0
        _ = recv(port.descriptor, &octet, 1, Int32(MSG_ERRQUEUE | MSG_DONTWAIT))
        return code == 0 ? nil : HostError.reason(code)
    }

    private var now: Double { Double((clock.now.moment - .start).microseconds) / 1_000_000 }
}

/// Which address of this host packets to somewhere leave from.
enum LocalSource {
    static func address(towards remote: Path, port: UInt16) throws(HostError) -> Path {
        let isIPv4 = remote.isIPv4
        let type = Int32(SOCK_DGRAM.rawValue | SOCK_CLOEXEC.rawValue)
        let descriptor = socket(isIPv4 ? AF_INET : AF_INET6, type, 0)
        guard descriptor >= 0 else { throw .last("cannot open a UDP socket") }
        defer { close(descriptor) }
        var address = sockaddr_in6()
        var length = remote.write(to: &address, mapped: !isIPv4)
        // Nothing is sent: the kernel looks for a route.
        let isThere = withUnsafeMutablePointer(to: &address) { address in
            UnsafeMutableRawPointer(address).withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, length) == 0 && getsockname(descriptor, $0, &length) == 0
            }
        }
        guard isThere else { throw .last("\(remote.address) cannot be reached") }
        let found = Path(&address)
        return Path(found.address, port: port) ?? found
    }
}

/// Addresses of hosts, as people write them.
package enum HostAddress {
    /// `192.0.2.1`, `2001:db8::1`, a name of the DNS; behind it `:port`, with the address in brackets if it
    /// is IPv6.
    package static func path(of text: String, port usual: UInt16) -> Path? {
        var (host, port) = (text, usual)
        if text.hasPrefix("["), let end = text.lastIndex(of: "]") {
            host = String(text[text.index(after: text.startIndex)..<end])
            let tail = text[text.index(after: end)...]
            guard tail.isEmpty || tail.hasPrefix(":") else { return nil }
            if !tail.isEmpty {
                guard let number = UInt16(tail.dropFirst()), number > 0 else { return nil }
                port = number
            }
        } else if text.filter({ $0 == ":" }).count == 1, let colon = text.firstIndex(of: ":") {
            host = String(text[..<colon])
            guard let number = UInt16(text[text.index(after: colon)...]), number > 0 else {
                return nil
            }
            port = number
        }
        if let address = IPv4Address(host) { return Path(address, port: port) }
        if let address = IPv6Address(host) { return Path(address, port: port) }
        return lookUp(host, port: port)
    }

    private static func lookUp(_ name: String, port: UInt16) -> Path? {
        var hints = addrinfo()
        hints.ai_socktype = Int32(SOCK_DGRAM.rawValue)
        hints.ai_flags = AI_ADDRCONFIG
        var list: UnsafeMutablePointer<addrinfo>?
        guard !name.isEmpty, getaddrinfo(name, nil, &hints, &list) == 0, let list else {
            return nil
        }
        defer { freeaddrinfo(list) }
        for item in sequence(first: list, next: { $0.pointee.ai_next }) {
            guard let address = item.pointee.ai_addr,
                [AF_INET, AF_INET6].contains(item.pointee.ai_family)
            else { continue }
            var copy = sockaddr_in6()
            withUnsafeMutableBytes(of: &copy) {
                $0.copyMemory(
                    from: UnsafeRawBufferPointer(
                        start: address, count: min(Int(item.pointee.ai_addrlen), $0.count)))
            }
            return Path(Path(&copy).address, port: port)
        }
        return nil
    }
}
