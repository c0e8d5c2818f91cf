import CLinux
import Glibc

/// Hears when interfaces or addresses of this host change, and routes that somebody cares about. One thread
/// owns it.
package final class UnderlayMonitor {
    private let socket: NetlinkSocket
    private var buffer = [UInt8](repeating: 0, count: NetlinkSocket.datagramLimit)

    /// To be polled for reading.
    package var descriptor: Int32 { socket.descriptor }

    /// What changed.
    package struct News: OptionSet, Sendable {
        package let rawValue: UInt8
        package init(rawValue: UInt8) { self.rawValue = rawValue }
        /// Interfaces, or addresses of them.
        package static let links = News(rawValue: 1)
        package static let routes = News(rawValue: 2)
        package static let all: News = [.links, .routes]
    }

    package init() throws(HostError) {
        let groups =
            RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR | RTMGRP_IPV4_ROUTE
            | RTMGRP_IPV6_ROUTE
        socket = try NetlinkSocket(groups: UInt32(groups))
    }

    /// Takes all that was said, without waiting.
    /// - Parameter concerns: whether a route that came or went is worth telling: on a router they come and go
    ///   all the time.
    /// - Returns: What changed; after so much that some was lost, all.
    package func drain(_ concerns: (Route) -> Bool = { _ in true }) -> News {
        var news: News = []
        while true {
            let length = recv(descriptor, &buffer, buffer.count, Int32(MSG_DONTWAIT))
            if length > 0 {
                if news != .all { news.formUnion(Self.news(in: buffer.prefix(length), concerns)) }
            } else if length < 0, errno == ENOBUFS {
                news = .all
            } else if length == 0 || errno != EINTR {
                return news
            }
        }
    }

    package static func news(
        in octets: ArraySlice<UInt8>, _ concerns: (Route) -> Bool = { _ in true }
    ) -> News {
        var news: News = []
        for message in NetlinkMessage.all(in: octets) {
            switch Int(message.type) {
            case Int(RTM_NEWLINK), Int(RTM_DELLINK), Int(RTM_NEWADDR), Int(RTM_DELADDR):
                news.insert(.links)
            case Int(RTM_NEWROUTE), Int(RTM_DELROUTE):
                if let route = Route(message), concerns(route) { news.insert(.routes) }
            default: break
            }
        }
        return news
    }
}
