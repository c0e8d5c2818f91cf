import CLinux
import Glibc
import Synchronization

/// A socket to the kernel's routing tables. Calls take turns.
final class NetlinkSocket: Sendable {
    let descriptor: Int32
    private let sequence = Mutex(UInt32(0))

    /// The kernel fills its datagrams up to 32 KiB.
    static let datagramLimit = 64 << 10
    /// Of a dump that changed while it was read.
    private static let attempts = 5

    /// - Parameter groups: RTMGRP_LINK and its like; 0: to ask and tell.
    init(groups: UInt32) throws(HostError) {
        let kind =
            SOCK_RAW.rawValue | SOCK_CLOEXEC.rawValue | (groups == 0 ? 0 : SOCK_NONBLOCK.rawValue)
        descriptor = socket(AF_NETLINK, Int32(kind), NETLINK_ROUTE)
        guard descriptor >= 0 else { throw .last("cannot open a routing socket") }
        setOption(descriptor, SOL_NETLINK, NETLINK_EXT_ACK, 1)
        setOption(descriptor, SOL_NETLINK, NETLINK_CAP_ACK, 1)
        // The kernel answers while it is asked: this only keeps a surprise from being a stop.
        var patience = timeval(tv_sec: 5, tv_usec: 0)
        setsockopt(
            descriptor, SOL_SOCKET, SO_RCVTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
        var address = sockaddr_nl()
        address.nl_family = sa_family_t(AF_NETLINK)
        address.nl_groups = groups
        let isBound = withUnsafeMutablePointer(to: &address) {
            UnsafeMutableRawPointer($0).withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_nl>.size)) == 0
            }
        }
        // All properties are set: `deinit` closes it.
        guard isBound else { throw .last("cannot open a routing socket") }
    }

    deinit { close(descriptor) }

    /// Tells the kernel something, or asks for one thing.
    /// - Throws: What it says if it refuses: "cannot " and `what`.
    @discardableResult
    func ask(_ message: NetlinkMessage, _ what: String) throws(HostError) -> [NetlinkMessage] {
        try exchange(message, NLM_F_ACK, what).messages
    }

    /// Asks for all that there is of a kind.
    func dump(_ message: NetlinkMessage, _ what: String) throws(HostError) -> [NetlinkMessage] {
        for _ in 1..<Self.attempts {
            let (messages, isWhole) = try exchange(message, NLM_F_DUMP, "list \(what)")
            if isWhole { return messages }
        }
        // Something changes all the time: the last view is as good as any.
        return try exchange(message, NLM_F_DUMP, "list \(what)").messages
    }

    private func exchange(
        _ message: NetlinkMessage, _ flags: Int32, _ what: String
    ) throws(HostError) -> (messages: [NetlinkMessage], isWhole: Bool) {
        // Mutex passes typed errors through only from a closure that says so.
        let result: Result<(messages: [NetlinkMessage], isWhole: Bool), HostError> =
            sequence.withLock { sequence in
                sequence &+= 1
                var message = message
                message.sequence = sequence
                message.flags |= UInt16(truncatingIfNeeded: NLM_F_REQUEST | flags)
                do throws(HostError) {
                    try send(message.octets, what)
                    return .success(try answers(to: sequence, what))
                } catch {
                    return .failure(error)
                }
            }
        return try result.get()
    }

    private func send(_ octets: [UInt8], _ what: String) throws(HostError) {
        while Glibc.send(descriptor, octets, octets.count, 0) < 0 {
            guard errno == EINTR else { throw .last("cannot \(what)") }
        }
    }

    private func answers(
        to sequence: UInt32, _ what: String
    ) throws(HostError) -> (messages: [NetlinkMessage], isWhole: Bool) {
        var buffer = [UInt8](repeating: 0, count: Self.datagramLimit)
        var found: [NetlinkMessage] = []
        var isWhole = true
        while true {
            let length = recv(descriptor, &buffer, buffer.count, 0)
            guard length >= 0 else {
                if errno == EINTR { continue }
                throw .last("cannot \(what)")
            }
            for message in NetlinkMessage.all(in: buffer.prefix(length)) {
                guard message.sequence == sequence else { continue }  // of a call that gave up
                if message.flags & UInt16(NLM_F_DUMP_INTR) != 0 { isWhole = false }
                switch Int32(message.type) {
                case NLMSG_ERROR:
                    if let error = message.refusal(of: what) { throw error }
                    return (found, isWhole)
                case NLMSG_DONE: return (found, isWhole)
                default: found.append(message)
                }
            }
        }
    }
}

extension NetlinkMessage {
    /// The error of an NLMSG_ERROR; `nil`: it is an acknowledgement.
    package func refusal(of what: String) -> HostError? {
        guard let fixed = fixed(nlmsgerr.self) else {
            return HostError("cannot \(what): the kernel's answer makes no sense")
        }
        guard fixed.error != 0 else { return nil }
        // `- Int32.min` is no Int32.
        let code = fixed.error == .min ? 0 : abs(fixed.error)
        // With NETLINK_CAP_ACK only the header of the request comes back.
        let more = attributes(after: nlmsgerr.self).text(Int(NLMSGERR_ATTR_MSG.rawValue))
        var said = "cannot \(what)"
        if code == EPERM { said += " (needs root or CAP_NET_ADMIN)" }
        if let more, !more.isEmpty { said += " (\(more))" }
        return HostError(said, code: code)
    }
}
