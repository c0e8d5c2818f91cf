// swift-tools-version: 6.2
import PackageDescription

let settings: [SwiftSetting] = [.enableUpcomingFeature("InternalImportsByDefault")]

// Read top-down: every target depends only on targets above it. Protocol decides and is pure,
// System alone does I/O, Programs start things.

let package = Package(
    name: "Whither",
    products: [
        .executable(name: "whither", targets: ["whither"]),
        // Tests put them in front of a node's own functions: what its threads allocate, how late it is.
        .library(name: "AllocationLog", type: .dynamic, targets: ["AllocationLog"]),
        .library(name: "FakeClock", type: .dynamic, targets: ["FakeClock"]),
    ],
    traits: [
        .trait(
            name: "Laboratory",
            description: "Planted bugs and stand-ins for cryptography; never in a product.")
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.0"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.0"),
    ],
    targets: [
        // C libraries, each with the Debian package that has it.
        .systemLibrary(
            name: "CSodium", path: "Sources/System/CSodium", providers: [.apt(["libsodium-dev"])]),
        .systemLibrary(
            name: "CCrypto", path: "Sources/System/CCrypto", providers: [.apt(["libssl-dev"])]),
        .systemLibrary(name: "CLinux", path: "Sources/System/CLinux"),
        .systemLibrary(
            name: "CPcap", path: "Sources/System/CPcap", providers: [.apt(["libpcap-dev"])]),
        .systemLibrary(
            name: "CSQLite", path: "Sources/System/CSQLite", providers: [.apt(["libsqlite3-dev"])]),
        // C over Debian's toml++ (libtomlplusplus-dev), which is C++ and headers only.
        .target(name: "CTOML", path: "Sources/System/CTOML"),

        // Protocol
        .target(name: "Clocks", path: "Sources/Protocol/Clocks", swiftSettings: settings),
        .target(name: "Laboratory", path: "Sources/Protocol/Laboratory", swiftSettings: settings),
        .target(
            name: "Cryptography", dependencies: ["CSodium", "CCrypto", "Laboratory"],
            path: "Sources/Protocol/Cryptography",
            swiftSettings: settings),
        .target(
            name: "LISP", dependencies: ["Cryptography"], path: "Sources/Protocol/LISP",
            swiftSettings: settings + [.enableExperimentalFeature("Lifetimes")]),
        .target(
            name: "Trust", dependencies: ["Clocks", "Cryptography", "Laboratory", "LISP"],
            path: "Sources/Protocol/Trust", swiftSettings: settings),
        .target(
            name: "Sessions",
            dependencies: ["Clocks", "Cryptography", "Laboratory", "LISP", "Trust"],
            path: "Sources/Protocol/Sessions", swiftSettings: settings),
        .target(
            name: "Mappings",
            dependencies: ["Clocks", "Cryptography", "Laboratory", "LISP", "Trust"],
            path: "Sources/Protocol/Mappings", swiftSettings: settings),
        .target(
            name: "MappingSystem",
            dependencies: [
                "Clocks", "Cryptography", "Laboratory", "LISP", "Mappings", "Sessions", "Trust",
            ],
            path: "Sources/Protocol/MappingSystem", swiftSettings: settings),
        .target(
            name: "Forwarding",
            dependencies: ["Clocks", "Laboratory", "LISP", "Sessions"],
            path: "Sources/Protocol/Forwarding", swiftSettings: settings),
        .target(
            name: "LISPNode",
            dependencies: [
                "Clocks", "Cryptography", "Forwarding", "Laboratory", "LISP", "MappingSystem",
                "Mappings", "Sessions", "Trust",
            ],
            path: "Sources/Protocol/LISPNode", swiftSettings: settings),
        .target(
            name: "Admin",
            dependencies: [
                "Clocks", "Cryptography", "LISP", "LISPNode", "MappingSystem", "Mappings",
                "Sessions", "Trust",
            ],
            path: "Sources/Protocol/Admin", swiftSettings: settings),

        // System
        .target(
            name: "Host",
            dependencies: [
                "Admin", "CLinux", "CPcap", "CSQLite", "CTOML", "Clocks", "Cryptography",
                "Forwarding", "LISP",
                "LISPNode", "Sessions", "Trust",
                .product(name: "Logging", package: "swift-log"),
            ],
            path: "Sources/System/Host", swiftSettings: settings),

        // Programs
        .executableTarget(
            name: "whither",
            dependencies: [
                "Admin", "Host", "LISP", "MappingSystem", "Trust",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            path: "Sources/Programs/whither", swiftSettings: settings),

        // Tests: libraries that tests share, programs that measure, then one test target a target
        .target(name: "AllocationCount", path: "Tests/AllocationCount"),
        .target(name: "AllocationLog", path: "Tests/AllocationLog"),
        .target(name: "FakeClock", path: "Tests/FakeClock"),
        .target(
            name: "TestKit", dependencies: ["Host", "LISP"], path: "Tests/TestKit",
            swiftSettings: settings),
        .target(
            name: "Simulator",
            dependencies: [
                "Clocks", "Cryptography", "Laboratory", "LISP", "LISPNode", "MappingSystem",
                "Mappings", "Sessions", "TestKit", "Trust",
            ],
            path: "Tests/Simulator", swiftSettings: settings),
        .executableTarget(
            name: "whither-sim",
            dependencies: [
                "Clocks", "Laboratory", "LISPNode", "Simulator",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            path: "Tests/SimulateCommand", swiftSettings: settings),
        .executableTarget(
            name: "whither-mutants",
            dependencies: [
                "Laboratory",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            path: "Tests/MutantCommand", swiftSettings: settings),
        .target(
            name: "Fuzzing",
            dependencies: ["Admin", "AllocationCount", "LISP", "MappingSystem", "TestKit"],
            path: "Tests/Fuzzing", swiftSettings: settings),
        .executableTarget(
            name: "whither-fuzz",
            dependencies: [
                "Fuzzing", "LISP", "TestKit",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            path: "Tests/FuzzCommand", swiftSettings: settings),
        .executableTarget(
            name: "whither-bench",
            dependencies: [
                "AllocationCount", "Clocks", "CSodium", "Cryptography", "Forwarding", "LISP",
                "Mappings", "Sessions", "TestKit", "Trust",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            path: "Tests/Benchmark", swiftSettings: settings),
        .executableTarget(
            name: "disk-writer", dependencies: ["Host", "LISPNode", "TestKit"],
            path: "Tests/DiskWriter", swiftSettings: settings),
        .testTarget(
            name: "CryptographyTests", dependencies: ["Cryptography", "Laboratory", "TestKit"],
            path: "Tests/CryptographyTests", swiftSettings: settings),
        .testTarget(
            name: "LISPTests", dependencies: ["Fuzzing", "LISP", "TestKit"],
            path: "Tests/LISPTests",
            swiftSettings: settings),
        .testTarget(
            name: "TrustTests",
            dependencies: ["Clocks", "Cryptography", "LISP", "TestKit", "Trust"],
            path: "Tests/TrustTests", swiftSettings: settings),
        .testTarget(
            name: "SessionsTests",
            dependencies: ["Clocks", "Cryptography", "LISP", "Sessions", "TestKit", "Trust"],
            path: "Tests/SessionsTests", swiftSettings: settings),
        .testTarget(
            name: "MappingsTests",
            dependencies: ["Clocks", "Cryptography", "LISP", "Mappings", "TestKit", "Trust"],
            path: "Tests/MappingsTests", swiftSettings: settings),
        .testTarget(
            name: "MappingSystemTests",
            dependencies: [
                "Clocks", "Cryptography", "LISP", "MappingSystem", "Mappings", "TestKit", "Trust",
            ],
            path: "Tests/MappingSystemTests", swiftSettings: settings),
        .testTarget(
            name: "ForwardingTests",
            dependencies: [
                "AllocationCount", "Clocks", "Cryptography", "Forwarding", "LISP", "Sessions",
                "TestKit",
            ],
            path: "Tests/ForwardingTests", swiftSettings: settings),
        .testTarget(
            name: "SimulatorTests",
            dependencies: [
                "Clocks", "Cryptography", "Forwarding", "Host", "LISP", "LISPNode", "MappingSystem",
                "Mappings", "Sessions", "Simulator",
                "TestKit", "Trust", "whither-sim",
            ],
            path: "Tests/SimulatorTests", swiftSettings: settings),
        .testTarget(
            name: "AdminTests",
            dependencies: [
                "Admin", "Clocks", "Cryptography", "LISP", "LISPNode", "MappingSystem", "Mappings",
                "Sessions", "Simulator", "TestKit", "Trust",
            ],
            path: "Tests/AdminTests", swiftSettings: settings),
        .testTarget(
            name: "HostTests",
            dependencies: [
                "AllocationCount", "CLinux", "CSQLite", "Clocks", "Cryptography", "Host", "LISP",
                "LISPNode", "Sessions", "TestKit", "Trust", "disk-writer",
            ],
            path: "Tests/HostTests", swiftSettings: settings),
        .testTarget(
            name: "SystemTests",
            dependencies: [
                "Admin", "CLinux", "CSQLite", "Host", "LISPNode", "Simulator", "TestKit", "Trust",
                "whither",
            ],
            path: "Tests/SystemTests", swiftSettings: settings),
        .testTarget(
            name: "ProgramTests", dependencies: ["TestKit", "whither"], path: "Tests/ProgramTests",
            swiftSettings: settings),
    ],
    swiftLanguageModes: [.v6]
)
