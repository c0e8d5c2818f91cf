package import Clocks
package import LISPNode

/// Many nodes in one process, on virtual time.
package struct World {
    package init(seed: UInt64) {}
}
