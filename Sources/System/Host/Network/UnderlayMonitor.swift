import CLinux
import Glibc

/// Hears when interfaces, addresses or routes of this host change. One thread owns it.
package final class UnderlayMonitor {
    private let socket: NetlinkSocket
    private var buffer = [UInt8](repeating: 0, count: NetlinkSocket.datagramLimit)

    /// To be polled for reading.
    package var descriptor: Int32 { socket.descriptor }

    package init() throws(HostError) {
        let groups =
            RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR | RTMGRP_IPV4_ROUTE
            | RTMGRP_IPV6_ROUTE
        socket = try NetlinkSocket(groups: UInt32(groups))
    }

    /// Takes all that was said, without waiting.
    /// - Returns: Whether something changed; also after so much that some was lost.
    package func drain() -> Bool {
        var changed = false
        while true {
            let length = recv(descriptor, &buffer, buffer.count, Int32(MSG_DONTWAIT))
            if length > 0 {
                if !changed { changed = Self.tellsOfChange(buffer.prefix(length)) }
            } else if length < 0, errno == ENOBUFS {
                changed = true
            } else if length == 0 || errno != EINTR {
                return changed
            }
        }
    }

    package static func tellsOfChange(_ octets: ArraySlice<UInt8>) -> Bool {
        NetlinkMessage.all(in: octets).contains {
            switch Int($0.type) {
            case Int(RTM_NEWLINK), Int(RTM_DELLINK), Int(RTM_NEWADDR), Int(RTM_DELADDR),
                Int(RTM_NEWROUTE), Int(RTM_DELROUTE):
                return true
            default: return false
            }
        }
    }
}
