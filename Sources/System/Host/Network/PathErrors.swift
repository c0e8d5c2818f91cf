import CLinux
import Glibc
import LISP
package import Sessions
import Synchronization

/// What the network said about a datagram of ours. ICMP is not authenticated: believe it no further
/// than to look again.
package struct PathError: Hashable, Sendable {
    /// Where the datagram was to go.
    package var remote: Path
    package enum Reason: Hashable, Sendable {
        /// A link on the way has this MTU, with IP and UDP headers, in octets.
        case tooBig(mtu: Int)
        /// ICMP unreachable, as an error number: ECONNREFUSED is a closed port.
        case unreachable(Int32)
    }
    package var reason: Reason

    package init(remote: Path, reason: Reason) {
        self.remote = remote
        self.reason = reason
    }
}

/// The error queue of a UDP socket, read by whoever meets an error first.
final class PathErrors: Sendable {
    /// Anybody on the way can send ICMP; more than this between two looks are forgotten, the oldest
    /// first.
    static let limit = 64

    private struct State {
        var fromNetwork: [PathError] = []
        /// What this host itself refused as too big, until the sender has taken it.
        var local: [SendOutcome.TooBig] = []
    }
    private let state = Mutex(State())
    private let isWaiting = Atomic<Bool>(false)

    /// Whether ``takeAll()`` has something.
    var hasNews: Bool { isWaiting.load(ordering: .acquiring) }

    /// Empties the kernel's queue; returns whether the network said something.
    func drain(_ descriptor: Int32) -> Bool {
        state.withLock { drain(descriptor, into: &$0) }
    }

    /// Empties the kernel's queue and takes what it said about a datagram that was too big for here.
    func takeLocal(_ descriptor: Int32, _ remote: Path) -> SendOutcome.TooBig? {
        state.withLock { state in
            _ = drain(descriptor, into: &state)
            // For IPv4 the kernel names the port that the socket is connected to: none.
            let index = state.local.firstIndex {
                $0.remote.host == remote.host && [0, remote.port].contains($0.remote.port)
            }
            guard let index else { return nil }
            return .init(remote: remote, mtu: state.local.remove(at: index).mtu)
        }
    }

    func takeAll() -> [PathError] {
        state.withLock { state in
            defer { state.fromNetwork = [] }
            isWaiting.store(false, ordering: .releasing)
            return state.fromNetwork
        }
    }

    private func drain(_ descriptor: Int32, into state: inout State) -> Bool {
        var heard = false
        while let (remote, error) = Self.next(descriptor) {
            let origin = Int32(error.ee_origin)
            if origin == SO_EE_ORIGIN_LOCAL {
                guard error.ee_errno == UInt32(EMSGSIZE) else { continue }
                if state.local.count == Self.limit { state.local.removeFirst() }
                state.local.append(.init(remote: remote, mtu: Int(error.ee_info)))
            } else if origin == SO_EE_ORIGIN_ICMP || origin == SO_EE_ORIGIN_ICMP6 {
                if state.fromNetwork.count == Self.limit { state.fromNetwork.removeFirst() }
                let reason: PathError.Reason =
                    error.ee_errno == UInt32(EMSGSIZE)
                    ? .tooBig(mtu: Int(error.ee_info))
                    : .unreachable(Int32(truncatingIfNeeded: error.ee_errno))
                state.fromNetwork.append(PathError(remote: remote, reason: reason))
                heard = true
                isWaiting.store(true, ordering: .releasing)
            }
        }
        return heard
    }

    /// One error and the destination of the datagram that it is about; `nil`: no more.
    private static func next(_ descriptor: Int32) -> (Path, sock_extended_err)? {
        var name = sockaddr_in6()
        // Error, offender and what else the socket has asked for.
        var control:
            (
                UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64,
                UInt64,
                UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64,
                UInt64,
                UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64
            ) = (
                0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
                0, 0,
                0, 0
            )
        return withUnsafeMutablePointer(to: &name) { name in
            withUnsafeMutableBytes(of: &control) { control -> (Path, sock_extended_err)? in
                while true {
                    var header = msghdr()
                    header.msg_name = UnsafeMutableRawPointer(name)
                    header.msg_namelen = socklen_t(MemoryLayout<sockaddr_in6>.size)
                    header.msg_control = control.baseAddress
                    header.msg_controllen = control.count
                    let flags = Int32(MSG_ERRQUEUE | MSG_DONTWAIT)
                    guard recvmsg(descriptor, &header, flags) >= 0 else {
                        if errno == EINTR { continue }
                        return nil
                    }
                    if let error = error(in: &header) { return (Path(name), error) }
                }
            }
        }
    }

    private static func error(in header: inout msghdr) -> sock_extended_err? {
        var control = clinux_first_control(&header)
        while let found = control {
            let (level, type) = (found.pointee.cmsg_level, found.pointee.cmsg_type)
            let isError =
                level == Int32(IPPROTO_IP) && type == IP_RECVERR
                || level == Int32(IPPROTO_IPV6) && type == IPV6_RECVERR
            if isError, let data = clinux_control_data(found),
                clinux_control_length(found) >= MemoryLayout<sock_extended_err>.size
            {
                return data.loadUnaligned(as: sock_extended_err.self)
            }
            control = clinux_next_control(&header, found)
        }
        return nil
    }
}
