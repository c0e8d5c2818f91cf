/// Where things are in the checkout that these tests were built from.
package enum Checkout {
    /// The folder of Package.swift.
    package static var root: String {
        #filePath.split(separator: "/").dropLast(3).reduce("") { $0 + "/" + $1 }
    }

    /// Octets of other people's software: Tests/Vectors/README.md says whose.
    package static func vector(_ name: String) -> String { "\(root)/Tests/Vectors/\(name)" }

    package static let openOverlayRouterCaptures = [
        "dual-rloc", "elp-rtr", "iid1234", "ipv6-rloc", "mn-smr", "mn", "nat-new", "nat-old",
        "probes",
        "proxy-reply", "vxlan-gpe", "xtr-ms-basic",
    ]
}
