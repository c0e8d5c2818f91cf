/// Whether cheap stand-ins take the place of the cryptographic primitives, for simulations of a size
/// that real ones could not pay for. Compiled in with the package trait `Laboratory` alone.
@usableFromInline
package enum StandIns {
    #if Laboratory
        /// Set once, before anything else, by a program of the laboratory.
        package nonisolated(unsafe) static var areUsed = false
    #else
        @inlinable package static var areUsed: Bool { false }
    #endif
}
